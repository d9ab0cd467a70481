package simulator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parley-im/parley/internal/simulator/smswire"
)

// The phone's side of SMPP: what its owner writes becomes deliver_sm.

// reply sends what the phone wrote as one or more deliver_sm.
func (c *smsc) reply(systemID string, phone key, r Reply) (Item, error) {
	y := c.system(systemID)
	switch {
	case y == nil:
		return Item{}, fmt.Errorf("account %w", errNotFound)
	case r.Reaction != nil:
		return Item{}, errors.New("SMS has no reactions")
	case r.file != nil:
		return Item{}, errors.New("SMS over SMPP carries no files")
	}
	to := y.replyAddress(phone, r.ReplyTo)
	if to.Addr == "" {
		return Item{}, errors.New("the system has no number to write to: set number")
	}
	it := r.item(systemID, ProviderSMPP)
	it.Sender = to.Addr
	return c.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		pdus := y.messages(phone, to, it.Text)
		natives := make([]any, len(pdus))
		for i, p := range pdus {
			natives[i] = nativePDU(p)
		}
		native, err := encode(natives)
		if err != nil {
			return nil, err
		}
		it.Native, it.Parts = native, len(pdus)
		y.sendAll(phone, it.ID, pdus)
		return nil, nil //nolint:nilnil // nothing to post: it goes over the session
	})
}

// replyAddress is who the phone answers: the last sender it can write to, or
// the number of the system. Names cannot be written to.
func (y *smppSystem) replyAddress(phone key, replyTo string) smswire.Address {
	to := y.smsc.sim.senderOf(phone, y.id, replyTo)
	y.mu.Lock()
	to = orElse(to, y.account.Number)
	y.mu.Unlock()
	a := smswire.Address{TON: 0, NPI: 1, Addr: strings.TrimPrefix(to, "+")}
	if len(a.Addr) > 6 {
		a.TON = 1
	}
	return a
}

// messages cuts a text into deliver_sm.
func (y *smppSystem) messages(phone key, to smswire.Address, text string) []*smswire.PDU {
	y.mu.Lock()
	y.mref++
	ref, latin := y.mref, y.account.Charset == "latin1"
	y.mu.Unlock()
	encode, coding, parts := smswire.EncodeUCS2, byte(8), smswire.SplitUCS2(text)
	if smswire.IsGSM7(text) && (!latin || isASCII(text)) {
		coding, parts = 0, smswire.Split(text)
		encode = func(s string) []byte {
			if latin {
				return []byte(s)
			}
			b, _ := smswire.EncodeGSM7(s)
			return b
		}
	}
	out := make([]*smswire.PDU, 0, len(parts))
	for i, part := range parts {
		sm := &smswire.SM{Source: smswire.Address{TON: 1, NPI: 1, Addr: phone.identity}, Dest: to, Coding: coding}
		if len(parts) > 1 {
			sm.ESMClass = 0x40
			sm.Short = []byte{5, 0, 3, ref, byte(len(parts)), byte(i + 1)} //nolint:gosec // a phone writes no 256 parts
		}
		sm.Short = append(sm.Short, encode(part)...)
		out = append(out, &smswire.PDU{ID: smswire.DeliverSM, SM: sm})
	}
	return out
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// sendAll delivers the parts of a message; it is accepted when all are.
func (y *smppSystem) sendAll(phone key, item string, pdus []*smswire.PDU) {
	left := len(pdus)
	for _, p := range pdus {
		y.deliver(&smppDelivery{pdu: p, done: func(err error, last bool) {
			y.smsc.sim.phones.edit(phone, item, func(it *Item) {
				if err == nil {
					left-- // under the lock of the phones
				}
				if err != nil || left == 0 {
					outStatus(err, last)(it)
				}
			})
		}})
	}
}

// tap types the title of the choice.
func (c *smsc) tap(systemID string, phone key, it Item, ch Choice) (Item, error) {
	return c.reply(systemID, phone, Reply{Text: &ch.Title, ReplyTo: it.ID})
}
