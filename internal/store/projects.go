package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/parley-im/parley"
)

// A Project is a tenant.
type Project struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// An AccessKey lets a client act on a project. Its secret is shown once, when
// it is made; afterwards only its hash is known.
type AccessKey struct {
	ID        string
	ProjectID string
	Secret    string
	CreatedAt time.Time
	RevokedAt time.Time // zero while the key is good
}

// Projects lists all projects in order of creation.
func (s *Store) Projects(ctx context.Context) ([]Project, error) {
	var out []Project
	err := s.each(ctx, func(r *sql.Rows) error {
		var p Project
		var at int64
		if err := r.Scan(&p.ID, &p.Name, &at); err != nil {
			return err
		}
		p.CreatedAt = fromMicros(at)
		out = append(out, p)
		return nil
	}, `SELECT id, name, created_at FROM projects ORDER BY created_at, id`)
	return out, err
}

// HasProject reports whether the project exists.
func (s *Store) HasProject(ctx context.Context, id string) (bool, error) {
	var n int
	err := s.q.QueryRowContext(ctx, `SELECT COUNT(*) FROM projects WHERE id = $1`, id).Scan(&n)
	return n > 0, err
}

// CreateProject stores a project, or fails with ALREADY_EXISTS.
func (s *Store) CreateProject(ctx context.Context, id, name string) (Project, error) {
	p := Project{ID: id, Name: name, CreatedAt: s.Now()}
	_, err := s.exec(ctx, `INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3)`, p.ID, p.Name, micros(p.CreatedAt))
	if s.dialect.isUnique(err) {
		return p, parley.Errorf(parley.CodeAlreadyExists, "project %q exists", id)
	}
	return p, err
}

// CreateKey stores an access key of a project. An empty id or secret is made
// up.
func (s *Store) CreateKey(ctx context.Context, projectID, id, secret string) (AccessKey, error) {
	if id == "" {
		id = randomText(16)
	}
	if secret == "" {
		secret = randomText(24)
	}
	k := AccessKey{ID: id, ProjectID: projectID, Secret: secret, CreatedAt: s.Now()}
	ok, err := s.HasProject(ctx, projectID)
	if err != nil {
		return k, err
	}
	if !ok {
		return k, parley.Errorf(parley.CodeNotFound, "project %q was not found", projectID)
	}
	_, err = s.exec(ctx, `INSERT INTO access_keys (id, project_id, secret_hash, created_at) VALUES ($1, $2, $3, $4)`,
		k.ID, k.ProjectID, s.sealer.hash(id, secret), micros(k.CreatedAt))
	if s.dialect.isUnique(err) {
		return k, parley.Errorf(parley.CodeAlreadyExists, "access key %q exists", id)
	}
	return k, err
}

// Keys lists a project's access keys, without their secrets.
func (s *Store) Keys(ctx context.Context, projectID string) ([]AccessKey, error) {
	var out []AccessKey
	err := s.each(ctx, func(r *sql.Rows) error {
		k := AccessKey{ProjectID: projectID}
		var created, revoked int64
		if err := r.Scan(&k.ID, &created, &revoked); err != nil {
			return err
		}
		k.CreatedAt = fromMicros(created)
		if revoked != 0 {
			k.RevokedAt = fromMicros(revoked)
		}
		out = append(out, k)
		return nil
	}, `SELECT id, created_at, revoked_at FROM access_keys WHERE project_id = $1 ORDER BY created_at, id`, projectID)
	return out, err
}

// RevokeKey makes a key useless at once; tokens it got die with it.
func (s *Store) RevokeKey(ctx context.Context, id string) error {
	n, err := s.exec(ctx, `UPDATE access_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at = 0`, micros(s.Now()), id)
	if err == nil && n == 0 {
		return parley.Errorf(parley.CodeNotFound, "access key %q was not found", id)
	}
	return err
}

// KeyProject returns the project of a key that is not revoked, or
// UNAUTHENTICATED.
func (s *Store) KeyProject(ctx context.Context, id string) (string, error) {
	project, _, err := s.keyRow(ctx, id)
	return project, err
}

// CheckKey returns the project of the key if the secret is right, and
// UNAUTHENTICATED otherwise.
func (s *Store) CheckKey(ctx context.Context, id, secret string) (string, error) {
	project, hash, err := s.keyRow(ctx, id)
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare([]byte(hash), []byte(s.sealer.hash(id, secret))) != 1 {
		return "", parley.Errorf(parley.CodeUnauthenticated, "the access key or its secret is wrong")
	}
	return project, nil
}

func (s *Store) keyRow(ctx context.Context, id string) (project, hash string, err error) {
	err = s.q.QueryRowContext(ctx, `SELECT project_id, secret_hash FROM access_keys WHERE id = $1 AND revoked_at = 0`, id).
		Scan(&project, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		err = parley.Errorf(parley.CodeUnauthenticated, "the access key or its secret is wrong")
	}
	return project, hash, err
}

// A SigningKey signs access tokens. Several nodes share them; a new one signs,
// older ones still verify.
type SigningKey struct {
	ID        string
	Secret    []byte
	CreatedAt time.Time
}

// SigningKeys lists the signing keys, newest first.
func (s *Store) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	var out []SigningKey
	err := s.each(ctx, func(r *sql.Rows) error {
		var k SigningKey
		var sealed string
		var at int64
		if err := r.Scan(&k.ID, &sealed, &at); err != nil {
			return err
		}
		k.CreatedAt = fromMicros(at)
		var err error
		k.Secret, err = s.sealer.open("signing/"+k.ID, sealed)
		out = append(out, k)
		return err
	}, `SELECT id, secret, created_at FROM signing_keys ORDER BY created_at DESC, id DESC`)
	return out, err
}

// AddSigningKey stores a signing key and forgets those made before cutoff.
func (s *Store) AddSigningKey(ctx context.Context, k SigningKey, cutoff time.Time) error {
	return s.Tx(ctx, func(tx *Store) error {
		if _, err := tx.exec(ctx, `INSERT INTO signing_keys (id, secret, created_at) VALUES ($1, $2, $3)`,
			k.ID, s.sealer.seal("signing/"+k.ID, k.Secret), micros(k.CreatedAt)); err != nil {
			return fmt.Errorf("add signing key: %w", err)
		}
		_, err := tx.exec(ctx, `DELETE FROM signing_keys WHERE created_at < $1`, micros(cutoff))
		return err
	})
}
