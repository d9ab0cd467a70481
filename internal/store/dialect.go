package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // registers the driver
)

// dialect is everything SQLite and PostgreSQL do not agree on.
type dialect struct {
	name       string
	begin      string // starts a committer's transaction
	holdPeople string // keeps every committer out until the transaction ends; "" where one writer does anyway
	skipLocked string // appended to the SELECT that claims jobs
	forUpdate  string // appended to a SELECT whose rows are about to be written
	words      map[string]string
	oneWriter  bool   // all writes share one connection
	committers int    // group committers per node
	batch      int    // rows of the largest multi-row statement
	tune       string // run on each committer's connection; "" for nothing
}

func sqliteDialect() dialect {
	return dialect{
		name:       "sqlite3",
		begin:      "BEGIN IMMEDIATE",
		words:      map[string]string{"without_rowid": "WITHOUT ROWID", "big_key": "INTEGER", "bytes": "BLOB"},
		oneWriter:  true,
		committers: 1,
		batch:      16,
	}
}

// peopleLock is any number: the name of an advisory lock.
const peopleLock = "7021881947"

func postgresDialect() dialect {
	return dialect{
		name: "postgres",
		// In one round trip; the lock keeps committers apart from merges and deletions, see merge.go.
		begin:      "BEGIN; SELECT pg_advisory_xact_lock_shared(" + peopleLock + ")",
		holdPeople: "SELECT pg_advisory_xact_lock(" + peopleLock + ")",
		skipLocked: " FOR UPDATE SKIP LOCKED",
		forUpdate:  " FOR UPDATE",
		words:      map[string]string{"without_rowid": "", "big_key": "BIGINT", "bytes": "BYTEA"},
		committers: 2, // two beat one by a quarter; see docs/adr/0003
		batch:      256,
		// The committers join a few rows with large tables by their keys, and
		// nothing else. On tables it has no statistics of yet, PostgreSQL
		// reads them whole instead, and keeps to that plan: measured on an
		// empty database, 350 messages/s in place of 12,000.
		tune: "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off",
	}
}

// notIndexed keeps PostgreSQL from reaching a column through an index. On a
// table that it has no statistics of, it takes every column to be equally
// selective, so that it may look for one contact's conversation among all of
// the app's: fine in a test, ruinous after a day. SQLite chooses well by
// itself, and badly when misled.
func (d dialect) notIndexed(column string) string {
	if d.oneWriter {
		return column
	}
	return "(" + column + " || '')"
}

// using names the index a statement reads a table by; it stands after the
// table. SQLite, which knows nothing of how many rows there are, takes the
// primary key for most of what is found by project and something else, and
// goes through the whole project. PostgreSQL has statistics.
func (d dialect) using(index string) string {
	if d.oneWriter && index != "" {
		return " INDEXED BY " + index
	}
	return ""
}

// retryable reports whether a transaction failed only because of another one
// at the same time. 40001 also comes from distributed databases that speak
// PostgreSQL's protocol.
func (d dialect) retryable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "40001" || e.Code == "40P01"
	}
	return false
}

// isUnique reports whether err is the violation of a unique index.
func (d dialect) isUnique(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "23505"
	}
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		const constraint = 19 // SQLITE_CONSTRAINT
		return coded.Code()&0xff == constraint
	}
	return false
}

// openSQLite opens one writing connection and a pool of reading ones. WAL lets
// them work at the same time; synchronous=FULL makes a commit survive a power
// cut.
func openSQLite(ctx context.Context, sh *shared, path string) error {
	sh.dialect, sh.known = sqliteDialect(), newKnown()
	dsn := func(extra ...string) string {
		q := url.Values{"_txlock": {"immediate"}} // another process may write, too: the admin commands
		for _, p := range append([]string{
			"busy_timeout(10000)", "foreign_keys(1)", "synchronous(FULL)", "temp_store(MEMORY)",
		}, extra...) {
			q.Add("_pragma", p)
		}
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	}
	// Small pages: an index entry far from its neighbours costs a page of WAL.
	pragmas := []string{
		"page_size(4096)", "journal_mode(WAL)", "wal_autocheckpoint(25000)", "journal_size_limit(134217728)", "cache_size(-16384)",
	}
	w, err := sql.Open("sqlite", dsn(pragmas...))
	if err != nil {
		return err
	}
	// One for the committer, one for Tx; the lock lets only one write.
	w.SetMaxOpenConns(2)
	w.SetMaxIdleConns(2)
	if err := w.PingContext(ctx); err != nil {
		return errors.Join(err, w.Close())
	}
	r, err := sql.Open("sqlite", dsn("cache_size(-4096)"))
	if err != nil {
		return errors.Join(err, w.Close())
	}
	r.SetMaxOpenConns(8)
	r.SetMaxIdleConns(8)
	sh.write, sh.read, sh.prepared = w, r, newPrepared(r)
	return nil
}

func openPostgres(ctx context.Context, sh *shared, address string) error {
	sh.dialect = postgresDialect()
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return errors.New("the database URL cannot be parsed") // the cause may quote the password
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(24)
	db.SetMaxIdleConns(24)
	if err := db.PingContext(ctx); err != nil {
		return errors.Join(fmt.Errorf("reach the database: %w", err), db.Close())
	}
	sh.write, sh.read = db, db
	return nil
}
