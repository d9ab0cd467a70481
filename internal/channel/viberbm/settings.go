package viberbm

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// settings is provider_settings of provider vonage. The Viber service id is
// the credential's claimed_identity; its token is the API secret with api_key,
// and the PEM of the private key with application_id. The signature secret of
// webhooks is its callback_secret.
type settings struct {
	APIKey        string   `json:"api_key"`
	ApplicationID string   `json:"application_id"`
	Region        string   `json:"region"` // us, eu or ap; "" leaves it to Vonage
	Category      category `json:"category"`
}

var settingNames = []string{"api_key", "application_id", "category", "region"}

// A category is what Viber charges for and checks a message as.
type category string

const (
	transaction category = "transaction"
	promotion   category = "promotion"
)

// The hosts of the Messages API (developer.vonage.com/api/messages).
const (
	vonageURL      = "https://api.nexmo.com"
	vonageInRegion = "https://api-%s.nexmo.com"
)

// idForm is what an account's ids look like; they become parts of a header.
var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// An account is a credential ready to be used.
type account struct {
	settings
	sender string
	secret string          // with APIKey
	key    *rsa.PrivateKey // with ApplicationID
}

func readAccount(c *parley.ChannelCredential) (*account, error) {
	if channel.Provider(c, providerVonage) != providerVonage {
		return nil, parley.Invalid("provider", "is %q; channel VIBERBM has vonage", c.Provider)
	}
	if c == nil || c.StaticBearer == nil {
		return nil, parley.Invalid("static_bearer", "is required for channel VIBERBM")
	}
	acc := &account{sender: c.StaticBearer.ClaimedIdentity}
	if err := acc.decode(c.ProviderSettings); err != nil {
		return nil, err
	}
	if acc.ApplicationID == "" {
		acc.secret = c.StaticBearer.Token
		return acc, nil
	}
	var err error
	acc.key, err = privateKey(c.StaticBearer.Token)
	return acc, err
}

// decode reads provider_settings. A member that is none is an error: a
// misspelt one would otherwise be a default in disguise.
func (s *settings) decode(raw json.RawMessage) error {
	if given := bytes.TrimSpace(raw); len(given) > 0 && !bytes.Equal(given, []byte("null")) {
		var members map[string]json.RawMessage
		if json.Unmarshal(given, &members) != nil {
			return parley.Invalid("provider_settings", "must be a JSON object")
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if !slices.Contains(settingNames, name) {
				return setting(name, "is not a setting of provider vonage, which has %s", strings.Join(settingNames, ", "))
			}
		}
		if err := json.Unmarshal(given, s); err != nil {
			if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
				return setting(e.Field, "must not be a JSON %s", e.Value)
			}
			return parley.Invalid("provider_settings", "cannot be decoded")
		}
	}
	return s.check()
}

func (s *settings) check() error {
	switch {
	case (s.APIKey == "") == (s.ApplicationID == ""):
		return setting("application_id", "or api_key is required, and not both")
	case s.APIKey != "" && !idForm.MatchString(s.APIKey):
		return setting("api_key", "must be letters and digits")
	case s.ApplicationID != "" && !idForm.MatchString(s.ApplicationID):
		return setting("application_id", "must be a UUID")
	case !slices.Contains([]string{"", "us", "eu", "ap"}, s.Region):
		return setting("region", "is %q; it must be us, eu or ap", s.Region)
	case !slices.Contains([]category{"", transaction, promotion}, s.Category):
		return setting("category", "is %q; it must be transaction or promotion", s.Category)
	}
	return nil
}

func setting(name, format string, args ...any) error {
	return parley.Invalid("provider_settings."+name, format, args...)
}

// privateKey reads the key of a Vonage application: PEM of PKCS #8 as the
// dashboard gives it, or of PKCS #1.
func privateKey(token string) (*rsa.PrivateKey, error) {
	bad := parley.Invalid("static_bearer.token", "must be the PEM of the application's RSA private key")
	block, _ := pem.Decode([]byte(token))
	if block == nil {
		return nil, bad
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, bad
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, bad
	}
	return key, nil
}

// open returns the account of a connection, whose credential passed Check when
// it was saved.
func open(c *channel.Conn) (*account, error) {
	acc, err := readAccount(c.Credential)
	if err != nil {
		return nil, badSettings(err)
	}
	return acc, nil
}

// openForRender also takes no credential, when a message is only looked at.
func openForRender(c *parley.ChannelCredential) (*account, error) {
	if c == nil {
		return &account{}, nil
	}
	acc, err := readAccount(c)
	if err != nil {
		return nil, badSettings(err)
	}
	return acc, nil
}

// badSettings is the failure of a credential that Check would refuse.
func badSettings(err error) *channel.Error {
	e := channel.Refuse(parley.ReasonChannelBadConfiguration, "the channel credential is not valid")
	e.Err = err
	return e
}
