package engine

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// SendMessage accepts a message: once it returns, the message is stored and
// will be sent, or its failure reported. With the idempotency key of ctx, if
// it has one, it does so once.
func (e *Engine) SendMessage(ctx context.Context, projectID string, r *parley.SendMessageRequest) (*parley.SendMessageResponse, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	app, err := e.dir.app(ctx, projectID, r.AppID)
	if err != nil {
		return nil, err
	}
	now := e.now()
	if err := e.checkSend(ctx, app, r, now); err != nil {
		return nil, err
	}
	a, err := e.acceptance(ctx, projectID, app, r, now)
	if err != nil {
		return nil, err
	}
	resp := &parley.SendMessageResponse{MessageID: a.Message.ID, AcceptedTime: now}
	if err := store.Answer(ctx, http.StatusOK, resp); err != nil {
		return nil, err
	}
	later := a.Job.Kind != store.KindSend // it joins the queue when it is due
	if !later {
		if err := e.limits.enqueue(app.ID); err != nil {
			return nil, err
		}
	}
	if err := e.store.Commit(ctx, &store.Write{Accept: a}); err != nil {
		if !later {
			e.limits.dequeue(app.ID)
		}
		return nil, err
	}
	e.accepted(a)
	return resp, nil
}

// dispatched reports whether a message of the app goes out without contact and
// conversation.
func dispatched(app *parley.App, strategy string) bool {
	return app.ProcessingMode == parley.ModeDispatch || strategy == parley.StrategyDispatch
}

// acceptance makes of a request what is stored once it is accepted: the
// message, whom it is for, and the job that sends it.
func (e *Engine) acceptance(ctx context.Context, projectID string, app *parley.App, r *parley.SendMessageRequest, now time.Time) (*store.Acceptance, error) {
	dispatch := dispatched(app, r.ProcessingStrategy)
	m := &store.Message{
		ProjectID: projectID, ID: e.store.NewID(), AppID: app.ID, ToContact: true, Dispatch: dispatch,
		Listed: !dispatch || app.DispatchRetentionPolicy.TTLDays > 0, AcceptTime: now, Metadata: r.MessageMetadata,
	}
	opts := &store.SendOptions{
		CallbackURL: r.CallbackURL, Properties: r.ChannelProperties, CorrelationID: r.CorrelationID,
		ContentType: r.MessageContentType, Urgent: r.Queue == parley.QueueHigh,
	}
	if r.TTL > 0 {
		opts.Expires = sendTime(r, now).Add(r.TTL.Duration())
	}
	if at := sendTime(r, now); at.After(now) {
		opts.SendAt = at
	}
	a := &store.Acceptance{Message: m, Urgent: opts.Urgent}
	var err error
	if opts.Targets, err = e.address(ctx, projectID, app, r, a, dispatch); err != nil {
		return nil, err
	}
	if len(opts.Targets) > 0 {
		m.Identity = opts.Targets[0]
		if a.NewConversation != nil {
			a.NewConversation.ActiveChannel = m.Identity.Channel
		}
	}
	body := &store.MessageDoc{App: r.Message, Send: opts}
	if body.Resolved, err = e.resolve(ctx, projectID, r.Message, opts.Targets); err != nil {
		return nil, err
	}
	if err := e.stick(ctx, projectID, app, r, a, body); err != nil {
		return nil, err
	}
	if m.Doc, err = body.Encode(); err != nil {
		return nil, err
	}
	if !opts.SendAt.IsZero() {
		a.Job = scheduleJob(m, opts.SendAt)
		return a, nil
	}
	a.Job = sendJob(m, opts, 0)
	a.Job.Memo = &sendMemo{message: m, body: body}
	return a, nil
}

// checkSend checks what a request alone cannot show.
func (e *Engine) checkSend(ctx context.Context, app *parley.App, r *parley.SendMessageRequest, now time.Time) error {
	if dispatched(app, r.ProcessingStrategy) && r.Recipient.ContactID != "" {
		return parley.Invalid("recipient.contact_id", "dispatched messages need recipient.identified_by")
	}
	for i, c := range r.ChannelPriorityOrder {
		if app.Credential(c) == nil {
			return parley.Invalid("channel_priority_order["+strconv.Itoa(i)+"]", "channel %s is not configured on the app", c)
		}
	}
	if r.SendAt != nil {
		if err := checkSendAt(*r.SendAt, now); err != nil {
			return err
		}
	}
	if r.CallbackURL != "" && e.o.CheckTarget != nil {
		if err := e.o.CheckTarget(ctx, r.CallbackURL); err != nil {
			return parley.Invalid("callback_url", "%v", err)
		}
	}
	return nil
}

// address decides whom the message is for, on which channels and in which
// order, and says how contact and conversation are found.
func (e *Engine) address(ctx context.Context, projectID string, app *parley.App, r *parley.SendMessageRequest,
	a *store.Acceptance, dispatch bool,
) ([]parley.ChannelIdentity, error) {
	if !dispatch {
		a.Resolution = e.resolution(projectID, app)
		a.MetadataJSON, a.CorrelationID = parley.StickyMetadata(r.ConversationMetadata), r.CorrelationID
		a.MergeMetadata = r.ConversationMetadataUpdateStrategy == parley.UpdateMergePatch
		a.Consequences = e.arrivals(ctx, projectID, app)
	}
	if r.Recipient.IdentifiedBy != nil {
		ids := slices.Clone(r.Recipient.IdentifiedBy.ChannelIdentities)
		for i := range ids {
			ids[i] = scoped(ids[i], app.ID)
		}
		if !dispatch {
			var err error
			if a.Identities, err = e.knownBy(ctx, projectID, ids); err != nil {
				return nil, err
			}
			a.NewContact = newContact(e.store.NewID(), a.Identities, "")
		}
		return e.choose(a.Message, ids, r.ChannelPriorityOrder, app), nil
	}
	contact, err := e.store.Contact(ctx, projectID, r.Recipient.ContactID)
	if err != nil {
		return nil, err
	}
	a.ContactID = contact.ID
	channels := r.ChannelPriorityOrder
	if len(channels) == 0 {
		if channels, err = e.contactOrder(ctx, projectID, app, contact); err != nil {
			return nil, err
		}
	}
	return e.choose(a.Message, contact.ChannelIdentities, channels, app), nil
}

// choose is order, and notes what was left out and why.
func (e *Engine) choose(m *store.Message, ids []parley.ChannelIdentity, channels []parley.Channel, app *parley.App) []parley.ChannelIdentity {
	taken := order(ids, channels, app)
	e.noteLeftOut(m, ids, channels, app, taken)
	return taken
}

// contactOrder is the order of channels when the request names none: the one
// last used, the contact's priority, then the app's.
func (e *Engine) contactOrder(ctx context.Context, projectID string, app *parley.App, c *parley.Contact) ([]parley.Channel, error) {
	var out []parley.Channel
	conv, err := e.store.ActiveConversation(ctx, projectID, app.ID, c.ID)
	if err != nil {
		return nil, err
	}
	if conv != nil {
		out = append(out, conv.ActiveChannel)
	}
	out = append(out, c.ChannelPriority...)
	for i := range app.ChannelCredentials {
		out = append(out, app.ChannelCredentials[i].Channel)
	}
	return out, nil
}

// order picks the identity for each channel that the app has a credential for:
// in the order of channels or, without one, of the identities.
func order(ids []parley.ChannelIdentity, channels []parley.Channel, app *parley.App) []parley.ChannelIdentity {
	out := []parley.ChannelIdentity{}
	if len(channels) == 0 {
		for _, id := range ids {
			channels = append(channels, id.Channel)
		}
	}
	for _, c := range channels {
		if app.Credential(c) == nil || slices.ContainsFunc(out, func(id parley.ChannelIdentity) bool { return id.Channel == c }) {
			continue
		}
		for _, id := range ids {
			if id.Channel == c && (id.AppID == "" || id.AppID == app.ID) {
				out = append(out, id)
				break
			}
		}
	}
	return out
}

// scoped returns an identity as it is stored: in its normal form, and with the
// app where the channel's identities belong to one.
func scoped(id parley.ChannelIdentity, appID string) parley.ChannelIdentity {
	if id.Channel.AppScoped() && id.AppID == "" {
		id.AppID = appID
	}
	return id.Normalize()
}

// knownBy returns the identities by which a contact is looked up and made:
// those given, and what Unified Contact ID adds to them.
func (e *Engine) knownBy(ctx context.Context, projectID string, ids []parley.ChannelIdentity) ([]parley.ChannelIdentity, error) {
	unified, err := e.dir.unified(ctx, projectID)
	if unified {
		ids = parley.Unify(ids)
	}
	return ids, err
}

// resolution is the start of every search for contact and conversation.
func (e *Engine) resolution(projectID string, app *parley.App) store.Resolution {
	conv := &parley.Conversation{ID: e.store.NewID(), AppID: app.ID, Active: true}
	conv.SetDefaults()
	return store.Resolution{ProjectID: projectID, AppID: app.ID, NewConversation: conv}
}

func newContact(id string, ids []parley.ChannelIdentity, name string) *parley.Contact {
	c := &parley.Contact{ID: id, ChannelIdentities: slices.Clone(ids), DisplayName: name}
	c.SetDefaults()
	return c
}

// arrivals returns what reports what was made and found on the way to contact
// and conversation.
func (e *Engine) arrivals(ctx context.Context, projectID string, app *parley.App) func(*store.Resolution) ([]*store.Job, error) {
	// A caller who goes away must not fail the commit, which is also others'.
	ctx = context.WithoutCancel(ctx)
	return func(r *store.Resolution) ([]*store.Job, error) {
		if !r.ContactCreated && !r.ConversationStarted && r.ContactUpdated == nil && len(r.Duplicates) == 0 {
			return nil, nil
		}
		var jobs []*store.Job
		if r.ContactCreated {
			j, err := e.contactCallbacks(ctx, projectID, app.ID, parley.TriggerContactCreate, r.NewContact)
			if err != nil {
				return nil, err
			}
			jobs = j
		}
		if r.ContactUpdated != nil {
			j, err := e.contactCallbacks(ctx, projectID, app.ID, parley.TriggerContactUpdate, r.ContactUpdated)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, j...)
		}
		if len(r.Duplicates) > 0 {
			j, err := e.duplicateCallbacks(ctx, projectID, app.ID, r.Duplicates)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, j...)
		}
		if r.ConversationStarted {
			j, err := e.conversationCallbacks(ctx, projectID, app, parley.TriggerConversationStart, r.Conversation)
			if err != nil {
				return nil, err
			}
			jobs = append(jobs, j...)
		}
		return jobs, nil
	}
}

// envelope starts a callback.
func (e *Engine) envelope(projectID, appID string, at time.Time) *parley.Callback {
	c := &parley.Callback{AppID: appID, AcceptedTime: e.now(), ProjectID: projectID}
	if !at.IsZero() {
		at = at.UTC()
		c.EventTime = &at
	}
	return c
}
