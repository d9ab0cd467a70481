package wechat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/wechat"
)

// A desk is WeChat as far as access tokens are concerned: it gives out
// TOKEN-n, and takes only the one that is good.
type desk struct {
	issued atomic.Int32
	good   atomic.Int32 // 0 takes the newest
	calls  atomic.Int32
	upload string // the answer to uploads; "" is a good one
	file   http.HandlerFunc
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/cgi-bin/stable_token" {
		_, _ = fmt.Fprintf(w, `{"access_token":"TOKEN-%d","expires_in":7200}`, d.issued.Add(1))
		return
	}
	if r.URL.Path == "/video.mp4" {
		w.Header().Set("Content-Type", "video/mp4")
		_, _ = io.WriteString(w, "moving pictures")
		return
	}
	d.calls.Add(1)
	good := d.good.Load()
	if good == 0 {
		good = d.issued.Load()
	}
	switch {
	case r.URL.Query().Get("access_token") != fmt.Sprintf("TOKEN-%d", good):
		_, _ = io.WriteString(w, `{"errcode":42001,"errmsg":"access_token expired"}`)
	case r.URL.Path == "/cgi-bin/media/get":
		d.file(w, r)
	case r.URL.Path == "/cgi-bin/media/upload" && d.upload != "":
		_, _ = io.WriteString(w, d.upload)
	case r.URL.Path == "/cgi-bin/media/upload":
		_, _ = io.WriteString(w, `{"media_id":"M"}`)
	default:
		_, _ = io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
	}
}

// open returns an account at the desk whose clock shows now.
func (d *desk) open(t *testing.T, now *time.Time) *channel.Conn {
	t.Helper()
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	return &channel.Conn{
		Credential: credential(), BaseURL: server.URL, HTTP: server.Client(), Now: func() time.Time { return *now },
	}
}

func attempt(t *testing.T, m *parley.AppMessage) channel.Attempt {
	t.Helper()
	payloads, err := wechat.New().Render(&channel.Outgoing{To: channel.Address{Identity: openID}, Message: m})
	if err != nil || len(payloads) != 1 {
		t.Fatalf("got %d payloads, %v", len(payloads), err)
	}
	return channel.Attempt{Key: "k", To: channel.Address{Identity: openID}, Payload: payloads[0]}
}

func TestAccessTokens(t *testing.T) {
	t.Parallel()
	now, d, ch := time.Unix(1_800_000_000, 0), new(desk), wechat.New()
	c, hello := d.open(t, &now), attempt(t, &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}})
	send := func(issued, calls int32) {
		t.Helper()
		_, err := ch.Send(t.Context(), c, hello)
		if err != nil || d.issued.Load() != issued || d.calls.Load() != calls {
			t.Errorf("got %d tokens, %d calls, %v; want %d and %d", d.issued.Load(), d.calls.Load(), err, issued, calls)
		}
	}
	send(1, 1)
	send(1, 2)                       // kept
	now = now.Add(116 * time.Minute) // within the margin of two hours
	send(2, 3)                       // replaced ahead of its end
	d.good.Store(3)                  // somebody forced a new one
	send(3, 5)                       // refused once, then taken
	d.good.Store(99)                 // no token is good
	_, err := ch.Send(t.Context(), c, hello)
	if e := channel.AsError(err); e.Reason.Code != parley.ReasonChannelBadConfiguration || e.Outcome != channel.NotSent || d.calls.Load() != 7 {
		t.Errorf("refused twice: got %v after %d calls", err, d.calls.Load())
	}
}

// TestUploadFails says that nothing was sent while a file was not taken.
func TestUploadFails(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	picture := attempt(t, &parley.AppMessage{Media: &parley.MediaMessage{URL: "https://media.example/a.png"}})
	media := func(size int64) func(context.Context, string) (channel.Media, error) {
		return func(context.Context, string) (channel.Media, error) {
			return channel.Media{Body: io.NopCloser(strings.NewReader("x")), Size: size}, nil
		}
	}
	gone := channel.Refuse(parley.ReasonMediaNotReachable, "gone")
	for name, tc := range map[string]struct {
		upload  string
		open    func(context.Context, string) (channel.Media, error)
		reason  parley.ReasonCode
		outcome channel.Outcome
	}{
		"nonsense":  {"<html>", media(1), parley.ReasonChannelFailure, channel.TryAgain},
		"no id":     {`{"errcode":0}`, media(1), parley.ReasonChannelFailure, channel.TryAgain},
		"refused":   {`{"errcode":40004,"errmsg":"invalid media type"}`, media(1), parley.ReasonMediaTypeUnsupported, channel.NotSent},
		"too large": {"", media(11 << 20), parley.ReasonMediaTooLarge, channel.NotSent},
		"gone":      {"", func(context.Context, string) (channel.Media, error) { return channel.Media{}, gone }, parley.ReasonMediaNotReachable, channel.NotSent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := (&desk{upload: tc.upload}).open(t, &now)
			c.OpenMedia = tc.open
			_, err := wechat.New().Send(t.Context(), c, picture)
			if e := channel.AsError(err); err == nil || e.Reason.Code != tc.reason || e.Outcome != tc.outcome {
				t.Errorf("got %v (%s)", err, e.Outcome)
			}
		})
	}
}

func TestFetchMedia(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	answer := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("media_id") != "media-1" {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, strings.ReplaceAll(body, "HOST", r.Host))
		}
	}
	for name, tc := range map[string]struct {
		file   http.HandlerFunc
		mime   string
		body   string
		reason parley.ReasonCode
	}{
		"voice":    {answer("audio/amr", "#!AMR"), "audio/amr", "#!AMR", ""},
		"video":    {answer("text/plain", `{"video_url":"http://HOST/video.mp4"}`), "video/mp4", "moving pictures", ""},
		"expired":  {answer("application/json", `{"errcode":40007,"errmsg":"invalid media_id"}`), "", "", parley.ReasonMediaNotReachable},
		"nonsense": {answer("text/plain", "x"), "", "", parley.ReasonChannelFailure},
		"trouble":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }, "", "", parley.ReasonMediaNotReachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			media, err := wechat.New().FetchMedia(t.Context(), (&desk{file: tc.file}).open(t, &now), "media-1")
			if tc.reason != "" {
				if e, ok := errors.AsType[*channel.Error](err); !ok || e.Reason.Code != tc.reason {
					t.Errorf("got %v, want %s", err, tc.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer media.Body.Close()
			if body, err := io.ReadAll(media.Body); err != nil || string(body) != tc.body || media.MIME != tc.mime {
				t.Errorf("got %q of type %q, %v", body, media.MIME, err)
			}
		})
	}
}
