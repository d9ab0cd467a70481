package simulator

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// key names a handset.
type key struct{ channel, identity string }

// order keeps webhooks about one handset in order.
func (k key) order() string { return k.channel + ":" + k.identity }

// newKey brings the names of a handset into one form: phone numbers without
// plus sign, mail addresses in lower case. Other identities are opaque.
func newKey(channel, identity string) key {
	switch channel {
	case ChannelSMS, ChannelMMS, ChannelRCS, ChannelWhatsApp, ChannelViberBM, ChannelKakaoTalk:
		identity = strings.TrimPrefix(identity, "+")
	case ChannelEmail:
		identity = strings.ToLower(identity)
	}
	return key{channel, identity}
}

// handset is one person's phone on one channel.
type handset struct {
	key       key
	name      string
	behaviour Behaviour
	blocked   bool
	left      bool      // opted out or deleted the conversation, and did not come back
	typing    time.Time // the account shows as typing until then
	total     int
	items     []*Item       // oldest first, bounded
	changed   chan struct{} // closed and replaced at every change
}

// HandsetInfo is what the list of handsets says about one.
type HandsetInfo struct {
	Channel   string    `json:"channel"`
	Identity  string    `json:"identity"`
	Name      string    `json:"name"`
	Total     int       `json:"total"`  // messages, also those no longer kept
	Unread    int       `json:"unread"` // shown and not read
	Blocked   bool      `json:"blocked,omitempty"`
	Left      bool      `json:"left,omitempty"`   // opted out or deleted the conversation
	Typing    bool      `json:"typing,omitempty"` // the account is writing
	Behaviour Behaviour `json:"behaviour"`
}

// Thread is one handset with its messages, oldest first.
type Thread struct {
	HandsetInfo
	Items []Item `json:"items"`
}

// phones is every handset there is.
type phones struct {
	now         func() time.Time
	maxItems    int
	maxHandsets int

	mu    sync.Mutex
	seq   int64
	byID  map[key]*handset
	order []key // of byID, oldest first
}

func newPhones(o Options) *phones {
	return &phones{now: o.Now, maxItems: o.MaxItems, maxHandsets: o.MaxHandsets, byID: map[key]*handset{}}
}

// locked runs f on the handset, which is made if it is new.
func (p *phones) locked(k key, f func(h *handset)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.handset(k))
}

func (p *phones) handset(k key) *handset {
	h := p.byID[k]
	if h == nil {
		h = &handset{key: k, name: "Handset " + k.identity, changed: make(chan struct{})}
		p.byID[k] = h
		p.order = append(p.order, k)
		if len(p.order) > p.maxHandsets {
			p.byID[p.order[0]].wake()
			delete(p.byID, p.order[0])
			p.order = p.order[1:]
		}
	}
	return h
}

// typing shows the account as writing for a while, or until it has written.
// A duration of 0 ends it.
func (p *phones) typing(k key, d time.Duration) {
	p.locked(k, func(h *handset) {
		h.typing = p.now().Add(d)
		h.wake()
	})
}

// wake tells those waiting that something about the handset changed.
func (h *handset) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// add appends it to the handset's thread and returns it with its id.
func (p *phones) add(k key, it Item) Item {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.handset(k)
	p.seq++
	it.Native = native(it.Native)
	it.seq, it.ID, it.At = p.seq, strconv.FormatInt(p.seq, 10), p.now().UTC()
	h.items = append(h.items, &it)
	h.total++
	if len(h.items) > p.maxItems {
		// In one go for many, so that a busy handset does not move its
		// thread at every message.
		h.items = slices.Clone(h.items[len(h.items)-p.maxItems*9/10-1:])
	}
	if it.Direction == Out {
		for _, old := range h.items {
			if old.Direction == In && old.Status == StatusDelivered && old.report == nil {
				old.Status = StatusRead
			}
		}
	} else {
		h.typing = time.Time{}
	}
	h.wake()
	return it
}

// edit changes an item, if it is still there, and reports whether it was.
func (p *phones) edit(k key, id string, f func(it *Item)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.byID[k]
	if h == nil {
		return false
	}
	it := h.find(id)
	if it == nil {
		return false
	}
	f(it)
	h.wake()
	return true
}

// seen marks what the phone wrote to the account as read by it, up to the item.
func (p *phones) seen(k key, account, upTo string) {
	p.locked(k, func(h *handset) {
		last := h.find(upTo)
		for _, it := range h.items {
			if last != nil && it.seq <= last.seq && it.Direction == Out && it.Account == account {
				it.Status = StatusRead
			}
		}
		h.wake()
	})
}

func (h *handset) find(id string) *Item {
	seq, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	i := sort.Search(len(h.items), func(i int) bool { return h.items[i].seq >= seq })
	if i < len(h.items) && h.items[i].seq == seq {
		return h.items[i]
	}
	return nil
}

// last returns the newest item that matches.
func (p *phones) last(k key, match func(*Item) bool) (Item, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.byID[k]
	if h == nil {
		return Item{}, false
	}
	for _, it := range slices.Backward(h.items) {
		if match(it) {
			return *it, true
		}
	}
	return Item{}, false
}

// item returns one item of a handset.
func (p *phones) item(k key, id string) (Item, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.byID[k]
	if h == nil {
		return Item{}, false
	}
	it := h.find(id)
	if it == nil {
		return Item{}, false
	}
	return *it, true
}

func (p *phones) info(h *handset) HandsetInfo {
	unread := 0
	for _, it := range h.items {
		if it.Direction == In && it.Status == StatusDelivered {
			unread++
		}
	}
	return HandsetInfo{
		Channel: h.key.channel, Identity: h.key.identity, Name: h.name,
		Total: h.total, Unread: unread, Blocked: h.blocked, Left: h.left,
		Typing: h.typing.After(p.now()), Behaviour: h.behaviour,
	}
}

// Handsets lists every handset, by channel and identity.
func (s *Simulator) Handsets() []HandsetInfo {
	p := s.phones
	p.mu.Lock()
	out := make([]HandsetInfo, 0, len(p.byID))
	for _, h := range p.byID {
		out = append(out, p.info(h))
	}
	p.mu.Unlock()
	slices.SortFunc(out, func(a, b HandsetInfo) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Identity, b.Identity))
	})
	return out
}

// Thread returns what a handset shows and whether there is such a handset.
func (s *Simulator) Thread(channel, identity string) (Thread, bool) {
	return s.phones.thread(newKey(channel, identity), Filter{})
}

// A Filter selects items of a thread; its zero value selects all.
type Filter struct {
	After     int64     // items with a higher id
	Since     time.Time // items not older
	Direction string
	Text      string // contained in the text or caption
	Type      string
	Status    string
}

func (f Filter) match(it *Item) bool {
	return it.seq > f.After && !it.At.Before(f.Since) &&
		(f.Direction == "" || f.Direction == it.Direction) &&
		(f.Type == "" || f.Type == it.Type) &&
		(f.Status == "" || f.Status == it.Status) &&
		strings.Contains(it.Text, f.Text)
}

func (p *phones) thread(k key, f Filter) (Thread, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.byID[k]
	if h == nil {
		return Thread{}, false
	}
	t := Thread{HandsetInfo: p.info(h), Items: []Item{}}
	for _, it := range h.items {
		if f.match(it) {
			t.Items = append(t.Items, *it)
		}
	}
	return t, true
}

// wait returns the first item that matches, as soon as there is one.
func (p *phones) wait(ctx context.Context, k key, f Filter) (Item, error) {
	for {
		var changed chan struct{}
		var found *Item
		p.locked(k, func(h *handset) {
			changed = h.changed
			for _, it := range h.items {
				if f.match(it) {
					c := *it
					found = &c
					return
				}
			}
		})
		if found != nil {
			return *found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Item{}, ctx.Err()
		}
	}
}

// clear forgets every thread; names and behaviours too unless keep is set.
func (p *phones) clear(keep bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, h := range p.byID {
		h.items, h.total, h.typing = nil, 0, time.Time{}
		h.wake()
		if !keep {
			delete(p.byID, k)
		}
	}
	if !keep {
		p.order = nil
	}
}
