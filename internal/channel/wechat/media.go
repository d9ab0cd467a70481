package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The types of temporary media.
const (
	typeImage = "image"
	typeVoice = "voice"
	typeVideo = "video"
	typeThumb = "thumb" // the picture before a video
)

// An upload is a file a payload needs, as the API's message names it.
type upload struct {
	Type string `json:"type"`
	URL  string `json:"url"`
	Name string `json:"name,omitempty"`
}

// limit is the largest file of the type in bytes.
func (u upload) limit() int64 {
	switch u.Type {
	case typeVoice:
		return maxVoice
	case typeVideo:
		return maxVideo
	case typeThumb:
		return maxThumb
	}
	return maxImage
}

// filename is what WeChat tells the format by.
func (u upload) filename() string {
	name := u.Name
	if path.Ext(name) == "" {
		if at, err := url.Parse(u.URL); err == nil {
			name = path.Base(at.Path)
		}
	}
	return name
}

// mediaType guesses the type from the extension of the file name, or else of
// the address; "" is a file WeChat does not take (Add temporary media: images
// are PNG, JPEG and GIF, voice notes AMR and MP3, videos MP4).
func mediaType(m *parley.MediaMessage) string {
	switch strings.ToLower(path.Ext(upload{URL: m.URL, Name: m.FilenameOverride}.filename())) {
	case ".jpg", ".jpeg", ".png", ".gif":
		return typeImage
	case ".amr", ".mp3":
		return typeVoice
	case ".mp4":
		return typeVideo
	}
	return ""
}

// maxMediaVerdict bounds an answer that is a verdict in the place of a file.
const maxMediaVerdict = 64 << 10

// FetchMedia opens a file a contact sent. WeChat keeps it for three days. For
// a video it answers with an address instead of the file.
func (w *WeChat) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	a, err := open(c)
	if err != nil {
		return channel.Media{}, err
	}
	q := call{path: "media/get", query: url.Values{"media_id": {ref}}}
	refused := ""
	for {
		accessToken, err := w.tokens.get(ctx, c, a, refused)
		if err != nil {
			return channel.Media{}, err
		}
		req, err := q.request(ctx, c, accessToken)
		if err != nil {
			return channel.Media{}, err
		}
		media, err := download(c, req)
		if err != nil || !isVerdict(media.MIME) {
			return media, err
		}
		raw, err := io.ReadAll(io.LimitReader(media.Body, maxMediaVerdict))
		_ = media.Body.Close()
		var v struct {
			verdict
			VideoURL string `json:"video_url"`
		}
		if err != nil || json.Unmarshal(raw, &v) != nil {
			return channel.Media{}, before(unreadable(errors.New("neither a file nor a verdict")))
		}
		switch {
		case v.VideoURL != "":
			return fetchVideo(ctx, c, v.VideoURL)
		case tokenRefused(v.Code) && refused == "":
			refused = accessToken
		default:
			return channel.Media{}, a.refused(v.verdict, accessToken)
		}
	}
}

func fetchVideo(ctx context.Context, c *channel.Conn, address string) (channel.Media, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "WeChat named no file to download")
	}
	return download(c, req)
}

// isVerdict reports whether an answer of a type is no file: contacts send
// pictures, sounds and videos only.
func isVerdict(contentType string) bool {
	return contentType == "application/json" || contentType == "text/plain"
}

// download opens a file; the caller closes it.
func download(c *channel.Conn, req *http.Request) (channel.Media, error) {
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address, which holds the token
		}
		return channel.Media{}, &channel.Error{
			Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the file could not be downloaded"),
			Outcome: channel.TryAgain, Err: fmt.Errorf("download: %w", err),
		}
	}
	if resp.StatusCode == http.StatusOK {
		contentType, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if err != nil || contentType == "application/octet-stream" {
			contentType = ""
		}
		return channel.Media{Body: resp.Body, MIME: contentType, Size: resp.ContentLength}, nil
	}
	_ = resp.Body.Close()
	e := channel.Verdict(&channel.Answer{Status: resp.StatusCode, Header: resp.Header}, "")
	if e.Outcome != channel.TryAgain {
		e.Reason.Code, e.Outcome = parley.ReasonMediaNotReachable, channel.NotSent
	}
	return channel.Media{}, e
}
