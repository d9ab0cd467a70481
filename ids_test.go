package parley_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley"
)

func TestIDs(t *testing.T) {
	t.Parallel()
	var s parley.IDSource
	// The ULID specification's example of a time.
	if id := s.New(time.UnixMilli(1469918176385)); id[:10] != "01ARYZ6S41" || !parley.IsID(id) {
		t.Errorf("got %q, want 01ARYZ6S41 and 16 random characters", id)
	}
	if id := s.New(time.UnixMilli(-1)); !parley.IsID(id) {
		t.Errorf("before the epoch: got %q", id)
	}
}

// TestIDsSort makes ids within one millisecond, over several, and with a clock
// that steps back: they sort in the order they were made.
func TestIDsSort(t *testing.T) {
	t.Parallel()
	var s parley.IDSource
	start := time.UnixMilli(1_800_000_000_000)
	var ids []string
	for i := range 20_000 {
		at := start.Add(time.Duration(i/100) * time.Millisecond)
		if i%1000 == 999 {
			at = start
		}
		ids = append(ids, s.New(at))
	}
	if !slices.IsSorted(ids) {
		t.Error("the ids do not sort in the order they were made")
	}
	if n := len(slices.Compact(ids)); n != 20_000 {
		t.Errorf("got %d different ids of 20000", n)
	}
}

func TestIDsConcurrently(t *testing.T) {
	t.Parallel()
	var s parley.IDSource
	now := time.UnixMilli(1_800_000_000_000)
	const workers, each = 8, 2000
	made := make([][]string, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				made[w] = append(made[w], s.New(now))
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for _, ids := range made {
		for _, id := range ids {
			seen[id] = true
		}
	}
	if len(seen) != workers*each {
		t.Errorf("got %d different ids of %d", len(seen), workers*each)
	}
}

func TestFirstID(t *testing.T) {
	t.Parallel()
	var s parley.IDSource
	at := time.UnixMilli(1_800_000_000_000)
	before, after := s.New(at.Add(-time.Millisecond)), s.New(at)
	if mark := parley.FirstID(at); before >= mark || mark > after {
		t.Errorf("%s is not between %s and %s", mark, before, after)
	}
}

func TestIsID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"01ARZ3NDEKTSV4RRFFQ69G5FAV":  true,
		"01arz3ndektsv4rrffq69g5fav":  true,
		"01W4FFL35P4NC4K35CONVAPP001": false, // one too many
		"":                            false,
		"an app id":                   false,
		"01ARZ3NDEKTSV4RRFFQ69G5FA:":  false,
		"01ARZ3NDEKTSV4RRFFQ69G5F../": false,
		"01ARZ3NDEKTSV4RRFFQ69G5FÄ":   false,
	} {
		if got := parley.IsID(id); got != want {
			t.Errorf("IsID(%q) = %v, want %v", id, got, want)
		}
	}
}
