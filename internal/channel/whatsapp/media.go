package whatsapp

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// maxRefusal bounds how much is read of an answer that is not media.
const maxRefusal = 64 << 10

// FetchMedia asks where the media with id ref is, an address that lives for
// some five minutes, and opens it; both steps need the token. Meta keeps
// received media for seven days.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	acc, err := open(c)
	if err != nil {
		return channel.Media{}, err
	}
	answer, err := acc.Get(ctx, c, acc.URL(c, ref))
	if err != nil {
		return channel.Media{}, err
	}
	if !answer.OK() {
		return channel.Media{}, acc.mediaRefusal(answer)
	}
	var found struct {
		URL  string `json:"url"`
		MIME string `json:"mime_type"`
	}
	if json.Unmarshal(answer.Body, &found) != nil || found.URL == "" {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the channel did not say where the media is")
	}
	return acc.download(ctx, c, found.URL, found.MIME)
}

// download opens the media itself, which may be larger than what package
// channel reads whole.
func (a *account) download(ctx context.Context, c *channel.Conn, address, mime string) (channel.Media, error) {
	req, err := a.Request(ctx, address)
	if err != nil {
		return channel.Media{}, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address, which is signed
		}
		return channel.Media{}, &channel.Error{
			Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the media could not be fetched from the channel"),
			Outcome: channel.TryAgain,
			Err:     err,
		}
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
		if err != nil {
			body = nil // the status says enough
		}
		return channel.Media{}, a.mediaRefusal(&channel.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body})
	}
	if mime == "" {
		mime = resp.Header.Get("Content-Type")
	}
	return channel.Media{Body: resp.Body, MIME: mime, Size: resp.ContentLength}, nil
}

// mediaRefusal is a refusal that is about the media unless it says that it is
// about the account. Code 100, no such object, means the media here.
func (a *account) mediaRefusal(answer *channel.Answer) *channel.Error {
	e := a.refusal(answer)
	if e.Reason.Code == parley.ReasonBadRequest || e.Reason.ChannelCode == "100" {
		e.Reason.Code = parley.ReasonMediaNotReachable
	}
	return e
}

// mediaTypes are the files the Cloud API takes (Cloud API, Media, Supported
// media types); whatever is no picture, sound, film or sticker is a document.
func mediaTypes() []channel.MediaType {
	return []channel.MediaType{
		{Type: "image/jpeg", MaxBytes: 5 << 20},
		{Type: "image/png", MaxBytes: 5 << 20},
		{Type: "image/webp", MaxBytes: 500 << 10},
		{Type: "audio/*", MaxBytes: 16 << 20},
		{Type: "video/*", MaxBytes: 16 << 20},
		{Type: "*/*", MaxBytes: 100 << 20},
	}
}

// Pace implements channel.Pacer: 80 messages a second of a number, which Meta
// raises to 1,000 for some (Cloud API, Throughput).
func (Channel) Pace(*parley.ChannelCredential) float64 { return 80 }
