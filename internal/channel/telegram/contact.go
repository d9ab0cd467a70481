package telegram

import (
	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// contact sends a business card. Telegram shows one name and one number; the
// rest is in a vCard, or, where that would be too long, in a text that
// follows. A card without a number, which Telegram requires, is a text.
func (r *renderer) contact(m *parley.ContactInfoMessage) {
	if len(m.PhoneNumbers) == 0 {
		r.text(transcode.Text(&parley.AppMessage{ContactInfo: m}, style), nil)
		return
	}
	req := r.add("sendContact")
	req.PhoneNumber = m.PhoneNumbers[0].PhoneNumber
	req.FirstName, req.LastName = m.Name.FirstName, m.Name.LastName
	if req.FirstName == "" {
		req.FirstName, req.LastName = m.Name.FullName, ""
	}
	if card := channel.VCard(m); len(card) <= maxVCard {
		req.VCard = card
		return
	}
	r.text(transcode.Text(&parley.AppMessage{ContactInfo: m}, style), nil)
}
