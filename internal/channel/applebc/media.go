package applebc

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

const keySize = 32 // bytes

// fill puts the files a message names by their source into it: pictures of
// interactive messages and rich links as they are, attachments by where they
// were uploaded to.
func (a *account) fill(ctx context.Context, c *channel.Conn, m map[string]any) (map[string]any, error) {
	attachments, _ := m["attachments"].([]any)
	for _, v := range attachments {
		if file, ok := v.(map[string]any); ok {
			if err := a.attach(ctx, c, file); err != nil {
				return nil, err
			}
		}
	}
	left := maxListImages
	images, _ := member(m, "interactiveData", "data")["images"].([]any)
	for _, v := range images {
		picture, ok := v.(map[string]any)
		if !ok {
			continue
		}
		n, err := inline(ctx, c, picture, left)
		if err != nil {
			return nil, err
		}
		left -= n
		delete(picture, "mimeType") // of rich links only
	}
	link := member(m, "richLinkData")
	if image := member(link, "assets", "image"); image != nil {
		_, err := inline(ctx, c, image, maxLinkImage)
		if err != nil && channel.AsError(err).Reason.Code == parley.ReasonMediaTooLarge {
			title, _ := link["title"].(string)
			address, _ := link["url"].(string)
			return map[string]any{"type": typeText, "body": transcode.Join("\n", title, address)}, nil
		}
		return m, err
	}
	return m, nil
}

// member is an object within objects; nil if there is none.
func member(m map[string]any, path ...string) map[string]any {
	for _, name := range path {
		m, _ = m[name].(map[string]any)
	}
	return m
}

// inline replaces the source of a picture by its bytes, at most so many, and
// returns how many there are.
func inline(ctx context.Context, c *channel.Conn, picture map[string]any, most int) (int, error) {
	source, ok := picture["source"].(string)
	if !ok {
		return 0, nil
	}
	media, err := c.OpenMedia(ctx, source)
	if err != nil {
		return 0, before(err)
	}
	defer media.Body.Close()
	data, err := io.ReadAll(io.LimitReader(media.Body, int64(most)+1))
	if err != nil {
		return 0, unread(err)
	}
	if len(data) > most {
		return 0, channel.Refuse(parley.ReasonMediaTooLarge, "the picture is larger than APPLEBC takes")
	}
	delete(picture, "source")
	picture["data"], picture["mimeType"] = base64.StdEncoding.EncodeToString(data), mediaType(media.MIME)
	return len(data), nil
}

func mediaType(contentType string) string {
	if t, _, err := mime.ParseMediaType(contentType); err == nil {
		return t
	}
	return "application/octet-stream"
}

func unread(err error) *channel.Error {
	return &channel.Error{
		Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the media could not be read"),
		Outcome: channel.TryAgain, Err: fmt.Errorf("read media: %w", err),
	}
}

// attach encrypts and uploads a file (MSP REST API, "Sending messages with
// attachments") and makes of its source what the message says of it.
func (a *account) attach(ctx context.Context, c *channel.Conn, file map[string]any) error {
	source, _ := file["source"].(string)
	data, _ := file["data"].(string)
	if source == "" && data == "" {
		return nil
	}
	media, err := openSized(ctx, c, source, data)
	if err != nil {
		return before(err)
	}
	defer media.Body.Close()
	if media.Size > maxAttachment {
		return channel.Refuse(parley.ReasonMediaTooLarge, "the file is larger than APPLEBC takes")
	}
	var key [keySize]byte
	_, _ = rand.Read(key[:]) // never fails
	encrypted, err := crypt(key[:], media.Body)
	if err != nil {
		return err
	}
	place, err := a.preUpload(ctx, c, media.Size)
	if err != nil {
		return before(err)
	}
	checksum, err := upload(ctx, c, place.UploadURL, encrypted, media.Size)
	if err != nil {
		return before(err)
	}
	if _, ok := file["mimeType"]; !ok {
		file["mimeType"] = mediaType(media.MIME)
	}
	delete(file, "source")
	delete(file, "data")
	file["size"], file["signature-base64"] = strconv.FormatInt(media.Size, 10), checksum
	file["url"], file["owner"], file["key"] = place.URL, place.Owner, "00"+hex.EncodeToString(key[:])
	return nil
}

// openSized opens a file by its address, or the one given in base64. Apple
// wants to know the size first: where the server does not tell, the file is
// read to find out and opened again.
func openSized(ctx context.Context, c *channel.Conn, source, data string) (channel.Media, error) {
	if source == "" {
		raw, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return channel.Media{}, channel.Refuse(parley.ReasonBadRequest, "an attachment's data is not base64")
		}
		return channel.Media{Body: io.NopCloser(bytes.NewReader(raw)), Size: int64(len(raw))}, nil
	}
	media, err := c.OpenMedia(ctx, source)
	if err != nil || media.Size >= 0 {
		return media, err
	}
	size, err := io.Copy(io.Discard, io.LimitReader(media.Body, maxAttachment+1))
	_ = media.Body.Close()
	if err != nil {
		return channel.Media{}, unread(err)
	}
	media, err = c.OpenMedia(ctx, source)
	media.Size = size
	return media, err
}

// crypt encrypts or decrypts: AES-256 in counter mode from zero. A key is used
// for one file.
func crypt(key []byte, r io.Reader) (io.Reader, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return &cipher.StreamReader{S: cipher.NewCTR(block, make([]byte, aes.BlockSize)), R: r}, nil //nolint:gosec // Apple's format; each file has a key of its own
}

// A place is where an attachment goes.
type place struct {
	UploadURL string `json:"upload-url"`
	URL       string `json:"mmcs-url"`
	Owner     string `json:"mmcs-owner"`
}

func (a *account) preUpload(ctx context.Context, c *channel.Conn, size int64) (place, error) {
	var p place
	err := a.get(ctx, c, "/preUpload", map[string]string{"MMCS-Size": strconv.FormatInt(size, 10)}, &p)
	if err == nil && p.UploadURL == "" {
		err = unreadable(errors.New("preUpload names no address"))
	}
	return p, err
}

// upload posts an encrypted file and returns Apple's checksum of it.
func upload(ctx context.Context, c *channel.Conn, address string, r io.Reader, size int64) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, r)
	if err != nil {
		return "", unreadable(errors.New("preUpload names no proper address"))
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", "application/octet-stream")
	answer, err := channel.Do(c, req)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", channel.Verdict(answer, "")
	}
	var r2 struct {
		SingleFile struct {
			Checksum string `json:"fileChecksum"`
		} `json:"singleFile"`
	}
	if err := json.Unmarshal(answer.Body, &r2); err != nil || r2.SingleFile.Checksum == "" {
		return "", unreadable(errors.New("the upload was answered without a checksum"))
	}
	return r2.SingleFile.Checksum, nil
}

// get asks Apple about an attachment.
func (a *account) get(ctx context.Context, c *channel.Conn, path string, header map[string]string, result any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL(apiURL)+path, http.NoBody)
	if err != nil {
		return channel.Refuse(parley.ReasonInternalError, "the request cannot be made")
	}
	if req.Header, err = a.header(c); err != nil {
		return err
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	answer, err := channel.Do(c, req)
	if err != nil {
		return err
	}
	if !answer.OK() {
		return channel.Verdict(answer, "")
	}
	if err := json.Unmarshal(answer.Body, result); err != nil {
		return unreadable(fmt.Errorf("decode the answer to %s: %w", path, err))
	}
	return nil
}

// unreadable is the error for a yes whose details make no sense.
func unreadable(cause error) *channel.Error {
	return &channel.Error{
		Reason:  parley.ChannelReason(parley.ReasonChannelFailure, "an answer that cannot be understood"),
		Outcome: channel.Unknown, Err: cause,
	}
}

// An attached is a file of a contact's: what FetchMedia needs.
type attached struct {
	Name         string      `json:"name,omitempty"`
	MIMEType     string      `json:"mimeType,omitempty"`
	Size         json.Number `json:"size"`
	Key          string      `json:"key"` // hexadecimal, after a 00
	URL          string      `json:"url"`
	Owner        string      `json:"owner"`
	Signature    string      `json:"signature,omitempty"` // hexadecimal
	SignatureB64 string      `json:"signature-base64,omitempty"`
}

// signature is the base64 of the file's signature, which Apple gives in
// hexadecimal too.
func (f *attached) signature() string {
	if f.SignatureB64 != "" {
		return f.SignatureB64
	}
	raw, err := hex.DecodeString(f.Signature)
	if err != nil {
		return f.Signature
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// FetchMedia opens a file a contact sent.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	a, err := open(c)
	if err != nil {
		return channel.Media{}, err
	}
	var f attached
	if err := json.Unmarshal([]byte(ref), &f); err != nil {
		return channel.Media{}, lost("the attachment cannot be understood")
	}
	return a.open(ctx, c, &f)
}

// open opens a file at Apple, and decrypts it on the way.
func (a *account) open(ctx context.Context, c *channel.Conn, f *attached) (channel.Media, error) {
	key, err := hex.DecodeString(f.Key)
	if err != nil || len(key) != 1+keySize || key[0] != 0 {
		return channel.Media{}, lost("the attachment's key is none")
	}
	var at struct {
		URL string `json:"download-url"`
	}
	header := map[string]string{"MMCS-Url": f.URL, "MMCS-Signature": f.signature(), "MMCS-Owner": f.Owner}
	if err := a.get(ctx, c, "/preDownload", header, &at); err != nil {
		return channel.Media{}, before(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URL, http.NoBody)
	if err != nil || at.URL == "" {
		return channel.Media{}, lost("Apple named no file to download")
	}
	media, err := channel.Download(c, req)
	if err != nil {
		return channel.Media{}, err
	}
	plain, err := crypt(key[1:], media.Body)
	want, numErr := f.Size.Int64()
	if err != nil || numErr == nil && media.Size >= 0 && media.Size != want {
		_ = media.Body.Close()
		return channel.Media{}, lost("the attachment does not have the size it was said to have")
	}
	return channel.Media{Body: decrypted{plain, media.Body}, MIME: f.MIMEType, Size: media.Size}, nil
}

func lost(words string) *channel.Error { return channel.Refuse(parley.ReasonMediaNotReachable, words) }

// decrypted is a file whose bytes are decrypted as they are read.
type decrypted struct {
	io.Reader
	io.Closer
}
