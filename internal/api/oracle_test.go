package api

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An oracle knows from /openapi.json, read by a library that had no part in
// writing it, what the server may answer.
type oracle struct {
	operations []described
	failure    *jsonschema.Schema
}

type described struct {
	id      string
	method  string
	path    *regexp.Regexp
	weight  int // of the path: literal text comes before {names}
	query   map[string]bool
	answers map[int]*jsonschema.Schema
}

// theOracle is made once: it only reads.
var theOracle = sync.OnceValues(newOracle)

const documentURL = "https://parley.test/openapi.json"

func newOracle() (*oracle, error) {
	var log bytes.Buffer
	w := httptest.NewRecorder()
	New(Options{Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil))}).Handler().ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("/openapi.json: status %d: %s", w.Code, log.String())
	}
	raw, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(documentURL, raw); err != nil {
		return nil, err
	}
	o := new(oracle)
	doc := raw.(map[string]any)
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			d, err := readOperation(c, doc, path, method, op.(map[string]any))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			o.operations = append(o.operations, d)
		}
	}
	slices.SortFunc(o.operations, func(a, b described) int { return b.weight - a.weight })
	o.failure, err = c.Compile(documentURL + "#/components/schemas/ErrorAnswer")
	return o, err
}

// readOperation reads one operation of the document.
func readOperation(c *jsonschema.Compiler, doc map[string]any, path, method string, op map[string]any) (described, error) {
	literal := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "")
	pattern := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")
	d := described{
		id: op["operationId"].(string), method: strings.ToUpper(method), path: regexp.MustCompile("^" + pattern + "$"),
		weight: len(literal), query: map[string]bool{}, answers: map[int]*jsonschema.Schema{},
	}
	if list, ok := op["parameters"].([]any); ok {
		for _, p := range list {
			if p := p.(map[string]any); p["in"] == "query" {
				d.query[p["name"].(string)] = true
			}
		}
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	for status, answer := range op["responses"].(map[string]any) {
		at := "#/paths/" + escape(path) + "/" + method + "/responses/" + status
		if ref, ok := answer.(map[string]any)["$ref"].(string); ok {
			at = ref
		}
		code, err := strconv.Atoi(status)
		if err != nil {
			return d, err
		}
		if d.answers[code], err = c.Compile(documentURL + at + "/content/application~1json/schema"); err != nil {
			return d, err
		}
	}
	return d, nil
}

// asDescribed reports how an answer differs from the document.
func asDescribed(r *http.Request, a answer) error {
	o, err := theOracle()
	if err != nil {
		return err
	}
	return o.check(r, a)
}

func (o *oracle) check(r *http.Request, a answer) error {
	for _, prefix := range []string{"/channels/", "/media/", "/metrics", "/openapi.json", "/docs"} {
		if strings.HasPrefix(r.URL.Path, prefix) && a.status < http.StatusBadRequest {
			return nil // not of the API
		}
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	schema := o.failure
	if d := o.find(method, batchHost(r).URL.EscapedPath()); d != nil {
		if schema = d.answers[a.status]; schema == nil {
			return fmt.Errorf("%s has no answer %d", d.id, a.status)
		}
		for name := range r.URL.Query() {
			if a.status == http.StatusOK && !d.query[name] {
				return fmt.Errorf("%s has no parameter %s", d.id, name)
			}
		}
	} else if a.status < http.StatusBadRequest {
		return fmt.Errorf("there is no such operation")
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		return fmt.Errorf("its type is %q", got)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(a.body)))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// find returns the operation a request is for.
func (o *oracle) find(method, path string) *described {
	path = strings.NewReplacer("%3A", ":", "%3a", ":").Replace(path)
	for i := range o.operations {
		if d := &o.operations[i]; d.method == method && d.path.MatchString(path) {
			return d
		}
	}
	return nil
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
		err := o.check(httptest.NewRequest(test.method, test.url, nil), test.answer)
		if (err == nil) != test.right {
			t.Errorf("%s: %v", name, err)
		}
	}
}
