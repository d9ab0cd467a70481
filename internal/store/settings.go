package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/parley-im/parley"
)

// Settings returns a project's settings, or NOT_FOUND when it has none.
func (s *Store) Settings(ctx context.Context, projectID string) (*parley.ProjectSettings, error) {
	query := `SELECT doc FROM settings WHERE project_id = $1`
	if s.inTx {
		query += s.dialect.forUpdate
	}
	var doc string
	err := s.q.QueryRowContext(ctx, query, projectID).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, parley.Errorf(parley.CodeNotFound, "this project has no settings")
	}
	if err != nil {
		return nil, err
	}
	out := new(parley.ProjectSettings)
	if err := json.Unmarshal([]byte(doc), out); err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return out, nil
}

// CreateSettings stores the settings of a project that has none, or fails with
// ALREADY_EXISTS.
func (s *Store) CreateSettings(ctx context.Context, projectID string, v *parley.ProjectSettings) error {
	doc, err := parley.Marshal(v)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT INTO settings (project_id, doc) VALUES ($1, $2)`, projectID, string(doc))
	if s.dialect.isUnique(err) {
		return parley.Errorf(parley.CodeAlreadyExists, "this project has settings already")
	}
	return err
}

// PutSettings changes a project's settings.
func (s *Store) PutSettings(ctx context.Context, projectID string, v *parley.ProjectSettings) error {
	doc, err := parley.Marshal(v)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `UPDATE settings SET doc = $2 WHERE project_id = $1`, projectID, string(doc))
	return err
}

// DeleteSettings removes a project's settings, or fails with NOT_FOUND.
func (s *Store) DeleteSettings(ctx context.Context, projectID string) error {
	n, err := s.exec(ctx, `DELETE FROM settings WHERE project_id = $1`, projectID)
	if err == nil && n == 0 {
		return parley.Errorf(parley.CodeNotFound, "this project has no settings")
	}
	return err
}

// unifiedRows are the identities that Unified Contact ID is about. They are
// read channel by channel, each in order, so that the database need not sort.
func unifiedRows(columns, more string) string {
	var parts []string
	for _, ch := range parley.UnifiedChannels() {
		parts = append(parts, `SELECT `+columns+` FROM identities WHERE project_id = $1 AND channel = '`+string(ch)+`'`+more)
	}
	return strings.Join(parts, " UNION ALL ")
}

// IdentityConflicts lists the phone numbers that several contacts have on the
// channels that Unified Contact ID unites, in order, after a number.
func (s *Store) IdentityConflicts(ctx context.Context, projectID, after string, limit int) ([]*parley.IdentityConflict, error) {
	out := []*parley.IdentityConflict{}
	found := map[string]*parley.IdentityConflict{}
	args := []any{projectID}
	err := s.each(ctx, func(r *sql.Rows) error {
		c := new(parley.IdentityConflict)
		err := r.Scan(&c.Identity)
		out, found[c.Identity], args = append(out, c), c, append(args, c.Identity)
		return err
	}, `SELECT identity FROM (`+unifiedRows("identity, contact_id", " AND identity > $2")+`) AS u
		GROUP BY identity HAVING MIN(contact_id) <> MAX(contact_id) ORDER BY identity LIMIT $3`, projectID, after, limit)
	if err != nil || len(out) == 0 {
		return out, err
	}
	numbers := make([]string, len(out))
	for i := range out {
		numbers[i] = fmt.Sprintf("$%d", i+2)
	}
	err = s.each(ctx, func(r *sql.Rows) error {
		var identity, contact string
		var ch parley.Channel
		err := r.Scan(&identity, &ch, &contact)
		if c := found[identity]; c != nil {
			c.Channels, c.ContactIDs = insert(c.Channels, ch), insert(c.ContactIDs, contact)
		}
		return err
	}, unifiedRows("identity, channel, contact_id", " AND identity IN ("+strings.Join(numbers, ",")+")"), args...)
	// What was put right between the two queries is no conflict any more.
	out = slices.DeleteFunc(out, func(c *parley.IdentityConflict) bool { return len(c.ContactIDs) < 2 })
	return out, err
}

// insert adds to a sorted list what it has not.
func insert[T ~string](list []T, v T) []T {
	i, found := slices.BinarySearch(list, v)
	if found {
		return list
	}
	return slices.Insert(list, i, v)
}

// OtherOwner returns the id of a contact other than contactID that has any of
// identities, the oldest, or "". Within a transaction nobody is given one of
// them until it ends.
func (s *Store) OtherOwner(ctx context.Context, projectID, contactID string, identities []parley.ChannelIdentity) (string, error) {
	if s.inTx {
		if err := s.lockIdentities(ctx, projectID, identities); err != nil {
			return "", err
		}
	}
	other := ""
	for _, id := range identities {
		var owner sql.NullString
		err := s.q.QueryRowContext(ctx, `SELECT MIN(contact_id) FROM identities WHERE project_id = $1 AND channel = $2
			AND identity = $3 AND app_id = $4 AND contact_id <> $5`, projectID, string(id.Channel), id.Identity, id.AppID, contactID).
			Scan(&owner)
		if err != nil {
			return "", err
		}
		if owner.Valid && (other == "" || owner.String < other) {
			other = owner.String
		}
	}
	return other, nil
}

// lockIdentities makes committers that are about to give somebody one of the
// identities wait; see batch.lockPeople.
func (s *Store) lockIdentities(ctx context.Context, projectID string, identities []parley.ChannelIdentity) error {
	if s.dialect.oneWriter {
		return nil
	}
	names := make([]string, 0, len(identities))
	for _, id := range identities {
		names = append(names, identityName(projectID, id))
	}
	for _, k := range lockKeys(names) {
		if _, err := s.q.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, k); err != nil {
			return fmt.Errorf("lock an identity: %w", err)
		}
	}
	return nil
}
