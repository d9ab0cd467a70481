package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/simulator"
)

// TestLINERefuses sends what LINE refuses. What it takes, the adapter's own
// tests send.
func TestLINERefuses(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Now: time.Now})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	if err := sim.Put(t.Context(), simulator.ProviderLINE, "1653", simulator.LINEAccount{Token: "tok", Secret: "s"}); err != nil {
		t.Fatal(err)
	}
	call := func(method, path, token, body string, header ...string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if len(header) > 0 {
			req.Header.Set(header[0], header[1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	const push, to = "/line/v2/bot/message/push", `"to":"U4af4980629aabbccddeeff00112233aa"`
	one := func(message string) string { return `{` + to + `,"messages":[` + message + `]}` }
	action := `{"type":"postback","label":"Yes","data":"d"}`
	if got := call("POST", push, "tok", one(`{"type":"text","text":"Hi"}`)); got != http.StatusOK {
		t.Fatalf("a text: %d", got)
	}
	for name, body := range map[string]string{
		"no JSON":              `{`,
		"no messages":          `{` + to + `,"messages":[]}`,
		"six messages":         one(strings.Repeat(`{"type":"text","text":"a"},`, 5) + `{"type":"text","text":"a"}`),
		"nobody":               `{"to":"U1","messages":[{"type":"text","text":"a"}]}`,
		"no type":              one(`{"text":"a"}`),
		"no text":              one(`{"type":"text"}`),
		"long text":            one(`{"type":"text","text":"` + strings.Repeat("😀", 2501) + `"}`),
		"http image":           one(`{"type":"image","originalContentUrl":"http://x.example/a.jpg","previewImageUrl":"https://x.example/a.jpg"}`),
		"no preview":           one(`{"type":"video","originalContentUrl":"https://x.example/a.mp4"}`),
		"no duration":          one(`{"type":"audio","originalContentUrl":"https://x.example/a.m4a"}`),
		"no address":           one(`{"type":"location","title":"a","latitude":1,"longitude":2}`),
		"no altText":           one(`{"type":"template","template":{"type":"buttons","text":"a","actions":[` + action + `]}}`),
		"no actions":           one(`{"type":"template","altText":"a","template":{"type":"buttons","text":"a","actions":[]}}`),
		"long label":           one(`{"type":"template","altText":"a","template":{"type":"buttons","text":"a","actions":[{"type":"postback","label":"123456789012345678901","data":"d"}]}}`),
		"long beside title":    one(`{"type":"template","altText":"a","template":{"type":"buttons","title":"t","text":"` + strings.Repeat("a", 61) + `","actions":[` + action + `]}}`),
		"columns differ":       one(`{"type":"template","altText":"a","template":{"type":"carousel","columns":[{"text":"a","actions":[` + action + `]},{"text":"b","title":"t","actions":[` + action + `]}]}}`),
		"empty bubble":         one(`{"type":"flex","altText":"a","contents":{"type":"bubble"}}`),
		"empty flex text":      one(`{"type":"flex","altText":"a","contents":{"type":"bubble","body":{"type":"box","layout":"vertical","contents":[{"type":"text"}]}}}`),
		"location in template": one(`{"type":"template","altText":"a","template":{"type":"buttons","text":"a","actions":[{"type":"location","label":"a"}]}}`),
		"bad uri":              one(`{"type":"template","altText":"a","template":{"type":"buttons","text":"a","actions":[{"type":"uri","label":"a","uri":"ftp://x"}]}}`),
	} {
		if got := call("POST", push, "tok", body); got != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", name, got)
		}
	}
	for name, want := range map[string]struct{ got, want int }{
		"token":     {call("POST", push, "other", one(`{"type":"text","text":"Hi"}`)), http.StatusUnauthorized},
		"retry key": {call("POST", push, "tok", one(`{"type":"text","text":"Hi"}`), "X-Line-Retry-Key", "not-a-uuid"), http.StatusBadRequest},
		"path":      {call("GET", "/line/v2/bot/nothing", "tok", ""), http.StatusNotFound},
		"content":   {call("GET", "/line/v2/bot/message/1/content", "tok", ""), http.StatusNotFound},
		"profile":   {call("GET", "/line/v2/bot/profile/U1", "tok", ""), http.StatusNotFound},
		"loading":   {call("POST", "/line/v2/bot/chat/loading/start", "tok", `{"chatId":"U4af4980629aabbccddeeff00112233aa","loadingSeconds":7}`), http.StatusBadRequest},
		"webhook":   {call("PUT", "/line/v2/bot/channel/webhook/endpoint", "tok", `{"endpoint":"nowhere"}`), http.StatusBadRequest},
	} {
		if want.got != want.want {
			t.Errorf("%s: %d, want %d", name, want.got, want.want)
		}
	}
}
