package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// probePatience is how long a provider may take to say whether somebody can be
// reached.
const probePatience = time.Minute

// A probing is the document of a capability job: one identity.
type probing struct {
	RequestID string                 `json:"request_id"`
	AppID     string                 `json:"app_id"`
	ContactID string                 `json:"contact_id,omitempty"`
	Of        parley.ChannelIdentity `json:"of"`
	Since     time.Time              `json:"since"`
}

// QueryCapability asks on which channels somebody can be reached. It returns
// the request with its id; the answers come as CAPABILITY callbacks, one for
// each identity. Nobody becomes a contact by it.
func (e *Engine) QueryCapability(ctx context.Context, projectID string, r *parley.QueryCapabilityRequest) (*parley.QueryCapabilityRequest, error) {
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
	answer := *r
	if answer.RequestID == "" {
		answer.RequestID = e.store.NewID()
	}
	w := new(store.Write)
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		p := probing{RequestID: answer.RequestID, AppID: app.ID, Of: id, Since: e.now()}
		if p.ContactID, err = e.contactOf(ctx, projectID, app, contactID, id); err != nil {
			return nil, err
		}
		j, err := newJob(projectID, kindCapability, "", p)
		if err != nil {
			return nil, err
		}
		w.Jobs = append(w.Jobs, j)
	}
	if err := store.Answer(ctx, http.StatusOK, answer); err != nil {
		return nil, err
	}
	return &answer, e.store.Commit(ctx, w)
}

// probe is the worker of capability jobs.
func (e *Engine) probe(ctx context.Context, j *store.Job) error {
	var p probing
	if err := json.Unmarshal(j.Doc, &p); err != nil {
		return queue.Stop(err)
	}
	app, err := e.dir.app(ctx, j.ProjectID, p.AppID)
	if parley.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	reach, failure := e.reach(ctx, j.ProjectID, app, p.Of)
	if failure != nil && failure.Outcome != channel.NotSent {
		wait := max(jitter(time.Second<<min(j.Attempts, 4)), failure.After)
		if e.now().Add(wait).Before(p.Since.Add(probePatience)) {
			return queue.Retry(wait, failure)
		}
	}
	c := e.envelope(j.ProjectID, app.ID, time.Time{})
	c.Capability = &parley.CapabilityNotification{
		RequestID: p.RequestID, ContactID: p.ContactID, Channel: p.Of.Channel, Identity: p.Of.Identity, CapabilityStatus: reach.Status,
	}
	if c.CorrelationID, err = e.lastCorrelation(ctx, j.ProjectID, app, p.ContactID, p.Of); err != nil {
		return err
	}
	if reach.Status == parley.CapabilityPartial {
		c.Capability.ChannelCapabilities = reach.Features
	}
	if failure != nil {
		c.Capability.CapabilityStatus, c.Capability.Reason = parley.CapabilityUnknown, &failure.Reason
	}
	jobs, err := e.callbacks(ctx, j.ProjectID, app.ID, parley.TriggerCapability, c)
	if err != nil {
		return err
	}
	if err := e.store.Commit(ctx, &store.Write{Jobs: jobs, Done: j.ID}); err != nil {
		return err
	}
	return queue.Settled
}

// reach asks a provider whether somebody can be reached, where it can be
// asked.
func (e *Engine) reach(ctx context.Context, projectID string, app *parley.App, of parley.ChannelIdentity) (r channel.Reach, f *channel.Error) {
	cred, ch := app.Credential(of.Channel), e.channels[of.Channel]
	if cred == nil || ch == nil {
		return r, channel.Refuse(parley.ReasonChannelConfigurationMissing, "the channel is not configured")
	}
	p, ok := ch.(channel.Prober)
	if !ok {
		return channel.Reach{Status: assumed(of.Channel)}, nil
	}
	defer func() {
		if v := recover(); v != nil {
			f = &channel.Error{Reason: internalReason(), Outcome: channel.NotSent, Err: fmt.Errorf("probe: panic: %v", v)}
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, e.o.SendTimeout)
	defer cancel()
	r, err := p.Probe(ctx, e.conn(projectID, app, cred), channel.Address{Identity: of.Identity})
	if err != nil {
		return r, channel.AsError(err)
	}
	return r, nil
}

// assumed is the answer for a channel whose provider cannot be asked: phone
// numbers are taken to have SMS, because that is what they are for; of all
// else nothing is known.
func assumed(ch parley.Channel) parley.CapabilityStatus {
	if ch == parley.ChannelSMS {
		return parley.CapabilityFull
	}
	return parley.CapabilityUnknown
}
