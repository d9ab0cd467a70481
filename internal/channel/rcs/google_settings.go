package rcs

import (
	"crypto/rsa"
	"encoding/json"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-im/parley"
)

// googleSettings is provider_settings of provider google.
type googleSettings struct {
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

// A googleAccount is a credential of provider google taken apart.
type googleAccount struct {
	googleSettings
	agentID string
	token   string // presented where there is no service account
	key     *rsa.PrivateKey
	tokens  *tokens
}

func readGoogle(c *parley.ChannelCredential, t *tokens) (*googleAccount, error) {
	a := &googleAccount{agentID: c.StaticBearer.ClaimedIdentity, token: c.StaticBearer.Token, tokens: t}
	if err := decodeGoogle(c.ProviderSettings, &a.googleSettings); err != nil {
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

// decodeGoogle reads settings. The key file alone may have what we do not know.
func decodeGoogle(raw json.RawMessage, s *googleSettings) error {
	shape := struct {
		*googleSettings
		ServiceAccount json.RawMessage `json:"service_account"`
	}{googleSettings: s}
	if err := decodeSettings(raw, &shape, "google, which has client_token, region, service_account, traffic_type"); err != nil {
		return err
	}
	if len(shape.ServiceAccount) == 0 {
		return nil
	}
	if err := json.Unmarshal(shape.ServiceAccount, &s.ServiceAccount); err != nil {
		return unreadable(err, "service_account.", "")
	}
	return nil
}

func (a *googleAccount) check() error {
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

// redact takes the account's secrets out of a provider's words.
func (a *googleAccount) redact(words string) string {
	secrets := []string{a.token, a.ClientToken}
	if a.ServiceAccount != nil {
		secrets = append(secrets, a.ServiceAccount.PrivateKeyID, a.ServiceAccount.PrivateKey)
	}
	return redact(words, secrets...)
}
