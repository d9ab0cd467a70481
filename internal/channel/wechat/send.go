package wechat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/url"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The calls that send.
const (
	customSend   = "message/custom/send"
	templateSend = "message/template/send"
)

// templatePrefix marks the ids WeChat gives template messages.
const templatePrefix = "template:"

// Send uploads the media of one payload, if it has any, and posts it. WeChat
// gives customer service messages no ids, so theirs is the attempt's key.
func (w *WeChat) Send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error) {
	a, err := open(c)
	if err != nil {
		return "", err
	}
	var p payload
	if err := json.Unmarshal(at.Payload.Body, &p); err != nil || p.Path != customSend && p.Path != templateSend {
		return "", channel.Refuse(parley.ReasonInternalError, "the payload names no call that sends")
	}
	if p.Body, err = w.uploaded(ctx, c, a, &p); err != nil {
		return "", err
	}
	body, err := unescaped(p.Body)
	if err != nil {
		return "", channel.Refuse(parley.ReasonInternalError, "the payload cannot be read")
	}
	var sent struct {
		MsgID json.Number `json:"msgid"`
	}
	if err := w.post(ctx, c, a, p.Path, body, &sent); err != nil {
		return "", err
	}
	if p.Path == templateSend {
		if sent.MsgID == "" {
			return "", unreadable(fmt.Errorf("%s answered without a msgid", p.Path))
		}
		return channel.ProviderID(templatePrefix + sent.MsgID.String()), nil
	}
	return channel.ProviderID(at.Key), nil
}

// uploaded returns the body with the ids of the media it needs.
func (w *WeChat) uploaded(ctx context.Context, c *channel.Conn, a *account, p *payload) (json.RawMessage, error) {
	if len(p.Uploads) == 0 {
		return p.Body, nil
	}
	var m message
	if err := json.Unmarshal(p.Body, &m); err != nil {
		return nil, channel.Refuse(parley.ReasonInternalError, "the payload cannot be read")
	}
	for _, u := range p.Uploads {
		id, err := w.upload(ctx, c, a, u)
		if err != nil {
			return nil, before(err)
		}
		m.setMedia(u.Type, id)
	}
	return channel.Encode(&m)
}

// upload gives WeChat a file and returns its id, which is good for three days.
func (w *WeChat) upload(ctx context.Context, c *channel.Conn, a *account, u upload) (string, error) {
	media, err := c.OpenMedia(ctx, u.URL)
	if err != nil {
		return "", err
	}
	defer media.Body.Close()
	limit := u.limit()
	if media.Size > limit {
		return "", channel.Refuse(parley.ReasonMediaTooLarge, "the file is larger than WECHAT takes")
	}
	// WeChat wants to know the length ahead, so the file is read whole.
	data, err := io.ReadAll(io.LimitReader(media.Body, limit+1))
	if err != nil {
		return "", &channel.Error{
			Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the file could not be read"),
			Outcome: channel.TryAgain, Err: fmt.Errorf("read media: %w", err),
		}
	}
	if int64(len(data)) > limit {
		return "", channel.Refuse(parley.ReasonMediaTooLarge, "the file is larger than WECHAT takes")
	}
	body, contentType, err := form(data, u.filename())
	if err != nil {
		return "", channel.Refuse(parley.ReasonInternalError, "the file cannot be encoded")
	}
	var got struct {
		MediaID string `json:"media_id"`
		ThumbID string `json:"thumb_media_id"`
	}
	q := call{path: "media/upload", query: url.Values{"type": {u.Type}}, contentType: contentType, body: body}
	if err := w.do(ctx, c, a, &q, &got); err != nil {
		return "", err
	}
	if got.MediaID == "" {
		got.MediaID = got.ThumbID
	}
	if got.MediaID == "" {
		return "", unreadable(fmt.Errorf("media/upload of %s answered without an id", strconv.Quote(u.Type)))
	}
	return got.MediaID, nil
}

// form encodes a file as multipart/form-data. The boundary comes from the
// file, so that it is not found in it, short of a file that holds its own
// hash.
func form(data []byte, filename string) (body []byte, contentType string, _ error) {
	var b bytes.Buffer
	mw := multipart.NewWriter(&b)
	sum := sha256.Sum256(data)
	if err := mw.SetBoundary(hex.EncodeToString(sum[:])); err != nil {
		return nil, "", err
	}
	part, err := mw.CreateFormFile("media", filename)
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

// SendEvent shows that somebody types, or no longer does. WeChat takes the sign
// away by itself after 15 seconds.
func (w *WeChat) SendEvent(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent) (channel.ProviderID, error) {
	var command string
	switch {
	case e.Event.Composing != nil:
		command = "Typing"
	case e.Event.ComposingEnd != nil:
		command = "CancelTyping"
	default:
		return "", channel.Refuse(parley.ReasonBadRequest, "WECHAT cannot show this event")
	}
	a, err := open(c)
	if err != nil {
		return "", err
	}
	body := map[string]string{"touser": e.To.Identity, "command": command}
	return "", w.post(ctx, c, a, "message/custom/typing", body, nil)
}

// Connect makes the cheapest call that needs a working AppID, AppSecret and
// entry on the account's list of addresses. Where WeChat calls us is set by
// hand in its console.
func (w *WeChat) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	a, err := open(c)
	if err != nil {
		return "", err
	}
	return "", w.do(ctx, c, a, &call{path: "get_api_domain_ip"}, nil)
}
