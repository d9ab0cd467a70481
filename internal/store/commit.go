package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
)

// Group commit. A durable commit costs far more than the statements in it, so
// callers that wait at the same moment share one: a committer takes what waits
// now, without a timer, applies it set by set and commits. Each caller is
// answered after the commit, with its own result. When a group fails it is
// rolled back and replayed one by one, so that each caller gets its own error
// and nobody suffers for a neighbour. Jobs are handed to the queue only after
// the commit that made them.

// maxGroup bounds how many writes share a transaction.
const maxGroup = 512

// A commit is a Write on its way, and how its caller hears of it.
type commit struct {
	write *Write
	done  chan error // nil when nobody waits
	err   error
}

// stats count what the committers did.
type stats struct {
	groups, writes atomic.Int64
}

// CommitStats returns how many transactions the committers made, and of how
// many writes.
func (s *Store) CommitStats() (groups, writes int64) {
	return s.stats.groups.Load(), s.stats.writes.Load()
}

// errClosed answers writes that come after Close.
var errClosed = errors.New("the store is closed")

// Commit stores a write, together with others that wait, and returns once it
// is durable or has failed. Once begun it is carried out even when ctx ends,
// because half the group cannot be taken back; ctx only ends the wait before.
func (s *Store) Commit(ctx context.Context, w *Write) error {
	c := &commit{write: w, done: make(chan error, 1)}
	select {
	case s.commits <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
	return <-c.done
}

// CommitAll stores writes in their order, like Commit, and returns the first
// error once all are answered.
func (s *Store) CommitAll(ctx context.Context, ws []*Write) error {
	waits := make([]*commit, 0, len(ws))
	var err error
	for _, w := range ws {
		c := &commit{write: w, done: make(chan error, 1)}
		select {
		case s.commits <- c:
			waits = append(waits, c)
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.closed:
			err = errClosed
		}
	}
	for _, c := range waits {
		if cerr := <-c.done; err == nil {
			err = cerr
		}
	}
	return err
}

// CommitLater stores a write soon, without waiting: for what is harmless to
// lose, because it would just be done again.
func (s *Store) CommitLater(w *Write) {
	select {
	case s.commits <- &commit{write: w}:
	case <-s.closed:
	}
}

// A writer is a committer: one connection and its prepared statements.
type writer struct {
	s     *Store
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func newWriter(ctx context.Context, s *Store) (*writer, error) {
	w := &writer{s: s}
	return w, w.connect(ctx)
}

func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		w.conn.Close()
	}
	conn, err := w.s.write.Conn(ctx)
	w.conn, w.stmts = conn, map[string]*sql.Stmt{}
	return err
}

// run commits groups until the store is closed and nothing waits.
func (w *writer) run() {
	defer func() {
		for _, st := range w.stmts {
			st.Close()
		}
		w.conn.Close()
	}()
	for {
		select {
		case c := <-w.s.commits:
			w.group(w.gather(c))
		case <-w.s.closed:
			for {
				select {
				case c := <-w.s.commits:
					w.group(w.gather(c))
				default:
					return
				}
			}
		}
	}
}

// gather takes what waits now, without waiting for more.
func (w *writer) gather(c *commit) []*commit {
	group := append(make([]*commit, 0, 64), c)
	for len(group) < maxGroup {
		select {
		case c := <-w.s.commits:
			group = append(group, c)
		default:
			return group
		}
	}
	return group
}

// group commits a group, or each of its writes alone when that fails.
func (w *writer) group(group []*commit) {
	ready, err := w.attempt(group)
	if err != nil && len(group) > 1 {
		for _, c := range group {
			w.group([]*commit{c})
		}
		return
	}
	for _, c := range group {
		if err != nil {
			c.err = err
		}
	}
	if err == nil && len(ready) > 0 && w.s.hooks.Ready != nil {
		w.s.hooks.Ready(ready)
	}
	for _, c := range group {
		if c.done != nil {
			c.done <- c.err
		} else if c.err != nil {
			w.s.log.Error("commit", "error", c.err)
		}
	}
}

// attempt makes one transaction of the group, again where another node was in
// the way or the connection was lost before the commit.
func (w *writer) attempt(group []*commit) ([]*Job, error) {
	// Without cancellation: the group is not one caller's to give up.
	ctx := context.Background()
	var ready []*Job
	var err error
	for range 5 {
		ready, err = w.transaction(ctx, group)
		if err == nil {
			w.s.stats.groups.Add(1)
			w.s.stats.writes.Add(int64(len(group)))
			return ready, nil
		}
		if errors.Is(err, sql.ErrConnDone) || w.conn.PingContext(ctx) != nil {
			if cerr := w.connect(ctx); cerr != nil {
				return nil, errors.Join(err, cerr)
			}
			// The connection may have been lost after the commit.
			if done, derr := w.committed(ctx, ready); derr != nil || done {
				return ready, derr
			}
			continue
		}
		if !w.s.dialect.retryable(err) {
			return nil, err
		}
	}
	return nil, err
}

// committed reports whether a transaction took place, by one of its jobs.
func (w *writer) committed(ctx context.Context, jobs []*Job) (bool, error) {
	if len(jobs) == 0 {
		return false, nil
	}
	var n int
	err := w.conn.QueryRowContext(ctx, `SELECT COUNT(*) FROM jobs WHERE id = $1`, jobs[0].ID).Scan(&n)
	return n > 0, err
}

func (w *writer) transaction(ctx context.Context, group []*commit) ([]*Job, error) {
	if w.s.dialect.oneWriter {
		w.s.lock.Lock()
		defer w.s.lock.Unlock()
	}
	if _, err := w.conn.ExecContext(ctx, w.s.dialect.begin); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	b := &batch{w: w, ctx: ctx}
	err := b.apply(group)
	if err == nil {
		_, err = w.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, rerr := w.conn.ExecContext(ctx, "ROLLBACK")
		if rerr != nil {
			// The connection is in an unknown state: start over on a new one.
			return b.ready, errors.Join(err, w.connect(ctx))
		}
		return b.ready, err
	}
	return b.ready, nil
}

// stmt returns a prepared statement of this connection.
func (w *writer) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := w.stmts[query]; st != nil {
		return st, nil
	}
	st, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	w.stmts[query] = st
	return st, nil
}
