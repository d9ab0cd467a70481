package email

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// timeout is for each step of the conversation; a server may think for long
// over a message it has read (RFC 5321, 4.5.3.2.6, allows ten minutes).
const timeout = time.Minute

// Send hands one letter to the server and returns its Message-ID, which is
// made of the attempt's key: a letter handed over twice is recognised as the
// same by whoever keeps the mailbox.
func (Channel) Send(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	var l letter
	if err := json.Unmarshal(at.Payload.Body, &l); err != nil {
		return "", internalError(err)
	}
	l.HTML = l.linked(c)
	m, err := acc.message(&l, at.Key, c.Now())
	if err != nil {
		return "", err
	}
	if out := (&ticket{To: l.To}).link(c, pageUnsubscribe); acc.Unsubscribe && out != "" {
		m.SetGenHeader(mail.HeaderListUnsubscribe, "<"+out+">")
		m.SetGenHeader(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
	}
	a := &attachment{}
	if l.File != nil {
		if a.media, err = c.OpenMedia(ctx, l.File.URL); err != nil {
			return "", err
		}
		defer a.media.Body.Close()
		m.SetAttachments([]*mail.File{a.file(l.File.Name)})
	}
	s, err := acc.dial(ctx, c)
	if err != nil {
		return "", err
	}
	defer s.close()
	if err := s.client.SendWithSMTPClient(s.smtp, m); err != nil && !m.IsDelivered() {
		// Without the end of the data the server drops what it has read; asking
		// it to quit would be more data.
		_ = s.conn.Close()
		if a.err != nil {
			return "", a.err
		}
		return "", sendFailure(err)
	}
	return acc.idOf(at.Key), nil
}

// Connect logs in and out.
func (Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	acc, err := open(c)
	if err != nil {
		return "", err
	}
	s, err := acc.dial(ctx, c)
	if err != nil {
		return "", err
	}
	s.close()
	return acc.from.Address, nil
}

// message is the letter without its attachment.
func (a *account) message(l *letter, key string, now time.Time) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	m.FromMailAddress(a.from)
	if m.To(l.To) != nil {
		return nil, channel.Refuse(parley.ReasonRecipientInvalidChannelIdentity, "the identity is no email address")
	}
	if a.ReplyTo != "" {
		if err := m.ReplyTo(a.ReplyTo); err != nil {
			return nil, internalError(err)
		}
	}
	if path := a.returnPath(key); path != "" {
		if err := m.EnvelopeFrom(path); err != nil {
			return nil, internalError(err)
		}
	}
	if a.ReadReports {
		m.SetGenHeader(mail.HeaderDispositionNotificationTo, cmp.Or(a.replyTo, a.from.Address))
	}
	m.Subject(l.Subject)
	m.SetMessageIDWithValue(strings.Trim(string(a.idOf(key)), "<>"))
	m.SetDateWithValue(now)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's vacation is told of
	if l.InReplyTo != "" {
		m.SetGenHeader(mail.HeaderInReplyTo, l.InReplyTo)
		m.SetGenHeader(mail.HeaderReferences, l.InReplyTo)
	}
	m.SetBodyString(mail.TypeTextPlain, l.Text)
	if l.HTML != "" {
		m.AddAlternativeString(mail.TypeTextHTML, l.HTML)
	}
	return m, nil
}

// An attachment is written to the server as it is read from where it is.
type attachment struct {
	media channel.Media
	err   error // why it could not be read to its end
}

func (a *attachment) file(name string) *mail.File {
	kind := a.media.MIME
	if kind == "" {
		kind = "application/octet-stream"
	}
	return &mail.File{Name: name, ContentType: mail.ContentType(kind), Header: map[string][]string{}, Writer: a.write}
}

func (a *attachment) write(w io.Writer) (int64, error) {
	r := &watched{r: io.LimitReader(a.media.Body, maxFile+1)}
	n, err := io.Copy(w, r)
	switch {
	case r.err != nil:
		a.err = &channel.Error{
			Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the media could not be read to its end"),
			Outcome: channel.TryAgain, Err: r.err,
		}
	case n > maxFile:
		a.err = channel.Refuse(parley.ReasonMediaTooLarge, "the media is larger than 10 MB")
		err = a.err
	}
	return n, err
}

// watched remembers the error of reading, as against that of writing.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// A session is a server that is ready for letters.
type session struct {
	client *mail.Client
	smtp   *smtp.Client
	conn   net.Conn
}

// close says good-bye. The server has answered for what it took, so how it
// takes that is of no interest.
func (s *session) close() {
	_ = s.client.CloseWithSMTPClient(s.smtp)
	_ = s.conn.Close()
}

// dial connects to the server, or to what replaces it, and logs in.
func (a *account) dial(ctx context.Context, c *channel.Conn) (*session, error) {
	s := &session{}
	policy := mail.TLSMandatory
	replaced, isReplaced := strings.CutPrefix(c.BaseURL, "smtp://")
	if a.TLS != startTLS || isReplaced {
		policy = mail.NoTLS
	}
	options := []mail.Option{
		mail.WithPort(a.Port), mail.WithTimeout(timeout), mail.WithHELO(a.domain()), mail.WithTLSPolicy(policy), mail.WithTLSConfig(a.trust()),
		mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			if isReplaced {
				address = replaced
			}
			conn, err := c.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			s.conn = a.secured(conn, isReplaced)
			return s.conn, nil
		}),
	}
	if a.DeliveryReports {
		options = append(options, mail.WithDSNMailReturnType(mail.DSNMailReturnHeadersOnly),
			mail.WithDSNRcptNotifyType(mail.DSNRcptNotifySuccess, mail.DSNRcptNotifyFailure))
	}
	if a.user != "" {
		options = append(options, a.login(isReplaced)...)
	}
	var err error
	if s.client, err = mail.NewClient(a.Host, options...); err != nil {
		return nil, internalError(err)
	}
	if s.smtp, err = s.client.DialToSMTPClientWithContext(ctx); err != nil {
		if s.conn != nil {
			_ = s.conn.Close()
		}
		return nil, dialFailure(err)
	}
	return s, nil
}

// login is how to log in: by the best way the server has. The password itself
// travels in the open only where all does.
func (a *account) login(isReplaced bool) []mail.Option {
	ways := []mail.SMTPAuthType{
		mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthCramMD5, mail.SMTPAuthPlain, mail.SMTPAuthLogin,
	}
	if a.TLS == noTLS || isReplaced {
		ways = append(ways[:3], mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc)
	}
	return []mail.Option{
		mail.WithOpportunisticSMTPAuth(ways...), mail.WithUsername(a.user), mail.WithPassword(a.password),
	}
}

func internalError(err error) *channel.Error {
	return &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
}
