package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // what letters may be written in
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// ProviderEmail is a mail server that takes letters for every address, and
// brings those that its people write to where the account takes them.
const ProviderEmail = "email"

// emailMost is the largest letter it takes, in bytes.
const emailMost = 32 << 20

// EmailAccount is somebody who may send; the id is the user name.
type EmailAccount struct {
	Password string `json:"password"`
	// Mail is the host and port where letters to the account are brought over
	// SMTP, whatever their address: its domain's mail exchanger. Without it
	// nobody can answer, and what cannot be delivered is refused at once.
	Mail string `json:"mail,omitempty"`
	// Address is who is written to before the account wrote a letter.
	Address string `json:"address,omitempty"`
	// Web begins the addresses of pages on which people answer: a tap on a link
	// there fills in the page's form.
	Web string `json:"web,omitempty"`
}

// emailServer is the provider.
type emailServer struct {
	sim   *Simulator
	accts accountSet[EmailAccount]
	ids   *idSource
}

func newEmail(s *Simulator) *emailServer { return &emailServer{sim: s, ids: newIDSource(s.now)} }

func (e *emailServer) name() string          { return ProviderEmail }
func (e *emailServer) channel() string       { return ChannelEmail }
func (e *emailServer) accounts() []string    { return e.accts.ids() }
func (e *emailServer) routes(*http.ServeMux) {} // its protocol is not HTTP

func (e *emailServer) put(_ context.Context, id string, doc json.RawMessage) error {
	var a EmailAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if id == "" || a.Password == "" {
		return fmt.Errorf("%s account: want an id and a password", e.name())
	}
	e.accts.set(id, a)
	return nil
}

// session serves one connection.
func (e *emailServer) session(ctx context.Context, conn net.Conn) {
	l := &oneConn{conn: conn, closed: make(chan struct{})}
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &emailSession{server: e, ctx: ctx, conn: conn}, nil
	}))
	srv.Domain, srv.AllowInsecureAuth, srv.EnableSMTPUTF8, srv.EnableDSN = emailHost, true, true, true
	srv.MaxMessageBytes, srv.MaxRecipients = emailMost, 1
	srv.ReadTimeout, srv.WriteTimeout = time.Minute, time.Minute
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	_ = srv.Serve(l) // ends when the connection does
}

// oneConn is a listener with one connection, which ends with it.
type oneConn struct {
	conn   net.Conn
	taken  bool
	once   sync.Once
	closed chan struct{}
}

// Accept returns the connection, and then that it is closed.
func (l *oneConn) Accept() (net.Conn, error) {
	if !l.taken {
		l.taken = true
		return &endingConn{l.conn, l}, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

// Addr implements net.Listener.
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// Close implements net.Listener.
func (l *oneConn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// endingConn closes its listener, too.
type endingConn struct {
	net.Conn
	of *oneConn
}

// Close implements net.Conn.
func (c *endingConn) Close() error {
	_ = c.of.Close()
	return c.Conn.Close()
}

// emailSession is what a client has said so far.
type emailSession struct {
	server *emailServer
	ctx    context.Context //nolint:containedctx // go-smtp passes none
	conn   net.Conn
	user   string
	from   string // where the letter goes back to
	to     string
	notify []smtp.DSNNotify
}

// AuthMechanisms implements smtp.AuthSession.
func (s *emailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *emailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if a, ok := s.server.accts.get(user); !ok || a.Password != password {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *emailSession) Mail(from string, _ *smtp.MailOptions) error {
	if s.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *emailSession) Rcpt(to string, o *smtp.RcptOptions) error {
	s.to, s.notify = to, o.Notify
	return nil
}

// Reset implements smtp.Session.
func (s *emailSession) Reset() { s.from, s.to, s.notify = "", "", nil }

// Logout implements smtp.Session.
func (s *emailSession) Logout() error { return nil }

// Data implements smtp.Session: it puts a letter on the phone.
func (s *emailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	it, err := s.server.letter(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: err.Error()}
	}
	it.Account = s.user
	account, _ := s.server.accts.get(s.user)
	s.server.links(&it, account)
	l := it.raw.(*emailLetter)
	l.returnPath, l.to, l.notify = s.from, s.to, s.notify
	it.ReplyTo = s.server.quoted(newKey(ChannelEmail, s.to), it.Reference)
	it.report = s.server.report
	_, err = s.server.sim.accept(incoming{
		phone: newKey(ChannelEmail, s.to), item: it, failCode: "5.1.1", reads: l.readTo != "",
		refuse: func(b Behaviour, blocked bool) error { return refuseLetter(b, blocked, account.Mail != "") },
	})
	if h, ok := asHang(err); ok {
		s.hang(h.b)
	}
	return err
}

// refuseLetter is how a server says no. Unless letters come back it has no
// other way to say that one was not delivered.
func refuseLetter(b Behaviour, blocked, returns bool) error {
	switch {
	case b.Deliver == DeliverRateLimit:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Too fast"}
	case b.Deliver == DeliverRefuse || b.Deliver == DeliverReject && !blocked && !returns:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox"}
	case blocked:
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Not wanted"}
	}
	return nil
}

// hang keeps silent as long as the behaviour says, and cuts the connection.
func (s *emailSession) hang(b Behaviour) {
	t := time.NewTimer(time.Duration(b.HangFor))
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
	s.server.sim.stats.cut(s.server.name())
	_ = s.conn.Close()
}

// letter is a letter as the phone shows it.
func (e *emailServer) letter(raw []byte) (Item, error) {
	it := Item{Provider: e.name(), Type: "letter", Native: native(raw)}
	r, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil && !message.IsUnknownCharset(err) {
		return it, err
	}
	if it.ProviderID, err = r.Header.MessageID(); err != nil || it.ProviderID == "" {
		return it, errors.New("a letter without a Message-ID")
	}
	if it.Subject, err = r.Header.Subject(); err != nil {
		return it, err
	}
	from, err := r.Header.AddressList("From")
	if err != nil || len(from) != 1 {
		return it, errors.New("a letter without a From")
	}
	it.Sender = from[0].String()
	l := &emailLetter{id: it.ProviderID, readTo: r.Header.Get("Disposition-Notification-To")}
	if l.answerTo = r.Header.Get("Reply-To"); l.answerTo == "" {
		l.answerTo = it.Sender
	}
	it.raw = l
	if answered := r.Header.Get("In-Reply-To"); answered != "" {
		it.Reference = answered
	}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			l.subject, l.text = it.Subject, it.Text
			return it, nil
		}
		if err != nil {
			return it, err
		}
		if err := e.part(&it, part); err != nil {
			return it, err
		}
	}
}

// part adds a part of a letter.
func (e *emailServer) part(it *Item, part *mail.Part) error {
	body, err := io.ReadAll(part.Body)
	if err != nil {
		return err
	}
	switch h := part.Header.(type) {
	case *mail.AttachmentHeader:
		kind, _, err := h.ContentType()
		if err != nil {
			return err
		}
		name, err := h.Filename()
		if err != nil {
			return err
		}
		f := e.sim.media.put(body, kind, name)
		it.Media = append(it.Media, f.shown(f.kind()))
	case *mail.InlineHeader:
		kind, _, err := h.ContentType()
		if err != nil {
			return err
		}
		if kind == "text/html" {
			it.HTML = string(body)
		} else {
			it.Text += string(body)
		}
	}
	return nil
}
