package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/parley-im/parley/internal/simulator/smswire"
)

// ProviderSMPP is an SMS centre that speaks SMPP 3.4; see Serve.
const ProviderSMPP = "smpp"

// SMPPAccount is a system id of the SMS centre.
type SMPPAccount struct {
	Password string `json:"password"` // at most 8 characters
	// Number is what handsets write to when no sender is known.
	Number string `json:"number,omitempty"`
	// Charset is what data_coding 0 means: gsm7 (default) or latin1.
	Charset string `json:"charset,omitempty"`
	// Receipts says how receipts name the message: both (default), tlv, text.
	Receipts string `json:"receipts,omitempty"`
	// ReceiptIDs is same (default) or decimal: message ids are hexadecimal in
	// submit_sm_resp and decimal in receipts, as of some SMS centres.
	ReceiptIDs string `json:"receipt_ids,omitempty"`
	// Window is how many deliver_sm may be unanswered in a session; 0 is 10.
	Window int `json:"window,omitempty"`
	// MaxSessions is how many binds there may be at a time; 0 is no limit.
	MaxSessions int `json:"max_sessions,omitempty"`
}

// deliveriesMost is how many receipts and messages are kept for a system that
// is not bound.
const deliveriesMost = 100_000

// put makes or changes a system id.
func (c *smsc) put(_ context.Context, systemID string, doc json.RawMessage) error {
	var a SMPPAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	switch {
	case systemID == "" || len(systemID) > 15:
		return errors.New("smpp account: want a system id of at most 15 characters")
	case len(a.Password) > 8:
		return errors.New("password: at most 8 characters")
	case !slices.Contains([]string{"", "gsm7", "latin1"}, a.Charset):
		return errors.New("charset: want gsm7 or latin1")
	case !slices.Contains([]string{"", "both", "tlv", "text"}, a.Receipts):
		return errors.New("receipts: want both, tlv or text")
	case !slices.Contains([]string{"", "same", "decimal"}, a.ReceiptIDs):
		return errors.New("receipt_ids: want same or decimal")
	}
	if a.Window <= 0 {
		a.Window = 10
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if y := c.systems[systemID]; y != nil {
		y.mu.Lock()
		defer y.mu.Unlock()
		y.account = a
		return nil
	}
	c.systems[systemID] = &smppSystem{
		smsc: c, id: systemID, account: a,
		sessions: map[*smppSession]bool{},
	}
	return nil
}

// smsc is the SMS centre.
type smsc struct {
	sim *Simulator

	mu      sync.Mutex
	systems map[string]*smppSystem
	lastID  uint64
}

func newSMSC(s *Simulator) *smsc {
	return &smsc{sim: s, systems: map[string]*smppSystem{}, lastID: 0x10000000}
}

func (c *smsc) name() string          { return ProviderSMPP }
func (c *smsc) channel() string       { return ChannelSMS }
func (c *smsc) routes(*http.ServeMux) {} // its protocol is not HTTP

// accounts lists the system ids.
func (c *smsc) accounts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.systems))
}

func (c *smsc) system(id string) *smppSystem {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.systems[id]
}

func (c *smsc) nextID() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	return c.lastID
}

// session serves one connection.
func (c *smsc) session(ctx context.Context, conn net.Conn) { newSMPPSession(c, conn).serve(ctx) }

// smppSystem is one customer of the SMS centre: its sessions and what waits
// to be delivered to it.
type smppSystem struct {
	smsc  *smsc
	id    string
	parts smsParts[smppPart]

	mu       sync.Mutex
	account  SMPPAccount
	sessions map[*smppSession]bool
	queue    []*smppDelivery
	mref     byte // reference of the last long message delivered
}

// smppDelivery is a deliver_sm on its way: a receipt or a message.
type smppDelivery struct {
	pdu      *smswire.PDU
	attempts int
	sentAt   time.Time
	done     func(err error, last bool) // may be nil
}

// bind adds a session, or says why not.
func (y *smppSystem) bind(s *smppSession, password string) uint32 {
	y.mu.Lock()
	defer y.mu.Unlock()
	if password != y.account.Password {
		return smswire.StatusInvPaswd
	}
	if y.account.MaxSessions > 0 && len(y.sessions) >= y.account.MaxSessions {
		return smswire.StatusAlyBnd
	}
	y.sessions[s] = true
	return smswire.StatusOK
}

// unbind removes a session. What it had not answered is delivered again.
func (y *smppSystem) unbind(s *smppSession) {
	y.mu.Lock()
	delete(y.sessions, s)
	lost := slices.Sorted(maps.Keys(s.outstanding))
	again := make([]*smppDelivery, 0, len(lost)+len(y.queue))
	for _, seq := range lost {
		again = append(again, s.outstanding[seq])
	}
	clear(s.outstanding)
	y.queue = append(again, y.queue...)
	y.mu.Unlock()
	y.pump()
}

// mute keeps the system from delivering over the session.
func (y *smppSystem) mute(s *smppSession) {
	y.mu.Lock()
	defer y.mu.Unlock()
	s.ready = false
}

// deliver sends d through some session that can receive, now or when there is
// one.
func (y *smppSystem) deliver(d *smppDelivery) {
	y.mu.Lock()
	y.queue = append(y.queue, d)
	if len(y.queue) > deliveriesMost {
		y.queue = y.queue[1:]
	}
	y.mu.Unlock()
	y.pump()
}

// pump hands out what waits, as far as the windows of the sessions go.
func (y *smppSystem) pump() {
	y.mu.Lock()
	defer y.mu.Unlock()
	for len(y.queue) > 0 {
		s := y.idlest()
		if s == nil {
			return
		}
		d := y.queue[0]
		y.queue = y.queue[1:]
		s.seq++
		d.sentAt = y.smsc.sim.now()
		s.outstanding[s.seq] = d
		pdu := *d.pdu
		pdu.Seq = s.seq
		s.write(&pdu)
	}
}

// idlest is the receiving session with most room in its window, or nil.
func (y *smppSystem) idlest() *smppSession {
	var best *smppSession
	for s := range y.sessions {
		if !s.receives || !s.ready || len(s.outstanding) >= y.account.Window {
			continue
		}
		if best == nil || len(s.outstanding) < len(best.outstanding) {
			best = s
		}
	}
	return best
}

// answered takes the deliver_sm_resp of a session.
func (y *smppSystem) answered(s *smppSession, seq, status uint32) {
	y.mu.Lock()
	d := s.outstanding[seq]
	delete(s.outstanding, seq)
	y.mu.Unlock()
	if d == nil {
		return
	}
	var err error
	if status != smswire.StatusOK {
		err = fmt.Errorf("deliver_sm answered %#x", status)
	}
	d.attempts++
	last := err == nil || d.attempts >= postAttempts
	y.smsc.sim.stats.posted(ProviderSMPP, err)
	if d.done != nil {
		d.done(err, last)
	}
	switch {
	case err != nil && last:
		y.smsc.sim.log.Warn("deliver_sm given up", slog.Any("error", err))
	case err != nil:
		y.smsc.sim.timers.after(backoff(d.attempts), func() { y.deliver(d) })
	}
	y.pump()
}

// stuck tells whether a deliver_sm of the session waits too long for its
// answer.
func (y *smppSystem) stuck(s *smppSession, since time.Time) bool {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, d := range s.outstanding {
		if d.sentAt.Before(since) {
			return true
		}
	}
	return false
}
