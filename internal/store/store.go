// Package store is the database: SQLite by default, PostgreSQL for several
// nodes, one SQL text for both. Its methods are grouped by file: apps.go,
// contacts.go, messages.go, jobs.go and so on.
//
// Hot writes (accepting, sending, receiving) are values of type Write that
// callers waiting at the same moment commit together; see commit.go. Cold
// writes use Tx. Nothing is acknowledged before it is on disk. The package
// knows nothing of HTTP, channels or what a state means.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/parley-im/parley"
)

// Options say which database to open and how.
type Options struct {
	// URL is a PostgreSQL URL (postgres://…), or "" for SQLite.
	URL string
	// Path is the SQLite database file, created when absent.
	Path string
	// Key is the 32-byte key that encrypts credentials and webhook secrets and
	// hashes access keys.
	Key []byte
	Now func() time.Time
	Log *slog.Logger
}

// A Store is the one database. It is safe for concurrent use.
type Store struct {
	*shared
	q querier // what statements run on: the pool, or the transaction of Tx
	// inTx marks the Store handed to a function run by Tx.
	inTx bool
	// added notes that the transaction wrote jobs, people that it wrote what
	// the committer remembers.
	added, people bool
}

// shared is what a Store and its transactions have in common.
type shared struct {
	dialect dialect
	read    *sql.DB // reads; on PostgreSQL also cold writes
	write   *sql.DB // on SQLite the one connection that writes
	lock    sync.Mutex
	known   *known // nil unless there is one writer; guarded by lock
	// prepared is read for hot paths; nil where the driver prepares by itself.
	prepared *prepared
	sealer   *sealer
	now      func() time.Time
	log      *slog.Logger
	ids      parley.IDSource
	jobIDs   jobIDs

	commits    chan *commit // somebody waits
	later      chan *commit // nobody does
	committers sync.WaitGroup
	closed     chan struct{} // no more commits are taken
	drained    chan struct{} // the committers have gone
	closeOnce  sync.Once
	hooks      Hooks
	stats      stats
}

// Hooks connect the store to the queue that runs its jobs.
type Hooks struct {
	// Owner decides, as a job is about to be written, whether this node will
	// run it at once (its node id) or it is left for whoever has room (0).
	Owner func(*Job) int64
	// Ready is told of the jobs this node owns once they are committed.
	Ready func([]*Job)
	// Left is told of the jobs Owner left to others once their transaction is
	// over, whether it took place or not.
	Left func([]*Job)
	// Added is told that jobs were written that wait for whoever has room.
	Added func()
}

// querier is what a statement can run on.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Open opens the database, brings its schema up to date and starts the
// committers. Close must be called.
func Open(ctx context.Context, o Options) (*Store, error) {
	sealer, err := newSealer(o.Key)
	if err != nil {
		return nil, err
	}
	sh := &shared{
		sealer:  sealer,
		now:     o.Now,
		log:     o.Log,
		commits: make(chan *commit, 2*maxGroup),
		later:   make(chan *commit, 2*maxGroup),
		closed:  make(chan struct{}),
		drained: make(chan struct{}),
	}
	if o.URL != "" {
		err = openPostgres(ctx, sh, o.URL)
	} else {
		err = openSQLite(ctx, sh, o.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{shared: sh, q: sh.read}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrate database: %w", err), s.closePools())
	}
	for range sh.dialect.committers {
		w, err := newWriter(ctx, s)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open committer: %w", err), s.Close())
		}
		sh.committers.Go(func() { w.run() }) //nolint:contextcheck // it outlives Open
	}
	return s, nil
}

// SetHooks connects the queue. It must be called before the first Write.
func (s *Store) SetHooks(h Hooks) { s.hooks = h }

// Close finishes the commits under way and closes the database.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closed)
		s.committers.Wait()
		close(s.drained)
	})
	return s.closePools()
}

func (s *Store) closePools() error {
	var err error
	if s.prepared != nil {
		err = s.prepared.close()
	}
	err = errors.Join(err, s.read.Close())
	if s.write != s.read {
		err = errors.Join(err, s.write.Close())
	}
	return err
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.read.PingContext(ctx) }

// Now is the store's clock.
func (s *Store) Now() time.Time { return s.now().UTC() }

// NewID returns an identifier for now.
func (s *Store) NewID() string { return s.ids.New(s.now()) }

// IDAt returns an identifier for a time in the past.
func (s *Store) IDAt(t time.Time) string { return s.ids.At(t) }

// Tx runs f in a transaction: all it does through tx happens, or none does. On
// a serialization failure f is run again, so it must not do anything else. The
// key of ctx, if it has one, is part of the transaction (see Key).
func (s *Store) Tx(ctx context.Context, f func(tx *Store) error) error {
	if s.inTx {
		return f(s)
	}
	var err error
	for range 5 {
		if err = s.tx(ctx, f); !s.dialect.retryable(err) {
			return err
		}
	}
	return err
}

func (s *Store) tx(ctx context.Context, f func(tx *Store) error) error {
	key := keyOf(ctx)
	added, err := s.locked(ctx, key, f)
	if err != nil {
		return err
	}
	if key != nil {
		key.stored = true
	}
	if added && s.hooks.Added != nil {
		s.hooks.Added()
	}
	return nil
}

// locked is tx while it holds the writers' lock.
func (s *Store) locked(ctx context.Context, key *Key, f func(tx *Store) error) (added bool, err error) {
	if s.dialect.oneWriter {
		s.lock.Lock()
		defer s.lock.Unlock()
	}
	t, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	inner := &Store{shared: s.shared, q: t, inTx: true}
	err = f(inner)
	if err == nil && key != nil {
		err = inner.putKey(ctx, key)
	}
	if err != nil {
		return false, errors.Join(err, rollback(t))
	}
	if err := t.Commit(); err != nil {
		return false, fmt.Errorf("commit: %w", err)
	}
	if inner.people {
		s.known.forget()
	}
	return inner.added, nil
}

func rollback(t *sql.Tx) error {
	if err := t.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// exec runs a cold write: within the transaction at hand, or in one of its
// own. It returns the number of rows changed.
func (s *Store) exec(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := s.Tx(ctx, func(tx *Store) error {
		tx.people = tx.people || s.known.concerns(query)
		res, err := tx.q.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// each runs a query and calls scan for every row.
func (s *Store) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	return eachOf(ctx, s.q, scan, query, args...)
}

func eachOf(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// placeholders returns "($1,$2),($3,$4)" for rows of width columns.
func placeholders(rows, width int) string {
	var b strings.Builder
	n := 0
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for c := range width {
			if c > 0 {
				b.WriteByte(',')
			}
			n++
			fmt.Fprintf(&b, "$%d", n)
		}
		b.WriteByte(')')
	}
	return b.String()
}

// micros is how times are stored.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }
