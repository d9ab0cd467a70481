package engine

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// template stores a template given as JSON.
func (w *world) template(body string) *parley.Template {
	w.t.Helper()
	t := new(parley.Template)
	if err := parley.Decode([]byte(body), t); err != nil {
		w.t.Fatal(err)
	}
	t, err := w.e.CreateTemplate(w.t.Context(), project, t)
	if err != nil {
		w.t.Fatal(err)
	}
	return t
}

// rewrite replaces a template's translations.
func (w *world) rewrite(t *parley.Template, change func(*parley.TemplateTranslation)) {
	w.t.Helper()
	next := *t
	next.Translations = []parley.TemplateTranslation{t.Translations[0]}
	change(&next.Translations[0])
	if _, err := w.e.ReplaceTemplate(w.t.Context(), project, t.ID, &next); err != nil {
		w.t.Fatal(err)
	}
}

// message decodes a message.
func message(t *testing.T, body string) *parley.AppMessage {
	t.Helper()
	m := new(parley.AppMessage)
	if err := parley.Decode([]byte(body), m); err != nil {
		t.Fatal(err)
	}
	return m
}

// refer is a request to send a template with parameters given as JSON.
func refer(t *testing.T, a *parley.App, id, parameters string, to ...parley.ChannelIdentity) *parley.SendMessageRequest {
	t.Helper()
	r := text(a, "", to...)
	r.Message = message(t, `{"template_message":{"omni_template":{"template_id":"`+id+`","version":"latest","parameters":`+parameters+`}}}`)
	return r
}

const greeting = `{"id":"hi","default_translation":"en-US","translations":[
	{"language_code":"en-US","text_message":{"text":"Hi ${name}"},"variables":[{"key":"name"}]},
	{"language_code":"fr","version":"1","text_message":{"text":"Salut ${name}"}},
	{"language_code":"fr","version":"2","text_message":{"text":"Bonjour ${name}"}}]}`

// encoded returns the JSON of a value.
func encoded(t *testing.T, v any) string {
	t.Helper()
	raw, err := parley.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// decoded returns what JSON text says.
func decoded(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// A template is what it was when the message was accepted: it may be changed
// or deleted, and the process may die, before the message is sent.
func TestTemplateIsSentAsItWas(t *testing.T) {
	t.Parallel()
	sms1 := scripted(parley.ChannelSMS)
	w := newWorld(t, sms1)
	a := w.app()
	tpl := w.template(greeting)
	first := w.send(refer(t, a, "hi", `{"name":"\"Ann\"","unused":"x"}`, sms(ada)))
	w.rewrite(tpl, func(tr *parley.TemplateTranslation) { tr.Text = &parley.TextMessage{Text: "Bye ${name}"} })
	w.send(refer(t, a, "hi", `{"name":"Bob"}`, sms(bob))) // the change is seen at once
	if err := w.e.DeleteTemplate(t.Context(), project, "hi"); err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.pass(time.Minute) // the node's lease
	got := w.take()
	var sent []string
	for _, at := range sms1.Attempts() {
		sent = append(sent, string(at.Payload.Body))
	}
	if all := strings.Join(sent, "\n"); len(sent) != 2 || !strings.Contains(all, `Hi \"Ann\"`) || !strings.Contains(all, "Bye Bob") {
		t.Errorf("sent %q", sent)
	}
	// The app is told what it sent, not what became of it.
	for _, c := range got {
		if s := c.body.MessageSubmit; s != nil && s.MessageID == first {
			want := `{"template_message":{"omni_template":{"template_id":"hi","version":"latest","parameters":{"name":"\"Ann\"","unused":"x"}}}}`
			if d := cmp.Diff(decoded(t, want), decoded(t, encoded(t, s.SubmittedMessage))); d != "" {
				t.Errorf("submitted (-want +got):\n%s", d)
			}
		}
	}
	m, err := w.store.Message(t.Context(), project, first)
	if err != nil {
		t.Fatal(err)
	}
	if wire, err := m.Wire(); err != nil || wire.AppMessage.Template == nil || wire.AppMessage.Text != nil {
		t.Errorf("the message is shown as %s, %v", encoded(t, wire), err)
	}
}

// What is missing fails the channel, and the next is tried.
func TestTemplateMissing(t *testing.T) {
	t.Parallel()
	ref := func(members string) string { return `{"template_id":"hi","version":"latest",` + members + `}` }
	for name, tc := range map[string]struct{ ref, want string }{
		"template":    {`{"template_id":"none","version":"latest"}`, "TEMPLATE_NOT_FOUND"},
		"language":    {ref(`"language_code":"de","parameters":{"name":"x"}`), "TEMPLATE_NON_EXISTING_LANGUAGE_OR_VERSION"},
		"version":     {`{"template_id":"hi","version":"2","parameters":{"name":"x"}}`, "TEMPLATE_NON_EXISTING_LANGUAGE_OR_VERSION"},
		"variable":    {ref(`"parameters":{"Name":"x"}`), "TEMPLATE_INSUFFICIENT_PARAMETERS"},
		"placeholder": {ref(`"language_code":"fr"`), "TEMPLATE_INSUFFICIENT_PARAMETERS"}, // used though not declared
		"value":       {`{"template_id":"media","version":"1","parameters":{"url":"nowhere"}}`, "BAD_REQUEST"},
		"loop":        {`{"template_id":"loop","version":"1"}`, "BAD_REQUEST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scripted(parley.ChannelRCS), scripted(parley.ChannelSMS))
			a := w.app()
			w.template(greeting)
			w.template(`{"id":"media","default_translation":"en","translations":[{"language_code":"en","media_message":{"url":"${url}"}}]}`)
			w.template(`{"id":"loop","default_translation":"en","translations":[{"language_code":"en","template_message":
				{"omni_template":{"template_id":"loop","version":"latest"}}}]}`)
			r := text(a, "", id(parley.ChannelRCS, ada), sms(ada))
			r.Message = message(t, `{"text_message":{"text":"x"},"explicit_channel_omni_message":{"RCS":{"template_reference":`+tc.ref+`}}}`)
			w.send(r)
			w.expect("CONTACT_CREATE", "CONVERSATION_START", "SWITCHING_CHANNEL RCS "+tc.want, "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
			r.Message = message(t, `{"template_message":{"omni_template":`+tc.ref+`}}`)
			w.send(r)
			w.expect("SWITCHING_CHANNEL RCS "+tc.want, "FAILED SMS "+tc.want)
		})
	}
}

// What a choice means was decided when the message was accepted, whatever
// becomes of the template.
func TestTemplateChoices(t *testing.T) {
	t.Parallel()
	ch := scripted(parley.ChannelSMS)
	ch.Caps.TypedChoices = true
	w := newWorld(t, ch)
	a := w.app()
	tpl := w.template(`{"id":"ask","default_translation":"en","translations":[{"language_code":"en","choice_message":{
		"text_message":{"text":"Well, ${name}?"},"choices":[
		{"text_message":{"text":"Yes, ${thing}"},"postback_data":"order ${thing}"},{"text_message":{"text":"No"}}]}}]}`)
	m := w.send(refer(t, a, "ask", `{"name":"Ann","thing":"tea"}`, sms(ada)))
	w.take()
	body := string(ch.Attempts()[0].Payload.Body)
	if !strings.Contains(body, "Well, Ann?") || !strings.Contains(body, "Yes, tea") || !strings.Contains(body, channel.Token(m, 0)) {
		t.Errorf("sent %s", body)
	}
	w.rewrite(tpl, func(tr *parley.TemplateTranslation) {
		tr.Choice = &parley.ChoiceMessage{Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Never"}, PostbackData: "no order"}}}
	})
	tap := says("t", ada, "")
	tap.Message = &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: channel.Token(m, 0)}}
	w.tell(a, parley.ChannelSMS, tap, says("u", ada, "yes, TEA"), says("v", ada, "never"))
	got := w.take()
	if len(got) != 3 {
		t.Fatalf("got %v", names(got))
	}
	want := &parley.ChoiceResponseMessage{MessageID: m, PostbackData: "order tea"}
	for _, c := range got[:2] {
		if d := cmp.Diff(want, c.body.Message.ContactMessage.ChoiceResponse); d != "" {
			t.Errorf("choice response (-want +got):\n%s", d)
		}
	}
	if got[2].body.Message.ContactMessage.Text == nil {
		t.Errorf("a choice that was never offered was taken for one: %+v", got[2].body.Message.ContactMessage)
	}
}

// TestTemplateOnChannels resolves references for one channel after the other.
func TestTemplateOnChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	w.template(greeting)
	w.template(`{"id":"native","default_translation":"en","translations":[{"language_code":"en","text_message":{"text":"${a} ${b}"},
		"variables":[{"key":"a"},{"key":"b"}],"channel_template_overrides":{
		"WHATSAPP":{"template_reference":{"template_id":"wa","language_code":"en_US","parameters":{"header[1]text":"<${a}>"}},
			"parameter_mappings":{"a":"body[1]text","body[2]text":"b"}},
		"KAKAOTALK":{"template_reference":{"template_id":"ka"},"parameter_mappings":{"c":"x"}}}}]}`)
	w.template(`{"id":"outer","default_translation":"en","translations":[{"language_code":"en","template_message":{
		"channel_template":{"RCS":{"template_id":"own","parameters":{"p":"${who}"}}},
		"omni_template":{"template_id":"hi","version":"latest","language_code":"fr","parameters":{"name":"${who}!"}}}}]}`)
	content := `{"text_message":{"text":"Hi"},"explicit_channel_message":{"SMS":"{\"t\":\"${name}\"}"},"agent":{"display_name":"${name}"}}`
	if _, err := w.e.CreateTemplateV1(t.Context(), project, &parley.TemplateV1{
		ID: "old", DefaultTranslation: "en", Translations: []parley.TemplateV1Translation{{LanguageCode: "en", Content: content}},
	}); err != nil {
		t.Fatal(err)
	}
	omni := func(members string) string { return `{"template_message":{"omni_template":{` + members + `}}}` }
	both := `"template_id":"native","version":"1","parameters":{"a":"1","b":"\"2\""}`
	for name, tc := range map[string]struct {
		ch         parley.Channel
		body, want string // the wanted message, or reason
	}{
		"no reference":     {"SMS", `{"text_message":{"text":"${name}"}}`, `{"text_message":{"text":"${name}"}}`},
		"default language": {"SMS", omni(`"template_id":"hi","version":"latest","parameters":{"name":"A"}`), `{"text_message":{"text":"Hi A"}}`},
		"language":         {"SMS", omni(`"template_id":"hi","version":"latest","language_code":"FR","parameters":{"name":"A"}`), `{"text_message":{"text":"Bonjour A"}}`},
		"version":          {"SMS", omni(`"template_id":"hi","version":"1","language_code":"fr","parameters":{"name":"A"}`), `{"text_message":{"text":"Salut A"}}`},
		"the channel's own": {
			"SMS", `{"template_message":{"channel_template":{"SMS":{"template_id":"t"}},"omni_template":{"template_id":"none","version":"1"}}}`,
			`{"template_message":{"channel_template":{"SMS":{"template_id":"t"}},"omni_template":{"template_id":"none","version":"1"}}}`,
		},
		"another channel's own": {
			"SMS", `{"template_message":{"channel_template":{"RCS":{"template_id":"t"}},"omni_template":{"template_id":"hi","version":"latest","parameters":{"name":"A"}}},
				"agent":{"display_name":"B"}}`, `{"text_message":{"text":"Hi A"},"agent":{"display_name":"B"}}`,
		},
		"overridden": {"WHATSAPP", omni(both), `{"template_message":{"channel_template":{"WHATSAPP":{"template_id":"wa","language_code":"en_US",
			"parameters":{"header[1]text":"<1>","body[1]text":"1","body[2]text":"\"2\""}}}}}`},
		"not overridden":      {"SMS", omni(both), `{"text_message":{"text":"1 \"2\""}}`},
		"mapping of nothing":  {"KAKAOTALK", omni(both), "TEMPLATE_INSUFFICIENT_PARAMETERS"},
		"overridden, missing": {"WHATSAPP", omni(`"template_id":"native","version":"1","parameters":{"a":"1"}`), "TEMPLATE_INSUFFICIENT_PARAMETERS"},
		"nested":              {"SMS", omni(`"template_id":"outer","version":"1","parameters":{"who":"A"}`), `{"text_message":{"text":"Bonjour A!"}}`},
		"nested, the channel's own": {
			"RCS", omni(`"template_id":"outer","version":"1","parameters":{"who":"A"}`),
			`{"template_message":{"channel_template":{"RCS":{"template_id":"own","parameters":{"p":"A"}}}}}`,
		},
		"v1, another channel": {"RCS", omni(`"template_id":"old","version":"latest","parameters":{"name":"A"}`), `{"text_message":{"text":"Hi"},"agent":{"display_name":"A"}}`},
		"v1, override": {
			"SMS", omni(`"template_id":"old","version":"latest","parameters":{"name":"\""}`),
			`{"explicit_channel_message":{"SMS":"{\"t\":\"\\\"\"}"},"agent":{"display_name":"\""}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := w.e.resolveOn(t.Context(), project, message(t, tc.body), tc.ch)
			if refusal, ok := errors.AsType[*channel.Error](err); ok {
				if string(refusal.Reason.Code) != tc.want {
					t.Errorf("refused: %v, want %s", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(decoded(t, tc.want), decoded(t, encoded(t, got))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// The files that a template shows are asked for, as those of any message.
func TestTemplateMediaIsChecked(t *testing.T) {
	t.Parallel()
	var asked []string
	w := newWorldWith(t, func(o *Options) {
		o.CheckMedia = func(_ context.Context, address string, _ []channel.MediaType) error {
			asked = append(asked, address)
			return channel.Refuse(parley.ReasonMediaNotReachable, "it is not there")
		}
	}, scripted(parley.ChannelSMS))
	a := w.app()
	w.template(`{"id":"photo","default_translation":"en","translations":[{"language_code":"en","media_message":{"url":"https://x.example/${name}"}}]}`)
	w.send(refer(t, a, "photo", `{"name":"ann.jpg"}`, sms(ada)))
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "FAILED SMS MEDIA_NOT_REACHABLE")
	if d := cmp.Diff([]string{"https://x.example/ann.jpg"}, asked); d != "" {
		t.Errorf("asked for (-want +got):\n%s", d)
	}
}

// TestTemplateOfAnotherProject is as good as none.
func TestTemplateOfAnotherProject(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	if _, err := w.store.CreateProject(t.Context(), "p2", ""); err != nil {
		t.Fatal(err)
	}
	w.template(greeting)
	m := refer(t, &parley.App{}, "hi", `{"name":"A"}`).Message
	_, err := w.e.resolveOn(t.Context(), "p2", m, parley.ChannelSMS)
	if refusal, ok := errors.AsType[*channel.Error](err); !ok || refusal.Reason.Code != parley.ReasonTemplateNotFound {
		t.Errorf("got %v", err)
	}
}
