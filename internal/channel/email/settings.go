package email

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/mail"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// settings is provider_settings.
type settings struct {
	Host    string  `json:"host"`
	Port    int     `json:"port"` // 0: the usual one of TLS
	TLS     tlsMode `json:"tls"`
	TLSCA   string  `json:"tls_ca"`   // PEM, instead of the system's authorities
	From    string  `json:"from"`     // address, or name and address
	ReplyTo string  `json:"reply_to"` // where replies go, if elsewhere
	Bounces string  `json:"bounces"`  // where what cannot be delivered goes back to

	DeliveryReports bool `json:"delivery_reports"` // asked of servers, also of what was delivered
	ReadReports     bool `json:"read_reports"`     // asked of the people
	Unsubscribe     bool `json:"list_unsubscribe"` // offered beside each letter
}

// settingNames are the members of settings.
var settingNames = []string{
	"bounces", "delivery_reports", "from", "host", "list_unsubscribe", "port", "read_reports", "reply_to", "tls", "tls_ca",
}

// A tlsMode is when TLS begins.
type tlsMode string

const (
	startTLS    tlsMode = "starttls" // asked for, and required (RFC 3207)
	implicitTLS tlsMode = "tls"      // from the first byte (RFC 8314)
	noTLS       tlsMode = "none"
)

// ports are where the modes are usually spoken.
var ports = map[tlsMode]int{startTLS: 587, implicitTLS: 465, noTLS: 25}

// An account is a credential ready to be used. A server that takes mail
// without a login has no user.
type account struct {
	settings
	from           *mail.Address
	replyTo        string // lower case, or ""
	bounces        string // lower case, or ""
	user, password string
}

func readAccount(c *parley.ChannelCredential) (*account, error) {
	if channel.Provider(c, provider) != provider {
		return nil, parley.Invalid("provider", "is %q; channel EMAIL has only smtp", c.Provider)
	}
	a := &account{settings: settings{TLS: startTLS}}
	if c == nil {
		return nil, parley.Invalid("provider_settings", "is required for channel EMAIL")
	}
	if err := decode(c.ProviderSettings, &a.settings); err != nil {
		return nil, err
	}
	if b := c.StaticBearer; b != nil {
		a.user, a.password = b.ClaimedIdentity, b.Token
	}
	return a, a.check()
}

func (a *account) check() error {
	if a.Host == "" || strings.ContainsAny(a.Host, "/ :") {
		return setting("host", "must be a host name or an IPv4 address, without a scheme")
	}
	usual, ok := ports[a.TLS]
	if !ok {
		return setting("tls", "is %q; it must be starttls, tls or none", a.TLS)
	}
	if a.TLSCA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(a.TLSCA)) {
		return setting("tls_ca", "must be certificates in PEM")
	}
	if a.Port < 0 || a.Port > 65535 {
		return setting("port", "must be 1 to 65535")
	}
	if a.Port == 0 {
		a.Port = usual
	}
	var err error
	if a.from, err = mail.ParseAddress(a.From); err != nil {
		return setting("from", "must be an address, such as Shop <shop@example.com>")
	}
	if a.ReplyTo != "" {
		if a.replyTo = addressOf(a.ReplyTo); a.replyTo == "" {
			return setting("reply_to", "must be an address")
		}
	}
	if a.Bounces != "" {
		local, domain, _ := strings.Cut(addressOf(a.Bounces), "@")
		if domain == "" || strings.Contains(local, "+") || len(local) > maxBounces {
			return setting("bounces", "must be an address of at most %d characters and no + before the @", maxBounces)
		}
		a.bounces = local + "@" + domain
	}
	return nil
}

// domain is that of the sender.
func (a *account) domain() string {
	return a.from.Address[strings.LastIndexByte(a.from.Address, '@')+1:]
}

// decode reads provider_settings over the defaults in v. A member that is none
// is an error: a misspelt one would otherwise be a default in disguise.
func decode(raw json.RawMessage, v *settings) error {
	if given := bytes.TrimSpace(raw); len(given) == 0 || bytes.Equal(given, []byte("null")) {
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return parley.Invalid("provider_settings", "must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(settingNames, name) {
			return setting(name, "is not a setting of provider smtp, which has %s", strings.Join(settingNames, ", "))
		}
	}
	if err := json.Unmarshal(raw, v); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return setting(e.Field, "must not be a JSON %s", e.Value)
		}
		return parley.Invalid("provider_settings", "cannot be decoded")
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
		e := channel.Refuse(parley.ReasonChannelBadConfiguration, "the channel credential is not valid")
		e.Err = err
		return nil, e
	}
	return a, nil
}

// secured begins TLS where it begins with the first byte.
func (a *account) secured(conn net.Conn, replaced bool) net.Conn {
	if a.TLS != implicitTLS || replaced {
		return conn
	}
	return tls.Client(conn, a.trust())
}

// trust is who the server must prove to be.
func (a *account) trust() *tls.Config {
	c := &tls.Config{ServerName: a.Host, MinVersion: tls.VersionTLS12}
	if a.TLSCA != "" {
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM([]byte(a.TLSCA))
	}
	return c
}
