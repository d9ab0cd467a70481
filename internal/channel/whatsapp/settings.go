package whatsapp

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const (
	provider       = "meta"
	graphURL       = "https://graph.facebook.com"
	defaultVersion = "v23.0"
)

// settings is provider_settings.
type settings struct {
	AppSecret   string `json:"app_secret"`   // of the Meta app: signs webhooks
	VerifyToken string `json:"verify_token"` // of the webhook's handshake
	APIVersion  string `json:"api_version"`
	WABAID      string `json:"waba_id"` // WhatsApp Business Account: filters news about accounts

	// AuthHeader carries the bare token instead of "Authorization: Bearer",
	// for resellers that forward to the Cloud API, such as D360-API-KEY.
	AuthHeader string `json:"auth_header"`

	// VerifySignatures false takes webhooks without a signature.
	VerifySignatures *bool `json:"verify_signatures"`
}

// settingNames are the members of settings.
var settingNames = []string{"api_version", "app_secret", "auth_header", "verify_signatures", "verify_token", "waba_id"}

var (
	versionForm = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,3}$`)
	headerForm  = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)
	lineForm    = regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`) // what fits a header
)

// account is a credential taken apart.
type account struct {
	settings
	numberID string // the phone number id
	token    string
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
	a := &account{numberID: c.StaticBearer.ClaimedIdentity, token: c.StaticBearer.Token}
	if !lineForm.MatchString(a.numberID) {
		return nil, parley.Invalid("static_bearer.claimed_identity", "must be the phone number id")
	}
	if !lineForm.MatchString(a.token) {
		return nil, parley.Invalid("static_bearer.token", "must be without line breaks")
	}
	if err := a.decode(c.ProviderSettings); err != nil {
		return nil, err
	}
	if a.AppSecret == "" {
		a.AppSecret = c.CallbackSecret
	}
	return a, nil
}

// decode reads the settings over their defaults. A member that does not exist
// is an error: a misspelt one would otherwise be a default in disguise.
func (s *settings) decode(raw json.RawMessage) error {
	s.APIVersion = defaultVersion
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(raw, &given) != nil {
		return parley.Invalid("provider_settings", "must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(settingNames, name) {
			return setting(name, "is not a setting of provider %s, which has %s", provider, strings.Join(settingNames, ", "))
		}
	}
	if err := json.Unmarshal(raw, s); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return setting(e.Field, "must not be a JSON %s", e.Value)
		}
		return parley.Invalid("provider_settings", "cannot be decoded")
	}
	if !versionForm.MatchString(s.APIVersion) {
		return setting("api_version", "must look like %s", defaultVersion)
	}
	if s.AuthHeader != "" && !headerForm.MatchString(s.AuthHeader) {
		return setting("auth_header", "must be the name of an HTTP header")
	}
	return nil
}

func setting(name, format string, args ...any) error {
	return parley.Invalid("provider_settings."+name, format, args...)
}

// open returns the account of a connection, whose credential passed Check when
// it was saved.
func open(c *channel.Conn) (*account, error) {
	a, err := readAccount(c.Credential)
	if err != nil {
		e := channel.Refuse(parley.ReasonChannelBadConfiguration, "the channel credential cannot be used")
		e.Err = err
		return nil, e
	}
	return a, nil
}

// url returns the address of a node of the Graph API, or of an edge of it.
func (a *account) url(c *channel.Conn, path ...string) string {
	var b strings.Builder
	b.WriteString(c.URL(graphURL) + "/" + a.APIVersion)
	for _, p := range path {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

func (a *account) header() http.Header {
	if a.AuthHeader != "" {
		return http.Header{http.CanonicalHeaderKey(a.AuthHeader): {a.token}}
	}
	return http.Header{"Authorization": {"Bearer " + a.token}}
}

// redact takes the account's secrets out of a provider's words: Graph quotes a
// token it cannot read ("Malformed access token …").
func (a *account) redact(words string) string {
	for _, secret := range []string{a.token, a.AppSecret} {
		if secret != "" {
			words = strings.ReplaceAll(words, secret, "***")
		}
	}
	return words
}
