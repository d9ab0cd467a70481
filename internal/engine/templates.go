package engine

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// Template returns a template as version 2 of the API shows it, or NOT_FOUND.
func (e *Engine) Template(ctx context.Context, projectID, id string) (*parley.Template, error) {
	t, err := e.store.Template(ctx, projectID, id)
	if err != nil {
		return nil, err
	}
	return t.AsV2()
}

// Templates lists the project's templates as version 2 of the API shows them.
func (e *Engine) Templates(ctx context.Context, projectID string) ([]*parley.Template, error) {
	return listTemplates(ctx, e.store, projectID, (*store.Template).AsV2)
}

// TemplateV1 is Template for version 1 of the API.
func (e *Engine) TemplateV1(ctx context.Context, projectID, id string) (*parley.TemplateV1, error) {
	t, err := e.store.Template(ctx, projectID, id)
	if err != nil {
		return nil, err
	}
	return t.AsV1()
}

// TemplatesV1 is Templates for version 1 of the API.
func (e *Engine) TemplatesV1(ctx context.Context, projectID string) ([]*parley.TemplateV1, error) {
	return listTemplates(ctx, e.store, projectID, (*store.Template).AsV1)
}

func listTemplates[T any](ctx context.Context, s *store.Store, projectID string, form func(*store.Template) (*T, error)) ([]*T, error) {
	list, err := s.Templates(ctx, projectID)
	if err != nil {
		return nil, err
	}
	out := make([]*T, 0, len(list))
	for _, t := range list {
		shown, err := form(t)
		if err != nil {
			return nil, err
		}
		out = append(out, shown)
	}
	return out, nil
}

// CreateTemplate stores a template, under the id it has or a new one.
func (e *Engine) CreateTemplate(ctx context.Context, projectID string, t *parley.Template) (*parley.Template, error) {
	if t.ID == "" {
		t.ID = e.store.NewID()
	}
	t.SetDefaults()
	if err := t.Validate(); err != nil {
		return nil, err
	}
	t.Version = 1
	t.Touch(nil, e.now())
	return t, e.addTemplate(ctx, projectID, &store.Template{ID: t.ID, Version: t.Version, V2: t})
}

// CreateTemplateV1 is CreateTemplate for version 1 of the API.
func (e *Engine) CreateTemplateV1(ctx context.Context, projectID string, t *parley.TemplateV1) (*parley.TemplateV1, error) {
	if t.ID == "" {
		t.ID = e.store.NewID()
	}
	t.SetDefaults()
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if err := t.Touch(nil, e.now()); err != nil {
		return nil, err
	}
	return t, e.addTemplate(ctx, projectID, &store.Template{ID: t.ID, Version: 1, V1: t})
}

func (e *Engine) addTemplate(ctx context.Context, projectID string, t *store.Template) error {
	if err := e.store.AddTemplate(ctx, projectID, t); err != nil {
		return err
	}
	e.dir.forgetTemplates()
	return nil
}

// ReplaceTemplate replaces a template of which the caller knows the newest
// version, or fails with ABORTED.
func (e *Engine) ReplaceTemplate(ctx context.Context, projectID, id string, t *parley.Template) (*parley.Template, error) {
	t.ID = id
	if t.Version == 0 {
		return nil, parley.Invalid("version", "is required: the version of the template that is replaced")
	}
	t.SetDefaults()
	if err := t.Validate(); err != nil {
		return nil, err
	}
	known := t.Version
	err := e.changeTemplate(ctx, projectID, id, func(old *store.Template) (*store.Template, error) {
		if known != old.Version {
			return nil, parley.Errorf(parley.CodeAborted, "the template is at version %d, not %d", old.Version, known)
		}
		before, err := old.AsV2()
		if err != nil {
			return nil, err
		}
		t.Version = old.Version + 1
		t.Touch(before, e.now())
		return &store.Template{ID: id, Version: t.Version, V2: t}, nil
	})
	return t, err
}

// UpdateTemplateV1 changes the members of a template that mask names, or those
// body has.
func (e *Engine) UpdateTemplateV1(ctx context.Context, projectID, id string, body []byte, mask []string) (*parley.TemplateV1, error) {
	var t *parley.TemplateV1
	err := e.changeTemplate(ctx, projectID, id, func(old *store.Template) (*store.Template, error) {
		before, err := old.AsV2()
		if err != nil {
			return nil, err
		}
		for i := range before.Translations {
			if len(before.Translations[i].ChannelTemplateOverrides) > 0 {
				return nil, parley.Errorf(parley.CodeFailedPrecondition,
					"the template has channel_template_overrides, which only version 2 of the API can write")
			}
		}
		current, err := old.AsV1()
		if err != nil {
			return nil, err
		}
		if t, err = current.Patch(body, mask); err != nil {
			return nil, err
		}
		t.SetDefaults()
		if err := t.Validate(); err != nil {
			return nil, err
		}
		return &store.Template{ID: id, Version: old.Version + 1, V1: t}, t.Touch(before, e.now())
	})
	return t, err
}

// changeTemplate puts what change makes of a template in its place.
func (e *Engine) changeTemplate(ctx context.Context, projectID, id string, change func(old *store.Template) (*store.Template, error)) error {
	err := e.store.Tx(ctx, func(tx *store.Store) error {
		old, err := tx.Template(ctx, projectID, id)
		if err != nil {
			return err
		}
		t, err := change(old)
		if err != nil {
			return err
		}
		return tx.SetTemplate(ctx, projectID, t)
	})
	if err != nil {
		return err
	}
	e.dir.forgetTemplates()
	return nil
}

// DeleteTemplate removes a template.
func (e *Engine) DeleteTemplate(ctx context.Context, projectID, id string) error {
	if err := e.store.DeleteTemplate(ctx, projectID, id); err != nil {
		return err
	}
	e.dir.forgetTemplates()
	return nil
}
