package simulator

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/parley-im/parley/internal/simulator/smswire"
)

var (
	sinchNumber = regexp.MustCompile(`^\+?[0-9]{3,18}$`)
	sinchSender = regexp.MustCompile(`^(\+?[0-9]{3,18}|.{1,11})$`)
)

// read decodes and checks a batch and says how the phones show it.
func (x *sinch) read(native []byte, planID string) (*sinchBatch, Item, error) {
	var b sinchBatch
	if err := json.Unmarshal(native, &b); err != nil {
		if _, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, Item{}, sinchBad("syntax_invalid_json", "The JSON could not be parsed")
		}
		return nil, Item{}, sinchBad("syntax_invalid_parameter_format", err.Error())
	}
	plan, _ := x.plans.get(planID)
	b.From = orElse(b.From, plan.DefaultOriginator)
	b.Type = orElse(b.Type, "mt_text")
	b.DeliveryReport = orElse(b.DeliveryReport, "none")
	if err := b.check(); err != nil {
		return nil, Item{}, err
	}
	it := Item{Direction: In, Account: planID, Provider: ProviderSinch, Sender: b.From, Flash: b.Flash, Reference: b.Reference}
	if err := b.content(&it); err != nil {
		return nil, Item{}, err
	}
	b.ID, b.plan = x.ids.next(), planID
	b.CreatedAt = sinchTime(x.sim.now())
	b.ModifiedAt = b.CreatedAt
	b.Canceled, b.statuses = false, map[string]sinchStatus{}
	it.ProviderID = b.ID
	return &b, it, nil
}

// check looks at everything but the body.
func (b *sinchBatch) check() error {
	switch {
	case len(b.To) == 0:
		return sinchBad("syntax_constraint_violation", "to: at least one recipient is needed")
	case len(b.To) > sinchRecipients:
		return sinchBad("syntax_constraint_violation", "to: at most 1000 recipients")
	case b.From == "":
		return sinchBad("missing_originator", "from: no default originator is set for the plan")
	case b.Type != "mt_media" && !sinchSender.MatchString(b.From):
		return sinchBad("syntax_invalid_parameter_format", "from: want a number or at most 11 characters")
	case utf8.RuneCountInString(b.Reference) > sinchReferenceMost:
		return sinchBad("syntax_constraint_violation", "client_reference: too long")
	case b.MaxParts != nil && *b.MaxParts < 1:
		return sinchBad("syntax_constraint_violation", "max_number_of_message_parts: at least 1")
	case b.SendAt != nil && b.ExpireAt != nil && !b.ExpireAt.After(*b.SendAt):
		return sinchBad("syntax_constraint_violation", "expire_at: must be after send_at")
	}
	for i, to := range b.To {
		if !sinchNumber.MatchString(to) {
			return sinchBad("syntax_invalid_parameter_format", "to: want phone numbers in international form")
		}
		b.To[i] = strings.TrimPrefix(to, "+")
	}
	switch b.DeliveryReport {
	case "none", "summary", "full", "per_recipient", "per_recipient_final":
	default:
		return sinchBad("syntax_invalid_parameter_format", "delivery_report: want none, summary, full, per_recipient or per_recipient_final")
	}
	if b.CallbackURL != "" {
		if u, err := url.Parse(b.CallbackURL); err != nil || u.Host == "" {
			return sinchBad("syntax_invalid_parameter_format", "callback_url: want an absolute URL")
		}
	}
	return nil
}

// content checks the body and fills what the phone shows of it.
func (b *sinchBatch) content(it *Item) error {
	switch b.Type {
	case "mt_text":
		return b.text(it)
	case "mt_binary":
		return b.binary(it)
	case "mt_media":
		return b.mediaContent(it)
	}
	return sinchBad("syntax_invalid_parameter_format", "type: want mt_text, mt_binary or mt_media")
}

func (b *sinchBatch) text(it *Item) error {
	var body string
	if len(b.Body) == 0 || json.Unmarshal(b.Body, &body) != nil {
		return sinchBad("syntax_invalid_parameter_format", "body: want a string")
	}
	n := utf8.RuneCountInString(body)
	if n == 0 || n > sinchBodyMost {
		return sinchBad("syntax_constraint_violation", fmt.Sprintf("body: want 1 to %d characters", sinchBodyMost))
	}
	it.Type, it.Text, it.Parts = "text", body, smswire.Segments(body)
	if b.MaxParts == nil || it.Parts <= *b.MaxParts {
		return nil
	}
	if b.Truncate != nil && *b.Truncate {
		it.Text = smswire.Truncate(body, *b.MaxParts)
		it.Parts = *b.MaxParts
		return nil
	}
	return sinchBad("syntax_constraint_violation",
		fmt.Sprintf("body: takes %d message parts, max_number_of_message_parts is %d", it.Parts, *b.MaxParts))
}

func (b *sinchBatch) binary(it *Item) error {
	var body string
	if json.Unmarshal(b.Body, &body) != nil {
		return sinchBad("syntax_invalid_parameter_format", "body: want a string")
	}
	data, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return sinchBad("syntax_invalid_parameter_format", "body: want base64")
	}
	udh, err := hex.DecodeString(b.UDH)
	if err != nil || len(udh) == 0 {
		return sinchBad("syntax_invalid_parameter_format", "udh: want hexadecimal")
	}
	if len(data)+len(udh) > 140 {
		return sinchBad("syntax_constraint_violation", "body, udh: at most 140 bytes together")
	}
	it.Type, it.Parts, it.Text = "binary", 1, "[binary] "+hex.EncodeToString(data)
	return nil
}

func (b *sinchBatch) mediaContent(it *Item) error {
	var body struct {
		URL     string `json:"url"`
		Message string `json:"message"`
		Subject string `json:"subject"`
	}
	if json.Unmarshal(b.Body, &body) != nil {
		return sinchBad("syntax_invalid_parameter_format", "body: want an object with url")
	}
	if u, err := url.Parse(body.URL); err != nil || u.Host == "" {
		return sinchBad("syntax_invalid_parameter_format", "body.url: want an absolute URL")
	}
	if utf8.RuneCountInString(body.Message) > sinchMediaMost || utf8.RuneCountInString(body.Subject) > 80 {
		return sinchBad("syntax_constraint_violation", "body: message at most 5000 characters, subject 80")
	}
	f := file{link: body.URL, mime: mimeOf(body.URL)}
	it.Type, it.Text = "media", lines(body.Subject, body.Message)
	it.Media = []Media{f.shown(f.kind())}
	return nil
}
