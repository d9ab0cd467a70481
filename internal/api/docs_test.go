package api

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

// TestDocs checks what is served to read.
func TestDocs(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for path, kind := range map[string]string{
		"/openapi.json": "application/json", "/docs/": "text/html; charset=utf-8", "/docs/style.css": "text/css; charset=utf-8",
	} {
		r := h.request("GET", path, "")
		r.Header.Del("Authorization")
		a := h.do(r)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != kind || a.body == "" {
			t.Fatalf("%s: %d %s", path, a.status, a.header)
		}
		if got := a.header.Get("Content-Security-Policy"); got != pagePolicy {
			t.Errorf("%s: policy %q", path, got)
		}
		r = h.request("GET", path, "")
		r.Header.Set("If-None-Match", a.header.Get("ETag"))
		if again := h.do(r); again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s: %d to who has it already", path, again.status)
		}
		h.call("POST", path, "").fails(t, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "")
	}
	if a := h.call("GET", "/docs", ""); a.status != http.StatusPermanentRedirect || a.header.Get("Location") != "docs/" {
		t.Errorf("/docs: %d %s", a.status, a.header.Get("Location"))
	}
}

// TestPage checks that the page says everything, that its links lead
// somewhere and that it needs nothing from elsewhere.
func TestPage(t *testing.T) {
	t.Parallel()
	page := newHarness(t).call("GET", "/docs/", "").body
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("two elements have the id %s", m[1])
		}
		ids[m[1]] = true
	}
	for _, r := range new(Server).operations() {
		if !ids[r.operation] {
			t.Errorf("the page lacks %s", r.operation)
		}
	}
	for _, trigger := range parley.Triggers() {
		if ids[string(trigger)] == slices.Contains(neverFired(), trigger) {
			t.Errorf("the page has %s: %v", trigger, ids[string(trigger)])
		}
	}
	for _, m := range regexp.MustCompile(` (?:href|src)="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if at, ok := strings.CutPrefix(m[1], "#"); ok && ids[at] || m[1] == "style.css" || m[1] == "../openapi.json" {
			continue
		}
		t.Errorf("the page refers to %s", m[1])
	}
	for _, odd := range []string{"<script", "<style", " style=", " onclick=", "ZgotmplZ", "<no value>", "https://cdn"} {
		if strings.Contains(page, odd) {
			t.Errorf("the page has %s", odd)
		}
	}
}

// neverFired lists the triggers that webhooks may have and there are no
// callbacks for.
func neverFired() []parley.Trigger {
	return []parley.Trigger{
		parley.TriggerMessageInboundRedaction, parley.TriggerSmartConversation, parley.TriggerSmartConversations,
		parley.TriggerRecordNotification,
	}
}

// TestDocumentIsValid has a validator that is not ours look at the document.
func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	const program = "../../test/peers/node_modules/.bin/validate-api"
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the validator is not installed in test/peers")
		}
		t.Skip("the validator is not installed in test/peers; make setup does it")
	}
	file := filepath.Join(t.TempDir(), "openapi.json")
	check(t, os.WriteFile(file, []byte(newHarness(t).call("GET", "/openapi.json", "").body), 0o600))
	if out, err := exec.CommandContext(t.Context(), program, file).CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestExamples makes the request of every example: it is not refused as
// invalid, and is without any of the members that are said to be required.
func TestExamples(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	doc, err := h.api.document()
	check(t, err)
	for _, r := range h.api.operations() {
		if r.op == nil || r.op.in == nil || r.op.part {
			continue
		}
		method, path, _ := strings.Cut(r.pattern, " ")
		media := doc.Paths[path][strings.ToLower(method)].RequestBody.Content["application/json"]
		url := strings.ReplaceAll(path, "{project_id}", testProject)
		url = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(url, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
		body, err := json.Marshal(media.Example)
		check(t, err)
		if a := h.call(method, url, string(body)); a.status == http.StatusBadRequest {
			t.Errorf("%s: the example is refused: %s\n%s", r.operation, a.body, body)
			continue
		}
		needed := doc.Components.Schemas[strings.TrimPrefix(media.Schema.Ref, "#/components/schemas/")].Required
		for _, name := range needed {
			var members map[string]json.RawMessage
			check(t, json.Unmarshal(body, &members))
			delete(members, name)
			less, err := json.Marshal(members)
			check(t, err)
			if a := h.call(method, url, string(less)); a.status != http.StatusBadRequest {
				t.Errorf("%s: %s is not required, so neededFor in package openapi must list what is: %d %s", r.operation, name, a.status, a.body)
			}
		}
	}
}
