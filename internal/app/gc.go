package app

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcHeadroom is how much may be allocated between two collections, at
	// least. The live heap is a few tens of MiB, and collecting each time it
	// has doubled, as Go does by itself, took a tenth of the processor.
	gcHeadroom = 80 << 20
	gcPeriod   = 2 * time.Second
)

// tuneGC keeps the garbage collector's headroom at gcHeadroom while the live
// heap is smaller than that, until ctx is done. GOGC and GOMEMLIMIT, when set,
// are the operator's word.
func tuneGC(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(gcPeriod)
	defer tick.Stop()
	now := 100
	for {
		metrics.Read(live)
		if live[0].Value.Kind() != metrics.KindUint64 {
			return
		}
		if want := gcPercent(live[0].Value.Uint64()); want != now {
			debug.SetGCPercent(want)
			now = want
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// gcPercent returns GOGC for a live heap, in steps so that it seldom changes.
func gcPercent(live uint64) int {
	const step = 50
	percent := int(gcHeadroom * 100 / max(live, 16<<20)) //nolint:gosec // at most 500
	return max(percent/step*step, 100)
}
