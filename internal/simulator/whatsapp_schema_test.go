package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestWhatsAppPublishedExamples sends every example request of Meta's own
// OpenAPI, with its placeholders filled in: what Meta publishes must be taken.
func TestWhatsAppPublishedExamples(t *testing.T) {
	t.Parallel()
	var spec struct {
		Paths map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct {
						Examples map[string]struct{ Value map[string]any }
					}
				} `yaml:"requestBody"`
			}
		}
	}
	if err := yaml.Unmarshal(schema(t, "meta-business-messaging-v23.yaml"), &spec); err != nil {
		t.Fatal(err)
	}
	examples := spec.Paths["/{Version}/{Phone-Number-ID}/messages"].Post.RequestBody.Content["application/json"].Examples
	if len(examples) < 40 {
		t.Fatalf("%d examples: the contract has changed", len(examples))
	}
	// Payments are not simulated; one example has booleans for its texts, one
	// has no type.
	skip := map[string]bool{
		"Send Reply to List Message": true,
		"Send Order Details Message": true, "Send Order Status Message": true, "Send Sample Issue Resolution Template": true,
	}
	w, h := newWhatsApp(t)
	w.must(http.MethodPut, "/accounts/whatsapp/10654", map[string]any{ // without templates of its own
		"token": "tok", "verify_token": "verify-me", "webhook_url": h.url, "display_phone_number": "15550783881",
	})
	w.must(http.MethodPut, "/handsets/WHATSAPP/46701/behaviour", `{"deliver":"never"}`)
	media := w.must(http.MethodPost, "/media?name=a.bin", "bytes")["id"]
	w.must(http.MethodPost, "/handsets/WHATSAPP/46701/reply", `{"text":"Hi","account":"10654"}`)
	id := inbound(h.next())["id"]
	for name, ex := range examples {
		if skip[name] {
			continue
		}
		body := fill(ex.Value, "", map[string]any{"id": media, "message_id": id})
		code, out := w.call(http.MethodPost, waMessages, body, bearer...)
		if code != http.StatusOK {
			t.Errorf("%s: %d %v", name, code, out)
		}
	}
}

// fill replaces the placeholders of an example.
func fill(v any, key string, known map[string]any) any {
	switch x := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range x {
			out[k] = fill(e, k, known)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = fill(e, key, known)
		}
		return out
	case string:
		switch {
		case key == "to":
			return "46701"
		case key == "link":
			return "https://x.example/file"
		case key == "message_id", key == "id" && strings.HasSuffix(x, "OBJECT_ID>"):
			return known[key]
		case x == "<HEADER_TYPE>":
			return "text"
		case strings.HasPrefix(x, "<"):
			return fmt.Sprintf("%.20s", strings.Trim(x, "<>"))
		}
	}
	return v
}
