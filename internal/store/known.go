package store

import (
	"maps"
	"strings"

	"github.com/parley-im/parley"
)

// maxKnown bounds what is remembered; beyond it memory starts afresh.
const maxKnown = 16_384

// known is what the one committer of an embedded database remembers of the
// contacts and conversations it came across, so that messages to the same
// people need not look them up again. It is right because nobody else writes:
// a cold write that names one of the tables has all of it forgotten. It is
// used under the writers' lock only. With several writers there is none.
type known struct {
	contacts      map[identityKey]string
	conversations map[pairKey]*parley.Conversation // never changed, only replaced
	pairs         map[conversationKey]pairKey
}

func newKnown() *known {
	k := new(known)
	k.forget()
	return k
}

// forget drops everything.
func (k *known) forget() {
	if k == nil {
		return
	}
	k.contacts = map[identityKey]string{}
	k.conversations = map[pairKey]*parley.Conversation{}
	k.pairs = map[conversationKey]pairKey{}
}

// concerns reports whether a cold write may change what is known.
func (k *known) concerns(query string) bool {
	return k != nil &&
		(strings.Contains(query, "contacts") || strings.Contains(query, "identities") || strings.Contains(query, "conversations"))
}

// contact returns the owner of an identity, or "".
func (k *known) contact(id identityKey) string {
	if k == nil {
		return ""
	}
	return k.contacts[id]
}

// conversation returns a copy of an active conversation, or nil.
func (k *known) conversation(p pairKey) *parley.Conversation {
	if k == nil || k.conversations[p] == nil {
		return nil
	}
	c := *k.conversations[p]
	return &c
}

// uses reports whether a conversation's active channel is surely the one
// given.
func (k *known) uses(c conversationKey, ch parley.Channel) bool {
	if k == nil {
		return false
	}
	conv := k.conversations[k.pairs[c]]
	return conv != nil && conv.ID == c.id && conv.ActiveChannel == ch
}

// learn takes in what a batch found, made and changed. The batch must have
// been committed.
func (k *known) learn(p *people) {
	if k == nil || p == nil {
		return
	}
	if len(k.contacts) > maxKnown || len(k.conversations) > maxKnown {
		k.forget()
	}
	maps.Copy(k.contacts, p.contacts)
	for id := range p.owners {
		delete(k.contacts, id) // so that it is noticed each time
	}
	for pair, c := range p.conversations {
		k.put(pair, *c)
	}
	for id, ch := range p.changes {
		pair, ok := k.pairs[id]
		if ok && ch.activeChannel != "" {
			c := *k.conversations[pair]
			c.ActiveChannel = ch.activeChannel
			k.put(pair, c)
		}
	}
}

func (k *known) put(pair pairKey, c parley.Conversation) {
	k.conversations[pair] = &c
	k.pairs[conversationKey{pair.project, c.ID}] = pair
}
