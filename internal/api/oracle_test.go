package api

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/openapi/openapitest"
)

// theOracle is made once: it only reads.
var theOracle = sync.OnceValues(newOracle)

func newOracle() (*openapitest.Oracle, error) {
	var log bytes.Buffer
	w := httptest.NewRecorder()
	New(Options{Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil))}).Handler().ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("/openapi.json: status %d: %s", w.Code, log.String())
	}
	return openapitest.New(w.Body.Bytes())
}

// asDescribed reports how an answer differs from the document.
func asDescribed(r *http.Request, a answer) error {
	o, err := theOracle()
	if err != nil {
		return err
	}
	return o.Check(batchHost(r), a.seen())
}

// seen is the answer as the oracle reads it.
func (a answer) seen() openapitest.Answer {
	return openapitest.Answer{Status: a.status, Header: a.header, Body: a.body}
}

// TestOracle shows that the oracle can tell wrong answers from right ones.
func TestOracle(t *testing.T) {
	t.Parallel()
	o, err := theOracle()
	check(t, err)
	json := http.Header{"Content-Type": {"application/json"}}
	const (
		messages = "/v1/projects/p/messages"
		contacts = "/v1/projects/p/contacts"
		app      = `"app_message":{"text_message":{"text":"x"}}`
		rest     = `"id":"i","direction":"TO_CONTACT","channel_identity":null,"conversation_id":"","contact_id":"","metadata":"",` +
			`"accept_time":"2026-03-04T05:06:07Z","sender_id":"","processing_mode":"DISPATCH","injected":false`
		failure = `{"error":{"code":404,"message":"m","status":"NOT_FOUND","details":[]}}`
	)
	list := func(message string) string { return `{"next_page_token":"","messages":[{` + message + `}]}` }
	tests := map[string]struct {
		method, url string
		answer      answer
		right       bool
	}{
		"a message":             {"GET", messages, answer{200, json, list(app + "," + rest)}, true},
		"a new member":          {"GET", messages, answer{200, json, list(app + "," + rest + `,"new":1`)}, true},
		"an error":              {"GET", messages + "/i", answer{404, json, failure}, true},
		"no such path":          {"GET", "/v1/nothing", answer{404, json, failure}, true},
		"a contact by verb":     {"POST", contacts + "/i%3Amerge", answer{404, json, failure}, true},
		"a member missing":      {"GET", messages, answer{200, json, list(app + `,"id":"i"`)}, false},
		"a member's type":       {"GET", messages, answer{200, json, list(app + "," + strings.Replace(rest, "false", `"no"`, 1))}, false},
		"an unknown value":      {"GET", messages, answer{200, json, list(app + "," + strings.Replace(rest, "DISPATCH", "X", 1))}, false},
		"not a time":            {"GET", messages, answer{200, json, list(app + "," + strings.Replace(rest, "T05", " 05", 1))}, false},
		"null":                  {"GET", messages, answer{200, json, list(app + "," + strings.Replace(rest, `"sender_id":""`, `"sender_id":null`, 1))}, false},
		"no message":            {"GET", messages, answer{200, json, list(rest)}, false},
		"two messages":          {"GET", messages, answer{200, json, list(app + `,"contact_message":{"reply_to":null,"text_message":{"text":"x"}},` + rest)}, false},
		"two bodies":            {"GET", messages, answer{200, json, list(`"app_message":{"text_message":{"text":"x"},"media_message":{"url":"https://x.example"}},` + rest)}, false},
		"no reply_to":           {"GET", messages, answer{200, json, list(`"contact_message":{"text_message":{"text":"x"}},` + rest)}, false},
		"a list that is null":   {"GET", messages, answer{200, json, `{"next_page_token":"","messages":null}`}, false},
		"a status":              {"GET", messages, answer{201, json, list(app + "," + rest)}, false},
		"a parameter":           {"GET", messages + "?nonsense=1", answer{200, json, list(app + "," + rest)}, false},
		"an operation":          {"GET", "/v1/nothing", answer{200, json, `{}`}, false},
		"an error's shape":      {"GET", messages, answer{404, json, `{"code":404}`}, false},
		"an error's code":       {"GET", messages, answer{404, json, strings.Replace(failure, "NOT_FOUND", "LOST", 1)}, false},
		"an error without list": {"GET", messages, answer{404, json, strings.Replace(failure, "[]", "null", 1)}, false},
		"a type of content":     {"GET", messages, answer{404, http.Header{"Content-Type": {"text/html"}}, failure}, false},
		"not JSON":              {"GET", messages, answer{200, json, "Not Found"}, false},
	}
	for name, test := range tests {
		err := o.Check(httptest.NewRequest(test.method, test.url, nil), test.answer.seen())
		if (err == nil) != test.right {
			t.Errorf("%s: %v", name, err)
		}
	}
}
