package channeltest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A Verdict is one answer of the provider and what it means. Rows come from
// verdicts.json, a list of objects with these members. A row has either an ID
// (or, for calls that give none, neither) or an Outcome with a Reason.
type Verdict struct {
	Name    string            `json:"name"`    // also of the golden file of the request, where the answer is good
	Call    string            `json:"call"`    // "" is Send; connect, acknowledge, find, probe, profile, retract, or an app event's wire name
	Message string            `json:"message"` // of the corpus, whose first payload is sent; "" means text-short
	Status  int               `json:"status"`
	Header  map[string]string `json:"header"`
	Body    json.RawMessage   `json:"body"` // JSON; a string is sent as the text it holds

	ID      channel.ProviderID `json:"id"`      // of connect the known id, of probe the status, of profile the name
	Outcome string             `json:"outcome"` // not_sent, try_again or unknown
	Reason  parley.ReasonCode  `json:"reason"`
	After   int                `json:"after"` // seconds
	Code    string             `json:"code"`  // Reason.ChannelCode, where the channel gives one
	Source  string             `json:"source"`
}

// What events and retractions refer to.
const (
	lastInbound channel.ProviderID = "provider-message-1"
	lastComment channel.ProviderID = "provider-comment-1"
)

// callTimeout bounds a call of a channel against a server on loopback.
const callTimeout = 20 * time.Second

// verdicts returns the rows of the suite and of verdicts.json.
func (s *Suite) verdicts(t *testing.T) []Verdict {
	t.Helper()
	raw, err := os.ReadFile(s.path("verdicts.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s.Verdicts
	}
	if err != nil {
		t.Fatal(err)
	}
	var rows []Verdict
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&rows); err != nil {
		t.Fatalf("verdicts.json: %v", err)
	}
	return append(rows, s.Verdicts...)
}

// judge gives the channel each answer and compares what it makes of it.
func (s *Suite) judge(t *testing.T, rows []Verdict) {
	cases := map[string]bool{}
	for _, v := range rows {
		if cases[v.Name] || v.Name == "" {
			t.Errorf("verdict %q: the name is missing or taken", v.Name)
		}
		cases[v.Name] = v.Outcome == ""
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			s.verdict(t, v)
		})
	}
	stale(t, s.path("sent"), cases)
}

func (s *Suite) verdict(t *testing.T, v Verdict) {
	var sent recorder
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent.add(r)
		if s.Serve == nil || !s.Serve(w, r) {
			v.answer(w)
		}
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), callTimeout)
	defer cancel()
	id, err := s.call(ctx, t, s.conn(t, server.URL), v)
	if v.Outcome == "" {
		if err != nil {
			t.Fatalf("got error %v", err)
		}
		if id != v.ID {
			t.Errorf("got id %q, want %q", id, v.ID)
		}
		golden(t, s.path("sent", v.Name+".golden"), sent.String())
		return
	}
	e := s.failure(t, err)
	if got := e.Outcome.String(); got != v.Outcome {
		t.Errorf("got outcome %s, want %s (%v)", got, v.Outcome, err)
	}
	if e.Reason.Code != v.Reason {
		t.Errorf("got reason %s, want %s (%v)", e.Reason.Code, v.Reason, err)
	}
	if want := time.Duration(v.After) * time.Second; e.After != want {
		t.Errorf("got a retry after %v, want %v", e.After, want)
	}
	if v.Code != "" && e.Reason.ChannelCode != v.Code {
		t.Errorf("got channel code %q, want %q", e.Reason.ChannelCode, v.Code)
	}
}

func (v Verdict) answer(w http.ResponseWriter) {
	body := []byte(v.Body)
	var text string
	if json.Unmarshal(body, &text) == nil {
		body = []byte(text)
	} else if len(body) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	for name, value := range v.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(cmp.Or(v.Status, http.StatusOK))
	_, _ = w.Write(body)
}

// call makes the call that a verdict is about.
func (s *Suite) call(ctx context.Context, t *testing.T, c *channel.Conn, v Verdict) (channel.ProviderID, error) {
	t.Helper()
	to := channel.Address{Identity: s.To}
	switch v.Call {
	case "", "send":
		return s.Channel.Send(ctx, c, s.attempt(t, v.Message))
	case "connect":
		known, err := implements[channel.Connector](t, s.Channel).Connect(ctx, c)
		return channel.ProviderID(known), err
	case "acknowledge":
		in := channel.Inbound{ID: "1", From: to, Ack: "what-is-acknowledged"}
		return "", implements[channel.Acknowledger](t, s.Channel).Acknowledge(ctx, c, in)
	case "probe":
		reach, err := implements[channel.Prober](t, s.Channel).Probe(ctx, c, to)
		return channel.ProviderID(reach.Status), err
	case "profile":
		profile, err := implements[channel.Profiler](t, s.Channel).Profile(ctx, c, to)
		return channel.ProviderID(profile.Name), err
	case "retract":
		return "", implements[channel.Retractor](t, s.Channel).Retract(ctx, c, to, lastInbound)
	case "find":
		id, found, err := implements[channel.Finder](t, s.Channel).Find(ctx, c, s.attempt(t, v.Message))
		if err == nil && found != (v.ID != "") {
			t.Errorf("got found %v, want %v", found, v.ID != "")
		}
		return id, err
	}
	e := event(v.Call)
	if e == nil {
		t.Fatalf("verdict %q: there is no call %q", v.Name, v.Call)
	}
	out := &channel.OutgoingEvent{EventID: MessageID, To: to, Event: e, LastInbound: lastInbound, LastComment: lastComment}
	return implements[channel.EventSender](t, s.Channel).SendEvent(ctx, c, out)
}

// attempt returns the first payload of a message of the corpus, to be sent.
func (s *Suite) attempt(t *testing.T, name string) channel.Attempt {
	t.Helper()
	name = cmp.Or(name, "text-short")
	m := s.corpus(t)[name]
	if m == nil {
		t.Fatalf("the corpus has no message %q", name)
	}
	payloads, err := s.payloads(t, name, m)
	if err != nil {
		t.Fatalf("render %s: %v", name, err)
	}
	return channel.Attempt{Key: MessageID + ".0", To: channel.Address{Identity: s.To}, Payload: payloads[0]}
}

// failure checks that err is fit to be shown and returns it.
func (s *Suite) failure(t *testing.T, err error) *channel.Error {
	t.Helper()
	if err == nil {
		t.Fatal("got no error")
	}
	e, ok := errors.AsType[*channel.Error](err)
	if !ok {
		t.Fatalf("got error %T, want a *channel.Error: %v", err, err)
	}
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		s.noSecret(t, "the error", fmt.Sprintf("%v %+v", cause, cause))
	}
	s.noSecret(t, "the reason", fmt.Sprintf("%+v", e.Reason))
	if e.Reason.Code == "" || e.Reason.Description == "" || e.Reason.SubCode == "" {
		t.Errorf("the reason lacks a code, description or sub code: %+v", e.Reason)
	}
	return e
}

// event returns the app event of a wire name, or nil.
func event(name string) *parley.AppEvent {
	switch name {
	case "composing_event":
		return &parley.AppEvent{Composing: &parley.Empty{}}
	case "composing_end_event":
		return &parley.AppEvent{ComposingEnd: &parley.Empty{}}
	case "read_message_event":
		return &parley.AppEvent{ReadMessage: &parley.Empty{}}
	case "comment_reply_event":
		return &parley.AppEvent{CommentReply: &parley.CommentReplyEvent{Text: "Thank you"}}
	case "agent_joined_event":
		return &parley.AppEvent{AgentJoined: &parley.AgentEvent{Agent: parley.Agent{DisplayName: "Ada", Type: "HUMAN"}}}
	case "agent_left_event":
		return &parley.AppEvent{AgentLeft: &parley.AgentEvent{Agent: parley.Agent{DisplayName: "Ada", Type: "HUMAN"}}}
	case "generic_event":
		return &parley.AppEvent{Generic: &parley.GenericEvent{Payload: json.RawMessage(`{"a":1}`)}}
	}
	return nil
}

func implements[T any](t *testing.T, ch channel.Channel) T {
	t.Helper()
	v, ok := ch.(T)
	if !ok {
		t.Fatalf("%s does not implement %T", ch.Name(), new(T))
	}
	return v
}

// A recorder writes down requests for a golden file.
type recorder struct {
	mu sync.Mutex
	b  strings.Builder
}

func (r *recorder) add(req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		body = []byte("unreadable: " + err.Error())
	}
	req.Body = io.NopCloser(strings.NewReader(string(body))) // for Suite.Serve
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.b, "%s %s\n", req.Method, req.URL.RequestURI())
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		switch name {
		case "Accept-Encoding", "Connection", "Content-Length", "User-Agent":
			continue // the transport's
		}
		fmt.Fprintf(&r.b, "%s: %s\n", name, strings.Join(req.Header[name], ", "))
	}
	r.b.WriteString("\n" + indented(body))
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}
