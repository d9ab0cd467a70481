package engine

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/store"
)

// stopWords has SMS take the words of the tests.
func stopWords(o *Options) {
	o.Keywords = Keywords{Channels: []parley.Channel{parley.ChannelSMS}, OptOut: []string{"Stop"}, OptIn: []string{"START", "ja bitte"}}
}

// consent changes a list of an app.
func (w *world) consent(a *parley.App, list parley.ConsentList, remove bool, identities ...string) {
	w.t.Helper()
	var changes []store.ConsentChange
	for _, id := range identities {
		changes = append(changes, store.ConsentChange{Identity: id, List: list, Remove: remove})
	}
	if err := w.e.PutConsents(w.t.Context(), project, a.ID, changes, parley.OriginAPI); err != nil {
		w.t.Fatal(err)
	}
}

// lists returns the lists an identity is on.
func (w *world) lists(a *parley.App, identity string) []parley.ConsentList {
	w.t.Helper()
	var out []parley.ConsentList
	for _, l := range parley.ConsentLists() {
		on, err := w.store.OnConsentList(w.t.Context(), project, a.ID, identity, l)
		if err != nil {
			w.t.Fatal(err)
		}
		if on {
			out = append(out, l)
		}
	}
	return out
}

func TestConsentLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS), scripted(parley.ChannelRCS))
	a, other := w.app(), w.app()
	w.send(text(a, "before", sms(ada)))
	w.expect("CONTACT_CREATE", "CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	w.consent(a, parley.OptOutMarketing, false, "+"+ada)
	send := func(a *parley.App, content string, to ...parley.ChannelIdentity) {
		r := text(a, "hello", to...)
		r.MessageContentType = content
		w.send(r)
	}
	send(a, parley.ContentMarketing, sms(ada))
	w.expect("FAILED SMS RECIPIENT_NOT_OPTED_IN")
	for _, content := range []string{"", parley.ContentUnknown, parley.ContentNotification} {
		send(a, content, sms(ada))
		w.expect("SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	}
	w.consent(a, parley.OptOutAll, false, ada)
	send(a, "", sms(ada))
	w.expect("FAILED SMS RECIPIENT_NOT_OPTED_IN")
	send(a, parley.ContentNotification, sms(ada), id(parley.ChannelRCS, bob))
	w.expect("CONTACT_UPDATE", "CONTACT_UPDATE", "SWITCHING_CHANNEL SMS RECIPIENT_NOT_OPTED_IN", "SUBMIT RCS", "QUEUED_ON_CHANNEL RCS")
	send(other, "", sms(ada)) // the lists are the app's own
	w.expect("CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	w.consent(a, parley.OptOutAll, true, ada)
	send(a, "", sms(ada))
	w.expect("SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	if err := w.e.PutConsents(t.Context(), project, w.store.NewID(), nil, parley.OriginAPI); !parley.IsNotFound(err) {
		t.Errorf("an app that does not exist: got %v", err)
	}
}

// TestConsentBetweenAttempts: an opt-out ends the retries.
func TestConsentBetweenAttempts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS, fail(channel.TryAgain, parley.ReasonChannelFailure)))
	a := w.app()
	w.send(text(a, "hello", sms(ada)))
	w.expect("CONTACT_CREATE", "CONVERSATION_START")
	w.consent(a, parley.OptOutAll, false, ada)
	w.run(5*time.Second, time.Second)
	w.expect("SUBMIT SMS", "FAILED SMS RECIPIENT_NOT_OPTED_IN")
}

// TestConsentElsewhere: what another node changed is obeyed within two
// seconds.
func TestConsentElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	w.send(text(a, "hello", sms(ada)))
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	change := store.ConsentChange{Identity: ada, List: parley.OptOutAll}
	c := &store.Consents{ProjectID: project, AppID: a.ID, Origin: parley.OriginAPI, Changes: []store.ConsentChange{change}}
	if err := w.store.ChangeConsents(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	w.pass(2 * time.Second)
	w.send(text(a, "hello", sms(ada)))
	w.expect("FAILED SMS RECIPIENT_NOT_OPTED_IN")
}

func TestKeywords(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, stopWords, scripted(parley.ChannelSMS), scripted(parley.ChannelRCS))
	a := w.app()
	w.send(text(a, "hello", sms(ada), id(parley.ChannelRCS, bob)))
	w.take()
	write := func(ch parley.Channel, from, words, id string) {
		w.tell(a, ch, says(id, from, words))
	}
	write(parley.ChannelSMS, ada, " sTop\n", "1")
	got := w.expect("MESSAGE_INBOUND", "OPT_OUT")
	m, o := got[0].body.Message, got[1].body.OptOut
	want := &parley.OptNotification{
		RequestID: m.ID, ContactID: m.ContactID, Channel: parley.ChannelSMS, Identity: ada, Status: "OPT_OUT_SUCCEEDED",
		ProcessingMode: parley.ModeConversation,
	}
	if d := cmp.Diff(want, o); d != "" || m.ContactMessage.Text.Text != " sTop\n" {
		t.Errorf("callback (-want +got):\n%s\nmessage %+v", d, m.ContactMessage)
	}
	write(parley.ChannelSMS, ada, "STOP", "1") // told again
	w.expect()
	w.send(text(a, "hello", sms(ada)))
	w.expect("FAILED SMS RECIPIENT_NOT_OPTED_IN") // at once: this node took the word
	for i, c := range []struct {
		words, callback string
		lists           []parley.ConsentList
	}{
		{"stop  marketing", "OPT_OUT", []parley.ConsentList{parley.OptOutAll, parley.OptOutMarketing}},
		{"please stop", "", []parley.ConsentList{parley.OptOutAll, parley.OptOutMarketing}},
		{"start notification", "OPT_IN", []parley.ConsentList{parley.OptOutAll, parley.OptOutMarketing}},
		{"Ja Bitte", "OPT_IN", nil},
		{"stop notification", "OPT_OUT", []parley.ConsentList{parley.OptOutNotification}},
		{"START", "OPT_IN", nil},
	} {
		write(parley.ChannelSMS, ada, c.words, string(rune('a'+i)))
		if c.callback == "" {
			w.expect("MESSAGE_INBOUND")
		} else {
			w.expect("MESSAGE_INBOUND", c.callback)
		}
		if d := cmp.Diff(c.lists, w.lists(a, ada)); d != "" {
			t.Errorf("lists after %q (-want +got):\n%s", c.words, d)
		}
	}
	write(parley.ChannelRCS, bob, "stop", "2") // not a channel where words count
	w.expect("MESSAGE_INBOUND")
	if on := w.lists(a, bob); on != nil {
		t.Errorf("a word on another channel counts: %v", on)
	}
}

// TestListedOptOut: what nobody else keeps goes on the app's list, with its
// callback; what the provider keeps does not.
func TestListedOptOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	w.send(text(a, "hello", sms(ada)))
	w.take()
	told := channel.Inbound{From: channel.Address{Identity: ada}, OptOut: true}
	w.tell(a, parley.ChannelSMS, told)
	w.expect("OPT_OUT")
	if on := w.lists(a, ada); on != nil {
		t.Errorf("the provider's list is ours: %v", on)
	}
	told.Listed = true
	w.tell(a, parley.ChannelSMS, told)
	w.expect("OPT_OUT")
	w.send(text(a, "hello", sms(ada)))
	w.expect("FAILED SMS RECIPIENT_NOT_OPTED_IN")
	w.tell(a, parley.ChannelSMS, channel.Inbound{From: channel.Address{Identity: ada}, OptIn: true, Listed: true})
	w.expect("OPT_IN")
	if on := w.lists(a, ada); on != nil {
		t.Errorf("in again, and on %v", on)
	}
}

// TestKeywordsOfStrangers: whoever is not known yet becomes known first; in
// dispatch mode nobody does.
func TestKeywordsOfStrangers(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, stopWords, scripted(parley.ChannelSMS))
	a := w.app()
	d := w.app(func(a *parley.App) { a.ProcessingMode = parley.ModeDispatch })
	in := says("", ada, "stop")
	w.tell(a, parley.ChannelSMS, in)
	got := w.expect("CONTACT_CREATE", "CONTACT_CREATE", "CONVERSATION_START", "MESSAGE_INBOUND", "OPT_OUT")
	if c := got[4].body.OptOut.ContactID; c == "" || c != got[3].body.Message.ContactID {
		t.Errorf("OPT_OUT of contact %q", c)
	}
	w.tell(d, parley.ChannelSMS, in)
	got = w.expect("MESSAGE_INBOUND", "OPT_OUT")
	if o := got[1].body.OptOut; o.ContactID != "" || o.ProcessingMode != parley.ModeDispatch {
		t.Errorf("in dispatch mode: %+v", o)
	}
	w.send(text(d, "hello", sms(ada)))
	w.expect("FAILED SMS RECIPIENT_NOT_OPTED_IN")
}

func TestRegisterOpt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	w.send(text(a, "hello", sms(ada)))
	contact := w.take()[0].body.ContactCreate.Contact
	r := &parley.OptRequest{
		AppID: a.ID, Channels: []parley.Channel{parley.ChannelSMS, parley.ChannelRCS},
		Recipient: &parley.Recipient{ContactID: contact.ID},
	}
	resp, err := w.e.RegisterOpt(t.Context(), project, "r-1", true, r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.RequestID != "r-1" || resp.OptOut != r || resp.OptIn != nil {
		t.Errorf("got %+v", resp)
	}
	got := w.expect("OPT_OUT", "OPT_OUT")
	if n := got[0].body.OptOut; n.Status != parley.OptOutSucceeded || n.Identity != ada || n.RequestID != "r-1" || n.ContactID != contact.ID {
		t.Errorf("on SMS: %+v", n)
	}
	if n := got[1].body.OptOut; n.Status != parley.OptOutFailed || n.ErrorDetails == nil {
		t.Errorf("on RCS, which the app does not have: %+v", n)
	}
	if d := cmp.Diff([]parley.ConsentList{parley.OptOutAll}, w.lists(a, ada)); d != "" {
		t.Errorf("lists (-want +got):\n%s", d)
	}
	r.Channels = r.Channels[:1]
	r.Recipient = text(a, "", sms("+"+ada)).Recipient
	if resp, err = w.e.RegisterOpt(t.Context(), project, "", false, r); err != nil || !parley.IsID(resp.RequestID) {
		t.Fatalf("got %+v, %v", resp, err)
	}
	if n := w.expect("OPT_IN")[0].body.OptIn; n.Status != parley.OptInSucceeded || n.ContactID != contact.ID || n.Identity != ada {
		t.Errorf("got %+v", n)
	}
	if on := w.lists(a, ada); on != nil {
		t.Errorf("still on %v", on)
	}
}

// TestCorrelationOfContact checks that what is told of a person carries the
// correlation id of the last message that brought one.
func TestCorrelationOfContact(t *testing.T) {
	t.Parallel()
	for _, mode := range []parley.ProcessingMode{parley.ModeConversation, parley.ModeDispatch} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newWorldWith(t, stopWords, scripted(parley.ChannelSMS))
			a := w.app(func(a *parley.App) {
				a.ProcessingMode, a.DispatchRetentionPolicy = mode, &parley.RetentionPolicy{TTLDays: 7}
			})
			r := text(a, "hello", sms(ada))
			r.CorrelationID = "c-1"
			w.send(r)
			w.take()
			to := text(a, "", sms(ada)).Recipient
			check := func(want string) {
				t.Helper()
				got := w.take()
				last := got[len(got)-1]
				if last.body.CorrelationID != "c-1" || string(last.trig) != want {
					t.Errorf("%s, want %s, with the correlation id %q", last.trig, want, last.body.CorrelationID)
				}
			}
			w.tell(a, parley.ChannelSMS, says("1", ada, "stop"))
			check("OPT_OUT")
			w.tell(a, parley.ChannelSMS, channel.Inbound{ID: "2", From: channel.Address{Identity: ada}, OptIn: true})
			check("OPT_IN")
			if _, err := w.e.RegisterOpt(t.Context(), project, "", false, &parley.OptRequest{
				AppID: a.ID, Channels: []parley.Channel{parley.ChannelSMS}, Recipient: to,
			}); err != nil {
				t.Fatal(err)
			}
			check("OPT_IN")
			if _, err := w.e.QueryCapability(t.Context(), project, &parley.QueryCapabilityRequest{AppID: a.ID, Recipient: to}); err != nil {
				t.Fatal(err)
			}
			check("CAPABILITY")
		})
	}
}
