package channeltest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// receive gives the channel each recorded request: as it is, twice, unsigned,
// changed, and with bodies that make no sense.
func (s *Suite) receive(t *testing.T, r channel.Receiver) {
	files, err := filepath.Glob(s.path("receive", "*.http"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Errorf("there is no recorded request in %s", s.path("receive"))
	}
	cases := map[string]bool{}
	var media, acks bool
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".http")
		cases[name] = true
		t.Run(name, func(t *testing.T) {
			req := record(t, file)
			got := s.received(t, r, req)
			for _, in := range got.Inbound {
				media = media || in.Media != nil && in.Media.Data == nil
				acks = acks || in.Ack != ""
			}
			s.distrusts(t, r, req)
			s.survives(t, r, req)
		})
	}
	stale(t, s.path("receive"), cases)
	agree[channel.MediaFetcher](t, s.Channel, "a recorded request has Media", media || s.NoMedia)
	agree[channel.Acknowledger](t, s.Channel, "a recorded request has Ack", acks)
}

// received checks what a genuine request means.
func (s *Suite) received(t *testing.T, r channel.Receiver, req recorded) channel.Received {
	t.Helper()
	c := s.conn(t, "")
	got, err := r.Receive(c, s.request(t, c, req, true), bytes.Clone(req.body))
	if err != nil && !errors.Is(err, channel.ErrForged) && !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("got error %v, want ErrForged or ErrMalformed", err)
	}
	if err != nil {
		s.noSecret(t, "the error", err.Error())
	}
	golden(t, strings.TrimSuffix(req.file, ".http")+".golden", show(t, got, err))
	again, err2 := r.Receive(c, s.request(t, c, req, true), bytes.Clone(req.body))
	if diff := cmp.Diff(show(t, got, err), show(t, again, err2)); diff != "" {
		t.Errorf("a repeat means something else (-first +second):\n%s", diff)
	}
	for i := range got.Inbound {
		s.inbound(t, &got.Inbound[i])
	}
	return got
}

// coherent checks that an Inbound is one thing, and whole.
func coherent(t *testing.T, in *channel.Inbound) {
	t.Helper()
	kinds := 0
	for _, set := range []bool{
		in.Message != nil, in.Event != nil, in.MessageEvent != nil, in.Receipt != nil,
		in.OptIn, in.OptOut, in.ChannelEvent != nil, in.Unsupported != "",
	} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		t.Errorf("an Inbound is %d things, want 1: %+v", kinds, in)
	}
	if in.Message != nil {
		if in.Message.Content() == nil {
			t.Error("the message has no body")
		}
		if c := in.Message.ChoiceResponse; c != nil && (c.MessageID != "" || c.PostbackData == "") {
			t.Errorf("a choice response has postback data and no message id: %+v", c)
		}
	}
	if in.ChannelEvent == nil && in.Receipt == nil && in.From.Identity == "" {
		t.Errorf("it comes from nobody: %+v", in)
	}
}

// inbound checks the promises of channel.Inbound.
func (s *Suite) inbound(t *testing.T, in *channel.Inbound) {
	t.Helper()
	coherent(t, in)
	if in.Receipt == nil {
		typing := in.Event != nil && (in.Event.Composing != nil || in.Event.ComposingEnd != nil)
		if in.ID == "" && !typing {
			t.Errorf("it has no id, by which a repeat is told: %+v", in)
		}
		return
	}
	named := in.Receipt.ID != "" || in.Receipt.Key != ""
	if until := !in.Receipt.UpTo.IsZero(); named == until || until && in.From.Identity == "" {
		t.Errorf("a receipt is for a message, or for all sent to somebody until a time: %+v", in.Receipt)
	}
	if !slices.Contains(s.Channel.Capabilities().Receipts, in.Receipt.Status) {
		t.Errorf("the receipt says %s, which Capabilities does not", in.Receipt.Status)
	}
	if (in.Receipt.Reason != nil) != (in.Receipt.Status == parley.StatusFailed) {
		t.Errorf("a receipt has a reason if it says FAILED, and only then: %+v", in.Receipt)
	}
}

// distrusts checks that what is not genuine is refused.
func (s *Suite) distrusts(t *testing.T, r channel.Receiver, req recorded) {
	t.Helper()
	if s.Sign == nil || req.method == http.MethodGet {
		return
	}
	c := s.conn(t, "")
	if _, err := r.Receive(c, s.request(t, c, req, false), bytes.Clone(req.body)); !errors.Is(err, channel.ErrForged) {
		t.Errorf("unsigned: got error %v, want ErrForged", err)
	}
	other := *c
	other.Secret = strings.Repeat("0", len(c.Secret))
	stranger := *c.Credential
	stranger.CallbackSecret = "another secret altogether"
	other.Credential = &stranger
	if got := s.request(t, &other, req, true); !sameHeader(got, s.request(t, c, req, true)) {
		if _, err := r.Receive(c, got, bytes.Clone(req.body)); !errors.Is(err, channel.ErrForged) {
			t.Errorf("signed with another secret: got error %v, want ErrForged", err)
		}
	}
	if !s.SignsBody || len(req.body) == 0 {
		return
	}
	for _, at := range []int{0, len(req.body) / 2, len(req.body) - 1} {
		tampered := bytes.Clone(req.body)
		tampered[at] ^= 1
		if _, err := r.Receive(c, s.request(t, c, req, true), tampered); !errors.Is(err, channel.ErrForged) {
			t.Errorf("changed at byte %d: got error %v, want ErrForged", at, err)
		}
	}
}

func sameHeader(a, b *http.Request) bool { return cmp.Equal(a.Header, b.Header) }

// survives checks that genuine nonsense is an error or means nothing, and
// never a panic.
func (s *Suite) survives(t *testing.T, r channel.Receiver, req recorded) {
	t.Helper()
	c := s.conn(t, "")
	bodies := [][]byte{nil, []byte("{"), []byte("null"), []byte("[]"), []byte("{}"), []byte(`"x"`), []byte("<xml/>"), {0xff, 0xfe}}
	for n := 1; n < len(req.body); n += len(req.body)/8 + 1 {
		bodies = append(bodies, req.body[:n])
	}
	for _, body := range bodies {
		nonsense := req
		nonsense.body = body
		_, err := r.Receive(c, s.request(t, c, nonsense, true), bytes.Clone(body))
		if err != nil && !errors.Is(err, channel.ErrMalformed) && !errors.Is(err, channel.ErrForged) {
			t.Errorf("body %q: got error %v, want ErrMalformed", body, err)
		}
	}
}

// request builds the HTTP request that a recorded one was.
func (s *Suite) request(t testing.TB, c *channel.Conn, req recorded, sign bool) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), req.method, "https://parley.example"+req.target, bytes.NewReader(req.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = req.header.Clone()
	if sign && s.Sign != nil {
		s.Sign(c, r, req.body)
	}
	return r
}

// recorded is a request in a file.
type recorded struct {
	file           string
	method, target string
	header         http.Header
	body           []byte
}

// record reads a request from a file: a request line, headers, an empty line
// and the body, without the line break that ends the file.
func record(t testing.TB, file string) recorded {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewReader(bytes.NewReader(raw))
	r := textproto.NewReader(buffered)
	line, err := r.ReadLine()
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	method, target, ok := strings.Cut(strings.TrimSuffix(line, " HTTP/1.1"), " ")
	if !ok || !strings.HasPrefix(target, "/") {
		t.Fatalf("%s begins with %q, want a method and a path", file, line)
	}
	header, err := r.ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%s: %v", file, err)
	}
	header.Del("Source")
	body, err := io.ReadAll(buffered)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	body = bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("\n")), []byte("\r"))
	return recorded{file: file, method: method, target: target, header: http.Header(header), body: body}
}

// show writes what was received for a golden file.
func show(t *testing.T, got channel.Received, err error) string {
	t.Helper()
	if err != nil {
		switch {
		case errors.Is(err, channel.ErrForged):
			return "error: forged\n"
		case errors.Is(err, channel.ErrMalformed):
			return "error: malformed\n"
		}
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	if got.Reply.Status != 0 || got.Reply.ContentType != "" || len(got.Reply.Body) > 0 {
		fmt.Fprintf(&b, "-- reply %d %s --\n%s", got.Reply.Status, got.Reply.ContentType, indented(got.Reply.Body))
	}
	for i := range got.Inbound {
		fmt.Fprintf(&b, "-- inbound %d --\n%s", i+1, marshal(t, viewOf(&got.Inbound[i])))
	}
	return b.String()
}

// A view is an Inbound without the members that are empty.
type view struct {
	ID           channel.ProviderID          `json:"id,omitempty"`
	At           *time.Time                  `json:"at,omitempty"`
	From         *channel.Address            `json:"from,omitempty"`
	To           string                      `json:"to,omitempty"`
	ReplyTo      channel.ProviderID          `json:"reply_to,omitempty"`
	Message      *parley.ContactMessage      `json:"message,omitempty"`
	Media        *channel.MediaRef           `json:"media,omitempty"`
	SentAlong    int                         `json:"sent_along,omitempty"` // bytes of Media
	Event        *parley.ContactEvent        `json:"event,omitempty"`
	MessageEvent *parley.ContactMessageEvent `json:"message_event,omitempty"`
	Receipt      *channel.Receipt            `json:"receipt,omitempty"`
	OptIn        bool                        `json:"opt_in,omitempty"`
	OptOut       bool                        `json:"opt_out,omitempty"`
	Listed       bool                        `json:"listed,omitempty"`
	ChannelEvent *parley.ChannelEvent        `json:"channel_event,omitempty"`
	Unsupported  string                      `json:"unsupported,omitempty"`
	Metadata     string                      `json:"metadata,omitempty"`
	Ack          string                      `json:"ack,omitempty"`
}

func viewOf(in *channel.Inbound) view {
	v := view{
		ID: in.ID, To: in.To, ReplyTo: in.ReplyTo, Message: in.Message, Media: in.Media, Event: in.Event,
		MessageEvent: in.MessageEvent, Receipt: in.Receipt, OptIn: in.OptIn, OptOut: in.OptOut, Listed: in.Listed,
		ChannelEvent: in.ChannelEvent, Unsupported: in.Unsupported, Metadata: in.Metadata, Ack: in.Ack,
	}
	if !in.At.IsZero() {
		at := in.At.UTC()
		v.At = &at
	}
	if in.Media != nil {
		v.SentAlong = len(in.Media.Data)
	}
	if in.From != (channel.Address{}) {
		v.From = &in.From
	}
	return v
}
