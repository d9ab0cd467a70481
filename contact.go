package parley

import (
	"slices"
	"strings"
)

// What a contact shows that nobody has named, or told the language of.
const (
	UnknownName     = "Unknown"
	UnknownLanguage = "UNSPECIFIED"
)

// A Contact is a person: the identities under which the project knows them.
type Contact struct {
	ID                string            `json:"id"`
	ChannelIdentities []ChannelIdentity `json:"channel_identities"`
	ChannelPriority   []Channel         `json:"channel_priority"`
	DisplayName       string            `json:"display_name"`
	Email             string            `json:"email"`
	ExternalID        string            `json:"external_id"`
	Metadata          string            `json:"metadata"` // opaque, 1024 characters
	Language          string            `json:"language"`
}

// Identity returns the contact's identity on a channel for an app, or nil.
func (c *Contact) Identity(ch Channel, appID string) *ChannelIdentity {
	for i := range c.ChannelIdentities {
		id := &c.ChannelIdentities[i]
		if id.Channel == ch && (id.AppID == "" || id.AppID == appID) {
			return id
		}
	}
	return nil
}

// SetDefaults fills in what the caller left out and brings identities into
// their stored form.
func (c *Contact) SetDefaults() {
	if c.DisplayName == "" {
		c.DisplayName = UnknownName
	}
	if c.Language == "" {
		c.Language = UnknownLanguage
	}
	if c.ChannelPriority == nil {
		c.ChannelPriority = []Channel{}
	}
	if c.ChannelIdentities == nil {
		c.ChannelIdentities = []ChannelIdentity{}
	}
	for i, id := range c.ChannelIdentities {
		c.ChannelIdentities[i] = id.Normalize()
	}
}

// Merge takes over from another contact, the same person's, what c lacks: the
// identities on channels c has none on, which also go to the end of
// ChannelPriority, and the optional members c has not set. (Channel identities
// that belong to an app are looked at app by app.)
func (c *Contact) Merge(from *Contact) {
	own := Contact{ChannelIdentities: c.ChannelIdentities}
	for _, id := range from.ChannelIdentities {
		if own.Identity(id.Channel, id.AppID) != nil {
			continue
		}
		c.ChannelIdentities = append(slices.Clip(c.ChannelIdentities), id)
		if !slices.Contains(c.ChannelPriority, id.Channel) {
			c.ChannelPriority = append(slices.Clip(c.ChannelPriority), id.Channel)
		}
	}
	inherit(&c.DisplayName, from.DisplayName, UnknownName)
	inherit(&c.Email, from.Email, "")
	inherit(&c.ExternalID, from.ExternalID, "")
	inherit(&c.Metadata, from.Metadata, "")
	inherit(&c.Language, from.Language, UnknownLanguage)
}

// inherit sets a member that is empty or has the value that stands for it.
func inherit(member *string, value, unset string) {
	if *member == "" || *member == unset {
		*member = value
	}
}

// Unify returns identities with what Unified Contact ID adds to them: whoever
// has a phone number on SMS, MMS or RCS has it on all three. What is added
// comes last; ids is not changed.
func Unify(ids []ChannelIdentity) []ChannelIdentity {
	out := slices.Clip(ids)
	for _, id := range ids {
		if !id.Channel.Unified() {
			continue
		}
		for _, ch := range UnifiedChannels() {
			same := ChannelIdentity{Channel: ch, Identity: id.Identity}
			if !slices.Contains(out, same) {
				out = append(out, same)
			}
		}
	}
	return out
}

// A MergeContactRequest asks to make one contact of two: the one in the path
// stays, the source goes.
type MergeContactRequest struct {
	SourceID string `json:"source_id"`
	Strategy string `json:"strategy,omitempty"`
}

// StrategyMerge is the one value of MergeContactRequest.Strategy, which may be
// left out.
const StrategyMerge = "MERGE"

// Validate checks a merge into the contact destinationID.
func (r *MergeContactRequest) Validate(destinationID string) error {
	switch {
	case r.SourceID == "":
		return missing("source_id")
	case !IsID(r.SourceID):
		return Invalid("source_id", "is not an id of %d characters", IDLen)
	case r.SourceID == destinationID:
		return Invalid("source_id", "a contact cannot be merged with itself")
	case r.Strategy != "":
		return oneOf("strategy", r.Strategy, StrategyMerge)
	}
	return nil
}

// A ChannelProfileRequest asks what somebody shows of themselves on a channel.
type ChannelProfileRequest struct {
	AppID     string     `json:"app_id"`
	Recipient *Recipient `json:"recipient"`
	Channel   Channel    `json:"channel"`
}

// ChannelProfile is what somebody shows of themselves on a channel.
type ChannelProfile struct {
	ProfileName string `json:"profile_name"`
}

// Validate checks the request. Which channels have profiles is not its matter.
func (r *ChannelProfileRequest) Validate() error {
	return first(
		appID("app_id", r.AppID),
		r.Recipient.validate("recipient"),
		r.Channel.validate("channel"),
	)
}

// MaxMetadata is the longest opaque metadata of a message, contact or
// conversation, in characters.
const MaxMetadata = 1024

// Validate checks a contact as a client may write it.
func (c *Contact) Validate() error {
	if len(c.ChannelIdentities) == 0 {
		return missing("channel_identities")
	}
	for i := range c.ChannelIdentities {
		id, p := &c.ChannelIdentities[i], path("channel_identities").index(i)
		if err := id.validate(p); err != nil {
			return err
		}
		if id.Channel.AppScoped() {
			if err := appID(p.field("app_id"), id.AppID); err != nil {
				return err
			}
		}
		if slices.Contains(c.ChannelIdentities[:i], *id) {
			return invalid(p, "is listed twice")
		}
	}
	for i, ch := range c.ChannelPriority {
		if err := ch.validate(path("channel_priority").index(i)); err != nil {
			return err
		}
	}
	if !slices.Contains(Languages(), c.Language) {
		return Invalid("language", "unknown value %q", c.Language)
	}
	return first(
		atMost("display_name", c.DisplayName, 512),
		atMost("email", c.Email, 320),
		atMost("external_id", c.ExternalID, 512),
		atMost("metadata", c.Metadata, MaxMetadata),
	)
}

// Patch returns the contact with the members of body named by mask changed.
func (c *Contact) Patch(body []byte, mask []string) (*Contact, error) {
	return patch(c, body, mask, map[string]bool{
		"channel_identities": true, "channel_priority": true, "display_name": true, "email": true,
		"external_id": true, "metadata": true, "language": true,
	})
}

// Languages lists the values of Contact.Language.
func Languages() []string {
	return strings.Fields(`UNSPECIFIED AF SQ AR AZ BN BG CA ZH ZH_CN ZH_HK ZH_TW HR CS DA NL EN EN_GB EN_US ET FIL FI
		FR DE EL GU HA HE HI HU ID GA IT JA KN KK KO LO LV LT MK MS ML MR NB FA PL PT PT_BR PT_PT PA RO RU SR SK SL ES
		ES_AR ES_ES ES_MX SW SV TA TE TH TR UK UR UZ VI ZU`)
}
