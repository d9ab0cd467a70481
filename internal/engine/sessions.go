package engine

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/store"
)

// sessions keep open what credentials need held open (SMPP binds): one session
// for each such credential and node, reconnected with backoff, closed when the
// credential goes or changes.
type sessions struct {
	e    *Engine
	wake chan struct{}
	open map[sessionKey]*session
	wg   sync.WaitGroup
}

type sessionKey struct {
	app     string
	channel parley.Channel
}

type session struct {
	cred   parley.ChannelCredential
	cancel context.CancelFunc
}

func newSessions(e *Engine) *sessions {
	return &sessions{e: e, wake: make(chan struct{}, 1), open: map[sessionKey]*session{}}
}

// nudge has the sessions looked over soon: an app changed.
func (s *sessions) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sessionPoll is how often apps changed by other nodes are looked for.
const sessionPoll = 10 * time.Second

// RunSessions holds sessions open until ctx is done.
func (e *Engine) RunSessions(ctx context.Context) {
	s := e.sessions
	tick := time.NewTicker(sessionPoll)
	defer tick.Stop()
	defer s.wg.Wait()
	for {
		if err := s.reconcile(ctx); err != nil && ctx.Err() == nil {
			e.o.Log.Error("look over the sessions", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// reconcile opens the sessions that are wanted and closes the others.
func (s *sessions) reconcile(ctx context.Context) error {
	refs, err := s.e.store.AppRefs(ctx)
	if err != nil {
		return err
	}
	wanted := map[sessionKey]bool{}
	for _, ref := range refs {
		app, err := s.e.dir.app(ctx, ref.ProjectID, ref.AppID)
		if parley.IsNotFound(err) {
			continue
		}
		if err != nil {
			return err
		}
		for i := range app.ChannelCredentials {
			c := app.ChannelCredentials[i]
			l, ok := s.e.channels[c.Channel].(channel.Listener)
			if !ok || !l.Listens(&c) {
				continue
			}
			c.State, c.ChannelKnownID = nil, "" // what the platform sets does not change the session
			key := sessionKey{ref.AppID, c.Channel}
			wanted[key] = true
			s.start(ctx, ref, key, l, c)
		}
	}
	for key, open := range s.open {
		if !wanted[key] {
			open.cancel()
			delete(s.open, key)
		}
	}
	return nil
}

// start opens a session unless it is open with the same credential.
func (s *sessions) start(ctx context.Context, ref store.AppRef, key sessionKey, l channel.Listener, c parley.ChannelCredential) {
	if open := s.open[key]; open != nil {
		if reflect.DeepEqual(open.cred, c) {
			return
		}
		open.cancel()
	}
	ctx, cancel := context.WithCancel(ctx)
	s.open[key] = &session{cred: c, cancel: cancel}
	s.wg.Go(func() { s.hold(ctx, ref, l, c) })
}

// hold keeps one session open until ctx is done.
func (s *sessions) hold(ctx context.Context, ref store.AppRef, l channel.Listener, c parley.ChannelCredential) {
	e := s.e
	accept := func(ctx context.Context, in channel.Inbound) error {
		app, err := e.dir.app(ctx, ref.ProjectID, ref.AppID)
		if err != nil {
			return err
		}
		return e.takeIn(ctx, ref.ProjectID, app, c.Channel, []channel.Inbound{in})
	}
	wait := minReconnect
	for ctx.Err() == nil {
		began := e.o.Now()
		err := l.Listen(ctx, e.conn(ref.ProjectID, &parley.App{ID: ref.AppID}, &c), accept)
		if ctx.Err() != nil {
			return
		}
		if e.o.Now().Sub(began) > maxReconnect {
			wait = minReconnect // it had been up: start over gently
		}
		pause := wait/2 + rand.N(wait) //nolint:gosec // jitter is no secret
		if f, ok := errors.AsType[*channel.Error](err); ok && f.After > pause {
			pause = f.After
		}
		e.o.Log.Warn("session lost", slog.String("app_id", ref.AppID), slog.String("channel", string(c.Channel)),
			slog.Duration("reconnect_in", pause), slog.Any("error", err))
		wait = min(2*wait, maxReconnect)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// The bounds of the wait before a lost session is opened again.
const (
	minReconnect = time.Second
	maxReconnect = time.Minute
)
