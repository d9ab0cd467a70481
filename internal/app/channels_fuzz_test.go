package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/all"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/transcode"
)

const fuzzedID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// fuzzed is a channel with a credential of one of its providers.
type fuzzed struct {
	channel.Channel
	credential parley.ChannelCredential
	to         channel.Address
}

// everyProvider returns every channel with each of its providers, in the order
// of devAccounts.
func everyProvider(f *testing.F) []fuzzed {
	f.Helper()
	channels := all.Channels()
	var out []fuzzed
	for _, account := range devAccounts() {
		i := slices.IndexFunc(channels, func(ch channel.Channel) bool { return ch.Name() == account.channel })
		p := fuzzed{channels[i], account.credential(strings.Repeat("5", 32)), channel.Address{Identity: account.handset}}
		p.credential.Channel = account.channel
		if err := p.Check(&p.credential); err != nil {
			f.Fatalf("%s: %v", account.provider, err)
		}
		out = append(out, p)
	}
	return out
}

// render does what the engine does to send a message.
func (p *fuzzed) render(m *parley.AppMessage) (out []channel.Payload, err error) {
	parts, err := transcode.Message(channel.Tagged(transcode.Select(m, p.Name()), fuzzedID), p.Capabilities())
	for _, part := range parts {
		o := channel.Outgoing{MessageID: fuzzedID, To: p.to, Message: part, Credential: &p.credential}
		payloads, err := p.Render(&o)
		if err != nil {
			return nil, err
		}
		out = append(out, payloads...)
	}
	return out, err
}

// FuzzRender has the providers render any valid message: each time the same
// payloads, or a reason why there are none.
func FuzzRender(f *testing.F) {
	providers := everyProvider(f)
	messages := channeltest.Corpus(f)
	for i, name := range slices.Sorted(maps.Keys(messages)) {
		raw, err := parley.Marshal(messages[name])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), raw)
	}
	f.Fuzz(func(t *testing.T, i uint8, raw []byte) {
		p, m := providers[int(i)%len(providers)], new(parley.AppMessage)
		if parley.Decode(raw, m) != nil || m.Validate() != nil {
			return
		}
		payloads, err := p.render(m)
		if err != nil {
			refused(t, p, err)
			return
		}
		for _, payload := range payloads {
			if !json.Valid(payload.Body) {
				t.Errorf("%s %s: not JSON: %s", p.Name(), p.credential.Provider, payload.Body)
			}
		}
		again, err := p.render(m)
		if diff := cmp.Diff(payloads, again); diff != "" || err != nil {
			t.Errorf("%s %s: not the same again: %s (%v)", p.Name(), p.credential.Provider, diff, err)
		}
	})
}

// FuzzCheck has every channel judge any credential. What it takes can be
// rendered with.
func FuzzCheck(f *testing.F) {
	providers := everyProvider(f)
	for i, p := range providers {
		raw, err := json.Marshal(p.credential)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), raw)
		f.Add(uint8(i), []byte(`{"provider":"`+p.credential.Provider+`","provider_settings":{"a":[1]}}`))
	}
	text := &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}
	f.Fuzz(func(t *testing.T, i uint8, raw []byte) {
		p := providers[int(i)%len(providers)]
		p.credential = parley.ChannelCredential{}
		if parley.Decode(raw, &p.credential) != nil {
			return
		}
		p.credential.Channel = p.Name()
		if (&parley.App{DisplayName: "An app", ChannelCredentials: []parley.ChannelCredential{p.credential}}).Validate() != nil {
			return
		}
		if err := p.Check(&p.credential); err != nil {
			if parley.CodeOf(err) != parley.CodeInvalidArgument {
				t.Errorf("%s: got error %v, want an invalid argument", p.Name(), err)
			}
			return
		}
		if pacer, ok := p.Channel.(channel.Pacer); ok {
			if pace := pacer.Pace(&p.credential); pace < 0 {
				t.Errorf("%s: pace %v", p.Name(), pace)
			}
		}
		if _, err := p.render(text); err != nil {
			refused(t, p, err)
		}
	})
}

// FuzzAnswer has providers answer anything to everything they are asked.
func FuzzAnswer(f *testing.F) {
	providers := slices.DeleteFunc(everyProvider(f), func(p fuzzed) bool {
		l, ok := p.Channel.(channel.Listener)
		return ok && l.Listens(&p.credential) // its answers come by the session: sms.FuzzDecodePDU
	})
	for i := range providers {
		f.Add(uint8(i), uint16(200), "", []byte(`{"id":"a","message_id":"a","messages":[{"id":"a","status":"0"}],"access_token":"a"}`))
		f.Add(uint8(i), uint16(401), "", []byte(`{"error":{"code":190,"message":"a"},"code":"a","errcode":40001,"status":5}`))
		f.Add(uint8(i), uint16(429), "30", []byte("<a>"))
	}
	text := &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}
	f.Fuzz(func(t *testing.T, i uint8, status uint16, retryAfter string, body []byte) {
		p := providers[int(i)%len(providers)]
		asked := 0
		c := &channel.Conn{
			AppID: fuzzedID, Credential: &p.credential, WebhookURL: "https://parley.example/channels/x/" + fuzzedID,
			BaseURL: "https://provider.example", Secret: strings.Repeat("0", 32),
			HTTP: &http.Client{Transport: answering(func(r *http.Request) (*http.Response, error) {
				if asked++; asked > 64 {
					t.Fatalf("%s: still asking after 64 requests: %s %s", p.Name(), r.Method, r.URL)
				}
				return &http.Response{
					StatusCode: 200 + int(status)%400, Body: io.NopCloser(strings.NewReader(string(body))), Request: r,
					Header: http.Header{"Retry-After": {retryAfter}, "Content-Type": {"application/json"}},
				}, nil
			})},
			OpenMedia: func(context.Context, string) (channel.Media, error) {
				return channel.Media{Body: io.NopCloser(strings.NewReader("GIF89a")), MIME: "image/gif", Size: 6}, nil
			},
			Dial: func(context.Context, string, string) (net.Conn, error) { return says(body), nil },
			Log:  slog.New(slog.DiscardHandler),
			Now:  func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) },
		}
		payloads, err := p.render(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Send(t.Context(), c, channel.Attempt{Key: fuzzedID + ".0", To: p.to, Payload: payloads[0]}); err != nil {
			refused(t, p, err)
		}
		for what, err := range p.asked(t.Context(), c, payloads[0]) {
			if err != nil && channel.AsError(err).Reason.Code == "" {
				t.Errorf("%s %s: %s fails without a reason: %v", p.Name(), p.credential.Provider, what, err)
			}
		}
	})
}

// asked asks the provider everything else it can be asked.
func (p *fuzzed) asked(ctx context.Context, c *channel.Conn, payload channel.Payload) map[string]error {
	out := map[string]error{}
	if a, ok := p.Channel.(channel.Connector); ok {
		_, out["connect"] = a.Connect(ctx, c)
	}
	if a, ok := p.Channel.(channel.Finder); ok && a.Finds(&p.credential) {
		_, _, out["find"] = a.Find(ctx, c, channel.Attempt{Key: fuzzedID + ".0", To: p.to, Payload: payload})
	}
	if a, ok := p.Channel.(channel.EventSender); ok {
		_, out["event"] = a.SendEvent(ctx, c, &channel.OutgoingEvent{
			EventID: fuzzedID, To: p.to, LastInbound: "a", Event: &parley.AppEvent{Composing: &parley.Empty{}},
		})
	}
	if a, ok := p.Channel.(channel.Prober); ok {
		_, out["probe"] = a.Probe(ctx, c, p.to)
	}
	if a, ok := p.Channel.(channel.Profiler); ok {
		_, out["profile"] = a.Profile(ctx, c, p.to)
	}
	if a, ok := p.Channel.(channel.Retractor); ok {
		out["retract"] = a.Retract(ctx, c, p.to, "a")
	}
	return out
}

// refused checks that a failure is one that can be acted on and told.
func refused(t *testing.T, p fuzzed, err error) {
	t.Helper()
	e, ok := errors.AsType[*channel.Error](err)
	switch {
	case !ok:
		t.Errorf("%s %s: %v is no *channel.Error", p.Name(), p.credential.Provider, err)
	case e.Reason.Code == "" || e.After < 0:
		t.Errorf("%s %s: %+v", p.Name(), p.credential.Provider, e)
	}
}

// answering is a transport that never reaches anybody.
type answering func(*http.Request) (*http.Response, error)

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
	}
	return a(r)
}

// says returns a connection whose other side says something and hangs up.
func says(what []byte) net.Conn {
	here, there := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, there) }() // ends when either side closes
	go func() {
		_, _ = there.Write(what)
		there.Close()
	}()
	return here
}
