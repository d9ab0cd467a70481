package parley_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

func TestFill(t *testing.T) {
	t.Parallel()
	values := map[string]string{"name": "Ann", "first name": "A", "quote": `"\` + "\n", "again": "${name}", "empty": ""}
	for name, tc := range map[string]struct {
		in, want string
		missing  []string
	}{
		"nothing to fill": {in: `{"text_message":{"text":"$ {} ${ $name"}}`, want: `{"text_message":{"text":"$ {} ${ $name"}}`},
		"everywhere": {
			in: `{"carousel_message":{"cards":[{"title":"${name}","media_message":{"url":"https://x.example/${name}"},
				"choices":[{"text_message":{"text":"<${name}>"},"postback_data":"${name}-${name}"}]}]},"agent":{"display_name":"${name}"}}`,
			want: `{"carousel_message":{"cards":[{"title":"Ann","media_message":{"url":"https://x.example/Ann"},
				"choices":[{"text_message":{"text":"<Ann>"},"postback_data":"Ann-Ann"}]}]},"agent":{"display_name":"Ann"}}`,
		},
		"odd values":    {in: `{"text_message":{"text":"${first name}${quote}${empty}."}}`, want: `{"text_message":{"text":"A\"\\\n."}}`},
		"not recursive": {in: `{"text_message":{"text":"${again} $${name} ${${name}}"}}`, want: `{"text_message":{"text":"${name} $Ann ${Ann}"}}`},
		"not a member's name": {
			in: `{"channel_specific_message":{"WHATSAPP":{"message_type":"FLOWS","message":{"${name}" : "${name}", "n": 1.50}}}}`,
			// The digits of numbers stay.
			want: `{"channel_specific_message":{"WHATSAPP":{"message_type":"FLOWS","message":{"${name}":"Ann","n":1.50}}}}`,
		},
		"native JSON": {
			in:   `{"explicit_channel_message":{"WHATSAPP":"{\"b\": \"${quote}\", \"a\": 1}"}}`,
			want: `{"explicit_channel_message":{"WHATSAPP":"{\"b\": \"\\\"\\\\\\n\", \"a\": 1}"}}`,
		},
		"native text": {in: `{"explicit_channel_message":{"SMS":"Say ${quote}"}}`, want: `{"explicit_channel_message":{"SMS":"Say \"\\\n"}}`},
		"missing": {
			in: `{"text_message":{"text":"${z} ${name} ${y} ${z}"}}`, want: `{"text_message":{"text":" Ann  "}}`, missing: []string{"y", "z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := new(parley.AppMessage)
			if err := parley.Decode([]byte(tc.in), m); err != nil {
				t.Fatal(err)
			}
			before, err := parley.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			filled, missing, err := m.Fill(values)
			if err != nil {
				t.Fatal(err)
			}
			got, err := parley.Marshal(filled)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(value(t, []byte(tc.want)), value(t, got)); d != "" {
				t.Errorf("filled (-want +got):\n%s", d)
			}
			if strings.Contains(tc.want, "1.50") && !strings.Contains(string(got), "1.50") {
				t.Errorf("a number was rewritten: %s", got)
			}
			if d := cmp.Diff(tc.missing, missing); d != "" {
				t.Errorf("missing (-want +got):\n%s", d)
			}
			if after, err := parley.Marshal(m); err != nil || string(after) != string(before) {
				t.Errorf("the message itself was changed: %s, %v", after, err)
			}
		})
	}
}

func TestFillTakesText(t *testing.T) {
	t.Parallel()
	m := &parley.AppMessage{Text: &parley.TextMessage{Text: "${a}"}}
	long := strings.Repeat("x", parley.MaxVariable+1)
	m.Text.Text = "${" + long + "} ${a\nb} ${"
	filled, missing, err := m.Fill(nil)
	if err != nil || len(missing) > 0 || filled.Text.Text != m.Text.Text {
		t.Errorf("what is no variable's name was taken for one: %+v, missing %q, %v", filled.Text, missing, err)
	}
}
