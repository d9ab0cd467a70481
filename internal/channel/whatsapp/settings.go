package whatsapp

import (
	"regexp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
)

const (
	provider = "meta"
	graphURL = "https://graph.facebook.com"
)

// settings is provider_settings.
type settings struct {
	graph.Settings
	WABAID string `json:"waba_id"` // WhatsApp Business Account: filters news about accounts

	// AuthHeader carries the bare token instead of "Authorization: Bearer",
	// for resellers that forward to the Cloud API, such as D360-API-KEY.
	AuthHeader string `json:"auth_header"`
}

var headerForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// account is a credential taken apart.
type account struct {
	graph.Account
	wabaID   string
	numberID string // the phone number id
}

// Check validates the credential's provider and its settings.
func (Channel) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

func readAccount(c *parley.ChannelCredential) (*account, error) {
	if channel.Provider(c, provider) != provider {
		return nil, parley.Invalid("provider", "is %q; channel WHATSAPP has only meta", c.Provider)
	}
	if c == nil || c.StaticBearer == nil {
		return nil, parley.Invalid("static_bearer", "is required for channel WHATSAPP")
	}
	bearer := c.StaticBearer
	if !graph.IsLine(bearer.ClaimedIdentity) {
		return nil, parley.Invalid("static_bearer.claimed_identity", "must be the phone number id")
	}
	if !graph.IsLine(bearer.Token) {
		return nil, parley.Invalid("static_bearer.token", "must be without line breaks")
	}
	s := settings{Settings: graph.Defaults()}
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+provider, &s); err != nil {
		return nil, err
	}
	if s.AuthHeader != "" && !headerForm.MatchString(s.AuthHeader) {
		return nil, channel.Setting("auth_header", "must be the name of an HTTP header")
	}
	acc, err := s.Account(c, graphURL, bearer.Token)
	if err != nil {
		return nil, err
	}
	acc.AuthHeader = s.AuthHeader
	return &account{numberID: bearer.ClaimedIdentity, wabaID: s.WABAID, Account: acc}, nil
}

// open returns the account of a connection, whose credential passed Check when
// it was saved.
func open(c *channel.Conn) (*account, error) {
	a, err := readAccount(c.Credential)
	if err != nil {
		return nil, channel.BadCredential(err)
	}
	return a, nil
}
