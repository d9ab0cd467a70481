package kakaotalk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const apiURL = "https://kakaotalk-bizmessage.api.nhncloudservice.com"

// Send uploads the images of one request and posts it. Its id is NHN's id of
// the request and the place of the recipient in it.
func (KakaoTalk) Send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error) {
	a, err := open(c)
	if err != nil {
		return "", err
	}
	var p payload
	if err := json.Unmarshal(at.Payload.Body, &p); err != nil || calls[p.Call] == "" {
		return "", channel.Refuse(parley.ReasonInternalError, "the payload names no call that sends")
	}
	body, err := a.complete(ctx, c, &p, at.Key)
	if err != nil {
		return "", err
	}
	h := a.header()
	h.Set("X-NC-API-IDEMPOTENCY-KEY", at.Key)
	answer, err := channel.PostJSON(ctx, c, c.URL(apiURL)+"/"+fmt.Sprintf(calls[p.Call], a.AppKey), h, body)
	if err != nil {
		return "", err
	}
	var got struct {
		Message struct {
			RequestID string `json:"requestId"`
			Results   []struct {
				Seq     int    `json:"recipientSeq"`
				Code    int    `json:"resultCode"`
				Message string `json:"resultMessage"`
			} `json:"sendResults"`
		} `json:"message"`
	}
	if err := a.judge(answer, &got); err != nil {
		return "", err
	}
	if m := got.Message; m.RequestID == "" || len(m.Results) != 1 {
		return "", unreadable(errors.New("no request id or no result"))
	}
	result := got.Message.Results[0]
	if result.Code != 0 {
		return "", a.refused(result.Code, result.Message)
	}
	return messageID(got.Message.RequestID, result.Seq), nil
}

func messageID(request string, seq int) channel.ProviderID {
	return channel.ProviderID(request + ":" + strconv.Itoa(seq))
}

// complete fills in the account's sender key, the attempt's key, by which
// results are told, and the addresses of uploaded images.
func (a *account) complete(ctx context.Context, c *channel.Conn, p *payload, key string) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(p.Body))
	d.UseNumber()
	var body map[string]any
	if err := d.Decode(&body); err != nil {
		return nil, channel.Refuse(parley.ReasonInternalError, "the payload cannot be read")
	}
	body["senderKey"] = a.senderKey
	list, _ := body["recipientList"].([]any)
	if len(list) != 1 {
		return nil, channel.Refuse(parley.ReasonInternalError, "the payload has no recipient")
	}
	if to, ok := list[0].(map[string]any); ok {
		to["recipientGroupingKey"] = key
	}
	if p.ImageType != "" {
		if err := a.images(ctx, c, p.ImageType, body); err != nil {
			e := *channel.AsError(err)
			if e.Outcome == channel.Unknown {
				e.Outcome = channel.TryAgain // nothing was sent yet
			}
			return nil, &e
		}
	}
	raw, err := channel.Encode(body)
	if err != nil {
		return nil, channel.Refuse(parley.ReasonInternalError, "the payload cannot be encoded")
	}
	return raw, nil
}

// images uploads every image in v and puts Kakao's address in its place.
func (a *account) images(ctx context.Context, c *channel.Conn, imageType string, v any) error {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			if err := a.images(ctx, c, imageType, element); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) { // the same requests every time
			member := v[name]
			address, ok := member.(string)
			if name != "imageUrl" || !ok {
				if err := a.images(ctx, c, imageType, member); err != nil {
					return err
				}
				continue
			}
			uploaded, err := a.upload(ctx, c, imageType, address)
			if err != nil {
				return err
			}
			v[name] = uploaded
		}
	}
	return nil
}

// upload gives NHN an image and returns the address Kakao takes it from.
func (a *account) upload(ctx context.Context, c *channel.Conn, imageType, address string) (string, error) {
	media, err := c.OpenMedia(ctx, address)
	if err != nil {
		return "", err
	}
	defer media.Body.Close()
	data, err := io.ReadAll(io.LimitReader(media.Body, maxImage+1))
	if err != nil {
		return "", &channel.Error{
			Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the file could not be read"),
			Outcome: channel.TryAgain, Err: fmt.Errorf("read media: %w", err),
		}
	}
	if media.Size > maxImage || len(data) > maxImage {
		return "", channel.Refuse(parley.ReasonMediaTooLarge, "the image is larger than KAKAOTALK takes")
	}
	body, contentType, err := form(data, imageType, address)
	if err != nil {
		return "", channel.Refuse(parley.ReasonInternalError, "the image cannot be encoded")
	}
	h := a.header()
	h.Set("Content-Type", contentType)
	answer, err := channel.PostJSON(ctx, c, c.URL(apiURL)+"/brand-message/v1.0/appkeys/"+a.AppKey+"/images", h, body)
	if err != nil {
		return "", err
	}
	var got struct {
		Image struct {
			URL string `json:"imageUrl"`
		} `json:"image"`
	}
	if err := a.judge(answer, &got); err != nil {
		return "", err
	}
	if got.Image.URL == "" {
		return "", unreadable(errors.New("no address of the image"))
	}
	return got.Image.URL, nil
}

// form encodes an image as multipart/form-data. The boundary comes from the
// file, so that it is not found in it, short of a file that holds its own
// hash.
func form(data []byte, imageType, address string) (body []byte, contentType string, _ error) {
	name := "image.jpg"
	if u, err := url.Parse(address); err == nil && path.Ext(u.Path) != "" {
		name = path.Base(u.Path)
	}
	var b bytes.Buffer
	mw := multipart.NewWriter(&b)
	sum := sha256.Sum256(data)
	if err := mw.SetBoundary(hex.EncodeToString(sum[:])); err != nil {
		return nil, "", err
	}
	if err := mw.WriteField("imageType", imageType); err != nil {
		return nil, "", err
	}
	part, err := mw.CreateFormFile("image", name)
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(data); err != nil {
		return nil, "", err
	}
	if err := mw.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), mw.FormDataContentType(), nil
}

// Connect looks the sender up, which needs all of the account's keys, and
// returns the channel's name. Where results go is set by hand in NHN Cloud's
// console.
func (KakaoTalk) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	a, err := open(c)
	if err != nil {
		return "", err
	}
	address := c.URL(apiURL) + "/alimtalk/v2.3/appkeys/" + a.AppKey + "/senders/" + a.senderKey
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", channel.Refuse(parley.ReasonChannelBadConfiguration, "the address of the channel cannot be used")
	}
	req.Header = a.header()
	answer, err := channel.Do(c, req)
	if err != nil {
		return "", err
	}
	var got struct {
		Sender struct {
			PlusFriendID string `json:"plusFriendId"`
		} `json:"sender"`
	}
	if err := a.judge(answer, &got); err != nil {
		return "", err
	}
	return got.Sender.PlusFriendID, nil
}
