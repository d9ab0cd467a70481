package engine

import (
	"context"
	"net/http"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// PutConsents changes an app's consent lists on behalf of a client or a
// contact, all of it or, on an error, nothing. From then on this node sends
// nothing that the lists forbid; other nodes follow within directoryTTL. An
// app that does not exist is NOT_FOUND.
func (e *Engine) PutConsents(ctx context.Context, projectID, appID string, changes []store.ConsentChange, origin parley.ConsentOrigin) error {
	return e.putConsents(ctx, projectID, appID, changes, origin, nil)
}

// putConsents is PutConsents with jobs that follow.
func (e *Engine) putConsents(ctx context.Context, projectID, appID string, changes []store.ConsentChange,
	origin parley.ConsentOrigin, jobs []*store.Job,
) error {
	c := &store.Consents{ProjectID: projectID, AppID: appID, Origin: origin, Changes: make([]store.ConsentChange, 0, len(changes))}
	for _, ch := range changes {
		ch.Identity = parley.NormalizeConsent(ch.Identity)
		c.Changes = append(c.Changes, ch)
	}
	err := e.store.Tx(ctx, func(tx *store.Store) error {
		// Locks the app, so that a list of one that is being deleted does not
		// outlive it.
		if _, err := tx.App(ctx, projectID, appID); err != nil {
			return err
		}
		if err := tx.ChangeConsents(ctx, c); err != nil {
			return err
		}
		return tx.AddJobs(ctx, jobs)
	})
	if err != nil {
		return err
	}
	e.dir.forgetConsents(store.AppRef{ProjectID: projectID, AppID: appID})
	return nil
}

// optedOut reports whether an app's lists keep messages of a content type from
// somebody. Apps with empty lists pay a look into memory.
func (e *Engine) optedOut(ctx context.Context, projectID, appID, identity, contentType string) (bool, error) {
	some, err := e.dir.hasConsents(ctx, store.AppRef{ProjectID: projectID, AppID: appID})
	if err != nil || !some {
		return false, err
	}
	return e.store.OnConsentList(ctx, projectID, appID, parley.NormalizeConsent(identity), parley.BlockingLists(contentType)...)
}

func optedOutReason() parley.Reason {
	return parley.NewReason(parley.ReasonRecipientNotOptedIn, "the recipient has opted out of such messages")
}

// RegisterOpt opts somebody in or out on channels, as the API of 2021 did, and
// reports each identity by a callback. An opt-out puts the identity on
// OPT_OUT_ALL, an opt-in takes it off every list. requestID may be "".
func (e *Engine) RegisterOpt(ctx context.Context, projectID, requestID string, out bool, r *parley.OptRequest) (*parley.OptResponse, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	app, err := e.dir.app(ctx, projectID, r.AppID)
	if err != nil {
		return nil, err
	}
	contactID, ids, err := e.identities(ctx, projectID, app, r.Recipient)
	if err != nil {
		return nil, err
	}
	if requestID == "" {
		requestID = e.store.NewID()
	}
	var changes []store.ConsentChange
	var jobs []*store.Job
	for _, ch := range r.Channels {
		for _, id := range onChannel(ids, ch) {
			n := &parley.OptNotification{RequestID: requestID, Channel: ch, Identity: id.Identity, ProcessingMode: app.ProcessingMode}
			if n.ContactID, err = e.contactOf(ctx, projectID, app, contactID, id); err != nil {
				return nil, err
			}
			failure := optFailure(app, id)
			if failure == "" {
				changes = append(changes, optChanges(id.Identity, out)...)
			}
			c := e.envelope(projectID, app.ID, time.Time{})
			if c.CorrelationID, err = e.lastCorrelation(ctx, projectID, app, n.ContactID, id); err != nil {
				return nil, err
			}
			told, err := e.optCallbacks(ctx, projectID, app.ID, c, n, out, failure)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, told...)
		}
	}
	resp := &parley.OptResponse{RequestID: requestID}
	if out {
		resp.OptOut = r
	} else {
		resp.OptIn = r
	}
	if err := store.Answer(ctx, http.StatusOK, resp); err != nil {
		return nil, err
	}
	return resp, e.putConsents(ctx, projectID, app.ID, changes, parley.OriginAPI, jobs)
}

// optFailure says why somebody cannot be opted in or out, or "".
func optFailure(app *parley.App, id parley.ChannelIdentity) string {
	switch {
	case app.Credential(id.Channel) == nil:
		return "the channel is not configured on the app"
	case id.Identity == "":
		return "the recipient has no identity on the channel"
	}
	return ""
}

// optChanges is what an opt-in or opt-out from everything does to the lists.
func optChanges(identity string, out bool) []store.ConsentChange {
	if out {
		return []store.ConsentChange{{Identity: identity, List: parley.OptOutAll}}
	}
	var all []store.ConsentChange
	for _, l := range parley.ConsentLists() {
		all = append(all, store.ConsentChange{Identity: identity, List: l, Remove: true})
	}
	return all
}

// optCallbacks reports an opt-in or opt-out; failure says why it failed, or
// is "".
func (e *Engine) optCallbacks(ctx context.Context, projectID, appID string, c *parley.Callback, n *parley.OptNotification,
	out bool, failure string,
) ([]*store.Job, error) {
	t := parley.TriggerOptIn
	n.Status = parley.OptInSucceeded
	if failure != "" {
		n.Status, n.ErrorDetails = parley.OptInFailed, &parley.ErrorDetails{Description: failure}
	}
	c.OptIn = n
	if out {
		t = parley.TriggerOptOut
		n.Status = parley.OptOutSucceeded
		if failure != "" {
			n.Status = parley.OptOutFailed
		}
		c.OptIn, c.OptOut = nil, n
	}
	return e.callbacks(ctx, projectID, appID, t, c)
}

// identities returns who a recipient is and, if the request says so, as which
// contact. Identities of other apps are left out.
func (e *Engine) identities(ctx context.Context, projectID string, app *parley.App, r *parley.Recipient) (contactID string, ids []parley.ChannelIdentity, err error) {
	if r.IdentifiedBy != nil {
		for _, id := range r.IdentifiedBy.ChannelIdentities {
			ids = append(ids, scoped(id, app.ID))
		}
		return "", ids, nil
	}
	c, err := e.store.Contact(ctx, projectID, r.ContactID)
	if err != nil {
		return "", nil, err
	}
	for _, id := range c.ChannelIdentities {
		if id.AppID == "" || id.AppID == app.ID {
			ids = append(ids, id)
		}
	}
	return c.ID, ids, nil
}

// onChannel returns the identities on a channel, or one without a name.
func onChannel(ids []parley.ChannelIdentity, ch parley.Channel) []parley.ChannelIdentity {
	var out []parley.ChannelIdentity
	for _, id := range ids {
		if id.Channel == ch {
			out = append(out, id)
		}
	}
	if len(out) == 0 {
		out = []parley.ChannelIdentity{{Channel: ch}}
	}
	return out
}

// contactOf returns the contact of an identity: the one that was asked for,
// else, where the app has contacts, the one known by it, or "".
func (e *Engine) contactOf(ctx context.Context, projectID string, app *parley.App, asked string, id parley.ChannelIdentity) (string, error) {
	if asked != "" || id.Identity == "" || app.ProcessingMode == parley.ModeDispatch {
		return asked, nil
	}
	ids, err := e.knownBy(ctx, projectID, []parley.ChannelIdentity{id})
	if err != nil {
		return "", err
	}
	return e.store.IdentityOwner(ctx, projectID, ids...)
}
