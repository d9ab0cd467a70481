package sms

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Time allowed for what happens around a session.
const (
	dialTimeout     = 30 * time.Second // to connect and bind
	sessionPatience = 5 * time.Second  // of a Send for a session being bound
)

// accountKey tells one app's account from another. A changed password or
// setting makes another account, so that no Send uses a session bound with the
// old ones.
func accountKey(c *channel.Conn) string {
	bearer := c.Credential.StaticBearer
	sum := sha256.Sum256([]byte(strings.Join([]string{
		c.AppID, bearer.ClaimedIdentity, bearer.Token, c.BaseURL, string(c.Credential.ProviderSettings),
	}, "\x00")))
	return string(sum[:])
}

// Listen implements channel.Listener: one bind, until it is lost or ctx is
// done. It ends gracefully: what was delivered is stored and answered, submits
// under way get their answer, and the SMSC is told. Called soon after a bind
// that the SMSC refused, it waits first: an SMSC may lock an account that keeps
// trying a wrong password.
func (s *SMS) Listen(
	ctx context.Context, c *channel.Conn, accept func(context.Context, channel.Inbound) error,
) error {
	set, err := readSMPPSettings(c.Credential)
	if err != nil {
		return badSettings(err)
	}
	key := accountKey(c)
	seen, leave := s.sessions.join(key)
	defer leave()
	if !s.sessions.awaitPardon(ctx, key, c.Now()) {
		return nil
	}

	// Storing outlives ctx for as long as closing may take.
	storing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	cfg := set.linkConfig(c)
	cfg.inbox.seen = seen
	cfg.inbox.accept = func(ctx context.Context, d *delivery) error {
		in, ok := set.inbound(d)
		if !ok {
			if d.receipt == nil {
				c.Log.WarnContext(ctx, "an SMS without a sender is dropped")
			}
			return nil
		}
		return accept(ctx, in)
	}
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
	l, err := dialLink(dialing, storing, cfg)
	cancel()
	if err != nil {
		err = linkError(err)
		if channel.AsError(err).Outcome == channel.NotSent {
			s.sessions.refused(key, err, c.Now())
		}
		return err
	}
	s.sessions.bound(key, l.tx)
	err = l.wait(ctx)
	s.sessions.gone(key, l.tx)

	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), seconds(set.ResponseTimeoutS))
	defer cancel()
	context.AfterFunc(closing, stop)
	l.close(closing)
	if err != nil {
		return linkError(err)
	}
	return nil
}

func (s *smppSettings) linkConfig(c *channel.Conn) linkConfig {
	bearer := c.Credential.StaticBearer
	return linkConfig{
		mode: s.BindMode,
		session: sessionConfig{
			bind: bindBody{
				systemID: bearer.ClaimedIdentity, password: bearer.Token, systemType: s.SystemType,
				interfaceVersion: 0x34, addrTON: s.AddressTON, addrNPI: s.AddressNPI, addressRange: s.AddressRange,
			},
			window: s.Window, perSecond: s.RateLimit,
			responseTimeout: seconds(s.ResponseTimeoutS), enquireEvery: seconds(s.EnquireLinkS),
			log: c.Log,
		},
		inbox: inboxConfig{
			alphabet: s.DefaultAlphabet, ids: s.ids(), holdParts: s.HoldParts, maxHeld: s.MaxHeldParts,
			patience: seconds(s.ReassemblyS), log: c.Log, now: c.Now,
		},
		dial: func(ctx context.Context) (net.Conn, error) { return s.dial(ctx, c) },
	}
}

// dial connects to the SMSC: the settings' or, when c replaces addresses with
// an smpp:// one, that.
func (s *smppSettings) dial(ctx context.Context, c *channel.Conn) (net.Conn, error) {
	target := net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	if replaced, ok := strings.CutPrefix(c.BaseURL, "smpp://"); ok {
		return c.Dial(ctx, "tcp", replaced)
	}
	conn, err := c.Dial(ctx, "tcp", target)
	if err != nil || !s.TLS {
		return conn, err
	}
	cfg := &tls.Config{ServerName: s.TLSServerName, MinVersion: tls.VersionTLS12}
	if cfg.ServerName == "" {
		cfg.ServerName = s.Host
	}
	if s.TLSCA != "" {
		cfg.RootCAs = x509.NewCertPool()
		cfg.RootCAs.AppendCertsFromPEM([]byte(s.TLSCA))
	}
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake's error is the one to tell
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return secure, nil
}

// sendSMPP submits one segment on the session that Listen holds.
func (s *SMS) sendSMPP(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	set, err := readSMPPSettings(c.Credential)
	if err != nil {
		return "", badSettings(err)
	}
	m, err := submitOf(a, c.Now())
	if err != nil {
		return "", &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
	}
	session, err := s.session(ctx, c, false)
	if err != nil {
		return "", err
	}
	id, err := session.submit(ctx, m)
	if err != nil {
		return "", submitError(err, set.OnUnknown)
	}
	if id == "" {
		// Accepted by an SMSC that names no message: no receipt can match.
		return channel.ProviderID("unnamed/" + a.Key), nil
	}
	return channel.ProviderID(set.ids().inResponse(id)), nil
}

func submitOf(a channel.Attempt, now time.Time) (*messageBody, error) {
	var one segment
	if err := json.Unmarshal(a.Payload.Body, &one); err != nil {
		return nil, fmt.Errorf("decode payload: %w", err)
	}
	m, err := one.message()
	if err != nil {
		return nil, err
	}
	if !a.Expires.IsZero() {
		m.validityPeriod = relativeTime(a.Expires.Sub(now))
	}
	return m, nil
}

// relativeTime is d as SMPP writes it (section 7.1.1): years, months, days,
// hours, minutes, seconds. Longer than 99 days makes no odds to an SMSC.
func relativeTime(d time.Duration) string {
	left := int64(min(max(d, time.Second), 99*24*time.Hour) / time.Second)
	return fmt.Sprintf("0000%02d%02d%02d%02d000R", left/86400, left/3600%24, left/60%60, left%60)
}

// session returns the account's session, or a *channel.Error.
func (s *SMS) session(ctx context.Context, c *channel.Conn, expected bool) (*session, error) {
	bound, err := s.sessions.session(ctx, accountKey(c), sessionPatience, expected)
	if err == nil {
		return bound, nil
	}
	if refused, ok := errors.AsType[*channel.Error](err); ok {
		return nil, refused
	}
	return nil, submitError(fmt.Errorf("%w: %w", errNotSent, err), "")
}

func (s *SMS) connectSMPP(ctx context.Context, c *channel.Conn) error {
	if _, err := readSMPPSettings(c.Credential); err != nil {
		return badSettings(err)
	}
	// Listen may start a moment after this.
	_, err := s.session(ctx, c, true)
	return err
}

func findSMPP(c *channel.Conn) (channel.ProviderID, bool, error) {
	set, err := readSMPPSettings(c.Credential)
	if err != nil {
		return "", false, badSettings(err)
	}
	if set.OnUnknown == onUnknownResend {
		return "", false, nil
	}
	return "", false, &channel.Error{
		Reason:  parley.NewReason(parley.ReasonChannelFailure, "the SMSC did not answer and may have accepted the message"),
		Outcome: channel.Unknown,
	}
}

// inbound is d as the engine wants it; false when it says nothing.
func (s *smppSettings) inbound(d *delivery) (channel.Inbound, bool) {
	in := channel.Inbound{
		ID: channel.ProviderID(d.id), At: d.at, To: strings.TrimPrefix(d.to, "+"),
		From: channel.Address{Identity: strings.TrimPrefix(d.from, "+")},
	}
	switch {
	case d.receipt != nil:
		if d.receipt.state == stateUnknown && s.UnknownState == unknownStateKeep {
			return in, false
		}
		in.Receipt = d.receipt.meaning()
	case in.From.Identity == "":
		return in, false // there is no contact to give it to
	case d.binary != nil:
		in.Unsupported = "binary SMS, hexadecimal: " + hex.EncodeToString(d.binary)
	default:
		in.Message = textMessage(d.text)
	}
	return in, true
}
