package graph

import (
	"cmp"
	"regexp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Settings are the members of provider_settings that the channels of the Graph
// API have in common.
type Settings struct {
	AppSecret        string `json:"app_secret"`   // of the Meta app: signs webhooks
	VerifyToken      string `json:"verify_token"` // of the webhook's handshake
	APIVersion       string `json:"api_version"`
	VerifySignatures *bool  `json:"verify_signatures"` // false takes webhooks without a signature
}

// Defaults returns what holds where nothing is said.
func Defaults() Settings { return Settings{APIVersion: DefaultVersion} }

// Account returns the account of a credential at a host. The app secret may
// stand in the credential, too.
func (s *Settings) Account(c *parley.ChannelCredential, host, token string) (Account, error) {
	if !versionForm.MatchString(s.APIVersion) {
		return Account{}, channel.Setting("api_version", "must look like %s", DefaultVersion)
	}
	return Account{
		Host: host, Version: s.APIVersion, Token: token,
		AppSecret: cmp.Or(s.AppSecret, c.CallbackSecret), VerifyToken: s.VerifyToken,
		Unsigned: s.VerifySignatures != nil && !*s.VerifySignatures,
	}, nil
}

// DefaultVersion is the version of the Graph API that the channels were
// written for.
const DefaultVersion = "v23.0"

var (
	versionForm = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,3}$`)
	lineForm    = regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`)
)

// IsLine reports whether s fits the header of a request.
func IsLine(s string) bool { return lineForm.MatchString(s) }
