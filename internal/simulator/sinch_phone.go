package simulator

import (
	"errors"
	"fmt"
)

// The phone's side of the SMS REST API: what its owner writes becomes a
// mobile-originated callback of the plan.

type sinchMO struct {
	ID         string    `json:"id"`
	Type       string    `json:"type"`
	From       string    `json:"from"`
	To         string    `json:"to"`
	Body       any       `json:"body"`
	OperatorID string    `json:"operator_id,omitempty"`
	SentAt     sinchTime `json:"sent_at"`
	ReceivedAt sinchTime `json:"received_at"`
}

type sinchMOMedia struct {
	Subject string           `json:"subject,omitempty"`
	Message string           `json:"message,omitempty"`
	Media   []sinchMediaItem `json:"media"`
}

type sinchMediaItem struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
	Status      string `json:"status"`
	Code        int    `json:"code"`
}

// reply sends a text or, as an MMS, a file. Places and cards are sent as the
// text a phone makes of them.
func (x *sinch) reply(planID string, phone key, r Reply) (Item, error) {
	plan, ok := x.plans.get(planID)
	if !ok {
		return Item{}, fmt.Errorf("account %w", errNotFound)
	}
	if r.Reaction != nil {
		return Item{}, errors.New("SMS has no reactions")
	}
	it := r.item(planID, ProviderSinch)
	to := orElse(x.sim.senderOf(phone, planID, r.ReplyTo), plan.DefaultOriginator)
	if to == "" {
		return Item{}, errors.New("the plan has no number to write to: set default_originator")
	}
	it.Sender = to
	return x.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		now := sinchTime(x.sim.now())
		mo := sinchMO{
			ID: x.ids.next(), Type: "mo_text", From: phone.identity, To: to,
			Body: it.Text, OperatorID: "24001", SentAt: now, ReceivedAt: now,
		}
		if r.file != nil {
			mo.Type = "mo_media"
			mms := sinchMOMedia{Subject: r.Subject, Message: r.Caption}
			for _, f := range r.files {
				mms.Media = append(mms.Media, sinchMediaItem{URL: x.sim.fileURL(f), ContentType: f.mime, Status: "Uploaded"})
			}
			mo.Body = mms
		}
		body, err := encode(mo)
		if err != nil {
			return nil, err
		}
		it.ProviderID, it.Native = mo.ID, body
		return x.post(planID, "", phone.order(), body, nil), nil
	})
}

// tap types the title of the choice.
func (x *sinch) tap(planID string, phone key, it Item, c Choice) (Item, error) {
	return x.reply(planID, phone, Reply{Text: &c.Title, ReplyTo: it.ID})
}
