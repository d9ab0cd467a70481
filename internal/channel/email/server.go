package email

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"

	"github.com/parley-im/parley/internal/channel"
)

// The limits of a Server. A letter is held in memory while it is taken in.
const (
	maxConnections = 200
	maxAtOnce      = 4   // letters
	maxRecipients  = 100 // of a letter
	idleTimeout    = 2 * time.Minute
	acceptTimeout  = 30 * time.Second
	letterTimeout  = 2 * time.Minute
)

// An Inlet is an account that letters come in for. Accept returns nil once
// everything is stored.
type Inlet struct {
	Conn   *channel.Conn
	Accept func(ctx context.Context, told []channel.Inbound) error
}

// ServerOptions configures a Server.
type ServerOptions struct {
	// Inlets lists the accounts. An address that several accounts have belongs
	// to the first.
	Inlets func(ctx context.Context) ([]Inlet, error)
	Domain string      // what the server calls itself
	TLS    *tls.Config // for STARTTLS; nil means there is none
	LMTP   bool        // instead of SMTP
	// LetterTimeout bounds how long a letter may take to arrive, so that slow
	// clients do not keep others out; 0 means two minutes.
	LetterTimeout time.Duration
	Log           *slog.Logger
	Now           func() time.Time
}

// A Server takes in letters for the accounts' addresses and no others. A letter
// is accepted only once it is stored; whoever brought it keeps it until then.
type Server struct {
	o     ServerOptions
	boxes *mailboxes
	slots chan struct{} // one for each letter being taken in
}

// NewServer returns a server.
func NewServer(o ServerOptions) *Server {
	return &Server{o: o, boxes: &mailboxes{o: &o, warned: map[string]bool{}}, slots: make(chan struct{}, maxAtOnce)}
}

// Serve accepts connections until ctx is done and the letters under way are
// stored. It closes l. A server serves once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &reception{s: s, ctx: ctx, conn: c}, nil
	}))
	srv.Domain, srv.TLSConfig, srv.LMTP = s.o.Domain, s.o.TLS, s.o.LMTP
	srv.EnableSMTPUTF8 = true
	srv.MaxMessageBytes, srv.MaxRecipients = maxLetter, maxRecipients
	srv.ReadTimeout, srv.WriteTimeout = idleTimeout, idleTimeout
	srv.ErrorLog = slog.NewLogLogger(s.o.Log.Handler(), slog.LevelDebug)
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		_ = l.Close()
		for range maxAtOnce {
			s.slots <- struct{}{} // those under way are over, and no more begin
		}
		_ = srv.Close()
	})
	err := srv.Serve(netutil.LimitListener(l, maxConnections))
	if stop() {
		return errors.Join(err, srv.Close())
	}
	<-stopped
	return nil
}

// A reception is what a client has said so far on one connection.
type reception struct {
	s    *Server
	ctx  context.Context //nolint:containedctx // go-smtp passes none
	conn *smtp.Conn
	null bool // the sender of the letter is
	to   []recipient
}

// A recipient is an address of the letter and whose it is.
type recipient struct {
	address string
	inlet   *Inlet
}

// The answers that are not about the letter itself.
var (
	errNoMailbox = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox"}
	errLater     = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Cannot take it now, try again later"}
	errStopping  = &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Shutting down, try again later"}
	errNotLetter = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "Not a letter that can be read"}
)

// Mail implements smtp.Session.
func (r *reception) Mail(from string, _ *smtp.MailOptions) error {
	r.null = from == ""
	return nil
}

// Rcpt implements smtp.Session.
func (r *reception) Rcpt(to string, _ *smtp.RcptOptions) error {
	inlet, err := r.s.boxes.find(r.ctx, to)
	if err != nil {
		r.s.o.Log.Error("look for a mailbox", slog.Any("error", err))
		return errLater
	}
	if inlet == nil {
		return errNoMailbox
	}
	r.to = append(r.to, recipient{to, inlet})
	return nil
}

// Reset implements smtp.Session.
func (r *reception) Reset() { r.null, r.to = false, nil }

// Logout implements smtp.Session.
func (r *reception) Logout() error { return nil }

// Data implements smtp.Session. Where one recipient's account cannot take the
// letter, it comes again for all: those that have it drop the repeat.
func (r *reception) Data(from io.Reader) error {
	return r.take(from, func(raw []byte) error {
		var failed error
		r.each(raw, func(_ string, err error) {
			if err != nil {
				failed = err
			}
		})
		return failed
	})
}

// LMTPData implements smtp.LMTPSession.
func (r *reception) LMTPData(from io.Reader, status smtp.StatusCollector) error {
	return r.take(from, func(raw []byte) error {
		r.each(raw, status.SetStatus)
		return nil
	})
}

// take reads the letter when there is room for it.
func (r *reception) take(from io.Reader, deliver func(raw []byte) error) error {
	select {
	case r.s.slots <- struct{}{}:
	case <-r.ctx.Done():
		return errStopping
	}
	defer func() { <-r.s.slots }()
	if r.ctx.Err() != nil {
		return errStopping
	}
	slow := time.AfterFunc(cmp.Or(r.s.o.LetterTimeout, letterTimeout), func() { _ = r.conn.Close() })
	raw, err := io.ReadAll(from)
	slow.Stop()
	if err != nil {
		return err
	}
	return deliver(raw)
}

// each hands the letter to the account of each recipient, once to each account.
func (r *reception) each(raw []byte, answer func(address string, err error)) {
	done := map[*Inlet]error{}
	for _, to := range r.to {
		err, again := done[to.inlet]
		if !again {
			err = r.deliver(to, raw)
			done[to.inlet] = err
		}
		answer(to.address, err)
	}
}

// deliver has the letter stored for one account.
func (r *reception) deliver(to recipient, raw []byte) error {
	told, err := understand(to.inlet.Conn, raw, envelope{to: to.address, nullSender: r.null})
	if errors.Is(err, channel.ErrMalformed) {
		return errNotLetter
	}
	if err == nil && len(told) > 0 {
		// What has been sent is taken in, although the server stops.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), acceptTimeout)
		defer cancel()
		err = to.inlet.Accept(ctx, told)
	}
	if err != nil {
		to.inlet.Conn.Log.Error("take in a letter", slog.Any("error", err))
		return errLater
	}
	return nil
}
