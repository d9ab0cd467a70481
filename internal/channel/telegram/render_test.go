package telegram_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/telegram"
	"github.com/parley-im/parley/internal/transcode"
)

const messageID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// render does what the engine does with a message. Refused messages have no
// payload.
func render(t *testing.T, m *parley.AppMessage, edit func(o *channel.Outgoing)) []channel.Payload {
	t.Helper()
	ch := telegram.New()
	parts, err := transcode.Message(channel.Tagged(transcode.Select(m, ch.Name()), messageID), ch.Capabilities())
	var out []channel.Payload
	for _, part := range parts {
		o := &channel.Outgoing{
			MessageID: messageID, To: channel.Address{Identity: "42"}, Message: part, Credential: credential(),
			Properties: map[string]string{"TELEGRAM_DISABLE_LINK_PREVIEW": "TRUE"},
		}
		if edit != nil {
			edit(o)
		}
		var payloads []channel.Payload
		if payloads, err = ch.Render(o); err != nil {
			break
		}
		out = append(out, payloads...)
	}
	if e, ok := errors.AsType[*channel.Error](err); err != nil && (!ok || e.Outcome != channel.NotSent) {
		t.Errorf("got error %v, want a refusal", err)
	}
	return out
}

// bodies returns the payloads as text.
func bodies(payloads []channel.Payload) []string {
	var out []string
	for _, p := range payloads {
		out = append(out, string(p.Body))
	}
	return out
}

func text(s string) *parley.AppMessage {
	return &parley.AppMessage{Text: &parley.TextMessage{Text: s}}
}

func explicit(s string) *parley.AppMessage {
	return &parley.AppMessage{ExplicitChannel: map[parley.Channel]string{parley.ChannelTelegram: s}}
}

func TestRender(t *testing.T) {
	t.Parallel()
	property := func(value string) func(o *channel.Outgoing) {
		return func(o *channel.Outgoing) {
			o.Properties = map[string]string{"TELEGRAM_DISABLE_LINK_PREVIEW": value}
		}
	}
	const plain = `{"method":"sendMessage","chat_id":42,"text":"Hi"}`
	const bare = `{"method":"sendMessage","chat_id":42,"text":"Hi","link_preview_options":{"is_disabled":true}}`
	tests := []struct {
		name string
		m    *parley.AppMessage
		edit func(o *channel.Outgoing)
		want []string
	}{
		{"preview off", text("Hi"), property("true"), []string{bare}},
		{"preview off, shouted", text("Hi"), property("TRUE"), []string{bare}},
		{"preview off, mixed", text("Hi"), property("tRuE"), []string{bare}},
		{"preview on", text("Hi"), property("False"), []string{plain}},
		{"preview unclear", text("Hi"), property("maybe"), []string{plain}},
		{
			"reply", text("Hi"), func(o *channel.Outgoing) { o.Properties, o.ReplyTo = nil, "42:55" },
			[]string{`{"method":"sendMessage","chat_id":42,"text":"Hi","reply_parameters":{"message_id":55,"allow_sending_without_reply":true}}`},
		},
		{
			"no recipient", text("Hi"), func(o *channel.Outgoing) { o.Properties, o.To.Identity = nil, "{{to}}" },
			[]string{`{"method":"sendMessage","chat_id":"{{to}}","text":"Hi"}`},
		},
		{
			"explicit, method by default", explicit(`{"text":"<b>Hi</b> & bye","parse_mode":"HTML"}`), nil,
			[]string{`{"chat_id":42,"method":"sendMessage","parse_mode":"HTML","text":"<b>Hi</b> & bye"}`},
		},
		{
			"explicit, to somebody else", explicit(`{"method":"sendDice","chat_id":1,"emoji":"🎲"}`), nil,
			[]string{`{"chat_id":42,"emoji":"🎲","method":"sendDice"}`},
		},
		{"explicit, not a send", explicit(`{"method":"deleteWebhook"}`), nil, nil},
		{"explicit, no message", explicit(`{"method":"sendChatAction","action":"typing"}`), nil, nil},
		{"explicit, method of a wrong type", explicit(`{"method":1}`), nil, nil},
		{"explicit, an array", explicit(`[]`), nil, nil},
		{"explicit, null", explicit(`null`), nil, nil},
		{"explicit, not JSON", explicit(`Hi`), nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, bodies(render(t, tt.m, tt.edit))); diff != "" {
				t.Errorf("payloads (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRenderUntagged renders what the engine never gives: postback data of the
// app's own.
func TestRenderUntagged(t *testing.T) {
	t.Parallel()
	for data, fits := range map[string]bool{"": true, "yes": true, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false} {
		m := &parley.AppMessage{Choice: &parley.ChoiceMessage{
			Text:    &parley.TextMessage{Text: "Well?"},
			Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Yes"}, PostbackData: data}},
		}}
		_, err := telegram.New().Render(&channel.Outgoing{To: channel.Address{Identity: "42"}, Message: m})
		if (err == nil) != fits {
			t.Errorf("%d bytes of postback data: got error %v", len(data), err)
		}
	}
}

func TestRenderLongContact(t *testing.T) {
	t.Parallel()
	info := &parley.ContactInfoMessage{
		Name:         parley.ContactName{FullName: "Ada L"},
		PhoneNumbers: []parley.PhoneNumber{{PhoneNumber: "+15550100"}},
	}
	for range 100 {
		info.URLs = append(info.URLs, parley.ContactURL{URL: "https://ada.example/a/page"})
	}
	m := &parley.AppMessage{ContactInfo: info}
	got := bodies(render(t, m, func(o *channel.Outgoing) { o.Properties = nil }))
	const card = `{"method":"sendContact","chat_id":42,"phone_number":"+15550100","first_name":"Ada L"}`
	if len(got) != 2 || got[0] != card || strings.Count(got[1], "https://ada.example/a/page") != 100 {
		t.Errorf("got %v, want the card and all of it as text", got)
	}
	info.PhoneNumbers, info.URLs = nil, nil
	got = bodies(render(t, m, func(o *channel.Outgoing) { o.Properties = nil }))
	if want := []string{`{"method":"sendMessage","chat_id":42,"text":"Ada L"}`}; !cmp.Equal(got, want) {
		t.Errorf("without a number: got %v, want %v", got, want)
	}
}
