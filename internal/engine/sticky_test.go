package engine

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
)

// sticky is an app in dispatch mode that keeps messages for so many days.
func sticky(days int64) func(*parley.App) {
	return func(a *parley.App) {
		a.ProcessingMode = parley.ModeDispatch
		a.DispatchRetentionPolicy = &parley.RetentionPolicy{TTLDays: days}
	}
}

// echo has a contact write and returns what its callback echoes, as
// "message_metadata correlation_id".
func (w *world) echo(a *parley.App, from string) string {
	w.t.Helper()
	w.tell(a, parley.ChannelSMS, channel.Inbound{
		ID: channel.ProviderID(w.store.NewID()), From: channel.Address{Identity: from},
		Message: &parley.ContactMessage{Text: &parley.TextMessage{Text: "yes"}},
	})
	for _, c := range w.take() {
		if c.body.Message != nil {
			return c.body.MessageMetadata + " " + c.body.CorrelationID
		}
	}
	w.t.Fatal("no MESSAGE_INBOUND")
	return ""
}

// correlations sends a message and returns the correlation ids of its reports.
func (w *world) correlations(r *parley.SendMessageRequest) string {
	w.t.Helper()
	w.send(r)
	var out []string
	for _, c := range w.take() {
		if c.body.MessageSubmit != nil || c.body.MessageDelivery != nil {
			out = append(out, c.body.CorrelationID)
		}
	}
	return strings.Join(out, ",")
}

// TestSticky checks what stays with the recipient in dispatch mode, and that
// the same stays with the conversation.
func TestSticky(t *testing.T) {
	t.Parallel()
	for name, mod := range map[string]func(*parley.App){"dispatch": sticky(1), "conversation": func(*parley.App) {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.New(parley.ChannelSMS, fake.Accept))
			a := w.app(mod)
			is := func(what, want, got string) {
				t.Helper()
				if got != want {
					t.Errorf("%s: got %q, want %q", what, got, want)
				}
			}
			r := text(a, "x", sms("1"))
			is("reports of a plain message", ",", w.correlations(r))
			is("nothing sticks", " ", w.echo(a, "1"))
			r.ConversationMetadata, r.CorrelationID = json.RawMessage(`{ "a": 1, "b": {"c": 2} }`), "first"
			is("own reports", "first,first", w.correlations(r))
			is("what sticks", `{"a":1,"b":{"c":2}} first`, w.echo(a, "1"))
			is("later reports", "first,first", w.correlations(text(a, "y", sms("1"))))
			is("of another", ",", w.correlations(text(a, "y", sms("2"))))
			is("to another", " ", w.echo(a, "2"))
			r.ConversationMetadata, r.CorrelationID = json.RawMessage(`{"a":null,"b":{"d":3}}`), ""
			r.ConversationMetadataUpdateStrategy = parley.UpdateMergePatch
			w.send(r)
			is("merged", `{"b":{"c":2,"d":3}} first`, w.echo(a, "1"))
			r.ConversationMetadata, r.CorrelationID = json.RawMessage(`null`), "second"
			w.send(r)
			is("another correlation id", `{"b":{"c":2,"d":3}} second`, w.echo(a, "1"))
			r.ConversationMetadata, r.ConversationMetadataUpdateStrategy = json.RawMessage(`{}`), parley.UpdateReplace
			w.send(r)
			is("replaced by nothing", " second", w.echo(a, "1"))
			r.ConversationMetadata = json.RawMessage(`{"x":"` + strings.Repeat("x", 2000) + `"}`)
			w.send(r)
			r.ConversationMetadata = json.RawMessage(`{"y":"` + strings.Repeat("x", 2000) + `"}`)
			r.ConversationMetadataUpdateStrategy = parley.UpdateMergePatch
			if _, err := w.e.SendMessage(t.Context(), project, r); parley.CodeOf(err) != parley.CodeInvalidArgument {
				t.Errorf("merged to too much: %v", err)
			}
		})
	}
}

// TestStickyExpires checks that what sticks in dispatch mode goes with the
// messages, and that nothing sticks where none are kept.
func TestStickyExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.New(parley.ChannelSMS, fake.Accept))
	kept, gone := w.app(sticky(1)), w.app(sticky(0))
	for _, a := range []*parley.App{kept, gone} {
		r := text(a, "x", sms("1"))
		r.ConversationMetadata, r.CorrelationID = json.RawMessage(`{"a":1}`), "c"
		if got := w.correlations(r); got != "c,c" {
			t.Errorf("own reports: %q", got)
		}
	}
	if got := w.echo(gone, "1"); got != " " {
		t.Errorf("nothing is kept, but %q is echoed", got)
	}
	w.pass(24*time.Hour - time.Second)
	if got := w.echo(kept, "1"); got != `{"a":1} c` {
		t.Errorf("within the day: %q", got)
	}
	w.pass(time.Second)
	if got := w.echo(kept, "1"); got != " " {
		t.Errorf("after the day: %q", got)
	}
	if err := w.e.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if has, err := w.store.HasSticky(t.Context(), project, kept.ID); err != nil || has {
		t.Errorf("after the sweep: %v, %v", has, err)
	}
}

// TestDispatchOnly checks a single dispatched message of an app that has
// conversations: it touches none, and replies follow the app's mode.
func TestDispatchOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fake.New(parley.ChannelSMS, fake.Accept))
	a := w.app()
	r := text(a, "x", sms("1"))
	r.ProcessingStrategy = parley.StrategyDispatch
	r.ConversationMetadata, r.CorrelationID = json.RawMessage(`{"a":1}`), "c"
	w.send(r)
	for _, c := range w.expect("SUBMIT SMS", "QUEUED_ON_CHANNEL SMS") {
		if c.body.CorrelationID != "" {
			t.Errorf("%s: correlation_id %q", c.trig, c.body.CorrelationID)
		}
		if d := c.body.MessageDelivery; d != nil && (d.ContactID != "" || d.ConversationID != "" || d.ProcessingMode != parley.ModeDispatch) {
			t.Errorf("report %+v", d)
		}
	}
	if got := w.echo(a, "1"); got != " " {
		t.Errorf("echoed %q", got)
	}
}

// TestConversationCallbacks checks what callbacks about conversations show.
func TestConversationCallbacks(t *testing.T) {
	t.Parallel()
	for view, want := range map[string]string{
		parley.ReportViewNone: ` {} corr`, parley.ReportViewFull: `m {"a":1} corr`,
	} {
		t.Run(view, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, fake.New(parley.ChannelSMS, fake.Accept))
			a := w.app(func(a *parley.App) { a.ConversationMetadataReportView = view })
			c, err := w.e.CreateContact(t.Context(), project, &parley.Contact{ChannelIdentities: []parley.ChannelIdentity{sms("1")}})
			if err != nil {
				t.Fatal(err)
			}
			conv, err := w.e.CreateConversation(t.Context(), project, &parley.Conversation{
				AppID: a.ID, ContactID: c.ID, Active: true, Metadata: "m", MetadataJSON: json.RawMessage(`{"a":1}`), CorrelationID: "corr",
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.e.UpdateConversation(t.Context(), project, conv.ID, []byte(`{"active":false}`), nil, false); err != nil {
				t.Fatal(err)
			}
			if err := w.e.DeleteConversation(t.Context(), project, conv.ID); err != nil {
				t.Fatal(err)
			}
			var active []bool
			for _, told := range w.expect("CONTACT_CREATE", "CONVERSATION_START", "CONVERSATION_STOP", "CONVERSATION_DELETE")[1:] {
				b := told.body
				n := b.ConversationStart
				if n == nil {
					if n = b.ConversationStop; n == nil {
						n = b.ConversationDelete
					}
				}
				got := n.Conversation
				if s := got.Metadata + " " + string(got.MetadataJSON) + " " + b.CorrelationID; s != want || got.ID != conv.ID {
					t.Errorf("%s: %s, want %s", told.trig, s, want)
				}
				active = append(active, got.Active)
			}
			if diff := cmp.Diff([]bool{true, false, false}, active); diff != "" {
				t.Errorf("active (-want +got):\n%s", diff)
			}
		})
	}
}
