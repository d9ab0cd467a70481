package api

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestRoutes prints the route table, so that the whole API can be read at one
// glance and a change of it is seen in review. What the SDK has is marked +, or
// - while the server has it not, of which TestOperations makes sure; what is
// beyond the SDK is marked *.
func TestRoutes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	s := new(Server)
	published := map[string]bool{}
	for _, r := range s.routes() {
		published[r.operation] = true
	}
	for _, r := range s.operations() {
		mark := "*"
		switch {
		case r.op == nil:
			mark = "-"
		case published[r.operation]:
			mark = "+"
		}
		method, path, _ := strings.Cut(r.pattern, " ")
		fmt.Fprintf(&b, "%s %-33s %-6s %s\n", mark, r.operation, method, path)
	}
	golden(t, "testdata/routes.golden", b.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		check(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	check(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), rewrite it with -update:\n%s", file, diff)
	}
}

// TestOperations compares the route table with the operations of the official
// Node SDK.
func TestOperations(t *testing.T) {
	t.Parallel()
	want := sdkOperations(t)
	var got []string
	for _, r := range new(Server).routes() {
		got = append(got, r.operation)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-SDK +ours):\n%s", diff)
	}
}

// sdkOperations reads the operation ids out of the SDK's code. The SDK passes
// those of its two senders as arguments, under many names.
func sdkOperations(t *testing.T) []string {
	t.Helper()
	root := "../../test/sdk/node_modules/@sinch/conversation/dist/rest"
	if _, err := os.Stat(root); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the Node SDK is not installed in test/sdk")
		}
		t.Skip("the Node SDK is not installed in test/sdk; make setup does it")
	}
	id := regexp.MustCompile(`operationId: '(\w+)'`)
	found := []string{"SendEvent", "SendMessage"}
	check(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "-api.js") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, m := range id.FindAllSubmatch(code, -1) {
			found = append(found, string(m[1]))
		}
		return err
	}))
	slices.Sort(found)
	return slices.Compact(found)
}

func TestNoRoute(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, path := range []string{
		"/", "/v1", "/v1/projects/" + testProject, "P/nothing", "P/apps/", "P//apps", "P/./apps", "P/apps/../contacts",
		"P/conversations/01ARZ3NDEKTSV4RRFFQ69G5FAV/messages", "/media", "/media/x", "/docs/x", "/console/",
		"/channels/sms", "/channels/SMS/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/channels/pigeon/01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"/channels/sms/not-an-id", "/oauth2",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			h.call("GET", path, "").fails(t, 404, "NOT_FOUND", "")
		})
	}
}

func TestWrongMethod(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for path, allow := range map[string]string{
		"P/apps":                 "GET, POST",
		"P/messages:send":        "POST",
		"P/conversations/x:stop": "POST",
		"/oauth2/token":          "POST",
		"/healthz":               "GET",
		"/channels/sms/01ARZ3NDEKTSV4RRFFQ69G5FAV": "GET, POST",
	} {
		a := h.call("PUT", path, "")
		a.fails(t, 405, "METHOD_NOT_ALLOWED", "")
		if got := a.header.Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q, want %q", path, got, allow)
		}
	}
}

func TestNotImplemented(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, r := range h.api.routes() {
		if r.op != nil {
			continue
		}
		method, path, _ := strings.Cut(r.pattern, " ")
		path = strings.ReplaceAll(path, "{project_id}", testProject)
		path = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
		t.Run(r.operation, func(t *testing.T) {
			t.Parallel()
			h.call(method, path, "{}").fails(t, 501, "UNIMPLEMENTED", "")
		})
	}
}
