package parley

import (
	"slices"
	"strings"
)

// UnknownName is the display name of a contact nobody has named.
const UnknownName = "Unknown"

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
		c.Language = "UNSPECIFIED"
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
	if !slices.Contains(languages(), c.Language) {
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

// languages lists the values of Contact.Language.
func languages() []string {
	return strings.Fields(`UNSPECIFIED AF SQ AR AZ BN BG CA ZH ZH_CN ZH_HK ZH_TW HR CS DA NL EN EN_GB EN_US ET FIL FI
		FR DE EL GU HA HE HI HU ID GA IT JA KN KK KO LO LV LT MK MS ML MR NB FA PL PT PT_BR PT_PT PA RO RU SR SK SL ES
		ES_AR ES_ES ES_MX SW SV TA TE TH TR UK UR UZ VI ZU`)
}
