package main

import (
	"context"
	"fmt"
	"os"
	"slices"
)

// traceRounds is how often the pipeline is measured with and without traces,
// in turns.
const traceRounds = 5

// compareTraces measures what traces cost the pipeline and prints the median
// of each kind of round. On a busy machine read the processor time of each
// message rather than their number.
func compareTraces(ctx context.Context, o options) error {
	kinds := []struct{ name, days string }{{"pipeline without traces", "0"}, {"pipeline with traces", "7"}}
	results := make([][]result, len(kinds))
	for range traceRounds {
		for i, k := range kinds {
			o.env = []string{"PARLEY_TRACE_DAYS=" + k.days}
			r, err := measurePipeline(ctx, o, lean)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			results[i] = append(results[i], r)
		}
	}
	var rows []row
	for i, k := range kinds {
		slices.SortFunc(results[i], func(a, b result) int { return int(1e9 * (a.each() - b.each())) })
		rows = append(rows, row{name: k.name, result: results[i][traceRounds/2], baseline: results[0][traceRounds/2].perSecond})
	}
	return printTable(os.Stdout, o, rows)
}

// each is the processor time the server took for each message, in seconds.
func (r result) each() float64 { return r.cpu / r.perSecond }
