package app

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNodeFile(t *testing.T) {
	t.Parallel()
	f := nodeFile(filepath.Join(t.TempDir(), "node"))
	if id := f.read(); id != 0 {
		t.Errorf("without a file the predecessor is %d", id)
	}
	const node = 1<<62 + 1
	if err := f.write(node); err != nil {
		t.Fatal(err)
	}
	if id := f.read(); id != node {
		t.Errorf("the predecessor is %d, want %d", id, int64(node))
	}
	for _, text := range []string{"", "x", "7", `7 "elsewhere.example"`} {
		if err := os.WriteFile(string(f), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if id := f.read(); id != 0 {
			t.Errorf("with %q the predecessor is %d", text, id)
		}
	}
}
