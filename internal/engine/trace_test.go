package engine

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
	"github.com/parley-im/parley/internal/egress"
	"github.com/parley-im/parley/internal/trace"
)

// traced gives an engine a recorder that is never flushed by itself, and the
// way out to providers.
func traced(o *Options) {
	o.Trace = trace.New(trace.Options{Store: o.Store, Log: slog.New(slog.DiscardHandler)})
	out := egress.New(egress.Options{AllowPrivate: true, Now: o.Now})
	client := out.Client("test", egress.ClientOptions{})
	o.HTTP = func(parley.Channel) *http.Client { return client }
}

// A seenStep is a step as a client sees it.
type seenStep struct {
	Time      time.Time `json:"time"`
	Step      string    `json:"step"`
	Channel   string    `json:"channel"`
	Outcome   string    `json:"outcome"`
	Status    string    `json:"status"`
	Callbacks int       `json:"callbacks"`
	Reason    *struct {
		Code string `json:"code"`
	} `json:"reason"`
	LeftOut []struct{ Channel, Why string } `json:"left_out"`
}

// steps says a message's steps in a few words each.
func (w *world) steps(id string) []string {
	w.t.Helper()
	tr, err := w.e.Trace(w.t.Context(), project, id)
	if err != nil {
		w.t.Fatal(err)
	}
	out := []string{}
	var last time.Time
	for _, raw := range tr.Steps {
		var s seenStep
		if err := json.Unmarshal(raw, &s); err != nil {
			w.t.Fatalf("%v: %s", err, raw)
		}
		if s.Time.Before(last) || s.Time.IsZero() {
			w.t.Errorf("out of order: %s", raw)
		}
		last = s.Time
		words := []string{s.Step, s.Channel, s.Status, s.Outcome}
		if s.Reason != nil {
			words = append(words, s.Reason.Code)
		}
		for _, l := range s.LeftOut {
			words = append(words, l.Channel+": "+l.Why)
		}
		if s.Callbacks > 0 {
			words = append(words, "+callback")
		}
		out = append(out, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	return out
}

func (w *world) expectSteps(id string, want ...string) {
	w.t.Helper()
	if d := cmp.Diff(want, w.steps(id)); d != "" {
		w.t.Errorf("steps (-want +got):\n%s", d)
	}
}

// TestTraceOfFallback follows a message over two channels.
func TestTraceOfFallback(t *testing.T) {
	t.Parallel()
	first := scripted(parley.ChannelSMS, fail(channel.TryAgain, parley.ReasonRateLimited), fail(channel.NotSent, parley.ReasonBadRequest))
	second := scripted(parley.ChannelWhatsApp)
	w := newWorldWith(t, traced, first, second)
	a := w.app()
	m := w.send(text(a, "hello", id(parley.ChannelViber, "v"), sms("15550001"), id(parley.ChannelWhatsApp, "42")))
	w.run(10*time.Second, time.Second)
	w.receipt(a, parley.ChannelWhatsApp, string(accept(second.Attempts()[0])), parley.StatusDelivered)
	want := []string{
		"accepted",
		"channels VIBER: the app has no credential for the channel",
		"attempt SMS try_again RATE_LIMITED",
		"waiting SMS retry",
		"attempt SMS not_sent BAD_REQUEST",
		"status SMS SWITCHING_CHANNEL BAD_REQUEST +callback",
		"attempt WHATSAPP accepted",
		"status WHATSAPP QUEUED_ON_CHANNEL +callback",
		"receipt WHATSAPP DELIVERED",
		"status WHATSAPP DELIVERED +callback",
	}
	w.expectSteps(m, want...)
	if err := w.e.o.Trace.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.expectSteps(m, want...)
	// The same receipt again changes nothing, and the trace says so.
	w.receipt(a, parley.ChannelWhatsApp, string(accept(second.Attempts()[0])), parley.StatusDelivered)
	w.expectSteps(m, append(want, "status WHATSAPP DELIVERED no effect")...)

	if _, err := w.e.Trace(t.Context(), "p2", m); !parley.IsNotFound(err) {
		t.Errorf("another project's trace: %v", err)
	}
	if err := w.store.DeleteMessage(t.Context(), project, m); err != nil {
		t.Fatal(err)
	}
	if rows, err := w.store.Traces(t.Context(), project, a.ID, m); err != nil || len(rows) > 0 {
		t.Errorf("the trace of a deleted message: %v, %v", rows, err)
	}
}

// accept is the id that fake.Accept gives an attempt.
func accept(a channel.Attempt) channel.ProviderID {
	id, _ := fake.Accept(a)
	return id
}

// TestTraceOfUnknown follows a message whose outcome nobody can tell.
func TestTraceOfUnknown(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, traced, marked(scripted(parley.ChannelSMS, fail(channel.Unknown, parley.ReasonChannelFailure))))
	m := w.send(text(w.app(), "hello", sms("15550001")))
	w.run(3*time.Minute, 10*time.Second)
	w.expectSteps(m, "accepted", "attempt SMS unknown CHANNEL_FAILURE", "waiting SMS receipt", "status SMS FAILED CHANNEL_FAILURE +callback")
}

// TestTraceOfArrival follows a contact's message.
func TestTraceOfArrival(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, traced, scripted(parley.ChannelSMS))
	a := w.app()
	in := channel.Inbound{
		ID: "in-1", From: channel.Address{Identity: "15550001"}, Message: &parley.ContactMessage{Text: &parley.TextMessage{Text: "hi"}},
	}
	w.tell(a, parley.ChannelSMS, in)
	w.tell(a, parley.ChannelSMS, in) // a repeat leaves no trace
	for _, c := range w.take() {
		if m := c.body.Message; m != nil {
			w.expectSteps(m.ID, "received SMS", "resolved contact and conversation created")
			return
		}
	}
	t.Error("no MESSAGE_INBOUND")
}

// TestTraceOff: without a recorder there is only what the message tells.
func TestTraceOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	m := w.send(text(w.app(), "hello", sms("15550001")))
	w.step()
	w.expectSteps(m, "accepted")
	if tr, err := w.e.Trace(t.Context(), project, m); err != nil || tr.Tracing {
		t.Errorf("Trace = %+v, %v", tr, err)
	}
}

// TestTraceOfExchange has a real exchange with a provider, and looks for its
// secrets.
func TestTraceOfExchange(t *testing.T) {
	t.Parallel()
	const token = "s3cret-t0ken"
	provider := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.Header().Set("Content-Type", "application/json")
		rw.Header().Set("X-Key", r.Header.Get("Authorization"))
		rw.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(rw, `{"id":"prov-1","you sent":`+string(body)+`,"as":"`+r.Header.Get("Authorization")+`"}`)
	}))
	t.Cleanup(provider.Close)
	w := newWorldWith(t, func(o *Options) {
		traced(o)
		o.BaseURL = func(parley.Channel, string) string { return provider.URL + "/" + token }
	}, fake.New(parley.ChannelSMS, nil))
	a := w.app(func(a *parley.App) {
		a.ChannelCredentials[0].StaticBearer.Token = token
		a.ChannelCredentials[0].CallbackSecret = "callback-s3cret"
	})
	m := w.send(text(a, "the text, and callback-s3cret", sms("15550001")))
	w.step()
	tr, err := w.e.Trace(t.Context(), project, m)
	if err != nil {
		t.Fatal(err)
	}
	var attempt struct {
		Step      string
		Outcome   string
		Provider  string `json:"provider_id"`
		Exchanges []struct {
			Method, URL       string
			Status            int
			Request, Response struct {
				Headers map[string]string
				Body    string
			}
		}
	}
	for _, s := range tr.Steps[1:] {
		if strings.Contains(string(s), "s3cret") {
			t.Errorf("a secret is shown: %s", s)
		}
		if strings.Contains(string(s), `"step":"attempt"`) {
			if err := json.Unmarshal(s, &attempt); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(attempt.Exchanges) != 1 {
		t.Fatalf("%d exchanges in %s", len(attempt.Exchanges), tr.Steps)
	}
	x := attempt.Exchanges[0]
	if x.Method != "POST" || x.Status != 201 || x.URL != provider.URL+"/***/messages" || attempt.Provider != "prov-1" {
		t.Errorf("exchange: %+v", x)
	}
	if x.Request.Headers["Authorization"] != "***" || x.Response.Headers["X-Key"] != "***" || x.Response.Headers["Content-Type"] != "application/json" {
		t.Errorf("headers: %v, %v", x.Request.Headers, x.Response.Headers)
	}
	if !strings.Contains(x.Request.Body, "the text") || !strings.Contains(x.Response.Body, `"as":"Bearer ***"`) {
		t.Errorf("bodies: %s, %s", x.Request.Body, x.Response.Body)
	}
}
