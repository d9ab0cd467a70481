package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// KindSend is the kind of jobs that send messages. Those of one lane run in
// order, and one that waits for its retry holds up the rest of its lane: a
// contact sees messages in the order they were sent.
const KindSend = "send"

// A Job is durable work. It belongs to the node that is to run it; the jobs of
// a node that died are taken over by the others.
type Job struct {
	ID        int64 // set when the job is written; ascending on a node
	ProjectID string
	Kind      string
	Lane      string // what jobs share a turn or a limit: a conversation, a webhook
	RunAt     time.Time
	Attempts  int
	// Started tells a job that was interrupted: above 0 the number of the
	// attempt whose outcome is not known, below 0 that even that is not; see
	// TakenOver.
	Started int
	Doc     []byte
	Owner   int64

	// Memo is what the job's author already has at hand, so that the worker
	// need not read it again. It is not stored.
	Memo any
}

// urgency is by how much an urgent job is due before the time it was made, so
// that it is claimed before any other.
const urgency = 10 * 365 * 24 * time.Hour

// urgentMark starts the lanes of urgent jobs. No other lane starts with it:
// they start with ids.
const urgentMark = "!"

// UrgentLane returns the lane of a lane's urgent jobs: they keep an order of
// their own and wait for none of the others.
func UrgentLane(lane string) string { return urgentMark + lane }

// Urgent reports whether the job is to be run before others of its kind.
func (j *Job) Urgent() bool { return strings.HasPrefix(j.Lane, urgentMark) }

// takenOver is the Started of a job found in the hands of a dead node, begun or
// not.
func takenOver(at time.Time) int { return -int(at.UnixMilli()) }

// TakenOver returns when the job was found in the hands of a dead node, and
// whether it was. From then on that node has attempted nothing.
func (j *Job) TakenOver() (time.Time, bool) {
	if j.Started >= 0 {
		return time.Time{}, false
	}
	return time.UnixMilli(-int64(j.Started)).UTC(), true
}

const jobColumns = `id, project_id, kind, lane, owner, run_at, attempts, started, doc`

func jobArgs(j *Job) []any {
	return []any{j.ID, j.ProjectID, j.Kind, j.Lane, j.Owner, micros(j.RunAt), j.Attempts, j.Started, string(j.Doc)}
}

// jobIDs makes job ids that ascend and carry the time, so that a claim in
// order of id is one in order of age.
type jobIDs struct {
	mu   sync.Mutex
	last int64
	node int64 // low bits that keep the ids of nodes apart
}

const (
	jobEpoch     = 1735689600000 // 2025, in milliseconds: the ids last until 2094
	jobTimeShift = 22            // 41 bits of milliseconds above 10 of node and 12 of sequence
	jobNodeShift = 12
	jobNodeMask  = 1<<10 - 1
)

func (g *jobIDs) next(t time.Time) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = max(g.last+1, max(t.UnixMilli()-jobEpoch, 0)<<jobTimeShift|g.node<<jobNodeShift)
	return g.last
}

// NodeTaken reports whether another node is registered whose job ids could be
// the same as those of a node of this id.
func (s *Store) NodeTaken(ctx context.Context, node int64) (bool, error) {
	if s.dialect.oneWriter {
		return false, nil
	}
	var n int
	err := s.q.QueryRowContext(ctx, `SELECT COUNT(*) FROM nodes WHERE id % $1 = $2`, jobNodeMask+1, node&jobNodeMask).Scan(&n)
	return n > 0, err
}

// Join registers a node and takes the jobs of dead ones from them. On SQLite,
// which one process has to itself, every other node is dead.
func (s *Store) Join(ctx context.Context, node int64, ttl time.Duration) error {
	// The clock may have gone back since the last job was written.
	var last sql.NullInt64
	if err := s.q.QueryRowContext(ctx, `SELECT MAX(id) FROM jobs`).Scan(&last); err != nil {
		return err
	}
	s.jobIDs.mu.Lock()
	s.jobIDs.node, s.jobIDs.last = node&jobNodeMask, max(s.jobIDs.last, last.Int64)
	s.jobIDs.mu.Unlock()
	if s.dialect.oneWriter {
		if _, err := s.exec(ctx, `UPDATE nodes SET expires_at = 0`); err != nil {
			return err
		}
	}
	if err := s.Heartbeat(ctx, node, ttl); err != nil {
		return err
	}
	_, err := s.ReleaseDead(ctx)
	return err
}

// Bury ends the lease of a node that is known to be dead.
func (s *Store) Bury(ctx context.Context, node int64) error {
	_, err := s.exec(ctx, `UPDATE nodes SET expires_at = 0 WHERE id = $1`, node)
	return err
}

// Renew is Heartbeat for a node that was registered. It returns false when the
// node is no longer: its jobs have been taken over.
func (s *Store) Renew(ctx context.Context, node int64, ttl time.Duration) (bool, error) {
	n, err := s.exec(ctx, `UPDATE nodes SET expires_at = $1 WHERE id = $2`, micros(s.Now().Add(ttl)), node)
	return n > 0, err
}

// Heartbeat keeps a node's jobs in its hands for another ttl.
func (s *Store) Heartbeat(ctx context.Context, node int64, ttl time.Duration) error {
	_, err := s.exec(ctx, `INSERT INTO nodes (id, expires_at) VALUES ($1, $2)
		ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at`, node, micros(s.Now().Add(ttl)))
	return err
}

// leaveFor is how long a node that left stays registered, so that a job it was
// just writing is found by ReleaseDead.
const leaveFor = 5 * time.Second

// Leave gives up a node's jobs at once, when it stops in good order.
func (s *Store) Leave(ctx context.Context, node int64) error {
	return s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.exec(ctx, `UPDATE jobs SET owner = 0 WHERE owner = $1`, node); err != nil {
			return err
		}
		_, err := tx.exec(ctx, `UPDATE nodes SET expires_at = $1 WHERE id = $2`, micros(s.Now().Add(leaveFor)), node)
		return err
	})
}

// ReleaseDead frees the jobs of nodes whose heartbeat stopped and returns how
// many there were. Any of them may have been under way.
func (s *Store) ReleaseDead(ctx context.Context) (int64, error) {
	var freed int64
	err := s.Tx(ctx, func(tx *Store) error {
		var dead []int64
		err := tx.each(ctx, func(r *sql.Rows) error {
			var id int64
			err := r.Scan(&id)
			dead = append(dead, id)
			return err
		}, `SELECT id FROM nodes WHERE expires_at < $1`+s.dialect.skipLocked, micros(s.Now()))
		if err != nil {
			return err
		}
		for _, id := range dead {
			n, err := tx.exec(ctx, `UPDATE jobs SET owner = 0, started = CASE WHEN started = 0 THEN $1 ELSE started END
				WHERE owner = $2`, takenOver(s.Now()), id)
			if err != nil {
				return err
			}
			freed += n
			if _, err := tx.exec(ctx, `DELETE FROM nodes WHERE id = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
	return freed, err
}

// OwnedJobs lists the jobs that are a node's.
func (s *Store) OwnedJobs(ctx context.Context, node int64) ([]int64, error) {
	var ids []int64
	err := s.each(ctx, func(r *sql.Rows) error {
		var id int64
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM jobs WHERE owner = $1`, node)
	return ids, err
}

// ReleaseLost frees jobs of a node that it lost sight of. Any of them may have
// been under way.
func (s *Store) ReleaseLost(ctx context.Context, node int64, ids []int64) error {
	return s.Tx(ctx, func(tx *Store) error {
		for _, id := range ids {
			if _, err := tx.exec(ctx, `UPDATE jobs SET owner = 0, started = CASE WHEN started = 0 THEN $1 ELSE started END
				WHERE id = $2 AND owner = $3`, takenOver(s.Now()), id, node); err != nil {
				return err
			}
		}
		return nil
	})
}

// A ClaimFilter says which free jobs are claimed.
type ClaimFilter struct {
	Limit int
	Kinds []string // only these; all when empty
	Skip  []string // not of these lanes
}

// Claim makes up to limit free jobs that are due this node's, oldest first.
func (s *Store) Claim(ctx context.Context, node int64, limit int) ([]*Job, error) {
	return s.ClaimSome(ctx, node, ClaimFilter{Limit: limit})
}

// ClaimSome makes free jobs that are due this node's, oldest first. A send job
// behind an earlier one of its lane that still waits is left alone.
func (s *Store) ClaimSome(ctx context.Context, node int64, f ClaimFilter) ([]*Job, error) {
	var out []*Job
	args := []any{node, micros(s.Now()), f.Limit}
	in := func(cond string, names []string) string {
		if len(names) == 0 {
			return ""
		}
		marks := make([]string, 0, len(names))
		for _, n := range names {
			args = append(args, n)
			marks = append(marks, "$"+strconv.Itoa(len(args)))
		}
		return " AND " + cond + " (" + strings.Join(marks, ",") + ")"
	}
	// The common table keeps PostgreSQL from running the limited SELECT twice.
	query := `WITH due AS MATERIALIZED (
		SELECT id FROM jobs AS j WHERE owner = 0 AND run_at <= $2` + in("kind IN", f.Kinds) + in("lane NOT IN", f.Skip) + `
			AND (kind <> '` + KindSend + `' OR NOT EXISTS (
			SELECT 1 FROM jobs AS e WHERE e.owner = 0 AND e.lane = j.lane AND e.id < j.id AND e.run_at > $2))
		ORDER BY run_at, id LIMIT $3` + s.dialect.skipLocked + `)
		UPDATE jobs SET owner = $1 WHERE id IN (SELECT id FROM due) RETURNING ` + jobColumns
	err := s.Tx(ctx, func(tx *Store) error {
		out = nil
		return tx.each(ctx, func(r *sql.Rows) error {
			j, err := scanJob(r)
			out = append(out, j)
			return err
		}, query, args...)
	})
	slices.SortFunc(out, func(a, b *Job) int { return cmp.Compare(a.ID, b.ID) })
	return out, err
}

func scanJob(r *sql.Rows) (*Job, error) {
	j := new(Job)
	var at int64
	var doc string
	err := r.Scan(&j.ID, &j.ProjectID, &j.Kind, &j.Lane, &j.Owner, &at, &j.Attempts, &j.Started, &doc)
	j.RunAt, j.Doc = fromMicros(at), []byte(doc)
	return j, err
}

// NextDue returns when the first free job after a time is due, or false when
// none is.
func (s *Store) NextDue(ctx context.Context, after time.Time) (time.Time, bool, error) {
	var at sql.NullInt64
	err := s.q.QueryRowContext(ctx, `SELECT MIN(run_at) FROM jobs WHERE owner = 0 AND run_at > $1`, micros(after)).Scan(&at)
	return fromMicros(at.Int64), at.Valid, err
}

// AlignLanes puts off the free send jobs behind one that waits for its retry,
// where a crash kept that from happening, so that a claim in order of time
// takes them after it.
func (s *Store) AlignLanes(ctx context.Context) error {
	_, err := s.exec(ctx, `UPDATE jobs SET run_at = (
			SELECT MAX(e.run_at) FROM jobs AS e WHERE e.owner = 0 AND e.lane = jobs.lane AND e.id < jobs.id)
		WHERE owner = 0 AND kind = '`+KindSend+`' AND EXISTS (
			SELECT 1 FROM jobs AS e WHERE e.owner = 0 AND e.lane = jobs.lane AND e.id < jobs.id AND e.run_at > jobs.run_at)`)
	return err
}

// WaitingLanes lists the lanes of send jobs that wait for a retry, with the
// time it is due.
func (s *Store) WaitingLanes(ctx context.Context) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := s.each(ctx, func(r *sql.Rows) error {
		var lane string
		var at int64
		if err := r.Scan(&lane, &at); err != nil {
			return err
		}
		out[lane] = fromMicros(at)
		return nil
	}, `SELECT lane, MAX(run_at) FROM jobs WHERE owner = 0 AND kind = '`+KindSend+`' AND run_at > $1 GROUP BY lane`, micros(s.Now()))
	return out, err
}

// JobCounts says how many jobs of each kind there are and how old the oldest
// is that is due.
func (s *Store) JobCounts(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.each(ctx, func(r *sql.Rows) error {
		var kind string
		var n int64
		if err := r.Scan(&kind, &n); err != nil {
			return err
		}
		out[kind] = n
		return nil
	}, `SELECT kind, COUNT(*) FROM jobs GROUP BY kind`)
	return out, err
}

// QueuedByApp counts the send jobs of each app. The app's id is n characters of
// the document, after the first at.
func (s *Store) QueuedByApp(ctx context.Context, at, n int) (map[string]int64, error) {
	out := map[string]int64{}
	err := s.each(ctx, func(r *sql.Rows) error {
		var app string
		var jobs int64
		err := r.Scan(&app, &jobs)
		out[app] = jobs
		return err
	}, `SELECT SUBSTR(doc, CAST($1 AS INTEGER), CAST($2 AS INTEGER)), COUNT(*) FROM jobs WHERE kind = '`+KindSend+`' GROUP BY 1`, at+1, n)
	return out, err
}

// AddJobs writes jobs within the transaction at hand; they are for whoever
// has room.
func (s *Store) AddJobs(ctx context.Context, jobs []*Job) error {
	if len(jobs) == 0 {
		return nil
	}
	return s.Tx(ctx, func(tx *Store) error {
		tx.added = true
		for _, j := range jobs {
			j.ID, j.Owner = s.jobIDs.next(s.now()), 0
			if _, err := tx.exec(ctx, `INSERT INTO jobs (`+jobColumns+`) VALUES `+placeholders(1, strings.Count(jobColumns, ",")+1),
				jobArgs(j)...); err != nil {
				return fmt.Errorf("add job: %w", err)
			}
		}
		return nil
	})
}
