package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// App events are shown on one channel, without fallback, by a job each. They
// are cheap and get stale: what cannot be shown soon fails instead of turning
// up when nobody cares. An attempt whose outcome is unknown is repeated where
// the contact would see no difference (somebody types, something was read);
// where an event says something, its attempt is marked first, as that of a
// message is, and one found marked fails.

const (
	// composingPatience is how long after its acceptance a sign of typing is
	// worth showing.
	composingPatience = 15 * time.Second
	// eventPatience is the same for all other events.
	eventPatience = 5 * time.Minute
	// lastInboundAge is how old a received message may be to be shown as read;
	// the window of no provider is longer.
	lastInboundAge = 30 * 24 * time.Hour
)

// A showing is the document of an event job.
type showing struct {
	report
	Event    *parley.AppEvent `json:"event"`
	Urgent   bool             `json:"urgent,omitempty"`
	NoTarget bool             `json:"no_target,omitempty"` // the recipient has no identity that fits
	Failed   *parley.Reason   `json:"failed,omitempty"`    // why the last attempt failed
}

// A report is what EVENT_DELIVERY says of an event.
type report struct {
	EventID       string                 `json:"event_id"`
	AppID         string                 `json:"app_id"`
	ContactID     string                 `json:"contact_id,omitempty"`
	To            parley.ChannelIdentity `json:"to"`
	Metadata      string                 `json:"metadata,omitempty"`
	CallbackURL   string                 `json:"callback_url,omitempty"`
	CorrelationID string                 `json:"correlation_id,omitempty"`
	Mode          parley.ProcessingMode  `json:"mode"`
	Accepted      time.Time              `json:"accepted"`
}

// SendEvent accepts an event: once it returns, the event is stored and will be
// shown, or its failure reported.
func (e *Engine) SendEvent(ctx context.Context, projectID string, r *parley.SendEventRequest) (*parley.SendEventResponse, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	app, err := e.dir.app(ctx, projectID, r.AppID)
	if err != nil {
		return nil, err
	}
	// Whom it is for is decided as for a message.
	to := &parley.SendMessageRequest{
		Recipient: r.Recipient, CallbackURL: r.CallbackURL, ChannelPriorityOrder: r.ChannelPriorityOrder[:min(len(r.ChannelPriorityOrder), 1)],
	}
	now := e.now()
	if err := e.checkSend(ctx, app, to, now); err != nil {
		return nil, err
	}
	dispatch := dispatched(app, "")
	a := new(store.Acceptance)
	targets, err := e.address(ctx, projectID, app, to, a, dispatch)
	if err != nil {
		return nil, err
	}
	s := showing{Event: r.Event, Urgent: r.Queue == parley.QueueHigh, NoTarget: len(targets) == 0, report: report{
		EventID: e.store.NewID(), AppID: app.ID, Metadata: r.EventMetadata, CallbackURL: r.CallbackURL, Mode: app.ProcessingMode, Accepted: now,
	}}
	if s.To, err = e.eventTarget(ctx, projectID, app, r.Recipient, targets); err != nil {
		return nil, err
	}
	if dispatch {
		if s.CorrelationID, err = e.correlation(ctx, projectID, app, s.To); err != nil {
			return nil, err
		}
	}
	w, err := e.eventWrite(projectID, a, s, dispatch)
	if err != nil {
		return nil, err
	}
	resp := &parley.SendEventResponse{EventID: s.EventID, AcceptedTime: s.Accepted}
	if err := store.Answer(ctx, http.StatusOK, resp); err != nil {
		return nil, err
	}
	return resp, e.store.Commit(ctx, w)
}

// eventTarget returns whom an event is for: the first target or, where there
// is none, the first of the recipient's identities.
func (e *Engine) eventTarget(ctx context.Context, projectID string, app *parley.App, r *parley.Recipient,
	targets []parley.ChannelIdentity,
) (parley.ChannelIdentity, error) {
	if len(targets) > 0 {
		return targets[0], nil
	}
	_, ids, err := e.identities(ctx, projectID, app, r)
	if err != nil || len(ids) == 0 {
		return parley.ChannelIdentity{Channel: parley.ChannelUnspecified}, err
	}
	return ids[0], nil
}

// correlation returns the correlation id that sticks to a recipient in
// dispatch mode, or "".
func (e *Engine) correlation(ctx context.Context, projectID string, app *parley.App, to parley.ChannelIdentity) (string, error) {
	stuck, err := e.recall(ctx, projectID, app, to)
	if err != nil || stuck == nil {
		return "", err
	}
	return stuck.CorrelationID, nil
}

// eventWrite returns the write that accepts an event. In dispatch mode only
// its job is stored.
func (e *Engine) eventWrite(projectID string, a *store.Acceptance, s showing, dispatch bool) (*store.Write, error) {
	if dispatch {
		j, err := newJob(projectID, kindEvent, s.AppID+"/"+s.To.Identity, &s)
		return &store.Write{Jobs: []*store.Job{j}}, err
	}
	doc, err := parley.Marshal(&parley.Event{
		ID: s.EventID, Direction: parley.ToContact, AppEvent: s.Event, ChannelIdentity: &s.To, AcceptTime: s.Accepted, ProcessingMode: s.Mode,
	})
	if err != nil {
		return nil, err
	}
	if !s.NoTarget {
		a.NewConversation.ActiveChannel = s.To.Channel
	}
	a.Event = &store.Event{ProjectID: projectID, ID: s.EventID, AppID: s.AppID, Doc: doc}
	arrivals := a.Consequences
	a.Consequences = func(r *store.Resolution) ([]*store.Job, error) {
		jobs, err := arrivals(r)
		if err != nil {
			return nil, err
		}
		resolved := s
		resolved.ContactID, resolved.CorrelationID = r.ContactID, r.Conversation.CorrelationID
		j, err := newJob(projectID, kindEvent, r.Conversation.ID, &resolved)
		return append(jobs, j), err
	}
	return &store.Write{Accept: a}, nil
}

// repeatable reports whether the contact sees no difference when the event is
// shown twice.
func (s *showing) repeatable() bool {
	return s.Event.Composing != nil || s.Event.ComposingEnd != nil || s.Event.ReadMessage != nil
}

// deadline is when the event is given up.
func (s *showing) deadline() time.Time {
	if s.Event.Composing != nil || s.Event.ComposingEnd != nil {
		return s.Accepted.Add(composingPatience)
	}
	return s.Accepted.Add(eventPatience)
}

// An outcome is how an event ended. As a job's memo it is what could not be
// stored yet.
type outcome struct {
	id     channel.ProviderID
	reason *parley.Reason // nil when it was shown
}

// showEvent is the worker of event jobs.
func (e *Engine) showEvent(ctx context.Context, j *store.Job) error {
	if o, ok := j.Memo.(*outcome); ok {
		return e.shownEvent(ctx, j, nil, o)
	}
	s := new(showing)
	if err := json.Unmarshal(j.Doc, s); err != nil {
		return queue.Stop(err)
	}
	app, err := e.dir.app(ctx, j.ProjectID, s.AppID)
	if parley.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	refused, err := e.refuseEvent(ctx, j, s, app)
	if err != nil {
		return err
	}
	if refused != nil {
		return e.shownEvent(ctx, j, s, &outcome{reason: refused})
	}
	if wait := e.limits.send(app.ID, s.EventID, s.Urgent); wait > 0 {
		return queue.Snooze(wait)
	}
	id, err := e.attemptEvent(ctx, j, s, app)
	var f *channel.Error
	switch {
	case err == nil:
		return e.shownEvent(ctx, j, s, &outcome{id: id})
	case errors.Is(err, errLeaseLost):
		return queue.Snooze(time.Minute)
	case !errors.As(err, &f):
		return err // nothing was attempted
	}
	return e.failedEvent(ctx, j, s, f)
}

// refuseEvent says why an event is not to be attempted, or nil.
func (e *Engine) refuseEvent(ctx context.Context, j *store.Job, s *showing, app *parley.App) (*parley.Reason, error) {
	refuse := func(r parley.Reason) (*parley.Reason, error) { return &r, nil }
	name, kind := s.To.Channel, s.Event.Kind()
	ch := e.channels[name]
	_, takenOver := j.TakenOver()
	switch {
	case j.Started != 0 && !takenOver && !s.repeatable():
		return refuse(unknownReason()) // it was being attempted
	case s.NoTarget:
		return refuse(noTarget(app))
	case app.Credential(name) == nil || ch == nil:
		return refuse(parley.NewReason(parley.ReasonChannelConfigurationMissing, "the channel is not configured"))
	case !shows(ch, kind):
		return refuse(parley.NewReason(parley.ReasonBadRequest, fmt.Sprintf("%s cannot show a %s", name, kind)))
	case !e.now().Before(s.deadline()) && s.Failed != nil:
		return s.Failed, nil
	case !e.now().Before(s.deadline()):
		return refuse(parley.NewReason(parley.ReasonMessageExpired, "the event could not be shown in time"))
	}
	out, err := e.optedOut(ctx, j.ProjectID, app.ID, s.To.Identity, "")
	if err != nil || !out {
		return nil, err
	}
	return refuse(optedOutReason())
}

// shows reports whether a channel can show a kind of event.
func shows(ch channel.Channel, kind string) bool {
	_, ok := ch.(channel.EventSender)
	return ok && slices.Contains(ch.Capabilities().Events, kind)
}

// shownEvent reports how an event ended. Where that cannot be stored it is
// tried again, from memory, until the database is back.
func (e *Engine) shownEvent(ctx context.Context, j *store.Job, s *showing, o *outcome) error {
	if s == nil {
		s = new(showing)
		if err := json.Unmarshal(j.Doc, s); err != nil {
			return queue.Stop(err)
		}
	}
	status, code := parley.StatusQueuedOnChannel, parley.ReasonCode("")
	if o.reason != nil {
		status, code = parley.StatusFailed, o.reason.Code
	}
	w := &store.Write{Done: j.ID}
	var err error
	if w.Jobs, err = e.eventReport(ctx, j.ProjectID, &s.report, status, o.reason, time.Time{}); err != nil {
		return err
	}
	if o.id != "" {
		w.Sent = &store.SentEvent{ProjectID: j.ProjectID, AppID: s.AppID, Channel: s.To.Channel, ID: string(o.id), Status: status}
		if w.Sent.Doc, err = parley.Marshal(&s.report); err != nil {
			return err
		}
	}
	if err := e.store.Commit(ctx, w); err != nil {
		j.Memo = o
		return queue.Retry(time.Second, fmt.Errorf("record an event: %w", err))
	}
	e.met.events.WithLabelValues(string(s.To.Channel), string(status), string(code)).Inc()
	return queue.Settled
}

// eventReport makes the EVENT_DELIVERY callbacks of a status.
func (e *Engine) eventReport(ctx context.Context, projectID string, r *report, status parley.DeliveryStatus,
	reason *parley.Reason, at time.Time,
) ([]*store.Job, error) {
	c := e.envelope(projectID, r.AppID, at)
	c.CorrelationID = r.CorrelationID
	c.EventDelivery = &parley.EventDelivery{
		EventID: r.EventID, Status: status, ContactID: r.ContactID, Reason: reason, Metadata: r.Metadata, ProcessingMode: r.Mode,
	}
	if r.To.Channel != parley.ChannelUnspecified {
		c.EventDelivery.ChannelIdentity = &r.To
	}
	return e.deliveries(ctx, projectID, r.AppID, r.CallbackURL, parley.TriggerEventDelivery, c)
}

// eventReceipt passes on a receipt for an app event, or returns errNoMatch.
func (e *Engine) eventReceipt(ctx context.Context, projectID, appID string, ch parley.Channel, at time.Time, r *channel.Receipt) error {
	known, err := e.store.SentEvent(ctx, projectID, appID, ch, string(r.ID))
	if err != nil {
		return err
	}
	if known == nil {
		return errNoMatch
	}
	var doc report
	if err := json.Unmarshal(known.Doc, &doc); err != nil {
		return fmt.Errorf("sent event: %w", err)
	}
	reason := r.Reason
	if r.Status == parley.StatusFailed && reason == nil {
		none := parley.NewReason(parley.ReasonUnknown, "the channel gave no reason")
		reason = &none
	}
	jobs, err := e.eventReport(ctx, projectID, &doc, r.Status, reason, at)
	if err != nil {
		return err
	}
	_, err = e.store.AdvanceEvent(ctx, known, r.Status, jobs)
	return err
}
