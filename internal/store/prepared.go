package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// prepared runs the reads of the hot paths with statements that are prepared
// once: SQLite spends as long on understanding one of them as on its answer.
// The driver of PostgreSQL does so by itself.
type prepared struct {
	*sql.DB
	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

func newPrepared(db *sql.DB) *prepared { return &prepared{DB: db, stmts: map[string]*sql.Stmt{}} }

// hot is what the reads of hot paths run on. Their texts are kept for good, so
// there must be few of them.
func (s *Store) hot() querier {
	if s.inTx || s.prepared == nil {
		return s.q
	}
	return s.prepared
}

// stmt returns the statement of a text, or nil where it cannot be prepared:
// running the text says why.
func (p *prepared) stmt(ctx context.Context, query string) *sql.Stmt {
	p.mu.Lock()
	st := p.stmts[query]
	p.mu.Unlock()
	if st != nil {
		return st
	}
	st, err := p.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.stmts[query]; first != nil {
		_ = st.Close() //nolint:sqlclosecheck // another caller was faster
		return first
	}
	p.stmts[query] = st
	return st
}

// QueryContext is that of sql.DB.
func (p *prepared) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if st := p.stmt(ctx, query); st != nil { //nolint:sqlclosecheck // it is kept
		return st.QueryContext(ctx, args...)
	}
	return p.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext is that of sql.DB.
func (p *prepared) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if st := p.stmt(ctx, query); st != nil { //nolint:sqlclosecheck // it is kept
		return st.QueryRowContext(ctx, args...)
	}
	return p.DB.QueryRowContext(ctx, query, args...)
}

// close closes the statements.
func (p *prepared) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, st := range p.stmts {
		err = errors.Join(err, st.Close())
	}
	clear(p.stmts)
	return err
}
