package parley_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

// TestVerbatim shows what is kept of a message's text and what is not.
func TestVerbatim(t *testing.T) {
	t.Parallel()
	many := `{"text_message":{"text":"x"},"a0":0` + strings.Repeat(`,"b":1`, 20) + `}`
	tests := []struct{ name, sent, kept string }{
		{"unknown members", `{"new_message":{"a":[1,{"b":null}]},"text_message":{"text":"x","font":"y"}}`, ""},
		{"empty members", `{"text_message":{"text":"x"},"agent":null,"explicit_channel_message":{},"channel_specific_message":null}`, ""},
		{"numbers", `{"location_message":{"title":"x","coordinates":{"latitude":47.50,"longitude":-2.0e0}},"n":123456789012345678901234567890,"m":1e999}`, ""},
		{"escapes", `{"text_message":{"text":"\u003cb\u003e & <i> \ud83d\ude00 \/"}}`, ""},
		{"space", "{ \"text_message\" :\n{\"text\":\t\" x \\\" \"} , \"a\" : [ 1 , { } , [ ] ] }\r\n", `{"text_message":{"text":" x \" "},"a":[1,{},[]]}`},
		{"the same name twice", `{"text_message":{"text":"x"},"text_message":{"font":1,"text":"y"}}`, `{"text_message":{"font":1,"text":"y"}}`},
		{"the same name twice, spelled differently", `{"text_message":{"text":"x"},"te\u0078t_message":{"text":"y"}}`, `{"text_message":{"text":"y"}}`},
		{"many members", many, `{"a0":0,"b":1,"text_message":{"text":"x"}}`},
		{"null kinds", `{"text_message":{"text":"x"},"media_message":null,"agent":null}`, `{"agent":null,"text_message":{"text":"x"}}`},
		{
			"a null that is no kind", `{"card_message":{"title":"x","media_message":null,"choices":[{"text_message":{"text":"y"},"url_message":null}]}}`,
			`{"card_message":{"choices":[{"text_message":{"text":"y"}}],"media_message":null,"title":"x"}}`,
		},
		{
			"null in somebody else's object",
			`{"channel_specific_message":{"WHATSAPP":{"message_type":"X","message":{"choice":null,"product":1}}},"text_message":{"text":"x"},"card_message":null}`,
			`{"channel_specific_message":{"WHATSAPP":{"message":{"choice":null,"product":1},"message_type":"X"}},"text_message":{"text":"x"}}`,
		},
		{"half a pair", `{"text_message":{"text":"\ud83d, \ude00, \ud83dA"}}`, "{\"text_message\":{\"text\":\"\ufffd, \ufffd, \ufffdA\"}}"},
		{"not UTF-8", "{\"text_message\":{\"text\":\"a\xffb\"}}", "{\"text_message\":{\"text\":\"a\ufffdb\"}}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.kept == "" {
				tt.kept = tt.sent
			}
			m := new(parley.AppMessage)
			if err := parley.Decode([]byte(tt.sent), m); err != nil {
				t.Fatal(err)
			}
			encodes(t, m, tt.kept)

			// As a member of something else, by both ways to decode it.
			sent := `{"app_id":"a","message":` + tt.sent + `}`
			fast, general := new(parley.SendMessageRequest), new(parley.SendMessageRequest)
			if err := parley.Decode([]byte(sent), fast); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(sent), general); err != nil {
				t.Fatal(err)
			}
			encodes(t, fast.Message, tt.kept)
			encodes(t, general.Message, tt.kept)
		})
	}
}

// encodes checks that v is encoded as want, and that want is no other message.
func encodes(t *testing.T, v *parley.AppMessage, want string) {
	t.Helper()
	got, err := parley.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	clone, err := v.Clone()
	if err != nil {
		t.Fatal(err)
	}
	again := new(parley.AppMessage)
	if err := parley.Decode([]byte(want), again); err != nil {
		t.Fatal(err)
	}
	if again, err = again.Clone(); err != nil {
		t.Fatal(err)
	}
	a, _ := parley.Marshal(clone)
	b, _ := parley.Marshal(again)
	if !bytes.Equal(a, b) {
		t.Errorf("the fields say %s, the text %s", a, b)
	}
}

// TestVerbatimMember gives a request its message in ways that JSON decoders
// differ on: what is kept is always what the fields say.
func TestVerbatimMember(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"message":{"text_message":{"text":"x"}},"message":{"text_message":{"text":"y"}}}`,
		`{"MESSAGE":{"text_message":{"text":"x"}},"message":{"text_message":{"text":"y"}}}`,
		`{"message":{"text_message":{"text":"x"}},"Message":{"text_message":{"text":"y"}}}`,
		`{"message":{"text_message":{"text":"x"}},"meſſage":{"text_message":{"text":"y"}}}`, // encoding/json folds ſ to s
		`{"message":{"text_message":{"text":"x"}},"mess\u0061ge":{"text_message":{"text":"y"}}}`,
		`{"mess\u0061ge":{"text_message":{"text":"y"}}}`,
		` { "ttl" : "10s" , "message" : { "text_message" : {"text":"y"} } , "queue" : "" } `,
	} {
		r := new(parley.SendMessageRequest)
		if err := parley.Decode([]byte(body), r); err != nil {
			t.Fatal(err)
		}
		encodes(t, r.Message, `{"text_message":{"text":"y"}}`)
		if r.Message.Text.Text != "y" {
			t.Errorf("%s: got %q", body, r.Message.Text.Text)
		}
	}
}

// TestVerbatimCopy changes copies of decoded bodies: the change must be seen,
// and the original stay as it was sent.
func TestVerbatimCopy(t *testing.T) {
	t.Parallel()
	const sent = `{"choice_message":{"choices":[{"text_message":{"text":"a"}}]},"more":1}`
	m := new(parley.AppMessage)
	if err := parley.Decode([]byte(sent), m); err != nil {
		t.Fatal(err)
	}
	shallow := *m
	shallow.Choice = nil
	shallow.Text = &parley.TextMessage{Text: "b"}
	encodes(t, &shallow, `{"text_message":{"text":"b"}}`)
	clone, err := m.Clone()
	if err != nil {
		t.Fatal(err)
	}
	clone.Choice.Choices[0].Text.Text = "c"
	encodes(t, clone, `{"choice_message":{"choices":[{"text_message":{"text":"c"}}]}}`)
	encodes(t, m, sent)
}

// TestVerbatimBodies decodes every kind of body that is kept as it was sent.
func TestVerbatimBodies(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		new(parley.AppMessage), new(parley.ContactMessage), new(parley.AppEvent), new(parley.ContactEvent), new(parley.ContactMessageEvent),
	} {
		const sent = `{"new_kind":{"a":1.50},"composing_event":{"b":"<"},"reply_to":null}`
		if err := parley.Decode([]byte(sent), v); err != nil {
			t.Fatal(err)
		}
		if got, err := parley.Marshal(v); string(got) != sent || err != nil {
			t.Errorf("%T: got %s, %v", v, got, err)
		}
		if err := json.Unmarshal([]byte("null"), v); err != nil {
			t.Fatal(err)
		}
		if got, err := parley.Marshal(v); strings.Contains(string(got), "new_kind") || got[0] != '{' || err != nil {
			t.Errorf("%T after null: got %s, %v", v, got, err)
		}
	}
}

// TestVerbatimReplyTo shows that every contact message tells whether it answers
// another.
func TestVerbatimReplyTo(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		`{}`:                              `{"reply_to":null}`,
		`{"a":{"reply_to":1}}`:            `{"a":{"reply_to":1},"reply_to":null}`,
		`{"reply_to":null}`:               `{"reply_to":null}`,
		`{"reply_to":{"message_id":"m"}}`: `{"reply_to":{"message_id":"m"}}`,
	} {
		m := new(parley.ContactMessage)
		if err := parley.Decode([]byte(sent), m); err != nil {
			t.Fatal(err)
		}
		if got, err := parley.Marshal(m); string(got) != want || err != nil {
			t.Errorf("%s: got %s, %v", sent, got, err)
		}
	}
}

// TestVerbatimErrors names a member of a body by its whole path.
func TestVerbatimErrors(t *testing.T) {
	t.Parallel()
	for body, field := range map[string]string{
		`{"message":7}`: "message",
		`{"message":{"card_message":{"title":7}}}`:                         "message.card_message.title",
		`{"message":{"text_message":{"text":"x"}},"ttl":{}}`:               "ttl",
		`{"message":{"text_message":{"text":"x"}},"callback_url":[]}`:      "callback_url",
		`{"recipient":{"contact_id":1},"message":{"text_message":{}}}`:     "recipient.contact_id",
		`{"message":{"choice_message":{"choices":[{"postback_data":1}]}}}`: "message.choice_message.choices.postback_data",
	} {
		err := parley.Decode([]byte(body), new(parley.SendMessageRequest))
		e, ok := err.(*parley.Error) //nolint:errorlint // Decode returns it bare
		if !ok || e.Field != field {
			t.Errorf("%s: got %v", body, err)
		}
	}
}
