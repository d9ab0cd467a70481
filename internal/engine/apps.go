package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// App returns an app with its read-only members, or NOT_FOUND.
func (e *Engine) App(ctx context.Context, projectID, id string) (*parley.App, error) {
	a, err := e.store.App(ctx, projectID, id)
	if err != nil {
		return nil, err
	}
	return e.shown(a), nil
}

// Apps lists the project's apps with their read-only members.
func (e *Engine) Apps(ctx context.Context, projectID string) ([]*parley.App, error) {
	list, err := e.store.Apps(ctx, projectID)
	if err != nil {
		return nil, err
	}
	for _, a := range list {
		e.shown(a)
	}
	return list, nil
}

// shown fills in the members the platform sets.
func (e *Engine) shown(a *parley.App) *parley.App {
	limits := e.o.Limits
	a.RateLimits = &limits
	a.QueueStats = &parley.QueueStats{OutboundSize: e.limits.waiting(a.ID), OutboundLimit: parley.OutboundQueueLimit}
	return a
}

// CreateApp stores an app and sets its credentials up with their providers.
func (e *Engine) CreateApp(ctx context.Context, projectID string, a *parley.App) (*parley.App, error) {
	a.ID = e.store.NewID()
	a.SetDefaults()
	if err := e.store.Tx(ctx, func(tx *store.Store) error { return e.putApp(ctx, tx, projectID, a, nil) }); err != nil {
		return nil, err
	}
	e.changed()
	return e.shown(a), nil
}

// UpdateApp changes the members of an app that mask names, or those body has.
func (e *Engine) UpdateApp(ctx context.Context, projectID, id string, body []byte, mask []string) (*parley.App, error) {
	var a *parley.App
	// Read within the transaction, so that a change made at the same time,
	// such as a credential's state, is not undone.
	err := e.store.Tx(ctx, func(tx *store.Store) error {
		old, err := tx.App(ctx, projectID, id)
		if err != nil {
			return err
		}
		if a, err = old.Patch(body, mask); err != nil {
			return err
		}
		a.SetDefaults()
		return e.putApp(ctx, tx, projectID, a, old)
	})
	if err != nil {
		return nil, err
	}
	e.changed()
	return e.shown(a), nil
}

// putApp validates and stores an app; credentials that are new or changed are
// pending until their provider has been asked.
func (e *Engine) putApp(ctx context.Context, tx *store.Store, projectID string, a, old *parley.App) error {
	if err := a.Validate(); err != nil {
		return err
	}
	jobs, err := e.prepare(projectID, a, old)
	if err != nil {
		return err
	}
	if err := tx.PutApp(ctx, projectID, a); err != nil {
		return err
	}
	return tx.AddJobs(ctx, jobs)
}

// changed makes every later message see a change of an app or webhook, and
// sessions open or close.
func (e *Engine) changed() {
	e.dir.forget()
	e.sessions.nudge()
}

// prepare checks the credentials with their channels, sets their state and
// returns the jobs that connect those that are new or changed.
func (e *Engine) prepare(projectID string, a, old *parley.App) ([]*store.Job, error) {
	var jobs []*store.Job
	for i := range a.ChannelCredentials {
		c := &a.ChannelCredentials[i]
		ch := e.channels[c.Channel]
		if ch == nil {
			c.State = &parley.CredentialState{Status: parley.CredentialFailing, Description: "this server has no adapter for the channel"}
			continue
		}
		if err := ch.Check(c); err != nil {
			if state := incomplete(c, err); state != nil {
				c.State = state
				continue
			}
			return nil, inCredential(i, err)
		}
		if same := unchanged(old, c); same != nil {
			c.State, c.ChannelKnownID = same.State, same.ChannelKnownID
			continue
		}
		c.State = &parley.CredentialState{Status: parley.CredentialPending}
		c.ChannelKnownID = c.Key()
		if _, ok := ch.(channel.Connector); !ok {
			c.State.Status = parley.CredentialActive
			continue
		}
		j, err := connectJobOf(projectID, a.ID, c)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// incomplete returns the state of a credential that is all the hosted API asks
// for, but not all that its provider needs, or nil. Clients that know nothing
// of providers and their settings must be able to save it.
func incomplete(c *parley.ChannelCredential, err error) *parley.CredentialState {
	pe, ok := err.(*parley.Error) //nolint:errorlint // Check returns it unwrapped
	if !ok || c.Provider != "" || len(c.ProviderSettings) > 0 || !strings.HasPrefix(pe.Field, "provider") {
		return nil
	}
	return &parley.CredentialState{Status: parley.CredentialFailing, Description: pe.Message}
}

// inCredential puts the place of the credential before the field of an error.
func inCredential(i int, err error) error {
	if pe, ok := err.(*parley.Error); ok { //nolint:errorlint // Check returns it unwrapped
		at := "channel_credentials[" + strconv.Itoa(i) + "]"
		if pe.Field != "" {
			return parley.Invalid(at+"."+pe.Field, "%s", trimField(pe))
		}
		return parley.Invalid(at, "%s", pe.Message)
	}
	return err
}

// trimField returns an error's message without the field it starts with.
func trimField(e *parley.Error) string {
	if n := len(e.Field) + 2; len(e.Message) > n && e.Message[:n] == e.Field+": " {
		return e.Message[n:]
	}
	return e.Message
}

// unchanged returns the old app's credential if the new one is the same but
// for what the platform sets.
func unchanged(old *parley.App, c *parley.ChannelCredential) *parley.ChannelCredential {
	if old == nil {
		return nil
	}
	for i := range old.ChannelCredentials {
		o := old.ChannelCredentials[i]
		o.State, o.ChannelKnownID = c.State, c.ChannelKnownID
		if reflect.DeepEqual(&o, c) {
			return &old.ChannelCredentials[i]
		}
	}
	return nil
}

// DeleteApp removes an app and what belongs to it.
func (e *Engine) DeleteApp(ctx context.Context, projectID, id string) error {
	if err := e.store.DeleteApp(ctx, projectID, id); err != nil {
		return err
	}
	e.changed()
	return nil
}

// A connectJob is the document of a connect job.
type connectJob struct {
	AppID   string         `json:"app_id"`
	Channel parley.Channel `json:"channel"`
	Ordinal int            `json:"ordinal,omitempty"`
}

// connect is the worker of connect jobs: it sets a credential up with its
// provider and notes whether it works.
func (e *Engine) connect(ctx context.Context, j *store.Job) error {
	var doc connectJob
	if err := json.Unmarshal(j.Doc, &doc); err != nil {
		return queue.Stop(err)
	}
	app, err := e.store.App(ctx, j.ProjectID, doc.AppID)
	if parley.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	cred := app.CredentialAt(doc.Channel, doc.Ordinal)
	connector, ok := e.channels[doc.Channel].(channel.Connector)
	if cred == nil || !ok {
		return nil
	}
	cctx, cancel := context.WithTimeout(ctx, e.o.SendTimeout)
	defer cancel()
	known, failure := connector.Connect(cctx, e.conn(j.ProjectID, app, cred))
	state := parley.CredentialState{Status: parley.CredentialActive}
	if failure != nil {
		state = parley.CredentialState{Status: parley.CredentialFailing, Description: channel.AsError(failure).Reason.Description}
		e.o.Log.Warn("channel credential fails", slog.String("project_id", j.ProjectID), slog.String("app_id", app.ID),
			slog.String("channel", string(doc.Channel)), slog.String("error", failure.Error()))
	}
	if err := e.setState(ctx, j.ProjectID, app.ID, cred, state, known); err != nil {
		return err
	}
	if failure != nil && channel.AsError(failure).Outcome != channel.NotSent {
		// The provider could not be asked: ask again, for as long as it takes.
		return queue.Retry(queue.Backoff(j.Attempts+2), failure)
	}
	return nil
}

// setState notes whether a credential works and, unless it is "", what the
// provider calls the account. A credential that was changed meanwhile is left.
func (e *Engine) setState(ctx context.Context, projectID, appID string, cred *parley.ChannelCredential,
	state parley.CredentialState, known string,
) error {
	err := e.store.Tx(ctx, func(tx *store.Store) error {
		app, err := tx.App(ctx, projectID, appID)
		if err != nil {
			return err
		}
		for i := range app.ChannelCredentials {
			c := &app.ChannelCredentials[i]
			if unchanged(&parley.App{ChannelCredentials: []parley.ChannelCredential{*cred}}, c) != nil {
				c.State, c.ChannelKnownID = &state, cmp.Or(known, c.ChannelKnownID)
				return tx.PutApp(ctx, projectID, app)
			}
		}
		return nil
	})
	if err != nil && !parley.IsNotFound(err) {
		return fmt.Errorf("note a credential's state: %w", err)
	}
	e.dir.forget()
	return nil
}
