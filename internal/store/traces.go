package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/klauspost/compress/s2"
)

// Traces are many and alike, and seldom read. So those that are written at the
// same moment, of messages that were accepted in about the same second, share
// a row: sorted, packed, and found by the first and last of them. A row costs
// a tenth of what rows for each message would. What it takes to remove one
// message from its row does not matter, because that is rare.

// A Trace is a row: packed traces of neighbouring messages of an app.
type Trace struct {
	ProjectID, AppID string
	First, Last      string // message ids
	Packed           []byte
}

// packedBytes is how large the traces in a row are before they are packed.
const packedBytes = 64 << 10

// bucketLen is how much of a message's id is the same for those of about a
// second: an id begins with ten digits of 5 bits, which are milliseconds.
const bucketLen = 8

func bucketOf(messageID string) string { return messageID[:min(bucketLen, len(messageID))] }

// A TracePacker puts traces into rows. The zero value is ready.
type TracePacker struct {
	rows []Trace // Packed but for the last
	open []byte  // of the last
}

// Add adds steps of what was done for a message: steps appends JSON objects,
// separated by commas and without line breaks. Messages must come in order of
// project, app and id.
func (p *TracePacker) Add(projectID, appID, messageID string, steps func([]byte) []byte) {
	if n := len(p.rows); n == 0 || len(p.open) >= packedBytes || !p.rows[n-1].takes(projectID, appID, messageID) {
		p.close()
		p.rows = append(p.rows, Trace{ProjectID: projectID, AppID: appID, First: messageID})
	}
	p.rows[len(p.rows)-1].Last = messageID
	p.open = append(append(p.open, messageID...), ' ')
	p.open = append(steps(p.open), '\n')
}

// takes reports whether a message's trace may go into the row.
func (t *Trace) takes(projectID, appID, messageID string) bool {
	return t.ProjectID == projectID && t.AppID == appID && bucketOf(t.First) == bucketOf(messageID)
}

func (p *TracePacker) close() {
	if n := len(p.rows); n > 0 {
		p.rows[n-1].Packed = s2.Encode(nil, p.open)
	}
	p.open = p.open[:0]
}

// Rows returns the rows and begins anew.
func (p *TracePacker) Rows() []Trace {
	p.close()
	rows := p.rows
	p.rows = nil
	return rows
}

// insertTraces stores the traces of a group.
func (b *batch) insertTraces(group []*commit) error {
	s := &set{head: `INSERT INTO traces (project_id, app_id, bucket, id, first_id, last_id, steps)`, types: "tttittd", insert: true}
	for _, c := range group {
		for i := range c.write.Traces {
			t := &c.write.Traces[i]
			s.add(t.ProjectID, t.AppID, bucketOf(t.First), b.w.s.jobIDs.next(b.w.s.now()), t.First, t.Last, t.Packed)
		}
	}
	return b.exec(s)
}

// Traces returns the steps of a message, in the order they were stored.
func (s *Store) Traces(ctx context.Context, projectID, appID, messageID string) ([]string, error) {
	var out []string
	err := s.each(ctx, func(r *sql.Rows) error {
		var packed []byte
		if err := r.Scan(&packed); err != nil {
			return err
		}
		return eachTrace(packed, func(id, steps []byte) {
			if string(id) == messageID {
				out = append(out, string(steps))
			}
		})
	}, `SELECT steps FROM traces WHERE project_id = $1 AND app_id = $2 AND bucket = $3 AND first_id <= $4 AND last_id >= $4 ORDER BY id`,
		projectID, appID, bucketOf(messageID), messageID)
	return out, err
}

// eachTrace calls f for every trace in a row.
func eachTrace(packed []byte, f func(id, steps []byte)) error {
	open, err := s2.Decode(nil, packed)
	if err != nil {
		return fmt.Errorf("unpack traces: %w", err)
	}
	for line := range bytes.Lines(open) {
		id, steps, ok := bytes.Cut(bytes.TrimSuffix(line, []byte{'\n'}), []byte{' '})
		if !ok {
			return errors.New("unpack traces: a line without a message")
		}
		f(id, steps)
	}
	return nil
}

// deleteTraces removes the traces of the messages that a condition on the
// table of messages finds by an index, "" for the primary key; $1 is the
// project. Those that are about to be written escape, and go when their time
// comes.
func (s *Store) deleteTraces(ctx context.Context, index, condition string, args ...any) error {
	gone := map[tracePlace]map[string]bool{}
	oldest := map[string]string{} // by app: for older messages there is nothing to look for
	project, _ := args[0].(string)
	var refs [][2]string
	err := s.each(ctx, func(r *sql.Rows) error {
		var app, id string
		err := r.Scan(&app, &id)
		refs = append(refs, [2]string{app, id})
		return err
	}, `SELECT app_id, id FROM messages`+s.dialect.using(index)+` WHERE project_id = $1 AND `+condition, args...)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		p := tracePlace{project, ref[0], bucketOf(ref[1])}
		first, ok := oldest[p.app]
		if !ok {
			if first, err = s.oldestTrace(ctx, project, p.app); err != nil {
				return err
			}
			oldest[p.app] = first
		}
		if first == "" || p.bucket < first {
			continue
		}
		if gone[p] == nil {
			gone[p] = map[string]bool{}
		}
		gone[p][ref[1]] = true
	}
	for p, ids := range gone {
		if err := s.removeTraces(ctx, p, ids); err != nil {
			return err
		}
	}
	return nil
}

// A tracePlace is where the traces of an app's messages of about a second are.
type tracePlace struct{ project, app, bucket string }

// oldestTrace returns the first bucket of an app, or "" when it has none.
func (s *Store) oldestTrace(ctx context.Context, projectID, appID string) (string, error) {
	var first sql.NullString
	err := s.q.QueryRowContext(ctx, `SELECT MIN(bucket) FROM traces WHERE project_id = $1 AND app_id = $2`, projectID, appID).Scan(&first)
	return first.String, err
}

// removeTraces rewrites the rows of a place without some messages.
func (s *Store) removeTraces(ctx context.Context, at tracePlace, gone map[string]bool) error {
	ids := slices.Sorted(maps.Keys(gone))
	kept := map[int64][]Trace{} // of rows that change
	err := s.each(ctx, func(r *sql.Rows) error {
		var row int64
		var packed []byte
		if err := r.Scan(&row, &packed); err != nil {
			return err
		}
		var p TracePacker
		changed := false
		err := eachTrace(packed, func(id, steps []byte) {
			if gone[string(id)] {
				changed = true
				return
			}
			p.Add(at.project, at.app, string(id), func(b []byte) []byte { return append(b, steps...) })
		})
		if changed {
			kept[row] = p.Rows()
		}
		return err
	}, `SELECT id, steps FROM traces WHERE project_id = $1 AND app_id = $2 AND bucket = $3 AND first_id <= $4 AND last_id >= $5`+
		s.dialect.forUpdate, at.project, at.app, at.bucket, ids[len(ids)-1], ids[0])
	if err != nil {
		return err
	}
	for row, rest := range kept {
		query, args := `DELETE FROM traces WHERE project_id = $1 AND app_id = $2 AND bucket = $3 AND id = $4`, []any{at.project, at.app, at.bucket, row}
		if len(rest) > 0 { // they came from one row, so they fit into one
			query = `UPDATE traces SET steps = $5 WHERE project_id = $1 AND app_id = $2 AND bucket = $3 AND id = $4`
			args = append(args, rest[0].Packed)
		}
		if _, err := s.exec(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}
