package simulator

import (
	"net/http"
	"time"
)

// What happens to a message between a provider's API and the phone: the same
// for all providers but for the words.

// incoming is a message on its way from an account to a phone.
type incoming struct {
	phone key
	// item is what the phone shows, with Account, Provider and ProviderID.
	// Its report, if set, tells the account what becomes of it.
	item Item
	// refuse words the error of a message that is not taken, or returns nil.
	// The behaviours refuse and rate_limit ask for one and, with a provider
	// that has no report of failure, reject and a phone that blocked the
	// account (blocked implies reject).
	refuse func(b Behaviour, blocked bool) error
	// failCode is the code of a rejected message if the behaviour has none.
	failCode string
	// windowCode is the code of a message sent while the behaviour says
	// window_closed; "" if this one may be sent at any time.
	windowCode string
	// leftCode is the code of a message to a phone that opted out or deleted
	// the conversation; "" if it takes messages all the same.
	leftCode string
	// reads says that the provider reports messages as read, so that the phone
	// reads by itself.
	reads bool
}

// accept puts a message on the phone as its behaviour says, and returns it as
// the thread has it. The error is what refuse made, or asks for a cut: then,
// too, the item may have been taken.
func (s *Simulator) accept(in incoming) (Item, error) {
	b, err := s.admit(&in)
	if err != nil {
		return Item{}, err
	}
	it := s.arrive(in, b)
	if b.Hang == HangAfter {
		return it, hangError{b}
	}
	return it, nil
}

// admit says how the phone treats the message, or why it is not taken.
func (s *Simulator) admit(in *incoming) (Behaviour, error) {
	b, blocked := s.phones.decide(in.phone)
	left := in.leftCode != "" && s.phones.hasLeft(in.phone)
	if b.Hang == HangBefore {
		return b, hangError{b}
	}
	switch {
	case b.Deliver == DeliverRefuse || b.Deliver == DeliverRateLimit:
	case blocked:
		b.Deliver, b.FailCode = DeliverReject, ""
	case left:
		b.Deliver, b.FailCode = DeliverReject, FailCode(in.leftCode)
	case b.WindowClosed && in.windowCode != "":
		b.Deliver, b.FailCode = DeliverReject, FailCode(in.windowCode)
	}
	if err := in.refuse(b, blocked); err != nil {
		s.stats.refused(in.item.Provider)
		return b, err
	}
	s.stats.accepted(in.item.Provider)
	return b, nil
}

// arrive puts an admitted message on the phone and plans what becomes of it.
func (s *Simulator) arrive(in incoming, b Behaviour) Item {
	if in.item.Type == "reaction" {
		s.phones.edit(in.phone, in.item.ReplyTo, func(on *Item) { on.Reaction = in.item.Text })
	}
	in.item.Direction, in.item.Status = In, StatusAccepted
	it := s.phones.add(in.phone, in.item)
	later := func(d time.Duration, status, code string) {
		s.timers.after(d, func() { s.settle(in.phone, it.ID, status, code) })
	}
	after := time.Duration(b.DeliveredAfter)
	switch b.Deliver {
	case DeliverReject:
		later(after, StatusFailed, b.FailCode.or(in.failCode))
		return it
	case DeliverNever:
		later(0, StatusSent, "")
		return it
	}
	later(0, StatusSent, "")
	later(after, StatusDelivered, "")
	if !in.reads || b.Read != nil && !*b.Read {
		return it
	}
	read := s.opts.ReadAfter
	if b.ReadAfter != nil {
		read = time.Duration(*b.ReadAfter)
	}
	later(after+read, StatusRead, "")
	return it
}

// rank orders the statuses of a message that came in; it never goes back.
func rank(status string) int {
	switch status {
	case "", StatusAccepted:
		return 0
	case StatusSent:
		return 1
	case StatusDelivered:
		return 2
	case StatusRead:
		return 3
	}
	return 4
}

// settle moves a message that came in to a status and has it reported.
func (s *Simulator) settle(phone key, id, status, code string) {
	var now Item
	moved := false
	s.phones.edit(phone, id, func(it *Item) {
		if it.Direction != In || rank(status) <= rank(it.Status) {
			return
		}
		moved = true
		it.Status, it.Code = status, code
		now = *it
	})
	if moved && now.report != nil {
		now.report(phone, now)
	}
}

// cutIfAsked ends the exchange without an answer if err asks for it; then it
// does not return. What answers a provider's requests calls it first.
func (s *Simulator) cutIfAsked(r *http.Request, provider string, err error) {
	if h, ok := asHang(err); ok {
		s.stats.cut(provider)
		s.hang(r, h.b)
	}
}
