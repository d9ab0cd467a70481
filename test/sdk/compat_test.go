package sdk

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/compat.md and docs/seen.md")

const compatFile = "../../docs/compat.md"

// compareCompat compares docs/compat.md with what a run of operations.mjs
// printed.
func compareCompat(t *testing.T, output string) {
	t.Helper()
	compareFile(t, compatFile, compat(t, output))
}

// compareFile compares a generated document with what it should be.
func compareFile(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-committed +this run); rewrite it with -update:\n%s", file, d)
	}
}

// compat is the text of docs/compat.md.
func compat(t *testing.T, output string) string {
	t.Helper()
	proven := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^proven (\w+)$`).FindAllStringSubmatch(output, -1) {
		proven[match[1]] = true
	}
	var b strings.Builder
	count, total := 0, 0
	for _, api := range sdkOperations(t) {
		for _, id := range api.operations {
			mark := "not yet"
			if proven[id] {
				mark = "proven"
				count++
			}
			delete(proven, id)
			total++
			fmt.Fprintf(&b, "| %s | %s | %s |\n", api.name, id, mark)
		}
	}
	for id := range proven {
		t.Errorf("operations.mjs proves %s, which the SDK does not have", id)
	}
	return fmt.Sprintf(`# Compatibility

The %d operations of the official Node SDK and whether this server has them. Proven means that `+"`test/sdk/operations.mjs`"+`
calls the operation through the unmodified SDK and checks its answer, its effect and the refusal of bad input, on SQLite
and on PostgreSQL. The others answer 501 `+"`UNIMPLEMENTED`"+`. Proven: %d.

Written by `+"`go test ./test/sdk -update`"+`.

| resource | operation | |
|---|---|---|
`, total, count) + b.String()
}

// An sdkAPI is one resource of the SDK.
type sdkAPI struct {
	name       string
	operations []string
}

// sdkOperations reads the resources and their operation ids out of the SDK's
// code. messages:send is one operation under the name of each kind of message.
func sdkOperations(t *testing.T) []sdkAPI {
	t.Helper()
	files, err := filepath.Glob("node_modules/@sinch/conversation/dist/rest/v1/*/*-api.js")
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`(?:operationId: |sendMessage\(data, |sendEvent\(data, )'(\w+)'`)
	kinds := regexp.MustCompile(`^Send(\w+)(Message|Event)$`)
	var out []sdkAPI
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		api := sdkAPI{name: strings.TrimSuffix(filepath.Base(file), "-api.js")}
		for _, match := range id.FindAllStringSubmatch(string(code), -1) {
			api.operations = append(api.operations, kinds.ReplaceAllString(match[1], "Send$2"))
		}
		slices.Sort(api.operations)
		api.operations = slices.Compact(api.operations)
		out = append(out, api)
	}
	return out
}
