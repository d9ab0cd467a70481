package api

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzSend gives the send operation anything for a body: it answers with JSON
// and never with a fault of ours.
func FuzzSend(f *testing.F) {
	h := newHarness(f)
	app := h.app(f, conversationApp)
	for _, body := range []string{
		text(app, "+15551230001", "x"), "", "{", "[]", `{"app_id":7}`, text(app, "\\u0000", "\\ud800"),
		`{"app_id":"` + app + `","recipient":{"contact_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"},"message":{"text_message":{"text":"x"}},"ttl":"10s"}`,
		`{"app_id":"` + app + `","recipient":{"identified_by":{"channel_identities":[{"channel":"TELEGRAM","identity":"1"}]}},
			"message":{"choice_message":{"text_message":{"text":"x"},"choices":[{"text_message":{"text":"y"}}]}},
			"conversation_metadata":{"a":null},"conversation_metadata_update_strategy":"MERGE_PATCH"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		sound(t, h.call("POST", "P/messages:send", body))
		sound(t, h.call("PATCH", "P/apps/"+app+"?update_mask=message_retry_settings", body))
	})
}

// FuzzQuery gives the lists anything for a query, and a resource anything for
// an id.
func FuzzQuery(f *testing.F) {
	h := newHarness(f)
	for _, query := range []string{
		"", "page_size=3&page_token=abc", "external_id=%ff", "channel=SMS&identity=+1", "start_time=2026-01-02 03:04:05+00:00", "%zz;",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, list := range []string{"contacts", "conversations", "messages"} {
			r := httptest.NewRequest("GET", "/v1/projects/"+testProject+"/"+list, nil)
			r.SetBasicAuth(testKey, testSecret)
			r.URL.RawQuery = query
			sound(t, h.do(r))
		}
		r := httptest.NewRequest("GET", "/v1/projects/"+testProject+"/contacts/"+url.PathEscape(query), nil)
		r.SetBasicAuth(testKey, testSecret)
		sound(t, h.do(r))
	})
}

// sound checks that an answer is JSON and not a fault of ours.
func sound(t *testing.T, a answer) {
	t.Helper()
	if a.status >= 500 || !json.Valid([]byte(a.body)) || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Errorf("answer %+v", a)
	}
}
