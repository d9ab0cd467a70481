package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// newProviders makes one of each provider. A new one is one more line here.
func (s *Simulator) newProviders() []provider {
	return []provider{
		newTelegram(s),
		newWhatsApp(s),
		newMessenger(s),
		newInstagram(s),
		newSinch(s),
		newSMSC(s),
		newMM7(s),
		newBandwidth(s),
		newTwilioMMS(s),
		twilioSMS(s),
		vonageSMS(s),
		kannelSMS(s),
		newLINE(s),
		newWeChat(s),
		newVonageViber(s),
		newInfobipViber(s),
		newViber(s),
		newRCSGoogle(s),
		newRCSSinch(s),
		newKakaoTalk(s),
		newEmail(s),
		newKakaoChat(s),
		newAppleBC(s),
	}
}

// A provider is one simulated provider: what the control API asks of each.
// What only some can do is in the optional interfaces below.
type provider interface {
	// name is the provider in paths, in Item.Provider and in the statistics.
	name() string
	// channel is whose handsets it reaches.
	channel() string
	// routes serves its HTTP interface, under a prefix of its own.
	routes(mux *http.ServeMux)
	// accounts lists the ids of the accounts it has, sorted.
	accounts() []string
	// put makes or changes an account; readAccount decodes doc.
	put(ctx context.Context, id string, doc json.RawMessage) error
	// reply sends what the owner of the phone wrote to the account.
	reply(account string, phone key, r Reply) (Item, error)
	// tap sends what choosing c under the message it does.
	tap(account string, phone key, it Item, c Choice) (Item, error)
}

// A blocker tells accounts that a phone blocked or unblocked them: the one
// named or, if account is "", all that are in its thread.
type blocker interface {
	blocked(phone key, account string, blocked bool)
}

// An eventer sends what the owner of a phone does besides writing. It returns
// the item this leaves in the thread, or the zero Item; errUnsupported if the
// provider has no such event.
type eventer interface {
	event(account string, phone key, e Event) (Item, error)
}

// A sessionServer has connections of its own besides HTTP. session ends when
// the connection does or ctx is done, and closes the connection.
type sessionServer interface {
	session(ctx context.Context, conn net.Conn)
}

// errUnsupported is a thing a provider does not have.
var errUnsupported = errors.New("unsupported")

// provider returns the provider of that name, or nil.
func (s *Simulator) provider(name string) provider {
	for _, p := range s.providers {
		if p.name() == name {
			return p
		}
	}
	return nil
}

// Plays tells whether there is a provider of that name.
func (s *Simulator) Plays(provider string) bool { return s.provider(provider) != nil }

// providersOf lists the providers that reach handsets of the channel.
func (s *Simulator) providersOf(channel string) []provider {
	var out []provider
	for _, p := range s.providers {
		if p.channel() == channel {
			out = append(out, p)
		}
	}
	return out
}

// Put makes or changes an account of the provider; account is that provider's
// Account type, such as SinchAccount.
func (s *Simulator) Put(ctx context.Context, provider, id string, account any) error {
	doc, err := encode(account)
	if err != nil {
		return err
	}
	return s.put(ctx, provider, id, doc)
}

func (s *Simulator) put(ctx context.Context, provider, id string, doc json.RawMessage) error {
	p := s.provider(provider)
	if p == nil {
		return fmt.Errorf("provider %w", errNotFound)
	}
	return p.put(ctx, id, doc)
}

// readAccount decodes an account, strictly: an unknown member is an error.
func readAccount(doc json.RawMessage, account any) error { return decode(doc, account) }

// Serve accepts connections of a provider that is not spoken over HTTP, such
// as ProviderSMPP, until ctx is done or the simulator is closed; it closes l
// and all connections before it returns.
func (s *Simulator) Serve(ctx context.Context, provider string, l net.Listener) error {
	p, ok := s.provider(provider).(sessionServer)
	if !ok {
		return fmt.Errorf("provider %s has no sessions: %w", provider, errUnsupported)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(s.ctx, cancel) //nolint:contextcheck // the simulator closes too
	defer stop()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	closed := context.AfterFunc(ctx, func() { _ = l.Close() }) // Accept reports it
	defer closed()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = conn.Close()
			}
			return nil
		}
		if err != nil {
			cancel()
			return fmt.Errorf("accept session of %s: %w", provider, err)
		}
		sessions.Go(func() { p.session(ctx, conn) })
	}
}
