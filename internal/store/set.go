package store

import (
	"database/sql"
	"fmt"
	"math/bits"
	"strings"
)

// A set is rows on their way into one statement after another, in chunks of
// few sizes so that few statements need preparing.
type set struct {
	head, tail string
	types      string // one letter a column: t for text, i for integer, b for boolean, d for bytes
	insert     bool   // head is INSERT INTO …, without VALUES
	args       []any
}

func (s *set) add(args ...any) { s.args = append(s.args, args...) }

// A statement's text depends on nothing else.
type stmtKey struct {
	head, tail string
	rows       int
}

// each runs the set's statement chunk by chunk.
func (b *batch) each(s *set, run func(st *sql.Stmt, args []any) error) error {
	width := len(s.types)
	for args := s.args; len(args) > 0; {
		rows := len(args) / width
		n := b.w.s.dialect.chunk(rows)
		st, err := b.w.stmt(b.ctx, stmtKey{s.head, s.tail, n}, func() string { return b.w.s.dialect.text(s, n) })
		if err != nil {
			return err
		}
		part := args[:min(n, rows)*width]
		args = args[len(part):]
		if n > rows {
			part = s.pad(part, n)
		}
		if err := run(st, part); err != nil {
			return err
		}
	}
	return nil
}

// pad fills a chunk up to n rows: with rows of NULL, which the statement skips
// when it inserts, and elsewhere with copies of the last one, which change
// nothing.
func (s *set) pad(args []any, n int) []any {
	width := len(s.types)
	out := make([]any, n*width)
	last := args[len(args)-width:]
	for i := copy(out, args); !s.insert && i < len(out); i += width {
		copy(out[i:], last)
	}
	return out
}

// chunk returns the size of the next statement for n rows. Where a statement
// costs a round trip it is rounded up, and the chunk is padded.
func (d dialect) chunk(n int) int {
	if n >= d.batch {
		return d.batch
	}
	if !d.oneWriter {
		return 1 << bits.Len(uint(n-1))
	}
	size := d.batch
	for size > n {
		size /= 4
	}
	return max(size, 1)
}

// text returns the statement for n rows of a set.
func (d dialect) text(s *set, n int) string {
	switch values := d.values(n, s.types); {
	case !s.insert:
		return s.head + values + s.tail
	case d.oneWriter:
		return s.head + " VALUES " + values + s.tail
	default:
		return s.head + " SELECT * FROM (VALUES " + values + ") AS v WHERE column1 IS NOT NULL" + s.tail
	}
}

func (b *batch) exec(s *set) error {
	return b.each(s, func(st *sql.Stmt, args []any) error {
		_, err := st.ExecContext(b.ctx, args...)
		return err
	})
}

func (b *batch) query(s *set, scan func(*sql.Rows) error) error {
	return b.each(s, func(st *sql.Stmt, args []any) error {
		rows, err := st.QueryContext(b.ctx, args...)
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
	})
}

// values returns "($1,CAST($2 AS BIGINT)),(…)". The casts are PostgreSQL's
// need: it takes an untyped parameter in VALUES for text. SQLite is given
// parameters without a name, because it looks up each name each time.
func (d dialect) values(rows int, types string) string {
	var b strings.Builder
	n := 0
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for c := range len(types) {
			if c > 0 {
				b.WriteByte(',')
			}
			n++
			switch {
			case d.oneWriter:
				b.WriteByte('?')
			case types[c] == 't':
				fmt.Fprintf(&b, "$%d", n)
			case types[c] == 'd':
				fmt.Fprintf(&b, "CAST($%d AS BYTEA)", n)
			case types[c] == 'b':
				fmt.Fprintf(&b, "CAST($%d AS BOOLEAN)", n)
			default:
				fmt.Fprintf(&b, "CAST($%d AS BIGINT)", n)
			}
		}
		b.WriteByte(')')
	}
	return b.String()
}
