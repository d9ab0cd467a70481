package viberbm

import (
	"slices"

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

// check refuses a category that is none; "" leaves it to the provider.
func (c category) check() error {
	if !slices.Contains([]category{"", transaction, promotion}, c) {
		return channel.Setting("category", "is %q; it must be %s or %s", c, transaction, promotion)
	}
	return nil
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

// openForRender also takes no credential, when a message is only looked at.
func openForRender(c *parley.ChannelCredential) (*account, error) {
	if c == nil {
		return &account{gateway: vonage()}, nil
	}
	a, err := readAccount(c)
	if err != nil {
		return nil, channel.BadCredential(err)
	}
	return a, nil
}
