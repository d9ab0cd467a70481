package email

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// How old what is known of the accounts may be: where an address is found, and
// where it is not.
const (
	knownFor   = 10 * time.Second
	unknownFor = time.Second
)

// mailboxes finds whose an address is.
type mailboxes struct {
	o *ServerOptions

	mu     sync.Mutex
	at     time.Time // when it was read; zero: never
	of     map[string]*Inlet
	warned map[string]bool // of addresses that several apps have
}

// find returns whose mailbox an address is, or nil for nobody's: an account's
// own, or one that only has something after a + beside it.
func (m *mailboxes) find(ctx context.Context, address string) (*Inlet, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	age := m.o.Now().Sub(m.at)
	if in := m.known(address); in != nil && age < knownFor || in == nil && age < unknownFor {
		return in, nil
	}
	if err := m.read(ctx); err != nil {
		return nil, err
	}
	return m.known(address), nil
}

func (m *mailboxes) known(address string) *Inlet {
	if in := m.of[strings.ToLower(address)]; in != nil {
		return in
	}
	return m.of[withoutDetail(address)]
}

// read looks over the accounts. One whose credential cannot be read has no
// mailbox.
func (m *mailboxes) read(ctx context.Context) error {
	inlets, err := m.o.Inlets(ctx)
	if err != nil {
		return err
	}
	m.of = map[string]*Inlet{}
	for i := range inlets {
		in := &inlets[i]
		acc, err := readAccount(in.Conn.Credential)
		if err != nil {
			continue
		}
		for _, a := range slices.Compact(acc.addresses()) {
			if taken := m.of[a]; taken != nil && taken.Conn.AppID != in.Conn.AppID {
				m.warn(in, taken)
				continue
			}
			m.of[a] = in
		}
	}
	m.at = m.o.Now()
	return nil
}

// warn says once of an app that its letters go to another.
func (m *mailboxes) warn(in, taken *Inlet) {
	if m.warned[in.Conn.AppID] {
		return
	}
	m.warned[in.Conn.AppID] = true
	in.Conn.Log.Warn("an older app has a mail address of this one and gets its letters",
		slog.String("older_app_id", taken.Conn.AppID))
}
