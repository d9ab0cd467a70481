package kakaotalkchat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const apiURL = "https://kakao-api.happytalk.io"

// The methods that take files.
const (
	pathImage = "/kakaoWebhook/v3/bzc/image/upload"
	pathFile  = "/kakaoWebhook/v3/bzc/file/upload"
)

// Send brings the message's file to Kakao, if it has one, and posts the
// message. Its id is the serial number we gave it: the provider has none.
func (Channel) Send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error) {
	a, err := open(c)
	if err != nil {
		return "", err
	}
	var p payload
	d := json.NewDecoder(bytes.NewReader(at.Payload.Body))
	d.UseNumber()
	err = d.Decode(&p)
	body, ok := p.Body.(map[string]any)
	if err != nil || !ok {
		return "", channel.Refuse(parley.ReasonInternalError, "internal error")
	}
	if p.Upload != nil {
		if err := a.bring(ctx, c, p.Upload, at.Key, body); err != nil {
			return "", beforehand(err)
		}
	}
	serial := serialOf(at.Key)
	body["sender_key"], body["serial_number"] = a.SenderKey, serial
	raw, err := channel.Encode(body)
	if err != nil {
		return "", channel.Refuse(parley.ReasonInternalError, "internal error")
	}
	if err := a.post(ctx, c, p.Path, "", raw, nil); err != nil {
		return "", err
	}
	return channel.ProviderID(serial), nil
}

// serialOf makes a serial number of an attempt's key: at most 30 characters.
func serialOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:15])
}

// beforehand is the error of something done ahead of the message: with no
// answer to it nothing was sent.
func beforehand(err error) *channel.Error {
	e := channel.AsError(err)
	if e.Outcome == channel.Unknown {
		e.Outcome = channel.TryAgain
	}
	return e
}

// post makes a request and decodes the answer into result, unless that is nil.
func (a *account) post(ctx context.Context, c *channel.Conn, path, contentType string, body []byte, result any) error {
	header := http.Header{"Ht-Client-Id": {a.ClientID}, "Ht-Client-Secret": {a.secret}}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	answer, err := channel.PostJSON(ctx, c, c.URL(apiURL)+path, header, body)
	if err != nil {
		return err
	}
	if err := a.verdict(answer); err != nil {
		return err
	}
	if result != nil && json.Unmarshal(answer.Body, result) != nil {
		return channel.Verdict(answer, "the answer cannot be understood")
	}
	return nil
}

// bring uploads a file and names it in the message.
func (a *account) bring(ctx context.Context, c *channel.Conn, u *upload, key string, body map[string]any) error {
	data, err := read(ctx, c, u.URL)
	if err != nil {
		return err
	}
	fields := [][2]string{{"sender_key", a.SenderKey}}
	path, part := pathImage, "image"
	switch u.Kind {
	case kindRich:
		fields = append(fields, [2]string{"image_type", "rich"})
	case kindFile:
		path, part = pathFile, "file"
		fields = append(fields, [2]string{"file_type", "file"})
	}
	form, contentType, err := formOf(fields, part, u.Name, key, data)
	if err != nil {
		return channel.Refuse(parley.ReasonInternalError, "internal error")
	}
	var kept struct {
		Image string      `json:"image"`
		File  string      `json:"file"`
		Name  string      `json:"name"`
		Size  json.Number `json:"size"`
	}
	if err := a.post(ctx, c, path, contentType, form, &kept); err != nil {
		return err
	}
	switch {
	case u.Kind == kindFile && kept.File != "":
		body["file_url"], body["file_name"], body["file_size"] = kept.File, u.Name, len(data)
	case u.Kind != kindFile && kept.Image != "":
		parts, _ := body["attachment"].(map[string]any)
		if parts == nil {
			parts = map[string]any{}
		}
		parts["image"] = map[string]any{"img_url": kept.Image}
		body["attachment"] = parts
	default:
		return &channel.Error{
			Reason:  parley.ChannelReason(parley.ReasonChannelFailure, "the answer to an upload names no file"),
			Outcome: channel.TryAgain,
		}
	}
	return nil
}

// read fetches a file of an app's message.
func read(ctx context.Context, c *channel.Conn, address string) ([]byte, error) {
	media, err := c.OpenMedia(ctx, address)
	if err != nil {
		return nil, err
	}
	defer media.Body.Close()
	data, err := io.ReadAll(io.LimitReader(media.Body, maxFile+1))
	if err != nil {
		e := channel.Refuse(parley.ReasonMediaNotReachable, "the media could not be read")
		e.Outcome = channel.TryAgain
		return nil, e
	}
	if len(data) > maxFile {
		return nil, channel.Refuse(parley.ReasonMediaTooLarge, "the media is larger than KAKAOTALKCHAT takes")
	}
	return data, nil
}

// formOf encodes an upload. Its boundary comes from the attempt, so that a
// repeat is the same request.
func formOf(fields [][2]string, part, name, key string, data []byte) (form []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary("parley" + serialOf(key)); err != nil {
		return nil, "", err
	}
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return nil, "", err
		}
	}
	file, err := w.CreateFormFile(part, strings.ToValidUTF8(name, ""))
	if err == nil {
		_, err = file.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), w.FormDataContentType(), err
}
