package viberbm

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

func readAccount(c *parley.ChannelCredential) (*account, error) {
	g := gatewayOf(c)
	switch {
	case g == nil:
		return nil, parley.Invalid("provider", "is %q; channel VIBERBM has %s and %s", c.Provider, providerVonage, providerInfobip)
	case c == nil || c.StaticBearer == nil:
		return nil, parley.Invalid("static_bearer", "is required for channel VIBERBM")
	}
	a, err := g.open(c)
	if err != nil {
		return nil, err
	}
	a.gateway, a.sender = g, c.StaticBearer.ClaimedIdentity
	return a, nil
}

// decodeSettings reads provider_settings into s, whose members are names. A
// member that is none is an error: a misspelt one would otherwise be a default
// in disguise.
func decodeSettings(provider string, raw json.RawMessage, names []string, s any) error {
	given := bytes.TrimSpace(raw)
	if len(given) == 0 || bytes.Equal(given, []byte("null")) {
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(given, &members) != nil {
		return parley.Invalid("provider_settings", "must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(names, name) {
			return setting(name, "is not a setting of provider %s, which has %s", provider, strings.Join(names, ", "))
		}
	}
	if err := json.Unmarshal(given, s); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return setting(e.Field, "must not be a JSON %s", e.Value)
		}
		return parley.Invalid("provider_settings", "cannot be decoded")
	}
	return nil
}

// check refuses a category that is none; "" leaves it to the provider.
func (c category) check() error {
	if !slices.Contains([]category{"", transaction, promotion}, c) {
		return setting("category", "is %q; it must be %s or %s", c, transaction, promotion)
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
		return nil, badSettings(err)
	}
	return a, nil
}

// openForRender also takes no credential, when a message is only looked at.
func openForRender(c *parley.ChannelCredential) (*account, error) {
	if c == nil {
		return &account{gateway: vonage()}, nil
	}
	a, err := readAccount(c)
	if err != nil {
		return nil, badSettings(err)
	}
	return a, nil
}

// badSettings is the failure of a credential that Check would refuse.
func badSettings(err error) *channel.Error {
	e := channel.Refuse(parley.ReasonChannelBadConfiguration, "the channel credential is not valid")
	e.Err = err
	return e
}
