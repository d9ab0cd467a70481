package whatsapp_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// TestMetaExamples reads the webhooks that Meta publishes as examples in its
// OpenAPI: what we recorded ourselves could share our mistakes.
func TestMetaExamples(t *testing.T) {
	t.Parallel()
	examples := metaExamples(t)
	kinds := map[string]func(in channel.Inbound) bool{
		"Text Message": func(in channel.Inbound) bool { return in.Message.Text != nil },
		"Text Message with Context (Product Inquiry)": func(in channel.Inbound) bool { return in.Message.Text != nil && in.ReplyTo != "" && in.Metadata != "" },
		"Text Message from Click to WhatsApp Ad":      func(in channel.Inbound) bool { return in.Message.Text != nil && in.Metadata != "" },
		"Reaction Message": func(in channel.Inbound) bool {
			return in.MessageEvent.Reaction.Action == parley.ReactionReact && in.ReplyTo != ""
		},
		"Image Message":                    func(in channel.Inbound) bool { return in.Message.MediaCard != nil && in.Media.Ref != "" },
		"Location Message":                 func(in channel.Inbound) bool { return in.Message.Location.Title != "" },
		"Contact Sharing Message":          func(in channel.Inbound) bool { return in.Message.Fallback != nil },
		"Unsupported Message":              func(in channel.Inbound) bool { return in.Message.Fallback.Reason.ChannelCode == "131051" },
		"Button Message":                   func(in channel.Inbound) bool { return in.Message.ChoiceResponse != nil && in.ReplyTo != "" },
		"Interactive List Reply Message":   func(in channel.Inbound) bool { return in.Message.ChoiceResponse.PostbackData == "priority_express" },
		"Interactive Button Reply Message": func(in channel.Inbound) bool { return in.Message.ChoiceResponse.PostbackData == "cancel-button" },
		"Order Message":                    func(in channel.Inbound) bool { return len(in.Message.ProductResponse.Products) == 2 },
		"System Message":                   func(in channel.Inbound) bool { return in.Unsupported != "" },
	}
	for name, fits := range kinds {
		body, ok := examples[name]
		if !ok {
			t.Errorf("Meta has no example %q any more", name)
			continue
		}
		c := credential()
		got, err := post(t, c, sign(c.CallbackSecret, body), body)
		if err != nil || len(got.Inbound) != 1 {
			t.Errorf("%s: got %d things, error %v", name, len(got.Inbound), err)
			continue
		}
		in := got.Inbound[0]
		if in.From.Identity != "16505551234" || in.To != "15550783881" || in.ID == "" || in.At.IsZero() || !fits(in) {
			t.Errorf("%s: got %+v", name, in)
		}
	}
}

// metaExamples returns the examples by name, as JSON.
func metaExamples(t *testing.T) map[string][]byte {
	t.Helper()
	raw, err := os.ReadFile(schemaFile(t))
	if err != nil {
		t.Fatal(err)
	}
	path, err := yaml.PathString("$.paths.'/whatsapp/webhooks'.post.requestBody.content.'application/json'.examples")
	if err != nil {
		t.Fatal(err)
	}
	var named map[string]struct {
		Value any
	}
	if err := path.Read(bytes.NewReader(raw), &named); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for name, example := range named {
		if out[name], err = json.Marshal(example.Value); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
