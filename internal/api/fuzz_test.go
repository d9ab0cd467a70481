package api

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"regexp"
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

// FuzzOperation gives every operation any query and any body, with real ids
// where it says {app} and the like.
func FuzzOperation(f *testing.F) {
	h := newHarness(f)
	var operations []route
	for _, r := range h.api.routes() {
		if r.op != nil {
			operations = append(operations, r)
		}
	}
	for i, r := range operations {
		f.Add(uint16(i), "page_size=2&update_mask=metadata,display_name", "{}")
		if i%8 == 0 {
			f.Add(uint16(i), "", strings.Replace(inSend, "%s", `{"text_message":{"text":"`+r.operation+`"}}`, 1))
		}
	}
	f.Fuzz(func(t *testing.T, i uint16, query, body string) {
		r := operations[int(i)%len(operations)]
		ids := h.world(t)
		ids["project"] = testProject
		method, pattern, _ := strings.Cut(r.pattern, " ")
		path := placeholder.ReplaceAllStringFunc(pattern, func(name string) string {
			if id, ok := ids[strings.TrimSuffix(strings.Trim(name, "{}"), "_id")]; ok {
				return id
			}
			return "OPT_OUT_ALL" // a list_type, and no id of anything
		})
		request := httptest.NewRequest(method, path, strings.NewReader(filled(body, ids)))
		request.SetBasicAuth(testKey, testSecret)
		request.URL.RawQuery = filled(query, ids)
		sound(t, h.do(request))
	})
}

var placeholder = regexp.MustCompile(`\{\w+\}`)

// FuzzPageToken gives the lists any token.
func FuzzPageToken(f *testing.F) {
	h := newHarness(f)
	for range 3 {
		h.call("POST", "P/contacts", `{"language":"EN","channel_identities":[{"channel":"SMS","identity":"1"}]}`)
	}
	var first struct {
		Token string `json:"next_page_token"`
	}
	h.call("GET", "P/contacts?page_size=1", "").into(f, &first)
	f.Add(first.Token)
	f.Add(first.Token[:len(first.Token)-2])
	f.Add("")
	f.Add("_-=")
	f.Fuzz(func(t *testing.T, token string) {
		for _, list := range []string{"contacts?", "conversations?app_id=" + someApp + "&", "conversations:recent?app_id=" + someApp + "&", "messages?"} {
			sound(t, h.call("GET", "P/"+list+"page_size=1&page_token="+url.QueryEscape(token), ""))
		}
		body, err := json.Marshal(map[string]any{"page_token": token, "contact_ids": []string{someApp}})
		check(t, err)
		sound(t, h.call("POST", "P/messages:fetch-last-message", string(body)))
	})
}

const someApp = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// sound checks that an answer is JSON and not a fault of ours.
func sound(t *testing.T, a answer) {
	t.Helper()
	if a.status >= 500 || !json.Valid([]byte(a.body)) || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Errorf("answer %+v", a)
	}
}
