package engine

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// accounts is what this node knows of the apps' accounts with providers beyond
// what is stored: how fast they take messages, whether they asked for a break,
// and when one was last suspected. Each account waits for itself: one that is
// slow holds up no other.
type accounts struct {
	on  bool // rate limits; a break the provider asks for is kept in any case
	now func() time.Time

	mu     sync.Mutex
	all    map[accountKey]*account
	breaks atomic.Int64 // how many accounts may have a break; 0 spares the lock
	stuck  atomic.Int64 // how many accounts had an attempt that hung; 0 spares the lock
}

type accountKey struct {
	app     string
	channel parley.Channel
	ordinal int
}

type account struct {
	pace  *rate.Limiter
	until time.Time // of the break
	asked time.Time // when it was last suspected

	hung   int // attempts in a row that hung and failed
	probes int // attempts under way since it counts as stuck
}

// suspicionInterval is how often at most an account is asked about because of
// how its messages fare.
const suspicionInterval = time.Minute

// An account whose provider does not answer is stuck: each attempt holds a
// place until it times out. It is left with a few, which find out when the
// provider is back; its other messages wait as if their attempts had failed,
// so that they go to the next channel when their time is over.
const (
	hangTime  = 2 * time.Second // an attempt that failed after so long hung
	hungLimit = 8               // in a row, until an account is stuck
	maxProbes = 2
)

func newAccounts(o Options) *accounts {
	return &accounts{on: o.RateLimits, now: o.Now, all: map[accountKey]*account{}}
}

func keyOf(appID string, c *parley.ChannelCredential) accountKey {
	return accountKey{appID, c.Channel, c.CredentialOrdinalNumber}
}

// get returns what is known of an account; mu is held.
func (s *accounts) get(k accountKey) *account {
	a := s.all[k]
	if a == nil {
		if len(s.all) >= maxDirectory {
			clear(s.all)
			s.breaks.Store(0)
			s.stuck.Store(0)
		}
		a = &account{}
		s.all[k] = a
	}
	return a
}

// wait returns how long an account's next payload must wait, or 0 when it may
// go now. perSecond is what the provider takes, or 0 when nobody knows.
func (s *accounts) wait(k accountKey, perSecond float64) time.Duration {
	paced := s.on && perSecond > 0
	if !paced && s.breaks.Load() == 0 {
		return 0
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.get(k)
	if d := a.until.Sub(now); d > 0 {
		return d
	}
	if !paced {
		return 0
	}
	if a.pace == nil || a.pace.Limit() != rate.Limit(perSecond) {
		a.pace = rate.NewLimiter(rate.Limit(perSecond), max(int(perSecond), 1))
	}
	r := a.pace.ReserveN(now, 1)
	if d := r.DelayFrom(now); d > 0 {
		r.CancelAt(now)
		return max(d, 10*time.Millisecond)
	}
	return 0
}

// rest gives an account the break its provider asked for.
func (s *accounts) rest(k accountKey, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.get(k)
	if until := s.now().Add(d); until.After(a.until) {
		a.until = until
	}
	n := int64(0)
	for _, a := range s.all {
		if a.until.After(s.now()) {
			n++
		}
	}
	s.breaks.Store(n)
}

// admit reports whether an attempt may be made now; the caller must call leave
// when it is over.
func (s *accounts) admit(k accountKey) (leave func(), ok bool) {
	if s.stuck.Load() == 0 {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.get(k)
	if a.hung < hungLimit {
		return func() {}, true
	}
	if a.probes >= maxProbes {
		return nil, false
	}
	a.probes++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		a.probes--
	}, true
}

// ended notes how an attempt went: whether it hung, or the provider answered.
func (s *accounts) ended(k accountKey, hung bool) {
	if !hung && s.stuck.Load() == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.get(k)
	switch {
	case hung:
		if a.hung++; a.hung == 1 {
			s.stuck.Add(1)
		}
	case a.hung > 0:
		a.hung = 0
		s.stuck.Add(-1)
	}
}

// suspect reports whether an account that gives reason to should be asked
// about now.
func (s *accounts) suspect(k accountKey) bool {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.get(k)
	if now.Sub(a.asked) < suspicionInterval {
		return false
	}
	a.asked = now
	return true
}

// perSecond is how many payloads a second the provider takes from an account,
// or 0.
func perSecond(ch channel.Channel, c *parley.ChannelCredential) float64 {
	if p, ok := ch.(channel.Pacer); ok {
		return p.Pace(c)
	}
	return 0
}

// learn draws from an attempt what it says about the account: a provider that
// wants a break gets it, and a credential that is refused, or works again, is
// looked at.
func (d *delivery) learn(ctx context.Context, err error, took time.Duration) {
	cred := d.conn.Credential
	d.e.accounts.ended(keyOf(d.app.ID, cred), hung(err, took))
	failing := cred.State != nil && cred.State.Status == parley.CredentialFailing
	if err == nil {
		if failing {
			d.reconsider(ctx, parley.CredentialState{Status: parley.CredentialActive})
		}
		return
	}
	f := channel.AsError(err)
	if f.After > 0 && f.Reason.Code == parley.ReasonRateLimited && !f.OneRecipient {
		d.e.accounts.rest(keyOf(d.app.ID, cred), f.After)
	}
	if f.Reason.Code == parley.ReasonChannelBadConfiguration && !failing {
		d.reconsider(ctx, parley.CredentialState{Status: parley.CredentialFailing, Description: f.Reason.Description})
	}
}

// hung reports whether the provider kept an attempt waiting for nothing. A file
// that an app's own host is slow to give is not the provider's fault.
func hung(err error, took time.Duration) bool {
	if err == nil || took < hangTime {
		return false
	}
	f := channel.AsError(err)
	switch f.Reason.Code { //nolint:exhaustive // the others are the provider's
	case parley.ReasonMediaNotReachable, parley.ReasonMediaTooLarge, parley.ReasonMediaTypeUnsupported:
		return false
	}
	return f.Outcome != channel.NotSent
}

// reconsider has the provider asked whether the credential works or, where it
// cannot be asked, takes the attempt's word for it.
func (d *delivery) reconsider(ctx context.Context, seen parley.CredentialState) {
	cred := d.conn.Credential
	if !d.e.accounts.suspect(keyOf(d.app.ID, cred)) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	var err error
	if _, ok := d.ch.(channel.Connector); ok {
		var j *store.Job
		if j, err = connectJobOf(d.job.ProjectID, d.app.ID, cred); err == nil {
			err = d.e.store.Commit(ctx, &store.Write{Jobs: []*store.Job{j}})
		}
	} else {
		err = d.e.setState(ctx, d.job.ProjectID, d.app.ID, cred, seen, "")
	}
	if err != nil {
		// It is noticed again with the next message.
		d.e.o.Log.Error("look at a credential", slog.String("app_id", d.app.ID),
			slog.String("channel", string(cred.Channel)), slog.Any("error", err))
	}
}

// RecheckCredentials has every credential that can be checked looked at again,
// spread over a time: a permission may be withdrawn while nothing is sent.
func (e *Engine) RecheckCredentials(ctx context.Context, over time.Duration) error {
	refs, err := e.store.AppRefs(ctx)
	if err != nil {
		return err
	}
	for i, ref := range refs {
		app, err := e.store.App(ctx, ref.ProjectID, ref.AppID)
		if parley.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		jobs, err := e.rechecks(ref.ProjectID, app, e.now().Add(over*time.Duration(i)/time.Duration(len(refs))))
		if err != nil {
			return err
		}
		if len(jobs) == 0 {
			continue
		}
		if err := e.store.Commit(ctx, &store.Write{Jobs: jobs}); err != nil {
			return err
		}
	}
	return nil
}

// rechecks returns the jobs that look at an app's credentials again. Pending
// ones are being looked at anyway.
func (e *Engine) rechecks(projectID string, app *parley.App, at time.Time) ([]*store.Job, error) {
	var jobs []*store.Job
	for i := range app.ChannelCredentials {
		c := &app.ChannelCredentials[i]
		_, ok := e.channels[c.Channel].(channel.Connector)
		if !ok || c.State == nil || c.State.Status == parley.CredentialPending {
			continue
		}
		j, err := connectJobOf(projectID, app.ID, c)
		if err != nil {
			return nil, err
		}
		j.RunAt = at
		jobs = append(jobs, j)
	}
	return jobs, nil
}

// connectJobOf returns the job that sets up a credential with its provider.
// One for each account at a time.
func connectJobOf(projectID, appID string, c *parley.ChannelCredential) (*store.Job, error) {
	return newJob(projectID, kindConnect, appID, connectJob{AppID: appID, Channel: c.Channel, Ordinal: c.CredentialOrdinalNumber})
}

// errStuck is the failure of an attempt that was not made because the provider
// does not answer.
func errStuck() *channel.Error {
	return &channel.Error{
		Reason: parley.NewReason(parley.ReasonChannelFailure, "the channel does not answer"), Outcome: channel.TryAgain,
	}
}

// paused returns how long the account's messages must wait, as what a job
// returns, or nil.
func (d *delivery) paused() error {
	cred := d.conn.Credential
	if wait := d.e.accounts.wait(keyOf(d.app.ID, cred), perSecond(d.ch, cred)); wait > 0 {
		return queue.Snooze(wait)
	}
	return nil
}
