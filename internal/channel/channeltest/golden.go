package channeltest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update is -update: a package whose tests use this one reads it with Update.
var update = flag.Bool("update", false, "rewrite the golden files")

// Update reports whether files that tests write are to be rewritten.
func Update() bool { return *update }

// golden compares got with a file, or rewrites the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (run the tests with -update and review what they write)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// stale reports golden files that no case writes any more, or removes them.
func stale(t *testing.T, dir string, cases map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if cases[strings.TrimSuffix(filepath.Base(file), ".golden")] {
			continue
		}
		if !*update {
			t.Errorf("%s belongs to no case", file)
		} else if err := os.Remove(file); err != nil {
			t.Error(err)
		}
	}
}

// indented returns JSON for people to read; anything else as it is.
func indented(raw []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw) + "\n"
	}
	return b.String() + "\n"
}

// marshal encodes v without HTML escapes, indented.
func marshal(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
