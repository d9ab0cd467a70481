package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/parley-im/parley"
)

// A Template is a template as it is stored: in the form of the version of the
// API that wrote it last. Exactly one of V1 and V2 is set.
type Template struct {
	ID      string
	Version int // counts the changes; replaces the one in V2
	V1      *parley.TemplateV1
	V2      *parley.Template
}

// AsV2 returns the template in the form of version 2, whoever wrote it.
func (t *Template) AsV2() (*parley.Template, error) {
	v2 := t.V2
	if v2 == nil {
		var err error
		if v2, err = t.V1.V2(); err != nil {
			return nil, fmt.Errorf("template %s: %w", t.ID, err)
		}
	}
	v2.Version = t.Version
	return v2, nil
}

// AsV1 returns the template in the form of version 1, whoever wrote it.
func (t *Template) AsV1() (*parley.TemplateV1, error) {
	if t.V1 != nil {
		return t.V1, nil
	}
	return t.V2.V1()
}

func (t *Template) document() (api int, doc []byte, err error) {
	if t.V1 != nil {
		doc, err = parley.Marshal(t.V1)
		return 1, doc, err
	}
	doc, err = parley.Marshal(t.V2)
	return 2, doc, err
}

// AddTemplate stores a new template, or fails with ALREADY_EXISTS.
func (s *Store) AddTemplate(ctx context.Context, projectID string, t *Template) error {
	api, doc, err := t.document()
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO templates (project_id, id, api, version, doc) VALUES ($1, $2, $3, $4, $5)`,
		projectID, t.ID, api, t.Version, string(doc))
	if s.dialect.isUnique(err) {
		return parley.Errorf(parley.CodeAlreadyExists, "template %q exists", t.ID)
	}
	if err != nil {
		return fmt.Errorf("add template: %w", err)
	}
	return nil
}

// SetTemplate replaces a template, or fails with NOT_FOUND.
func (s *Store) SetTemplate(ctx context.Context, projectID string, t *Template) error {
	api, doc, err := t.document()
	if err != nil {
		return err
	}
	n, err := s.exec(ctx, `UPDATE templates SET api = $1, version = $2, doc = $3 WHERE project_id = $4 AND id = $5`,
		api, t.Version, string(doc), projectID, t.ID)
	if err == nil && n == 0 {
		return parley.NotFound("template", t.ID)
	}
	return err
}

const templateColumns = `SELECT id, api, version, doc FROM templates WHERE project_id = $1 `

// Template returns a template of the project, or NOT_FOUND. In a transaction
// the row is locked, because it is about to be changed.
func (s *Store) Template(ctx context.Context, projectID, id string) (*Template, error) {
	query := templateColumns + `AND id = $2`
	if s.inTx {
		query += s.dialect.forUpdate
	}
	t, err := scanTemplate(s.q.QueryRowContext(ctx, query, projectID, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, parley.NotFound("template", id)
	}
	return t, err
}

// Templates lists the project's templates by their ids.
func (s *Store) Templates(ctx context.Context, projectID string) ([]*Template, error) {
	out := []*Template{}
	err := s.each(ctx, func(r *sql.Rows) error {
		t, err := scanTemplate(r.Scan)
		out = append(out, t)
		return err
	}, templateColumns+`ORDER BY id`, projectID)
	return out, err
}

func scanTemplate(scan func(...any) error) (*Template, error) {
	t := new(Template)
	var api int
	var doc string
	if err := scan(&t.ID, &api, &t.Version, &doc); err != nil {
		return nil, err
	}
	var form any
	if api == 1 {
		t.V1 = new(parley.TemplateV1)
		form = t.V1
	} else {
		t.V2 = new(parley.Template)
		form = t.V2
	}
	if err := json.Unmarshal([]byte(doc), form); err != nil {
		return nil, fmt.Errorf("template %s: %w", t.ID, err)
	}
	return t, nil
}

// DeleteTemplate removes a template, or fails with NOT_FOUND. Messages that
// refer to it are not affected: they hold what it said when they were accepted.
func (s *Store) DeleteTemplate(ctx context.Context, projectID, id string) error {
	n, err := s.exec(ctx, `DELETE FROM templates WHERE project_id = $1 AND id = $2`, projectID, id)
	if err == nil && n == 0 {
		return parley.NotFound("template", id)
	}
	return err
}
