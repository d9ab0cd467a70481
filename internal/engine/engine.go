// Package engine moves messages: it is the only thing that changes a message's
// state, and it changes it in the same transaction that enqueues whatever must
// follow. It resolves whom a message is for, picks the channel, falls back to
// the next, takes in what providers tell, and reports every step to the app.
//
// It refuses to know providers (channels do) and HTTP (package api does).
package engine

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/callback"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// Options configure an Engine.
type Options struct {
	Store    *store.Store
	Channels []channel.Channel
	Now      func() time.Time
	Log      *slog.Logger
	Metrics  prometheus.Registerer

	// PublicURL is where providers and apps reach this server, without a
	// trailing slash; "" when nobody outside does.
	PublicURL string
	// BaseURL returns what replaces a provider's own address, or "".
	BaseURL func(ch parley.Channel, provider string) string
	// HTTP returns the client for a channel's provider.
	HTTP func(ch parley.Channel) *http.Client
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// CheckTarget says whether an address given by a client may be called.
	CheckTarget func(ctx context.Context, address string) error
	// Trace notes what is done for each message; nil notes nothing.
	Trace *trace.Recorder
	// Media keeps inbound media; nil leaves it with the provider.
	Media MediaStore
	// CheckMedia tells whether a channel can use the file an app's message
	// names: an *channel.Error when not. Nil leaves that to the provider.
	CheckMedia func(ctx context.Context, address string, accepts []channel.MediaType) error
	// OpenMedia opens such a file for channels that hand over the bytes.
	OpenMedia func(ctx context.Context, address string) (channel.Media, error)
	// Held reports whether this node may still act on its jobs.
	Held func() bool

	// Keywords are the words by which contacts opt out and in.
	Keywords Keywords

	// RateLimits turns the app's limits on.
	RateLimits bool
	Limits     parley.RateLimits

	// SettleAfter is how long after an interrupted attempt the provider is
	// given to show it; 0 means 5 s.
	SettleAfter time.Duration
	// UnknownAfter is how long a receipt may take to settle an interrupted
	// attempt of which the provider cannot be asked; 0 means 2 min.
	UnknownAfter time.Duration
	// SendTimeout bounds one attempt; 0 means 30 s.
	SendTimeout time.Duration
}

// MediaStore keeps inbound media behind signed URLs; see package media.
type MediaStore interface {
	URL(projectID, id, filename string) string
	Save(ctx context.Context, projectID, id string, m channel.Media) error
	Remove(ctx context.Context, projectID, id string) error
}

// An Engine moves messages. It is safe for concurrent use.
type Engine struct {
	o        Options
	store    *store.Store
	channels map[parley.Channel]channel.Channel
	dir      *directory
	recent   *recent
	limits   *limiters
	accounts *accounts
	met      *metrics
	secret   []byte
	sessions *sessions
	keywords *keywords
}

// New returns an engine. Its Workers must be run by a queue.
func New(o Options) (*Engine, error) {
	if o.SettleAfter == 0 {
		o.SettleAfter = 5 * time.Second
	}
	if o.UnknownAfter == 0 {
		o.UnknownAfter = 2 * time.Minute
	}
	if o.SendTimeout == 0 {
		o.SendTimeout = 30 * time.Second
	}
	if o.Held == nil {
		o.Held = func() bool { return true }
	}
	secret, err := o.Store.Derive("channel webhook secrets")
	if err != nil {
		return nil, fmt.Errorf("derive the channels' secret: %w", err)
	}
	e := &Engine{
		o:        o,
		store:    o.Store,
		channels: map[parley.Channel]channel.Channel{},
		dir:      newDirectory(o.Store, o.Now),
		recent:   newRecent(recentMessages),
		limits:   newLimiters(o),
		accounts: newAccounts(o),
		met:      newMetrics(o.Metrics),
		secret:   secret,
		keywords: newKeywords(o.Keywords),
	}
	for _, ch := range o.Channels {
		e.channels[ch.Name()] = ch
	}
	e.sessions = newSessions(e)
	return e, nil
}

// The kinds of the engine's jobs besides store.KindSend.
const (
	kindReceipt     = "receipt"     // a receipt whose message is not known yet
	kindReportTime  = "report-time" // the time a delivery report may take is over
	kindExpire      = "expire"      // the time to live of a message that can be taken back is over
	kindUnknown     = "unknown"     // an attempt nobody can tell the outcome of
	kindAcknowledge = "acknowledge" // tell the provider that something was handled
	kindMedia       = "media"       // fetch inbound media
	kindConnect     = "connect"     // set a credential up with its provider
	kindSchedule    = "schedule"    // a message whose time has not come
	kindBatch       = "batch"       // the messages of a batch
	kindContacts    = "contacts"    // contacts to create or delete one after the other
	kindEvent       = "event"       // show an app event
	kindCapability  = "capability"  // find out whether somebody can be reached
)

// Workers returns the kinds of jobs the engine runs.
func (e *Engine) Workers() map[string]queue.Kind {
	return map[string]queue.Kind{
		// One app whose provider is slow leaves more than half of the places to others.
		store.KindSend:  {Run: e.send, Concurrency: 144, Group: appOf, GroupWidth: 64},
		kindReceipt:     {Run: e.lateReceipt, Concurrency: 16},
		kindReportTime:  {Run: e.reportTime, Concurrency: 16},
		kindExpire:      {Run: e.expire, Concurrency: 16},
		kindUnknown:     {Run: e.giveUpUnknown, Concurrency: 16},
		kindAcknowledge: {Run: e.acknowledge, Concurrency: 32},
		kindMedia:       {Run: e.fetchMedia, Concurrency: 8},
		kindConnect:     {Run: e.connect, Concurrency: 8, LaneWidth: 1},
		kindSchedule:    {Run: e.release, Concurrency: 32},
		kindBatch:       {Run: e.fanOut, Concurrency: 4},
		kindContacts:    {Run: e.bulkContacts, Concurrency: 4},
		kindEvent:       {Run: e.showEvent, Concurrency: 32, LaneWidth: 1},
		kindCapability:  {Run: e.probe, Concurrency: 16},
	}
}

// Channel returns the adapter of a channel, or nil.
func (e *Engine) Channel(name parley.Channel) channel.Channel { return e.channels[name] }

// now is the engine's clock, in UTC and the microseconds the store keeps.
func (e *Engine) now() time.Time { return e.o.Now().UTC().Truncate(time.Microsecond) }

// conn returns an app's account on a channel. It is shared.
func (e *Engine) conn(projectID string, app *parley.App, cred *parley.ChannelCredential) *channel.Conn {
	return e.dir.conn(cred, func() *channel.Conn { return e.newConn(projectID, app, cred) })
}

func (e *Engine) newConn(projectID string, app *parley.App, cred *parley.ChannelCredential) *channel.Conn {
	c := &channel.Conn{
		AppID:      app.ID,
		Credential: cred,
		Secret:     e.accountSecret(app.ID, cred.Channel),
		OpenMedia:  e.o.OpenMedia,
		Dial:       e.o.Dial,
		Log: e.o.Log.With(slog.String("project_id", projectID), slog.String("app_id", app.ID),
			slog.String("channel", string(cred.Channel))),
		Now: e.o.Now,
	}
	if e.o.HTTP != nil {
		c.HTTP = e.o.HTTP(cred.Channel)
	}
	if e.o.BaseURL != nil {
		c.BaseURL = e.o.BaseURL(cred.Channel, cred.Provider)
	}
	if e.o.PublicURL != "" {
		c.WebhookURL = e.o.PublicURL + "/channels/" + strings.ToLower(string(cred.Channel)) + "/" + app.ID
	}
	return c
}

// accountSecret is a secret for providers that let us choose one, always the
// same for an account.
func (e *Engine) accountSecret(appID string, ch parley.Channel) string {
	m := hmac.New(sha256.New, e.secret)
	m.Write([]byte(appID + "/" + string(ch)))
	return hex.EncodeToString(m.Sum(nil))[:32]
}

// deliveries makes the callbacks of a receipt: to the message's or event's own
// callback_url when it has one, else to the app's webhooks.
func (e *Engine) deliveries(ctx context.Context, projectID, appID, callbackURL string, t parley.Trigger, c *parley.Callback) ([]*store.Job, error) {
	if callbackURL != "" {
		j, err := callback.JobTo(projectID, appID, callbackURL, c, t)
		if err != nil {
			return nil, err
		}
		return []*store.Job{j}, nil
	}
	return e.callbacks(ctx, projectID, appID, t, c)
}

// callbacks makes one callback for each webhook of the app that wants the
// trigger.
func (e *Engine) callbacks(ctx context.Context, projectID, appID string, t parley.Trigger, c *parley.Callback) ([]*store.Job, error) {
	hooks, err := e.dir.webhooks(ctx, projectID)
	if err != nil {
		return nil, err
	}
	to := hooks.of(appID, t)
	if len(to) == 0 {
		return nil, nil
	}
	return callback.Jobs(projectID, c, t, to)
}

// projectCallbacks makes callbacks for the webhooks of every app of the
// project: contacts belong to all of them.
func (e *Engine) projectCallbacks(ctx context.Context, projectID string, t parley.Trigger, c *parley.Callback) ([]*store.Job, error) {
	hooks, err := e.dir.webhooks(ctx, projectID)
	if err != nil {
		return nil, err
	}
	to := hooks.all(t)
	if len(to) == 0 {
		return nil, nil
	}
	return callback.Jobs(projectID, c, t, to)
}

// jitter spreads a wait over ±20 %.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5+1) //nolint:gosec // jitter is no secret
}
