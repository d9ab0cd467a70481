package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// The life of a send job, and what a crash at any point does.
//
// A message goes to one channel after the other (its legs), on each as one or
// more payloads (its parts). A part is handed to the provider in one attempt.
// Every acceptance is stored before the next attempt begins, together with the
// callbacks it causes; the last one of a leg deletes the job.
//
// A crash before an attempt loses nothing: the job is still there. A crash
// after the provider took a part and before that was stored is the one danger:
// repeating would message the contact twice. So
//   - where the provider drops repeats, the attempt is repeated;
//   - where the provider can be asked (channel.Finder), it is asked first;
//   - elsewhere the job is marked before each attempt, and one found marked is
//     treated as an attempt with unknown outcome: never repeated, reported as
//     failed unless a receipt tells otherwise.
// The same holds for an attempt that times out without a crash.

// A sending is the document of a send job.
type sending struct {
	MessageID string            `json:"message_id"`
	AppID     string            `json:"app_id"`
	Leg       int               `json:"leg,omitempty"`
	Part      int               `json:"part,omitempty"`
	Payloads  []channel.Payload `json:"payloads,omitempty"` // frozen once an attempt was made
	Submitted bool              `json:"submitted,omitempty"`
	Since     time.Time         `json:"since,omitzero"`   // the first temporary failure on this leg
	Unknown   time.Time         `json:"unknown,omitzero"` // when the outcome of the part's attempt was lost
}

// sendMemo is what a send job's author has at hand.
type sendMemo struct {
	message *store.Message
	body    *store.MessageDoc
	taken   *taken
}

// taken is an acceptance that could not be stored yet. It is all that keeps
// the part from being sent again while the database is away.
type taken struct {
	key string
	id  channel.ProviderID
}

// sendJob returns the job that sends a message from a leg on. Messages to one
// conversation share a lane and, dispatched, those of an app to one identity.
func sendJob(m *store.Message, o *store.SendOptions, leg int) *store.Job {
	lane := m.ConversationID
	if m.Dispatch && len(o.Targets) > 0 {
		lane = m.AppID + "/" + o.Targets[0].Identity
	}
	if o.Urgent {
		lane = store.UrgentLane(lane)
	}
	doc := `{"message_id":"` + m.ID + `","app_id":"` + m.AppID + `"}`
	if leg > 0 {
		doc = `{"message_id":"` + m.ID + `","app_id":"` + m.AppID + `","leg":` + strconv.Itoa(leg) + `}`
	}
	return &store.Job{ProjectID: m.ProjectID, Kind: store.KindSend, Lane: lane, Doc: []byte(doc)}
}

// appOf returns the app of a send job.
func appOf(j *store.Job) string {
	if memo, ok := j.Memo.(*sendMemo); ok {
		return memo.message.AppID
	}
	var s struct {
		AppID string `json:"app_id"`
	}
	_ = json.Unmarshal(j.Doc, &s) // a broken one is found out when it is run
	return s.AppID
}

// A delivery is a send job being run.
type delivery struct {
	e    *Engine
	job  *store.Job
	s    sending
	m    *store.Message
	body *store.MessageDoc
	app  *parley.App

	// Of the current leg.
	to   parley.ChannelIdentity
	ch   channel.Channel
	conn *channel.Conn
	// presumed says that Unknown is a guess: of a channel that marks no attempts
	// there might have been one.
	presumed bool
	// handed notes that an attempt was made on this leg.
	handed bool
}

// send is the worker of send jobs.
func (e *Engine) send(ctx context.Context, j *store.Job) error {
	d := &delivery{e: e, job: j}
	if err := d.load(ctx); err != nil {
		if parley.IsNotFound(err) {
			e.limits.dequeue(d.s.AppID)
			return nil // deleted: nothing is to be sent any more
		}
		return err
	}
	if len(d.body.Send.Targets) == 0 {
		return d.end(ctx, noTarget(d.app), parley.StatusFailed)
	}
	if j.Started != 0 {
		d.interrupted()
	}
	for {
		if again, err := d.leg(ctx); !again {
			return err
		}
	}
}

// load reads what the job is about.
func (d *delivery) load(ctx context.Context) error {
	if err := json.Unmarshal(d.job.Doc, &d.s); err != nil {
		return queue.Stop(fmt.Errorf("send job: %w", err))
	}
	if memo, ok := d.job.Memo.(*sendMemo); ok {
		d.m, d.body = memo.message, memo.body
	} else {
		var err error
		if d.m, err = d.e.store.Message(ctx, d.job.ProjectID, d.s.MessageID); err != nil {
			return err
		}
		if d.body, err = d.m.Body(); err != nil {
			return queue.Stop(err)
		}
		d.job.Memo = &sendMemo{message: d.m, body: d.body}
	}
	if d.body.Send == nil || d.s.Leg < 0 || d.s.Leg > len(d.body.Send.Targets) {
		return queue.Stop(errors.New("send job: it does not fit its message"))
	}
	app, err := d.e.dir.app(ctx, d.job.ProjectID, d.s.AppID)
	d.app = app
	return err
}

// noTarget says why there is nobody to send to.
func noTarget(app *parley.App) parley.Reason {
	if len(app.ChannelCredentials) == 0 {
		return parley.NewReason(parley.ReasonNoChannelsLeft, "the app has no channels")
	}
	return parley.NewReason(parley.ReasonNoChannelIdentityForContact, "the recipient has no identity on any channel of the app")
}

// interrupted takes note that an earlier run may have made an attempt.
func (d *delivery) interrupted() {
	since, maybe := d.job.TakenOver()
	if maybe {
		// Only channels that need no mark begin without one.
		name := d.body.Send.Targets[d.s.Leg].Channel
		if ch := d.e.channels[name]; ch == nil || needsMark(ch, d.app.Credential(name)) {
			return
		}
	}
	if !maybe {
		since = d.e.now()
	}
	if d.s.Unknown.IsZero() {
		d.s.Unknown, d.presumed = since, maybe
	}
}

// needsMark reports whether an attempt on the channel must be noted before it
// is made, because afterwards nobody could tell.
func needsMark(ch channel.Channel, cred *parley.ChannelCredential) bool {
	return !finds(ch, cred) && !ch.Capabilities().Idempotent
}

// idempotent reports whether the provider drops a repeat of the current part.
func (d *delivery) idempotent() bool {
	once := d.s.Part < len(d.s.Payloads) && d.s.Payloads[d.s.Part].Once
	return d.ch.Capabilities().Idempotent && !once
}

// needsMark is needsMark for the current part.
func (d *delivery) needsMark() bool {
	return !finds(d.ch, d.conn.Credential) && !d.idempotent()
}

// finds reports whether the provider can be asked what became of an attempt.
func finds(ch channel.Channel, cred *parley.ChannelCredential) bool {
	f, ok := ch.(channel.Finder)
	return ok && cred != nil && f.Finds(cred)
}

// leg sends the message on its current channel. It returns true when the next
// channel is to be tried.
func (d *delivery) leg(ctx context.Context) (again bool, err error) {
	d.to = d.body.Send.Targets[d.s.Leg]
	if d.expired() && d.s.Unknown.IsZero() && d.pending() == nil {
		return false, d.end(ctx, expiredReason(), parley.StatusFailed)
	}
	cred := d.app.Credential(d.to.Channel)
	d.ch = d.e.channels[d.to.Channel]
	if cred == nil || d.ch == nil {
		return d.failLeg(ctx, parley.NewReason(parley.ReasonChannelConfigurationMissing, "the channel is not configured"))
	}
	d.conn = d.e.conn(d.job.ProjectID, d.app, cred)
	if d.s.Part == 0 && d.s.Unknown.IsZero() && d.pending() == nil {
		// What was begun is finished: half a message helps nobody.
		out, err := d.e.optedOut(ctx, d.job.ProjectID, d.app.ID, d.to.Identity, d.body.Send.ContentType)
		if err != nil {
			return false, err
		}
		if out {
			reason := optedOutReason()
			d.note(trace.Step{Kind: trace.Consent, Outcome: "opted_out", Reason: &reason})
			return d.failLeg(ctx, reason)
		}
	}
	if d.s.Payloads == nil {
		if err := d.render(ctx, cred); err != nil {
			d.noteNotReady(err)
			return d.notReady(ctx, err)
		}
		if len(d.s.Payloads) > 1 {
			d.noteParts()
		}
	}
	for d.s.Part < len(d.s.Payloads) {
		if err := d.paused(); err != nil && d.pending() == nil {
			return false, err
		}
		if wait := d.e.limits.send(d.app.ID, d.m.ID, d.body.Send.Urgent); wait > 0 {
			return false, queue.Snooze(wait)
		}
		id, err := d.attempt(ctx)
		if err != nil {
			return d.failed(ctx, err)
		}
		if err := d.accepted(ctx, id); err != nil {
			return false, err
		}
	}
	return false, queue.Settled
}

// expired reports whether the message's time to live is over.
func (d *delivery) expired() bool {
	x := d.body.Send.Expires
	return !x.IsZero() && !d.e.now().Before(x)
}

// keep writes the state of the sending into its job.
func (d *delivery) keep() error {
	doc, err := parley.Marshal(&d.s)
	if err != nil {
		return err
	}
	d.job.Doc = doc
	return nil
}

// reports reports whether receipts of a status can arrive from the channel.
func reports(ch channel.Channel, status parley.DeliveryStatus) bool {
	return slices.Contains(ch.Capabilities().Receipts, status)
}

// newJob returns a job with a JSON document.
func newJob(projectID, kind, lane string, doc any) (*store.Job, error) {
	raw, err := parley.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return &store.Job{ProjectID: projectID, Kind: kind, Lane: lane, Doc: raw}, nil
}
