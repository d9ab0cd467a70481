package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestRCSSinchRefuses posts what Sinch refuses.
func TestRCSSinchRefuses(t *testing.T) {
	t.Parallel()
	sim := New(Options{Now: time.Now})
	t.Cleanup(sim.Close)
	if err := sim.Put(t.Context(), ProviderRCSSinch, "agent", RCSSinchAccount{Token: "token"}); err != nil {
		t.Fatal(err)
	}
	handler := sim.Handler()
	call := func(method, token, path, body string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, "/rcs-sinch/rcs/v1/"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const id = "5f6ec22b-f03a-4961-9c57-6c4e464edae0"
	message := func(content, more string) string {
		return fmt.Sprintf(`{"message_id":"%s","to":"46700000001","message":%s%s}`, id, content, more)
	}
	const text, file = `{"type":"text","text":"a"}`, `{"mime_type":"image/png","file_size":%d,"file_uri":"%s"}`
	chips := func(n int, chip string) string {
		return `,"suggestions":[` + strings.TrimSuffix(strings.Repeat(chip+",", n), ",") + `]`
	}
	chip := func(label, data string) string {
		return `{"type":"reply","display_text":"` + label + `","postback":{"data":"` + data + `"}}`
	}
	action := func(does string) string {
		return chips(1, `{"type":"action","display_text":"a","postback":{"data":"p"},"action":`+does+`}`)
	}
	for _, c := range []struct {
		token, path, body, want string
	}{
		{"other", "agent/messages", message(text, ""), "Unauthorized"},
		{"token", "nobody/messages", message(text, ""), "Unauthorized"},
		{"token", "agent/messages", `{"message_id":"1","to":"46700000001","message":` + text + `}`, "message_id"},
		{"token", "agent/messages", strings.Replace(message(text, ""), "-4961-", "-8961-", 1), "message_id"},
		{"token", "agent/messages", strings.Replace(message(text, ""), "46700000001", "112", 1), `"to"`},
		{"token", "agent/messages", message(text, `,"colour":"red"`), "colour"},
		{"token", "agent/messages", message(text, `,"expire":{"timeout":0}`), "expire.timeout"},
		{"token", "agent/messages", message(`{"type":"dance"}`, ""), "message.type"},
		{"token", "agent/messages", message(`{"type":"text","text":"`+strings.Repeat("a", 2001)+`"}`, ""), "1 and 2000"},
		{"token", "agent/messages", message(text, chips(12, chip("a", "p"))), "0 and 11"},
		{"token", "agent/messages", message(text, chips(1, chip(strings.Repeat("a", 26), "p"))), "1 and 25"},
		{"token", "agent/messages", message(text, chips(1, chip("a", strings.Repeat("p", 1025)))), "1 and 1024"},
		{"token", "agent/messages", message(text, action(`{"type":"dial_phone_number","phone_number":"112"}`)), "action.phone_number"},
		{"token", "agent/messages", message(text, action(`{"type":"open_url","url":"nowhere"}`)), "action.url"},
		{"token", "agent/messages", message(text, action(`{"type":"show_location","latitude":91,"longitude":0}`)), "action.latitude"},
		{"token", "agent/messages", message(text, action(`{"type":"sing"}`)), "action.type"},
		{
			"token", "agent/messages",
			message(text, action(`{"type":"create_calendar_event","title":"a","start_time":"2030-05-01T10:00:00Z","end_time":"2030-05-01T11:00:00Z"}`)),
			"action.description",
		},
		{"token", "agent/messages", message(`{"type":"file","file":`+fmt.Sprintf(file, 0, "https://a.example/b.png")+`}`, ""), "file_size"},
		{"token", "agent/messages", message(`{"type":"file","file":`+fmt.Sprintf(file, 1, "nowhere")+`}`, ""), "file_uri"},
		{"token", "agent/messages", message(`{"type":"standalone_rich_card","content":{"title":"a"}}`, ""), "message.orientation"},
		{"token", "agent/messages", message(`{"type":"standalone_rich_card","orientation":"VERTICAL","content":{}}`, ""), "At least one"},
		{"token", "agent/messages", message(`{"type":"carousel_rich_card","width":"SMALL","contents":[{"title":"a"}]}`, ""), "2 and 10"},
		{"token", "agent/events", `{"to":"46700000001","event_id":"1","event":{"type":"agent_composing"}}`, "event_id"},
		{"token", "agent/events", `{"to":"46700000001","event_id":"` + id + `","event":{"type":"agent_read","message_id":"1"}}`, "event.message_id"},
	} {
		if code, answer := call(http.MethodPost, c.token, c.path, c.body); code/100 != 4 || !strings.Contains(answer, c.want) {
			t.Errorf("%s: got %d %s, want %s", c.body, code, answer, c.want)
		}
	}
	for _, want := range []int{http.StatusOK, http.StatusConflict} {
		if code, answer := call(http.MethodPost, "token", "agent/messages", message(text, chips(11, chip("a", "p")))); code != want {
			t.Errorf("got %d %s, want %d", code, answer, want)
		}
	}
	for path, want := range map[string]int{"capabilities": http.StatusBadRequest, "capabilities?msisdn=46700000001": http.StatusOK} {
		if code, answer := call(http.MethodGet, "token", "agent/"+path, ""); code != want {
			t.Errorf("%s: got %d %s, want %d", path, code, answer, want)
		}
	}
	if code, answer := call(http.MethodDelete, "token", "agent/messages/unknown", ""); code != http.StatusNotFound {
		t.Errorf("revoke: got %d %s", code, answer)
	}
}

// TestRCSSinchFails reports failures as codes.
func TestRCSSinchFails(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"": `"code":7`, "2": `"code":2`, "words": `"code":1`, rcsSinchExpired: `"expired":true`} {
		told := make(chan string, 1)
		hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body := new(strings.Builder)
			_ = r.Write(body)
			told <- body.String()
		}))
		t.Cleanup(hook.Close)
		sim := New(Options{Now: time.Now})
		t.Cleanup(sim.Close)
		err := sim.Put(t.Context(), ProviderRCSSinch, "agent", RCSSinchAccount{Token: "token", WebhookURL: hook.URL, WebhookToken: "shown"})
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.SetBehaviour(ChannelRCS, "46700000001", Behaviour{Deliver: DeliverReject, FailCode: FailCode(code)}); err != nil {
			t.Fatal(err)
		}
		const body = `{"message_id":"5f6ec22b-f03a-4961-9c57-6c4e464edae0","to":"46700000001","message":{"type":"text","text":"a"}}`
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/rcs-sinch/rcs/v1/agent/messages", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer token")
		sim.Handler().ServeHTTP(httptest.NewRecorder(), r)
		select {
		case got := <-told:
			if !strings.Contains(got, want) || !strings.Contains(got, "Authorization: Bearer shown") {
				t.Errorf("%q: got %s, want %s", code, got, want)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%q: nothing was told", code)
		}
	}
}
