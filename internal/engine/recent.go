package engine

import (
	"context"
	"maps"
	"sync"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// recentMessages is how many sent messages are remembered, so that the receipt
// that follows within seconds need not read them.
const recentMessages = 8192

// recent remembers the messages sent last by what the provider calls them. It
// only saves reads: what it does not know is in the store.
type recent struct {
	mu   sync.Mutex
	sent map[recentKey]*recentEntry
	ring []recentKey // in order of arrival, overwritten in turn
	next int
}

type recentKey struct {
	app, id string
	channel parley.Channel
}

// A recentEntry is what a receipt needs to know. It must not be changed.
type recentEntry struct {
	id      *store.ProviderID
	message *store.Message
	body    *store.MessageDoc

	// settled is closed once the acceptance is stored, or was not: lost.
	settled chan struct{}
	lost    bool
}

// settle says whether the acceptance of a message was stored.
func (k *recentEntry) settle(err error) {
	k.lost = err != nil
	close(k.settled)
}

func newRecent(size int) *recent {
	return &recent{sent: make(map[recentKey]*recentEntry, size), ring: make([]recentKey, size)}
}

// put remembers a message whose acceptance is about to be stored; the caller
// must settle the entry.
func (r *recent) put(p *store.ProviderID, m *store.Message, body *store.MessageDoc) *recentEntry {
	// Only what a report shows: the text of the message is not kept alive.
	slim := *m
	slim.Doc = nil
	k := recentKey{p.AppID, p.ID, p.Channel}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.sent, r.ring[r.next])
	r.ring[r.next] = k
	r.next = (r.next + 1) % len(r.ring)
	known := &recentEntry{id: p, message: &slim, body: &store.MessageDoc{Send: body.Send}, settled: make(chan struct{})}
	r.sent[k] = known
	return known
}

// get returns what is known of a message, or nil. It waits while the message's
// acceptance is being stored, so that a receipt that is faster is stored after
// it and the app hears of both.
func (r *recent) get(ctx context.Context, appID string, ch parley.Channel, id string) *recentEntry {
	r.mu.Lock()
	known := r.sent[recentKey{appID, id, ch}]
	r.mu.Unlock()
	if known == nil {
		return nil
	}
	select {
	case <-known.settled:
	case <-ctx.Done():
		return nil
	}
	if known.lost {
		return nil
	}
	return known
}

// forget drops the messages of a contact that is gone: what follows is to be
// reported of the contact that has them now.
func (r *recent) forget(contactID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.sent, func(_ recentKey, known *recentEntry) bool { return known.message.ContactID == contactID })
}
