package engine

import (
	"context"
	"log/slog"
	"slices"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// ChannelProfile asks a channel's provider who somebody is. An error's message
// begins with the API's reason code.
func (e *Engine) ChannelProfile(ctx context.Context, projectID string, r *parley.ChannelProfileRequest) (*parley.ChannelProfile, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	app, err := e.dir.app(ctx, projectID, r.AppID)
	if err != nil {
		return nil, err
	}
	of, err := e.profileOf(ctx, projectID, app, r)
	if err != nil {
		return nil, err
	}
	profiler, ok := e.channels[r.Channel].(channel.Profiler)
	if !ok {
		return nil, unable(parley.ReasonUnsupportedOperation, "channel", "channel %s has no profiles to ask for", r.Channel)
	}
	cred := app.Credential(r.Channel)
	if cred == nil {
		return nil, unable(parley.ReasonChannelConfigurationMissing, "channel", "channel %s is not configured on the app", r.Channel)
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.SendTimeout)
	defer cancel()
	p, err := profiler.Profile(ctx, e.conn(projectID, app, cred), channel.Address{Identity: of.Identity})
	if err != nil {
		e.o.Log.Info("channel profile", slog.String("app_id", app.ID), slog.String("channel", string(r.Channel)),
			slog.String("reason", string(channel.AsError(err).Reason.Code)))
		return nil, profileError(channel.AsError(err))
	}
	if p.Name == "" {
		return nil, parley.Errorf(parley.CodeNotFound, "%s: the profile has no name", parley.ReasonNoProfileAvailable)
	}
	return &parley.ChannelProfile{ProfileName: p.Name}, nil
}

// profileOf returns the recipient's identity on the channel that is asked.
func (e *Engine) profileOf(ctx context.Context, projectID string, app *parley.App, r *parley.ChannelProfileRequest) (*parley.ChannelIdentity, error) {
	c, field := new(parley.Contact), "recipient.identified_by.channel_identities"
	if r.Recipient.IdentifiedBy != nil {
		c.ChannelIdentities = slices.Clone(r.Recipient.IdentifiedBy.ChannelIdentities)
		for i := range c.ChannelIdentities {
			c.ChannelIdentities[i] = scoped(c.ChannelIdentities[i], app.ID)
		}
	} else {
		var err error
		if c, err = e.store.Contact(ctx, projectID, r.Recipient.ContactID); err != nil {
			return nil, err
		}
		field = "recipient.contact_id"
	}
	id := c.Identity(r.Channel, app.ID)
	if id == nil {
		return nil, unable(parley.ReasonNoChannelIdentityForContact, field, "there is no identity on channel %s", r.Channel)
	}
	return id, nil
}

// unable returns the error of a request that makes no sense for what there is.
func unable(code parley.ReasonCode, field, format string, args ...any) error {
	return parley.Invalid(field, string(code)+": "+format, args...)
}

// profileError says what a provider's failure means for who asked for a
// profile.
func profileError(e *channel.Error) error {
	code := e.Reason.Code
	switch code { //nolint:exhaustive // the others are the channel's failure
	case parley.ReasonRecipientInvalidChannelIdentity, parley.ReasonRecipientNotReachable, parley.ReasonRecipientNotOptedIn,
		parley.ReasonNoProfileAvailable:
		return parley.Errorf(parley.CodeNotFound, "%s: %s", parley.ReasonNoProfileAvailable, e.Reason.Description)
	case parley.ReasonNoPermission, parley.ReasonChannelBadConfiguration, parley.ReasonInactiveCredential,
		parley.ReasonUnsupportedOperation, parley.ReasonBadRequest:
		return unable(code, "channel", "%s", e.Reason.Description)
	case parley.ReasonRateLimited:
		wait := ""
		if e.After > 0 {
			wait = "; try again after " + strconv.Itoa(int(e.After.Seconds())) + " s"
		}
		return parley.Errorf(parley.CodeResourceExhausted, "%s: %s%s", code, e.Reason.Description, wait)
	}
	return parley.Errorf(parley.CodeUnavailable, "%s: %s", code, e.Reason.Description)
}
