package engine

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// CreateSettings stores the settings of a project that has none.
func (e *Engine) CreateSettings(ctx context.Context, projectID string, s *parley.ProjectSettings) (*parley.ProjectSettings, error) {
	err := e.changeSettings(ctx, func(tx *store.Store) error {
		if err := checkUnified(ctx, tx, projectID, s); err != nil {
			return err
		}
		return tx.CreateSettings(ctx, projectID, s)
	})
	return s, err
}

// UpdateSettings changes the members of a project's settings that mask names,
// or those body has.
func (e *Engine) UpdateSettings(ctx context.Context, projectID string, body []byte, mask []string) (*parley.ProjectSettings, error) {
	var s *parley.ProjectSettings
	err := e.changeSettings(ctx, func(tx *store.Store) error {
		old, err := tx.Settings(ctx, projectID)
		if err != nil {
			return err
		}
		if s, err = old.Patch(body, mask); err != nil {
			return err
		}
		if !old.ContactSettings.UnifiedContactIDEnabled {
			if err := checkUnified(ctx, tx, projectID, s); err != nil {
				return err
			}
		}
		return tx.PutSettings(ctx, projectID, s)
	})
	return s, err
}

// DeleteSettings takes a project back to the defaults.
func (e *Engine) DeleteSettings(ctx context.Context, projectID string) error {
	return e.changeSettings(ctx, func(tx *store.Store) error { return tx.DeleteSettings(ctx, projectID) })
}

func (e *Engine) changeSettings(ctx context.Context, f func(tx *store.Store) error) error {
	err := e.store.Tx(ctx, f)
	e.dir.forget()
	return err
}

// checkUnified fails with INVALID_ARGUMENT where Unified Contact ID is to
// be turned on and contacts share a phone number. Which ones, the API's
// contacts:identityConflicts tells.
func checkUnified(ctx context.Context, tx *store.Store, projectID string, s *parley.ProjectSettings) error {
	if !s.ContactSettings.UnifiedContactIDEnabled {
		return nil
	}
	conflicts, err := tx.IdentityConflicts(ctx, projectID, "", 1)
	if err != nil || len(conflicts) == 0 {
		return err
	}
	return parley.Invalid("contact_settings.unified_contact_id_enabled",
		"contacts share phone numbers; resolve what contacts:identityConflicts lists first")
}

// unified reports whether the project has Unified Contact ID turned on.
func (d *directory) unified(ctx context.Context, projectID string) (bool, error) {
	s, err := cached(d, func() map[string]entry[parley.ProjectSettings] { return d.settings }, projectID,
		func() (parley.ProjectSettings, error) {
			s, err := d.store.Settings(ctx, projectID)
			if parley.IsNotFound(err) {
				return parley.ProjectSettings{}, nil
			}
			if err != nil {
				return parley.ProjectSettings{}, err
			}
			return *s, nil
		})
	return s.ContactSettings.UnifiedContactIDEnabled, err
}
