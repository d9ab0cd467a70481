package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"
)

// Group commit. A durable commit costs far more than the statements in it, so
// callers that wait at the same moment share one: a committer takes what waits
// now, without a timer, applies it set by set and commits. Each caller is
// answered after the commit, with its own result. Writes nobody waits for ride
// along with the next group, or go on their own after a moment. When a group fails it is
// rolled back and replayed one by one, so that each caller gets its own error
// and nobody suffers for a neighbour. Jobs are handed to the queue only after
// the commit that made them.

const (
	// maxGroup bounds how many writes share a transaction.
	maxGroup = 512
	// patience is how long writes nobody waits for are kept for company.
	patience = 5 * time.Millisecond
)

// A commit is a Write on its way, and how its caller hears of it.
type commit struct {
	write *Write
	done  chan error  // nil when nobody waits
	then  func(error) // or nil
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
// The key of ctx, if it has one, is stored with it (see Key).
func (s *Store) Commit(ctx context.Context, w *Write) error {
	w.key = keyOf(ctx)
	c := &commit{write: w, done: make(chan error, 1)}
	select {
	case s.commits <- c:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
	err := s.answer(c)
	if w.key != nil {
		w.key.stored = err == nil
	}
	return err
}

// answer waits for the result of a commit. One that got in line when the
// committers had already gone has none.
func (s *Store) answer(c *commit) error {
	select {
	case err := <-c.done:
		return err
	case <-s.drained:
	}
	select {
	case err := <-c.done:
		return err
	default:
		return errClosed
	}
}

// CommitAll stores several writes, like Commit, and returns the first error
// once all are answered. They get in line in their order; on PostgreSQL two
// committers may still take neighbours at the same moment.
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
		if cerr := s.answer(c); err == nil {
			err = cerr
		}
	}
	return err
}

// CommitLater stores a write soon, without waiting: for what is harmless to
// lose, because it would just be done again.
func (s *Store) CommitLater(w *Write) {
	select {
	case s.later <- &commit{write: w}:
	case <-s.closed:
	}
}

// CommitThen stores a write soon and tells then how it went. then is called by
// the committer, so it must be quick and commit nothing itself; after Close it
// may never be called.
func (s *Store) CommitThen(w *Write, then func(error)) {
	select {
	case s.later <- &commit{write: w, then: then}:
	case <-s.closed:
		then(errClosed)
	}
}

// A writer is a committer: one connection and its prepared statements.
type writer struct {
	s     *Store
	conn  *sql.Conn
	stmts map[stmtKey]*sql.Stmt
}

func newWriter(ctx context.Context, s *Store) (*writer, error) {
	w := &writer{s: s}
	return w, w.connect(ctx)
}

func (w *writer) connect(ctx context.Context) error {
	w.discard()
	conn, err := w.s.write.Conn(ctx)
	if err != nil {
		return err
	}
	w.conn, w.stmts = conn, map[stmtKey]*sql.Stmt{}
	if w.s.dialect.tune == "" {
		return nil
	}
	_, err = conn.ExecContext(ctx, w.s.dialect.tune)
	return err
}

// discard closes the connection for good: it must not go back to the pool,
// because it may be within a transaction.
func (w *writer) discard() {
	if w.conn == nil {
		return
	}
	_ = w.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.conn.Close() // it is gone already
	w.conn, w.stmts = nil, nil
}

// run commits groups until the store is closed and nothing waits.
func (w *writer) run() {
	defer w.discard()
	var alone <-chan time.Time // fires when the first of later has waited long enough
	var later []*commit
	for {
		select {
		case c := <-w.s.commits:
			w.group(w.gather(append(later, c)))
			later, alone = nil, nil
		case c := <-w.s.later:
			if later = append(later, c); len(later) == 1 {
				alone = time.After(patience)
			}
			if len(later) >= maxGroup {
				w.group(later)
				later, alone = nil, nil
			}
		case <-alone:
			w.group(later)
			later, alone = nil, nil
		case <-w.s.closed:
			for group := w.gather(later); len(group) > 0; group = w.gather(nil) {
				w.group(group)
			}
			return
		}
	}
}

// gather adds to a group what waits now, without waiting for more. Before it
// looks it lets whoever can run do so, because on a busy machine some of them
// are about to get in line; on an idle one that takes no time.
func (w *writer) gather(group []*commit) []*commit {
	runtime.Gosched()
	for len(group) < maxGroup {
		select {
		case c := <-w.s.commits:
			group = append(group, c)
			continue
		default:
		}
		select {
		case c := <-w.s.later:
			group = append(group, c)
		default:
			return group
		}
	}
	return group
}

// group commits a group, or each of its writes alone when that fails through
// the fault of one.
func (w *writer) group(group []*commit) {
	ready, err := w.attempt(group)
	if err != nil && len(group) > 1 && !errors.Is(err, errLost) {
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
		switch {
		case c.done != nil:
			c.done <- c.err
		case c.then != nil:
			c.then(c.err)
		case c.err != nil:
			w.s.log.Error("commit", slog.Any("error", c.err))
		}
	}
}

// errLost says that the connection was lost, perhaps after the commit.
var errLost = errors.New("the connection to the database was lost")

// attempt makes one transaction of the group, again where another node was in
// the way or the connection was lost before the commit.
func (w *writer) attempt(group []*commit) ([]*Job, error) {
	// Without cancellation: the group is not one caller's to give up.
	ctx := context.Background()
	var err error
	for range 5 {
		var b *batch
		b, err = w.transaction(ctx, group)
		if err == nil {
			w.s.stats.groups.Add(1)
			w.s.stats.writes.Add(int64(len(group)))
			return b.ready, nil
		}
		if errors.Is(err, errLost) {
			if cerr := w.connect(ctx); cerr != nil {
				w.discard()
				return nil, errors.Join(err, cerr)
			}
			if done, derr := w.committed(ctx, b.jobs); derr != nil || done {
				return b.ready, derr
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

// transaction makes one transaction of the group. The batch it returns says
// what the transaction wrote, or would have.
func (w *writer) transaction(ctx context.Context, group []*commit) (*batch, error) {
	b := &batch{w: w, ctx: ctx}
	if w.s.hooks.Left != nil {
		defer func() {
			if len(b.left) > 0 {
				w.s.hooks.Left(b.left)
			}
		}()
	}
	if w.s.dialect.oneWriter {
		w.s.lock.Lock()
		defer w.s.lock.Unlock()
	}
	if w.conn == nil {
		return b, errLost
	}
	if _, err := w.conn.ExecContext(ctx, w.s.dialect.begin); err != nil {
		w.discard()
		return b, errors.Join(errLost, fmt.Errorf("begin: %w", err))
	}
	err := b.apply(group)
	if err == nil {
		_, err = w.conn.ExecContext(ctx, "COMMIT")
	}
	if err == nil {
		w.s.known.learn(b.people)
		return b, nil
	}
	if _, rerr := w.conn.ExecContext(ctx, "ROLLBACK"); rerr != nil {
		// The connection is in an unknown state: start over on a new one.
		w.discard()
		return b, errors.Join(errLost, err)
	}
	return b, err
}

// stmt returns a prepared statement of this connection.
func (w *writer) stmt(ctx context.Context, k stmtKey, text func() string) (*sql.Stmt, error) {
	if st := w.stmts[k]; st != nil {
		return st, nil
	}
	st, err := w.conn.PrepareContext(ctx, text())
	if err != nil {
		return nil, err
	}
	w.stmts[k] = st
	return st, nil
}
