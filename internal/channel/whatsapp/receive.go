package whatsapp

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
)

// Receive answers Meta's handshake (GET) and reads its webhooks (POST). One
// POST may hold news of several numbers, since a Meta app has one address for
// all of them: only what is for the credential's own is taken.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	acc, err := readAccount(c.Credential)
	if err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrForged, err)
	}
	if r.Method == http.MethodGet {
		return acc.Handshake(c, r), nil
	}
	if !acc.Genuine(r, body) {
		return channel.Received{}, channel.ErrForged
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if e.Object != "whatsapp_business_account" {
		return channel.Received{}, fmt.Errorf("%w: object is not whatsapp_business_account", channel.ErrMalformed)
	}
	reader := reader{account: acc, ctx: r.Context(), log: c.Log}
	for i := range e.Entry {
		for j := range e.Entry[i].Changes {
			if err := reader.change(&e.Entry[i], &e.Entry[i].Changes[j]); err != nil {
				return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
			}
		}
	}
	return channel.Received{Inbound: reader.out}, nil
}

// envelope is the body of a webhook.
type envelope struct {
	Object string  `json:"object"`
	Entry  []entry `json:"entry"`
}

type entry struct {
	ID      string        `json:"id"` // of the WhatsApp Business Account
	Time    graph.Instant `json:"time"`
	Changes []change      `json:"changes"`
}

type change struct {
	Field string `json:"field"`
	Value raw    `json:"value"`
}

// value is the value of the field "messages". Messages and statuses are read
// one by one, so that an odd one does not take the others with it.
type value struct {
	Metadata metadata        `json:"metadata"`
	Contacts []profile       `json:"contacts"`
	Messages []raw           `json:"messages"`
	Statuses []raw           `json:"statuses"`
	Errors   []graph.Failure `json:"errors"`
}

// metadata names the number that was written to.
type metadata struct {
	DisplayPhoneNumber string `json:"display_phone_number"`
	PhoneNumberID      string `json:"phone_number_id"`
}

type profile struct {
	Profile struct {
		Name string `json:"name"`
	} `json:"profile"`
	WhatsAppID string `json:"wa_id"`
	UserID     string `json:"user_id"` // business-scoped
}

// A reader collects what a webhook means.
type reader struct {
	*account
	ctx context.Context // of the request, as long as which it lives
	log *slog.Logger
	out []channel.Inbound
}

func (r *reader) add(in channel.Inbound) { r.out = append(r.out, in) }

func (r *reader) change(e *entry, c *change) error {
	if c.Field != "messages" {
		return r.news(e, c)
	}
	var v value
	if err := json.Unmarshal(c.Value, &v); err != nil {
		return fmt.Errorf("decode value: %w", err)
	}
	if v.Metadata.PhoneNumberID != r.numberID {
		r.ignore(c.Field, "it is for another number")
		return nil
	}
	for _, m := range v.Messages {
		r.message(&v, m)
	}
	for _, s := range v.Statuses {
		r.status(&v, s)
	}
	for i := range v.Errors {
		r.log.LogAttrs(r.ctx, slog.LevelDebug, "whatsapp reports an error of the account",
			slog.Int("channel_code", v.Errors[i].Code))
	}
	return nil
}

// ignore notes at debug what was left out, of which kind and why.
func (r *reader) ignore(kind, why string) {
	r.log.LogAttrs(r.ctx, slog.LevelDebug, "part of a whatsapp webhook ignored",
		slog.String("kind", kind), slog.String("cause", why))
}

// from returns who sent the message or whom the status is about: the phone
// number, or what stands for it where the user hides it.
func (v *value) from(phone, userID string) channel.Address {
	for i := range v.Contacts {
		p := &v.Contacts[i]
		if phone != "" && p.WhatsAppID == phone || userID != "" && p.UserID == userID {
			return channel.Address{Identity: cmp.Or(phone, userID), Name: p.Profile.Name}
		}
	}
	if phone == "" && userID == "" && len(v.Contacts) == 1 {
		p := &v.Contacts[0]
		return channel.Address{Identity: cmp.Or(p.WhatsAppID, p.UserID), Name: p.Profile.Name}
	}
	return channel.Address{Identity: cmp.Or(phone, userID)}
}

// accountField reports whether a field of webhooks is news about the account,
// its numbers or its templates, which become channel events.
func accountField(field string) bool {
	switch field {
	case "account_alerts", "account_review_update", "account_settings_update", "account_update",
		"business_capability_update", "business_status_update", "flows",
		"message_template_components_update", "message_template_quality_update", "message_template_status_update",
		"payment_configuration_update", "phone_number_name_update", "phone_number_quality_update",
		"security", "template_category_update", "template_correct_category_detection":
		return true
	default:
		return false
	}
}

// eventType returns the API's name of the event. Only the first is
// documented; the others follow it.
func eventType(field string) string {
	if field == "phone_number_quality_update" {
		return "WHATS_APP_QUALITY_RATING_CHANGED"
	}
	return "WHATS_APP_" + strings.ToUpper(field)
}

// news reads a change that is about the account.
func (r *reader) news(e *entry, c *change) error {
	var v struct {
		Metadata metadata `json:"metadata"`
	}
	if err := json.Unmarshal(c.Value, &v); err != nil {
		return fmt.Errorf("decode value: %w", err)
	}
	number := v.Metadata.PhoneNumberID
	switch {
	case !accountField(c.Field):
		r.ignore(c.Field, "it is none this channel reads")
		return nil
	case number != "" && number != r.numberID, r.wabaID != "" && r.wabaID != e.ID:
		r.ignore(c.Field, "it is for another account")
		return nil
	}
	r.add(channel.Inbound{
		ID: newsID(e, c),
		At: e.Time.Time,
		ChannelEvent: &parley.ChannelEvent{
			Channel: parley.ChannelWhatsApp, EventType: eventType(c.Field), AdditionalData: c.Value,
		},
	})
	return nil
}

// newsID tells repeats: Meta gives such changes no id, but repeats them with
// the same time and words.
func newsID(e *entry, c *change) channel.ProviderID {
	h := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s\n%s", e.ID, e.Time.UnixMilli(), c.Field, c.Value))
	return channel.ProviderID("change:" + hex.EncodeToString(h[:16]))
}
