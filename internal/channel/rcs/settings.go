package rcs

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const provider = "google"

// settings is provider_settings.
type settings struct {
	// ServiceAccount is Google's key file as it is. Without one the
	// credential's token is presented as the access token, for gateways in
	// front of the API.
	ServiceAccount *serviceAccount `json:"service_account"`
	// ClientToken is shown in the developer console where the webhook is set;
	// it signs webhooks.
	ClientToken string `json:"client_token"`
	// Region is where the agent lives: us, europe or asia; "" leaves it to the
	// API's global address.
	Region string `json:"region"`
	// TrafficType is the messageTrafficType of all messages; "" leaves it to
	// the agent's use case.
	TrafficType string `json:"traffic_type"`
}

// serviceAccount is the part of a key file that is needed. The file has more
// members, which say nothing new.
type serviceAccount struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKeyID string `json:"private_key_id"`
	PrivateKey   string `json:"private_key"`
	TokenURI     string `json:"token_uri"`
}

// The values of settings (developers.google.com, RCS for Business: regional
// endpoints; AgentMessage.messageTrafficType).
var (
	regions      = []string{"us", "europe", "asia"}
	trafficTypes = []string{"AUTHENTICATION", "TRANSACTION", "PROMOTION", "SERVICEREQUEST", "ACKNOWLEDGEMENT"}
)

var (
	agentForm = regexp.MustCompile(`^[A-Za-z0-9_.@-]{1,200}$`)
	lineForm  = regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`) // what fits a header
)

// account is a credential taken apart.
type account struct {
	settings
	agentID string
	token   string // presented where there is no service account
	key     *rsa.PrivateKey
}

func readAccount(c *parley.ChannelCredential) (*account, error) {
	if channel.Provider(c, provider) != provider {
		return nil, parley.Invalid("provider", "is %q; channel RCS has only google", c.Provider)
	}
	if c == nil || c.StaticBearer == nil {
		return nil, parley.Invalid("static_bearer", "is required for channel RCS")
	}
	a := &account{agentID: c.StaticBearer.ClaimedIdentity, token: c.StaticBearer.Token}
	if !agentForm.MatchString(a.agentID) {
		return nil, parley.Invalid("static_bearer.claimed_identity", "must be the agent id")
	}
	if err := decodeSettings(c.ProviderSettings, &a.settings); err != nil {
		return nil, err
	}
	if err := a.check(); err != nil {
		return nil, err
	}
	if a.ClientToken == "" {
		a.ClientToken = c.CallbackSecret
	}
	return a, nil
}

// decodeSettings reads settings strictly: a misspelt member would otherwise be
// a default in disguise. The key file alone may have what we do not know.
func decodeSettings(raw json.RawMessage, s *settings) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	shape := struct {
		*settings
		ServiceAccount json.RawMessage `json:"service_account"`
	}{settings: s}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&shape); err != nil {
		return unreadable(err, "")
	}
	if len(shape.ServiceAccount) == 0 {
		return nil
	}
	if err := json.Unmarshal(shape.ServiceAccount, &s.ServiceAccount); err != nil {
		return unreadable(err, "service_account.")
	}
	return nil
}

func unreadable(err error, within string) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && e.Field != "" {
		return setting(within+strings.TrimPrefix(e.Field, "settings."), "must not be a JSON %s", e.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return setting(strings.Trim(name, `"`), "is not a setting of provider google, which has client_token, region, service_account, traffic_type")
	}
	return parley.Invalid("provider_settings", "must be a JSON object")
}

func (a *account) check() error {
	switch {
	case a.Region != "" && !slices.Contains(regions, a.Region):
		return setting("region", "must be one of %s", strings.Join(regions, ", "))
	case a.TrafficType != "" && !slices.Contains(trafficTypes, a.TrafficType):
		return setting("traffic_type", "must be one of %s", strings.Join(trafficTypes, ", "))
	case a.ServiceAccount == nil && !lineForm.MatchString(a.token):
		return parley.Invalid("static_bearer.token", "must be without line breaks")
	case a.ServiceAccount == nil:
		return nil
	case a.ServiceAccount.Type != "" && a.ServiceAccount.Type != "service_account":
		return setting("service_account.type", "must be service_account")
	case a.ServiceAccount.ClientEmail == "":
		return setting("service_account.client_email", "is required")
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(a.ServiceAccount.PrivateKey))
	if err != nil {
		return setting("service_account.private_key", "must be an RSA private key in PEM")
	}
	a.key = key
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

// redact takes the account's secrets out of a provider's words.
func (a *account) redact(words string) string {
	secrets := []string{a.token, a.ClientToken}
	if a.ServiceAccount != nil {
		secrets = append(secrets, a.ServiceAccount.PrivateKeyID, a.ServiceAccount.PrivateKey)
	}
	for _, secret := range secrets {
		if secret != "" {
			words = strings.ReplaceAll(words, secret, "***")
		}
	}
	return words
}
