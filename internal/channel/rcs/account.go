package rcs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The providers, as a credential's provider names them. The first serves
// credentials that name none.
const (
	providerGoogle = "google"
	providerSinch  = "sinch"
)

// An account is a credential taken apart, at one of the providers.
type account interface {
	connect(ctx context.Context, c *channel.Conn) error
	send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error)
	receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error)
	// show shows that the contact's message read was read or, where read is "",
	// that an answer is being written.
	show(ctx context.Context, c *channel.Conn, e *channel.OutgoingEvent, read channel.ProviderID) (channel.ProviderID, error)
	retract(ctx context.Context, c *channel.Conn, to channel.Address, id channel.ProviderID) error
	probe(ctx context.Context, c *channel.Conn, to channel.Address) (channel.Reach, error)
}

var (
	agentForm = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,200}$`)
	lineForm  = regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`) // what fits a header
)

func (ch Channel) account(c *parley.ChannelCredential) (account, error) {
	name := channel.Provider(c, providerGoogle)
	switch {
	case name != providerGoogle && name != providerSinch:
		return nil, parley.Invalid("provider", "is %q; channel RCS has google and sinch", name)
	case c == nil || c.StaticBearer == nil:
		return nil, parley.Invalid("static_bearer", "is required for channel RCS")
	case !agentForm.MatchString(c.StaticBearer.ClaimedIdentity):
		return nil, parley.Invalid("static_bearer.claimed_identity", "must be the agent id")
	case name == providerSinch:
		return readSinch(c)
	default:
		return readGoogle(c, ch.tokens)
	}
}

// open returns the account of a connection, whose credential passed Check when
// it was saved.
func (ch Channel) open(c *channel.Conn) (account, error) {
	a, err := ch.account(c.Credential)
	if err != nil {
		return nil, channel.BadCredential(err)
	}
	return a, nil
}

// decodeSettings reads provider_settings strictly: a misspelt member would
// otherwise be a default in disguise. provider says what there is.
func decodeSettings(raw json.RawMessage, into any, provider string) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return unreadable(err, "", provider)
	}
	return nil
}

func unreadable(err error, within, provider string) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return setting(within+strings.TrimPrefix(e.Field, "googleSettings."), "must not be a JSON %s", e.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return setting(strings.Trim(name, `"`), "is not a setting of provider %s", provider)
	}
	return parley.Invalid("provider_settings", "must be a JSON object")
}

func setting(name, format string, args ...any) error {
	return parley.Invalid("provider_settings."+name, format, args...)
}

// request makes one request of a provider's API.
func request(ctx context.Context, c *channel.Conn, method, address, access string, body []byte) (*channel.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, channel.Refuse(parley.ReasonRecipientInvalidChannelIdentity, "the identity is no phone number")
	}
	req.Header.Set("Authorization", "Bearer "+access)
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	return channel.Do(c, req)
}

// reach is full if a phone has all that the channel sends.
func reach(has, all []string) channel.Reach {
	for _, f := range all {
		if !slices.Contains(has, f) {
			return channel.Reach{Status: parley.CapabilityPartial, Features: has}
		}
	}
	return channel.Reach{Status: parley.CapabilityFull}
}

// A ruling is what a provider's code means for a message.
type ruling struct {
	reason  parley.ReasonCode
	outcome channel.Outcome
}

// maxWords bounds how much of a provider's words becomes a description.
const maxWords = 500

// redact takes secrets out of a provider's words.
func redact(words string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			words = strings.ReplaceAll(words, secret, "***")
		}
	}
	return words
}

// again makes a failure whose effect is unknown one that a repeat may mend: the
// call it is about does no harm twice.
func again(err error) error {
	e := channel.AsError(err)
	if e.Outcome == channel.Unknown {
		e.Outcome = channel.TryAgain
	}
	return e
}

// ignore notes at debug what was left out, and why.
func ignore(ctx context.Context, log *slog.Logger, why string) {
	log.LogAttrs(ctx, slog.LevelDebug, "rcs webhook ignored", slog.String("cause", why))
}

// uuid returns the UUID of a version that stands for a key: the providers want
// the ids of messages and events to be UUIDs.
func uuid(key string, version byte) string {
	b := sha256.Sum256([]byte(key))
	b[6], b[8] = b[6]&0x0f|version<<4, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// membersOf takes a payload apart.
func membersOf(p channel.Payload) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(p.Body, &members); err != nil || members == nil {
		e := channel.Refuse(parley.ReasonInternalError, "the payload is no JSON object")
		e.Err = err
		return nil, e
	}
	return members, nil
}
