package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
	"github.com/parley-im/parley/internal/store"
)

// says is a text from somebody.
func says(pid, from, words string) channel.Inbound {
	return channel.Inbound{
		ID: channel.ProviderID(pid), From: channel.Address{Identity: from, Name: "Ada"}, To: "me",
		Message: &parley.ContactMessage{Text: &parley.TextMessage{Text: words}},
	}
}

func TestInboundFromAStranger(t *testing.T) {
	t.Parallel()
	for _, mode := range []parley.ProcessingMode{parley.ModeConversation, parley.ModeDispatch} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scripted(parley.ChannelSMS))
			a := w.app(func(a *parley.App) { a.ProcessingMode = mode })
			w.tell(a, parley.ChannelSMS, says("i1", ada, "hi"), says("i1", ada, "hi"), says("i2", ada, "there"))
			w.tell(a, parley.ChannelSMS, says("i2", ada, "there")) // told again
			want := []string{"MESSAGE_INBOUND", "MESSAGE_INBOUND"}
			if mode == parley.ModeConversation {
				want = []string{"CONTACT_CREATE", "CONVERSATION_START", "MESSAGE_INBOUND", "MESSAGE_INBOUND"}
			}
			got := w.expect(want...)
			last := got[len(got)-1].body.Message
			if last == nil || last.ContactMessage.Text.Text != "there" || last.SenderID != "me" || last.ProcessingMode != mode ||
				last.ChannelIdentity != sms(ada) || (last.ContactID == "") != (mode == parley.ModeDispatch) ||
				(last.ConversationID == "") != (mode == parley.ModeDispatch) {
				t.Fatalf("got %+v", last)
			}
			if mode == parley.ModeConversation {
				if c := got[0].body.ContactCreate.Contact; c.DisplayName != "Ada" || c.ID != last.ContactID {
					t.Errorf("got contact %+v", c)
				}
				conv, err := w.store.Conversation(t.Context(), project, last.ConversationID)
				if err != nil || conv.ActiveChannel != parley.ChannelSMS || !conv.LastReceived.Equal(w.now()) {
					t.Errorf("got conversation %+v, %v", conv, err)
				}
			}
		})
	}
}

// choices is a message with two choices, the first with postback data.
func choices(a *parley.App, to parley.ChannelIdentity) *parley.SendMessageRequest {
	r := text(a, "", to)
	r.MessageMetadata = "of the question"
	r.Message = &parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Well?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Yes"}, PostbackData: "yes!"},
			{Text: &parley.TextMessage{Text: "No"}},
		},
	}}
	return r
}

func TestChoices(t *testing.T) {
	t.Parallel()
	tap := func(payload string) channel.Inbound {
		in := says("t", ada, "")
		in.Message = &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: payload}}
		return in
	}
	quoting := func(m, text string) channel.Inbound {
		in := says("t", ada, text)
		in.ReplyTo = channel.ProviderID("fake-" + m + "-0-0-1")
		return in
	}
	for name, tc := range map[string]struct {
		typed bool
		in    func(m string) channel.Inbound
		want  func(m string) *parley.ChoiceResponseMessage // nil: a plain text
	}{
		"tapped": {false, func(m string) channel.Inbound { return tap(channel.Token(m, 0)) }, func(m string) *parley.ChoiceResponseMessage {
			return &parley.ChoiceResponseMessage{MessageID: m, PostbackData: "yes!"}
		}},
		"tapped, no data": {false, func(m string) channel.Inbound { return tap(channel.Token(m, 1)) }, func(m string) *parley.ChoiceResponseMessage {
			return &parley.ChoiceResponseMessage{MessageID: m, PostbackData: m + "_No"}
		}},
		"typed": {true, func(string) channel.Inbound { return says("t", ada, " yes ") }, func(m string) *parley.ChoiceResponseMessage {
			return &parley.ChoiceResponseMessage{MessageID: m, PostbackData: "yes!"}
		}},
		"typed, quoting": {true, func(m string) channel.Inbound { return quoting(m, "YES") }, func(m string) *parley.ChoiceResponseMessage {
			return &parley.ChoiceResponseMessage{MessageID: m, PostbackData: "yes!"}
		}},
		"typed else, quoting": {true, func(m string) channel.Inbound { return quoting(m, "maybe") }, nil},

		"typed elsewhere":  {false, func(string) channel.Inbound { return says("t", ada, "yes") }, nil},
		"typed else":       {true, func(string) channel.Inbound { return says("t", ada, "maybe") }, nil},
		"typed by another": {true, func(string) channel.Inbound { return says("t", bob, "yes") }, nil},
		"no such choice": {false, func(m string) channel.Inbound { return tap(channel.Token(m, 7)) }, func(m string) *parley.ChoiceResponseMessage {
			return &parley.ChoiceResponseMessage{MessageID: m, PostbackData: m + ".7"}
		}},
		"not one of ours": {false, func(string) channel.Inbound { return tap("menu") }, func(string) *parley.ChoiceResponseMessage { return &parley.ChoiceResponseMessage{PostbackData: "menu"} }},
	} {
		for _, mode := range []parley.ProcessingMode{parley.ModeConversation, parley.ModeDispatch} {
			t.Run(name+" "+string(mode), func(t *testing.T) {
				t.Parallel()
				ch := scripted(parley.ChannelSMS)
				ch.Caps.TypedChoices = tc.typed
				w := newWorld(t, ch)
				a := w.app(func(a *parley.App) { a.ProcessingMode = mode })
				m := w.send(choices(a, sms(ada)))
				w.take()
				w.tell(a, parley.ChannelSMS, tc.in(m))
				got := w.take()
				msg := got[len(got)-1].body.Message
				if msg == nil {
					t.Fatalf("got %v", names(got))
				}
				if tc.want == nil {
					if msg.ContactMessage.Text == nil {
						t.Errorf("got %+v, want a text", msg.ContactMessage)
					}
					return
				}
				if d := cmp.Diff(tc.want(m), msg.ContactMessage.ChoiceResponse); d != "" {
					t.Errorf("choice response (-want +got):\n%s", d)
				}
				if ours := tc.want(m).MessageID != ""; ours != (msg.Metadata == "of the question") {
					t.Errorf("got metadata %q", msg.Metadata)
				}
			})
		}
	}
}

// A picturing channel is MMS: its credentials are not those of SMS.
type picturing struct{ *fake.Channel }

func (picturing) Check(*parley.ChannelCredential) error { return nil }

// TestMMSAnsweredBySMS answers choices shown on MMS where the answers to them
// arrive: on SMS, perhaps from somebody who was not known there.
func TestMMSAnsweredBySMS(t *testing.T) {
	t.Parallel()
	mms := func(to string) parley.ChannelIdentity { return id(parley.ChannelMMS, to) }
	for name, to := range map[string][]parley.ChannelIdentity{
		"known by both":   {mms(ada), sms(ada)},
		"known by MMS":    {mms(ada)},
		"two contacts":    {mms(ada)},
		"another on both": {mms(bob), sms(bob)},
	} {
		for _, mode := range []parley.ProcessingMode{parley.ModeConversation, parley.ModeDispatch} {
			t.Run(name+" "+string(mode), func(t *testing.T) {
				t.Parallel()
				one, other := scripted(parley.ChannelSMS), scripted(parley.ChannelMMS)
				one.Caps.TypedChoices, other.Caps.TypedChoices = true, true
				w := newWorld(t, one, picturing{other})
				a := w.app(func(a *parley.App) { a.ProcessingMode = mode })
				if name == "two contacts" {
					w.send(text(a, "hello", sms(ada)))
				}
				r := choices(a, to[0])
				r.Recipient.IdentifiedBy.ChannelIdentities = to
				m := w.send(r)
				w.take()
				w.tell(a, parley.ChannelSMS, says("t", ada, "yes"))
				got := w.take()
				msg := got[len(got)-1].body.Message
				answer := msg.ContactMessage.ChoiceResponse
				if to[0].Identity == bob {
					if answer != nil {
						t.Errorf("got an answer to another's question: %+v", answer)
					}
					return
				}
				if d := cmp.Diff(&parley.ChoiceResponseMessage{MessageID: m, PostbackData: "yes!"}, answer); d != "" {
					t.Errorf("choice response (-want +got):\n%s", d)
				}
				if msg.Metadata != "of the question" {
					t.Errorf("got metadata %q", msg.Metadata)
				}
			})
		}
	}
}

func TestRepliesAndReactions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	m := w.send(text(a, "hello", sms(ada)))
	w.take()
	reply := says("r1", ada, "hi")
	reply.ReplyTo = channel.ProviderID("fake-" + m + "-0-0-1")
	w.tell(a, parley.ChannelSMS, reply)
	got := w.expect("MESSAGE_INBOUND")[0].body.Message
	if r := got.ContactMessage.ReplyTo; r == nil || r.MessageID != m {
		t.Errorf("got reply_to %+v, want %s", r, m)
	}
	w.tell(a, parley.ChannelSMS, channel.Inbound{
		ID: "r2", From: channel.Address{Identity: ada}, ReplyTo: reply.ReplyTo,
		MessageEvent: &parley.ContactMessageEvent{Reaction: &parley.ReactionEvent{Emoji: "👍", Action: parley.ReactionReact}},
	})
	if r := w.expect("EVENT_INBOUND")[0].body.Event.ContactMessageEvent.Reaction; r == nil || r.MessageID != m || r.Emoji != "👍" {
		t.Errorf("got reaction %+v", r)
	}
	// Our own reply quotes theirs by the provider's name of it.
	r := text(a, "quoting", sms(ada))
	r.Message.ReplyTo = &parley.ReplyTo{MessageID: got.ID}
	w.send(r)
	w.take()
	attempts := w.channels[0].(*fake.Channel).Attempts() //nolint:forcetypeassert // it was made above
	if body := string(attempts[len(attempts)-1].Payload.Body); !strings.Contains(body, `"quote":"r1"`) {
		t.Errorf("got payload %s", body)
	}
}

func TestOtherInbound(t *testing.T) {
	t.Parallel()
	from := channel.Address{Identity: ada}
	for name, tc := range map[string]struct {
		in    channel.Inbound
		want  []string
		check func(c *parley.Callback) bool
	}{
		"event": {
			channel.Inbound{ID: "e", From: from, Event: &parley.ContactEvent{Composing: &parley.Empty{}}},
			[]string{"CONTACT_CREATE", "CONVERSATION_START", "EVENT_INBOUND"},
			func(c *parley.Callback) bool { return c.Event.ContactEvent.Composing != nil && c.Event.ContactID != "" },
		},
		"opt in": {
			channel.Inbound{ID: "e", From: from, OptIn: true},
			[]string{"OPT_IN"},
			func(c *parley.Callback) bool {
				return c.OptIn.Identity == ada && c.OptIn.Status == parley.OptInSucceeded
			},
		},
		"opt out": {
			channel.Inbound{ID: "e", From: from, OptOut: true},
			[]string{"OPT_OUT"},
			func(c *parley.Callback) bool { return c.OptOut.Status == parley.OptOutSucceeded },
		},
		"channel event": {
			channel.Inbound{ID: "e", ChannelEvent: &parley.ChannelEvent{Channel: parley.ChannelSMS, EventType: "NEWS"}},
			[]string{"CHANNEL_EVENT"},
			func(c *parley.Callback) bool { return c.ChannelEvent.ChannelEvent.EventType == "NEWS" },
		},
		"unsupported": {
			channel.Inbound{ID: "e", From: from, Unsupported: `{"odd":1}`},
			[]string{"CONTACT_CREATE", "CONVERSATION_START", "UNSUPPORTED"},
			func(c *parley.Callback) bool {
				return c.Unsupported.Payload == `{"odd":1}` && c.Unsupported.ContactID != ""
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scripted(parley.ChannelSMS))
			a := w.app()
			w.tell(a, parley.ChannelSMS, tc.in)
			w.tell(a, parley.ChannelSMS, tc.in) // again
			got := w.expect(tc.want...)
			if len(got) == len(tc.want) && !tc.check(got[len(got)-1].body) {
				t.Errorf("got %+v", got[len(got)-1].body)
			}
		})
	}
}

// What sticks to the conversation comes with what the contact writes.
func TestStickyMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	answer := func() *parley.Callback {
		w.take()
		w.tell(a, parley.ChannelSMS, says(w.store.NewID(), ada, "hi"))
		return w.expect("MESSAGE_INBOUND")[0].body
	}
	r := text(a, "x", sms(ada))
	r.ConversationMetadata, r.CorrelationID = json.RawMessage(`{"a":1,"b":{"c":2}}`), "first"
	w.send(r)
	if c := answer(); c.MessageMetadata != `{"a":1,"b":{"c":2}}` || c.CorrelationID != "first" {
		t.Errorf("got %q, %q", c.MessageMetadata, c.CorrelationID)
	}
	r.ConversationMetadata, r.CorrelationID = json.RawMessage(`{"a":null,"b":{"d":3}}`), ""
	r.ConversationMetadataUpdateStrategy = parley.UpdateMergePatch
	w.send(r)
	if c := answer(); c.MessageMetadata != `{"b":{"c":2,"d":3}}` || c.CorrelationID != "first" {
		t.Errorf("after a merge: got %q, %q", c.MessageMetadata, c.CorrelationID)
	}
	r.ConversationMetadata, r.ConversationMetadataUpdateStrategy = json.RawMessage(`{"z":0}`), parley.UpdateReplace
	w.send(r)
	if c := answer(); c.MessageMetadata != `{"z":0}` {
		t.Errorf("after a replacement: got %q", c.MessageMetadata)
	}
	// Patch upon patch must not grow beyond what one may have.
	r.ConversationMetadataUpdateStrategy = parley.UpdateMergePatch
	var err error
	for i := range 4 {
		r.ConversationMetadata = json.RawMessage(`{"k` + string(rune('0'+i)) + `":"` + strings.Repeat("x", 1000) + `"}`)
		_, err = w.e.SendMessage(t.Context(), project, r)
	}
	if parley.CodeOf(err) != parley.CodeInvalidArgument {
		t.Errorf("4,000 bytes in pieces: got %v, want INVALID_ARGUMENT", err)
	}
}

func TestReportView(t *testing.T) {
	t.Parallel()
	for view, want := range map[string]string{parley.ReportViewNone: `{}`, parley.ReportViewFull: `{"a":1}`} {
		t.Run(view, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scripted(parley.ChannelSMS))
			a := w.app(func(a *parley.App) { a.ConversationMetadataReportView = view })
			r := text(a, "x", sms(ada))
			r.ConversationMetadata = json.RawMessage(`{"a":1}`)
			w.send(r)
			got := w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
			if c := got[1].body.ConversationStart.Conversation; string(c.MetadataJSON) != want {
				t.Errorf("got metadata_json %s, want %s", c.MetadataJSON, want)
			}
			w.tell(a, parley.ChannelSMS, says("1", ada, "hi"))
			if c := w.expect("MESSAGE_INBOUND")[0].body; c.MessageMetadata != `{"a":1}` {
				t.Errorf("got message_metadata %q: what was sent comes back in any view", c.MessageMetadata)
			}
		})
	}
}

// A shelf keeps media in memory.
type shelf struct{ kept map[string]string }

func (s *shelf) URL(_, id, filename string) string {
	return "https://parley.example/media/" + id + "/" + filename
}

func (s *shelf) Save(_ context.Context, _, id string, m channel.Media) error {
	b, err := io.ReadAll(m.Body)
	s.kept[id] = m.MIME + ":" + string(b)
	return err
}

func (s *shelf) Remove(_ context.Context, _, id string) error {
	delete(s.kept, id)
	return nil
}

// An album is a channel whose media must be asked for.
type album struct {
	*fake.Channel
	failures int
}

func (a *album) FetchMedia(_ context.Context, _ *channel.Conn, ref string) (channel.Media, error) {
	if a.failures > 0 {
		a.failures--
		return channel.Media{}, errors.New("not now")
	}
	return channel.Media{Body: io.NopCloser(strings.NewReader("bytes of " + ref)), Size: -1}, nil
}

func TestInboundMedia(t *testing.T) {
	t.Parallel()
	s := &shelf{kept: map[string]string{}}
	w := newWorldWith(t, func(o *Options) { o.Media = s }, &album{scripted(parley.ChannelSMS), 2})
	a := w.app()
	w.tell(a, parley.ChannelSMS, channel.Inbound{
		ID: "m", From: channel.Address{Identity: ada},
		Message: &parley.ContactMessage{Media: &parley.MediaMessage{}},
		Media:   &channel.MediaRef{Ref: "file-1", MIME: "image/png", Filename: "a.png"},
	})
	got := w.expect("CONTACT_CREATE", "CONVERSATION_START", "MESSAGE_INBOUND")
	address := got[2].body.Message.ContactMessage.Media.URL
	if !strings.HasPrefix(address, "https://parley.example/media/") || !strings.HasSuffix(address, "/a.png") {
		t.Fatalf("got address %q", address)
	}
	w.run(5*time.Minute, 5*time.Second)
	if got := s.kept[strings.Split(address, "/")[4]]; got != "image/png:bytes of file-1" {
		t.Errorf("kept %q", got)
	}
}

// The door: who is let in, and what the others hear.
func TestReceive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	body := []byte(`{"id":"1","from":"` + ada + `","text":"hi"}`)
	post := func(app string, ch parley.Channel, body []byte, secret string) error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set(fake.SignatureHeader, fake.Sign(secret, body))
		_, err := w.e.Receive(t.Context(), ch, app, r, body)
		return err
	}
	secret := w.e.accountSecret(a.ID, parley.ChannelSMS)
	if err := post(a.ID, parley.ChannelSMS, body, "guess"); !errors.Is(err, channel.ErrForged) {
		t.Errorf("forged: got %v", err)
	}
	if err := post(a.ID, parley.ChannelSMS, []byte("{"), secret); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("malformed: got %v", err)
	}
	if err := post(w.store.NewID(), parley.ChannelSMS, body, secret); !parley.IsNotFound(err) {
		t.Errorf("no such app: got %v", err)
	}
	if err := post(a.ID, parley.ChannelRCS, body, secret); !parley.IsNotFound(err) {
		t.Errorf("no such channel: got %v", err)
	}
	w.expect()
	if err := post(a.ID, parley.ChannelSMS, body, secret); err != nil {
		t.Error(err)
	}
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "MESSAGE_INBOUND")
}

// PostgreSQL refuses these strings; the provider would send them for ever.
func TestOddBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	in := says("i\x00d\xff", "1555\x001230001", "a\x00b")
	in.To = "\xfe me"
	w.tell(a, parley.ChannelSMS, in)
	m := w.expect("CONTACT_CREATE", "CONVERSATION_START", "MESSAGE_INBOUND")[2].body.Message
	if m.ChannelIdentity.Identity != ada || m.SenderID != "\uFFFD me" || m.ContactMessage.Text.Text != "a\x00b" {
		t.Errorf("got %+v", m)
	}
}

// A caller who goes away while we store must not fail the commit, which is
// also others'.
func TestCallerGoesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.e.dir.forget() // the webhooks are read again, within the commit
	jobs, err := w.e.arrivals(ctx, project, a)(&store.Resolution{ContactCreated: true, NewContact: newContact("c", nil, "")})
	if err != nil || len(jobs) != 1 {
		t.Errorf("got %d jobs, %v", len(jobs), err)
	}
}

// Media that came along with the message is kept before it, once.
func TestInboundMediaThatCameAlong(t *testing.T) {
	t.Parallel()
	s := &shelf{kept: map[string]string{}}
	w := newWorldWith(t, func(o *Options) { o.Media = s }, scripted(parley.ChannelSMS))
	a := w.app()
	inlets, err := w.e.Inlets(t.Context(), parley.ChannelSMS)
	if err != nil || len(inlets) != 1 || inlets[0].Conn.AppID != a.ID {
		t.Fatalf("got inlets %v, %v", inlets, err)
	}
	for range 2 {
		if err := inlets[0].Accept(t.Context(), []channel.Inbound{{
			ID: "m", From: channel.Address{Identity: ada},
			Message: &parley.ContactMessage{Media: &parley.MediaMessage{}},
			Media:   &channel.MediaRef{MIME: "image/png", Filename: "a.png", Data: []byte("bytes")},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	got := w.expect("CONTACT_CREATE", "CONVERSATION_START", "MESSAGE_INBOUND")
	id := strings.Split(got[2].body.Message.ContactMessage.Media.URL, "/")[4]
	if len(s.kept) != 1 || s.kept[id] != "image/png:bytes" {
		t.Errorf("kept %q", s.kept)
	}
}
