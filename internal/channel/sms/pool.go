package sms

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A pool holds the bound session of each account, which Listen puts there and
// Send uses. Listen's caller reconnects, so a gap between two sessions is
// normal; a Send that falls into one waits a moment for the next.
type pool struct {
	mu    sync.Mutex
	links map[string]*account
}

// account is where the sessions of one account follow each other.
type account struct {
	listeners int      // Listen calls under way, bound or binding
	tx        *session // nil while not bound
	refused   error    // why the SMSC refused the last bind, if it did
	refusedAt time.Time
	changed   chan struct{} // closed at each change of the above
	seen      *redeliveries
}

func newPool() *pool { return &pool{links: make(map[string]*account)} }

// account returns the account with key. p.mu must be held.
func (p *pool) account(key string) *account {
	a := p.links[key]
	if a == nil {
		a = &account{changed: make(chan struct{}), seen: newRedeliveries()}
		p.links[key] = a
	}
	return a
}

func (a *account) change() {
	close(a.changed)
	a.changed = make(chan struct{})
}

// join announces that a session will be bound for key. leave must be called
// when it is over.
func (p *pool) join(key string) (seen *redeliveries, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(key)
	a.listeners++
	return a.seen, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		a.listeners--
		a.change()
	}
}

// bound makes tx the session that submits for key.
func (p *pool) bound(key string, tx *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(key)
	a.tx, a.refused = tx, nil
	a.change()
}

// gone takes tx out again, unless a newer session has replaced it.
func (p *pool) gone(key string, tx *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.account(key); a.tx == tx {
		a.tx = nil
		a.change()
	}
}

// refused records that the SMSC will not have this account until its settings
// change.
func (p *pool) refused(key string, err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.account(key)
	a.refused, a.refusedAt = err, now
	a.change()
}

// awaitPardon returns true once it is time to bind again: at once unless the
// last bind was refused. It returns false when ctx ends first.
func (p *pool) awaitPardon(ctx context.Context, key string, now time.Time) bool {
	p.mu.Lock()
	a := p.account(key)
	pause := time.Duration(0)
	if a.refused != nil {
		pause = refusedPause - now.Sub(a.refusedAt)
	}
	p.mu.Unlock()
	if pause <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errNoSession: nothing was sent because there is no session to send it on.
var errNoSession = errors.New("no SMPP session")

// session returns the session that submits for key. It waits up to patience
// for one that is being bound or, when expected, that will be.
func (p *pool) session(ctx context.Context, key string, patience time.Duration, expected bool) (*session, error) {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		p.mu.Lock()
		a := p.account(key)
		tx, refused, listeners, changed := a.tx, a.refused, a.listeners, a.changed
		p.mu.Unlock()
		switch {
		case tx != nil:
			return tx, nil
		case refused != nil:
			return nil, refused
		case listeners == 0 && !expected:
			return nil, errNoSession
		}
		select {
		case <-changed:
		case <-timeout.C:
			return nil, errNoSession
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errNoSession, ctx.Err())
		}
	}
}

// A link is an account's connection to its SMSC: one transceiver, or a
// transmitter and a receiver of which neither goes on without the other.
type link struct {
	tx, rx *session // the same for a transceiver
	inbox  *inbox
}

// linkConfig is what a link needs.
type linkConfig struct {
	mode    bindMode
	session sessionConfig // deliver is set by dialLink
	inbox   inboxConfig
	dial    func(context.Context) (net.Conn, error)
}

// A bindMode is which binds an account uses.
type bindMode string

const (
	bindTRX  bindMode = "transceiver"
	bindTXRX bindMode = "transmitter_receiver"
	bindTX   bindMode = "transmitter" // no messages and no receipts arrive
)

// dialLink connects and binds. ctx bounds both; storing bounds each accept.
func dialLink(ctx, storing context.Context, cfg linkConfig) (*link, error) {
	l := &link{inbox: newInbox(storing, cfg.inbox)}
	cfg.session.deliver = l.inbox.deliver
	var err error
	switch cfg.mode {
	case bindTXRX:
		if l.tx, err = bindOne(ctx, cfg, bindTransmitter); err == nil {
			l.rx, err = bindOne(ctx, cfg, bindReceiver)
		}
	case bindTX:
		l.tx, err = bindOne(ctx, cfg, bindTransmitter)
		l.rx = l.tx
	case bindTRX:
		l.tx, err = bindOne(ctx, cfg, bindTransceiver)
		l.rx = l.tx
	}
	if err != nil {
		l.close(ctx)
		return nil, err
	}
	return l, nil
}

func bindOne(ctx context.Context, cfg linkConfig, id commandID) (*session, error) {
	conn, err := cfg.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	cfg.session.bind.id = id
	return startSession(ctx, conn, cfg.session)
}

// wait returns when ctx is done, with nil, or when a session is lost, with the
// reason.
func (l *link) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-l.tx.lost:
		return l.tx.lossErr
	case <-l.rx.lost:
		return l.rx.lossErr
	}
}

// close stores what was delivered, lets submits be answered, unbinds and hangs
// up; all within ctx, but for the storing.
func (l *link) close(ctx context.Context) {
	if l.rx != nil && l.rx != l.tx {
		l.inbox.close()
		l.rx.close(ctx)
	}
	if l.tx != nil {
		l.inbox.close()
		l.tx.close(ctx)
	}
	l.inbox.close()
}
