package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies the migrations the database lacks. Nodes that start at the
// same moment take turns (PostgreSQL).
func (s *Store) migrate(ctx context.Context) error {
	var steps []*goose.Migration
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	for _, name := range names {
		step, err := s.migration(name)
		if err != nil {
			return err
		}
		steps = append(steps, step)
	}
	var opts []goose.ProviderOption
	if !s.dialect.oneWriter {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	opts = append(opts, goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true))
	p, err := goose.NewProvider(database.Dialect(s.dialect.name), s.write, nil, opts...)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// migration reads one file, such as 0001_start.sql, and puts the dialect's
// words in.
func (s *Store) migration(name string) (*goose.Migration, error) {
	base := name[strings.LastIndexByte(name, '/')+1:]
	number, _, _ := strings.Cut(base, "_")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("migration %s: %w", base, err)
	}
	text, err := migrations.ReadFile(name)
	if err != nil {
		return nil, err
	}
	ddl := string(text)
	for word, value := range s.dialect.words {
		ddl = strings.ReplaceAll(ddl, "{{"+word+"}}", value)
	}
	up := func(ctx context.Context, tx *sql.Tx) error {
		for statement := range strings.SplitSeq(ddl, ";\n") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", base, err)
			}
		}
		return nil
	}
	return goose.NewGoMigration(version, &goose.GoFunc{RunTx: up}, nil), nil
}
