package engine

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// directoryTTL is how long another node's change of an app or webhook may go
// unnoticed. Changes made here are seen at once.
const directoryTTL = 2 * time.Second

// A directory remembers the apps and webhooks that every message needs. What
// it returns is shared and must not be changed.
type directory struct {
	store *store.Store
	now   func() time.Time

	mu       sync.RWMutex
	apps     map[store.AppRef]entry[*parley.App]
	hooks    map[string]entry[hookList]
	consents map[store.AppRef]entry[bool] // whether anybody is on a list of the app
	sticky   map[store.AppRef]entry[bool] // whether anything sticks to a recipient of the app
	settings map[string]entry[parley.ProjectSettings]
	// templates holds what messages referred to; nil stands for a template
	// that is not there.
	templates map[templateRef]entry[*parley.Template]
	projects  map[string]string // app id -> project id; never changes
	conns     map[*parley.ChannelCredential]*channel.Conn
	secrets   map[*channel.Conn]*trace.Secrets
	// epoch counts changes, so that a read that began before one does not
	// bring the old state back.
	epoch int
}

type entry[T any] struct {
	value T
	until time.Time
}

// maxDirectory bounds each map; beyond it the map starts afresh.
const maxDirectory = 10_000

func newDirectory(s *store.Store, now func() time.Time) *directory {
	d := &directory{store: s, now: now}
	d.forget()
	return d
}

// forget drops everything: something changed.
func (d *directory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.epoch++
	d.apps = map[store.AppRef]entry[*parley.App]{}
	d.hooks = map[string]entry[hookList]{}
	d.consents = map[store.AppRef]entry[bool]{}
	d.sticky = map[store.AppRef]entry[bool]{}
	d.templates = map[templateRef]entry[*parley.Template]{}
	d.settings = map[string]entry[parley.ProjectSettings]{}
	d.projects = map[string]string{}
	d.conns = map[*parley.ChannelCredential]*channel.Conn{}
	d.secrets = map[*channel.Conn]*trace.Secrets{}
}

// app returns an app of the project, or NOT_FOUND.
func (d *directory) app(ctx context.Context, projectID, id string) (*parley.App, error) {
	ref := store.AppRef{ProjectID: projectID, AppID: id}
	return cached(d, func() map[store.AppRef]entry[*parley.App] { return d.apps }, ref, func() (*parley.App, error) {
		return d.store.App(ctx, projectID, id)
	})
}

// webhooks returns the webhooks of a project's apps.
func (d *directory) webhooks(ctx context.Context, projectID string) (hookList, error) {
	return cached(d, func() map[string]entry[hookList] { return d.hooks }, projectID, func() (hookList, error) {
		return d.store.ProjectWebhooks(ctx, projectID)
	})
}

// hasConsents reports whether anybody is on a consent list of an app.
func (d *directory) hasConsents(ctx context.Context, ref store.AppRef) (bool, error) {
	return cached(d, func() map[store.AppRef]entry[bool] { return d.consents }, ref, func() (bool, error) {
		return d.store.HasConsents(ctx, ref.ProjectID, ref.AppID)
	})
}

// forgetConsents drops what is known of an app's consent lists: they changed.
func (d *directory) forgetConsents(ref store.AppRef) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.epoch++
	delete(d.consents, ref)
}

// hasSticky reports whether anything sticks to a recipient of an app.
func (d *directory) hasSticky(ctx context.Context, ref store.AppRef) (bool, error) {
	return cached(d, func() map[store.AppRef]entry[bool] { return d.sticky }, ref, func() (bool, error) {
		return d.store.HasSticky(ctx, ref.ProjectID, ref.AppID)
	})
}

// noteSticky takes note that something sticks to a recipient of an app.
func (d *directory) noteSticky(ref store.AppRef) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.sticky[ref].value {
		d.epoch++
		delete(d.sticky, ref)
	}
}

// A templateRef names a template and its project.
type templateRef struct{ project, id string }

// template returns a template of the project, or nil.
func (d *directory) template(ctx context.Context, projectID, id string) (*parley.Template, error) {
	return cached(d, func() map[templateRef]entry[*parley.Template] { return d.templates }, templateRef{projectID, id},
		func() (*parley.Template, error) {
			t, err := d.store.Template(ctx, projectID, id)
			if parley.IsNotFound(err) {
				return nil, nil //nolint:nilnil // absence is an answer here
			}
			if err != nil {
				return nil, err
			}
			return t.AsV2()
		})
}

// forgetTemplates drops what is known of templates: one changed.
func (d *directory) forgetTemplates() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.epoch++
	d.templates = map[templateRef]entry[*parley.Template]{}
}

// project returns the project of an app, or NOT_FOUND.
func (d *directory) project(ctx context.Context, appID string) (string, error) {
	d.mu.RLock()
	p, ok := d.projects[appID]
	d.mu.RUnlock()
	if ok {
		return p, nil
	}
	p, err := d.store.AppProject(ctx, appID)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.projects[appID] = p
	return p, nil
}

func cached[K comparable, V any](d *directory, in func() map[K]entry[V], key K, load func() (V, error)) (V, error) {
	now := d.now()
	d.mu.RLock()
	e, ok := in()[key]
	epoch := d.epoch
	d.mu.RUnlock()
	if ok && now.Before(e.until) {
		return e.value, nil
	}
	v, err := load()
	if err != nil {
		return v, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.epoch == epoch {
		m := in()
		if len(m) >= maxDirectory {
			clear(m)
		}
		m[key] = entry[V]{value: v, until: now.Add(directoryTTL)}
	}
	return v, nil
}

// conn returns the account that belongs to a credential of an app that app
// returned, made when it is first asked for.
func (d *directory) conn(cred *parley.ChannelCredential, build func() *channel.Conn) *channel.Conn {
	d.mu.RLock()
	c := d.conns[cred]
	d.mu.RUnlock()
	if c != nil {
		return c
	}
	c = build()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.conns) >= maxDirectory {
		clear(d.conns)
	}
	d.conns[cred] = c
	return c
}

// accountSecrets returns what must not be shown of an account, found out when
// it is first asked for.
func (d *directory) accountSecrets(c *channel.Conn, build func() *trace.Secrets) *trace.Secrets {
	d.mu.RLock()
	s := d.secrets[c]
	d.mu.RUnlock()
	if s != nil {
		return s
	}
	s = build()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.secrets) >= maxDirectory {
		clear(d.secrets)
	}
	d.secrets[c] = s
	return s
}

// A hookList is the webhooks of a project.
type hookList []*parley.Webhook

func (l hookList) of(appID string, t parley.Trigger) []*parley.Webhook {
	var out []*parley.Webhook
	for _, w := range l {
		if w.AppID == appID && slices.Contains(w.Triggers, t) {
			out = append(out, w)
		}
	}
	return out
}

func (l hookList) all(t parley.Trigger) []*parley.Webhook {
	var out []*parley.Webhook
	for _, w := range l {
		if slices.Contains(w.Triggers, t) {
			out = append(out, w)
		}
	}
	return out
}

// Webhook returns a webhook as callbacks need it, or NOT_FOUND.
func (e *Engine) Webhook(ctx context.Context, projectID, id string) (*parley.Webhook, error) {
	hooks, err := e.dir.webhooks(ctx, projectID)
	if err != nil {
		return nil, err
	}
	for _, w := range hooks {
		if w.ID == id {
			return w, nil
		}
	}
	return nil, parley.NotFound("webhook", id)
}

// CachedApp returns an app as callbacks need it: it may be two seconds old and
// must not be changed.
func (e *Engine) CachedApp(ctx context.Context, projectID, id string) (*parley.App, error) {
	return e.dir.app(ctx, projectID, id)
}
