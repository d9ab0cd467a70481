package simulator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The types of Event. Not every provider knows each.
const (
	EventTypingOn            = "typing_on"
	EventTypingOff           = "typing_off"
	EventStart               = "start"                // the button a conversation begins with
	EventOptIn               = "opt_in"               // follow, subscribe, agree to notifications
	EventOptOut              = "opt_out"              // unfollow, unsubscribe
	EventConversationDeleted = "conversation_deleted" // the thread was removed or closed on the phone
	EventMessageDeleted      = "message_deleted"      // a message the phone had sent was taken back
	EventComment             = "comment"              // under a post of the account; Payload is its text
)

func eventTypes() []string {
	return []string{
		EventTypingOn, EventTypingOff, EventStart, EventOptIn, EventOptOut, EventConversationDeleted, EventMessageDeleted,
		EventComment,
	}
}

// An Event is something the owner of a phone does besides writing.
type Event struct {
	Type string `json:"type"`
	// Payload is what comes with it: of start the reference of a link that led
	// there, of opt_in what was agreed to.
	Payload string `json:"payload,omitempty"`
	// Item is the id of the message that is meant; message_deleted needs it.
	Item string `json:"item,omitempty"`
	// Account is whom it is for; by default who wrote last.
	Account string `json:"account,omitempty"`

	item *Item // Item, found
}

// Event does something on the handset besides writing, and returns the item
// this leaves in the thread, or the zero Item if it leaves none.
func (s *Simulator) Event(channel, identity string, e Event) (Item, error) {
	if !slices.Contains(eventTypes(), e.Type) {
		return Item{}, errors.New("type: want one of " + strings.Join(eventTypes(), ", "))
	}
	if able := s.eventful(); !slices.Contains(able, channel) {
		return Item{}, fmt.Errorf("%w: %s has no such events, only %s", errUnsupported, channel, strings.Join(able, ", "))
	}
	k := newKey(channel, identity)
	if e.Item != "" {
		it, ok := s.phones.item(k, e.Item)
		if !ok {
			return Item{}, fmt.Errorf("item %w", errNotFound)
		}
		e.item = &it
		e.Account = orElse(e.Account, it.Account)
	} else if e.Type == EventMessageDeleted {
		return Item{}, errors.New("item: want the message that is deleted")
	}
	p, account, err := s.route(k, e.Account)
	if err != nil {
		return Item{}, err
	}
	does, ok := p.(eventer)
	if !ok {
		return Item{}, fmt.Errorf("%s is %w by %s", e.Type, errUnsupported, p.name())
	}
	it, err := does.event(account, k, e)
	if errors.Is(err, errUnsupported) {
		return Item{}, fmt.Errorf("%s is %w by %s", e.Type, errUnsupported, p.name())
	}
	if err == nil {
		s.phones.comesAndGoes(k, e.Type)
	}
	return it, err
}

// comesAndGoes keeps whether the phone takes part in the conversation.
func (p *phones) comesAndGoes(k key, event string) {
	p.locked(k, func(h *handset) {
		switch event {
		case EventOptOut, EventConversationDeleted:
			h.left = true
		case EventStart, EventOptIn:
			h.left = false
		}
		h.wake()
	})
}

func (p *phones) hasLeft(k key) (left bool) {
	p.locked(k, func(h *handset) { left = h.left })
	return left
}

// eventful lists the channels some provider of which knows events.
func (s *Simulator) eventful() []string {
	var out []string
	for _, p := range s.providers {
		if _, ok := p.(eventer); ok && !slices.Contains(out, p.channel()) {
			out = append(out, p.channel())
		}
	}
	return out
}
