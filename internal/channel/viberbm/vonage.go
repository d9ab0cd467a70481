package viberbm

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// vonage is the Messages API of Vonage (developer.vonage.com/api/messages).
func vonage() *gateway {
	return &gateway{
		open: openVonage, path: "/v1/messages", hosts: []string{".nexmo.com", ".vonage.com"},
		request: requestVonage, explicit: explicitVonage, complete: completeVonage,
		accepted: acceptedVonage, refusal: refusalVonage, receive: receiveVonage,
	}
}

// vonageSettings is provider_settings. The Viber service id is the
// credential's claimed_identity; its token is the API secret with api_key, and
// the PEM of the private key with application_id. The signature secret of
// webhooks is its callback_secret.
type vonageSettings struct {
	APIKey        string   `json:"api_key"`
	ApplicationID string   `json:"application_id"`
	Region        string   `json:"region"` // us, eu or ap; "" leaves it to Vonage
	Category      category `json:"category"`
}

// The hosts of the Messages API (developer.vonage.com/api/messages).
const (
	vonageURL      = "https://api.nexmo.com"
	vonageInRegion = "https://api-%s.nexmo.com"
)

// idForm is what an account's ids look like; they become parts of a header.
var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

func openVonage(c *parley.ChannelCredential) (*account, error) {
	var s vonageSettings
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+providerVonage, &s); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	a := &account{category: s.Category, url: vonageURL}
	if s.Region != "" {
		a.url = fmt.Sprintf(vonageInRegion, s.Region)
	}
	if s.ApplicationID == "" {
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(s.APIKey+":"+c.StaticBearer.Token))
		a.authorization = func(time.Time) (string, error) { return basic, nil }
		return a, nil
	}
	key, err := privateKey(c.StaticBearer.Token)
	if err != nil {
		return nil, err
	}
	a.authorization = func(now time.Time) (string, error) { return bearer(s.ApplicationID, key, now) }
	return a, nil
}

func (s *vonageSettings) check() error {
	switch {
	case (s.APIKey == "") == (s.ApplicationID == ""):
		return channel.Setting("application_id", "or api_key is required, and not both")
	case s.APIKey != "" && !idForm.MatchString(s.APIKey):
		return channel.Setting("api_key", "must be letters and digits")
	case s.ApplicationID != "" && !idForm.MatchString(s.ApplicationID):
		return channel.Setting("application_id", "must be a UUID")
	case !slices.Contains([]string{"", "us", "eu", "ap"}, s.Region):
		return channel.Setting("region", "is %q; it must be us, eu or ap", s.Region)
	}
	return s.Category.check()
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

// The bounds of a Viber message's time to live (developer.vonage.com/api/
// messages, viber_service.ttl).
const (
	minTTL       = 30 * time.Second
	maxVonageTTL = 72 * time.Hour
)

// A vonageRequest is the body of POST /v1/messages (developer.vonage.com/api/
// messages, Viber). Sending adds client_ref, webhook_url and the time to live.
type vonageRequest struct {
	Channel     string        `json:"channel"`
	From        string        `json:"from"`
	To          string        `json:"to"`
	MessageType string        `json:"message_type"`
	Text        string        `json:"text,omitempty"`
	Image       *vonageFile   `json:"image,omitempty"`
	File        *vonageFile   `json:"file,omitempty"`
	Service     vonageService `json:"viber_service,omitzero"`
}

type vonageFile struct {
	URL     string `json:"url"`
	Caption string `json:"caption,omitempty"`
	Name    string `json:"name,omitempty"`
}

type vonageService struct {
	Category category      `json:"category,omitempty"`
	Action   *vonageAction `json:"action,omitempty"`
}

type vonageAction struct {
	URL  string `json:"url"`
	Text string `json:"text"`
}

const viberService = "viber_service"

func requestVonage(a *account, to string, m content) any {
	r := &vonageRequest{
		Channel: viberService, From: a.sender, To: to, MessageType: "text", Text: m.text,
		Service: vonageService{Category: a.categoryOf(m)},
	}
	switch {
	case m.image != "":
		r.MessageType, r.Text, r.Image = "image", "", &vonageFile{URL: m.image, Caption: m.text}
	case m.file != "":
		r.MessageType, r.Text, r.File = "file", "", &vonageFile{URL: m.file, Name: m.fileName}
	}
	if m.button != nil {
		r.Service.Action = &vonageAction{URL: m.button.url, Text: m.button.title}
	}
	return r
}

func explicitVonage(a *account, members map[string]any, to string) error {
	if kind, ok := members["message_type"].(string); !ok || kind == "" {
		return channel.Refuse(parley.ReasonBadRequest, "the explicit VIBERBM message has no message_type")
	}
	members["channel"], members["from"], members["to"] = viberService, a.sender, to
	return nil
}

func completeVonage(members map[string]any, c *channel.Conn, at channel.Attempt) any {
	members["client_ref"] = at.Key
	if c.WebhookURL != "" {
		members["webhook_url"], members["webhook_version"] = c.WebhookURL, "v1"
	}
	if !at.Expires.IsZero() {
		within(members, viberService)["ttl"] = timeToLive(c, at, maxVonageTTL)
	}
	return members
}

// within returns the object of that name, which it makes where there is none.
func within(members map[string]any, name string) map[string]any {
	inner, _ := members[name].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
		members[name] = inner
	}
	return inner
}

// timeToLive is how long the message is worth showing, in seconds.
func timeToLive(c *channel.Conn, at channel.Attempt, most time.Duration) int {
	return int(min(max(at.Expires.Sub(c.Now()), minTTL), most).Seconds())
}

func acceptedVonage(answer *channel.Answer) (channel.ProviderID, error) {
	var sent struct {
		UUID string `json:"message_uuid"`
	}
	if json.Unmarshal(answer.Body, &sent) != nil || sent.UUID == "" {
		return "", channel.Verdict(answer, "the answer has no message_uuid")
	}
	return channel.ProviderID(sent.UUID), nil
}
