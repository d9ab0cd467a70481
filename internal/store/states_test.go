package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

// TestStates compares docs/states.md with what the database does.
func TestStates(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "states.md"))
	if err != nil {
		t.Fatal(err)
	}
	s := storetest.Open(t, storetest.Options(t, ""))
	tables := 0
	for _, of := range []struct {
		heading  string
		from, to int // legs
	}{{"On one leg", 0, 0}, {"From the leg before", 0, 1}, {"From the leg after", 1, 0}} {
		_, section, _ := strings.Cut(string(raw), "## "+of.heading+"\n")
		section, _, _ = strings.Cut(section, "\n## ")
		var columns []string
		for line := range strings.Lines(section) {
			cells := strings.Split(strings.TrimSpace(line), "|")
			if len(cells) != 9 || strings.HasPrefix(cells[1], "--") {
				continue
			}
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			if columns == nil {
				columns = cells
				tables++
				continue
			}
			from := store.At(of.from, parley.DeliveryStatus(cells[1]))
			if string(from.Status()) != cells[1] {
				t.Fatalf("%s: unknown state %q", of.heading, cells[1])
			}
			for i := 2; i < 8; i++ {
				to := store.At(of.to, parley.DeliveryStatus(columns[i]))
				want := cells[i] == "moves"
				if got := advances(t, s, from, to); got != want || to.Follows(from) != want {
					t.Errorf("%s: %s to %s: the table says %q, the database moves: %v, Follows: %v",
						of.heading, cells[1], columns[i], cells[i], got, to.Follows(from))
				}
			}
		}
	}
	if tables != 3 {
		t.Errorf("found %d tables, want 3", tables)
	}
}

// advances reports whether a message at one state moves to another.
func advances(t *testing.T, s *store.Store, from, to store.Progress) bool {
	t.Helper()
	w := storetest.Accept(s, "p1", "app1", parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: "15551230001"})
	w.Accept.Message.Progress = from
	if err := s.Commit(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	move := &store.Advance{ProjectID: "p1", MessageID: w.Accept.Message.ID, To: to}
	if err := s.Commit(t.Context(), &store.Write{Advance: move}); err != nil {
		t.Fatal(err)
	}
	m, err := s.Message(t.Context(), "p1", w.Accept.Message.ID)
	if err != nil {
		t.Fatal(err)
	}
	if want := map[bool]store.Progress{true: to, false: from}[move.Moved]; m.Progress != want {
		t.Errorf("from %v to %v: moved is %v, but it is at %v", from, to, move.Moved, m.Progress)
	}
	return move.Moved
}
