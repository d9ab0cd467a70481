package email

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// maxRaw is how much of a letter that means nothing to us is reported.
const maxRaw = 256 << 10

// Receive takes in a letter that a mail server or service passes on over HTTP,
// as it is, and what people do on the pages that links in our letters lead to.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	if rest := r.PathValue("rest"); rest != "" {
		return visit(c, r, rest)
	}
	if r.Method != http.MethodPost {
		return channel.Received{}, channel.ErrMalformed
	}
	if !authentic(c.Credential.CallbackSecret, r) {
		return channel.Received{}, channel.ErrForged
	}
	told, err := understand(c, body, envelope{})
	return channel.Received{Inbound: told}, err
}

// authentic reports whether the request has the credential's callback_secret,
// as a token or as a password.
func authentic(secret string, r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		_, given, ok = r.BasicAuth()
	}
	return ok && secret != "" && subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

// An envelope is what SMTP says of a letter. A letter that came another way
// has none.
type envelope struct {
	to         string // the recipient it was found by
	nullSender bool   // nobody wants to hear back: it is from a machine
}

// understand says what a letter means: a message and its files, or what a
// machine reports of one of ours. Of other machines nothing is wanted: to
// answer their answers would go on for ever.
func understand(c *channel.Conn, raw []byte, env envelope) ([]channel.Inbound, error) {
	acc, err := readAccount(c.Credential)
	if err != nil {
		return nil, fmt.Errorf("read the account: %w", err)
	}
	m, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if m.report != nil {
		return acc.reported(c, m, env), nil
	}
	if env.nullSender || isAutomatic(m.head.Get("Auto-Submitted")) || acc.isBounce(env.to) {
		return nil, nil
	}
	from, err := m.head.AddressList("From")
	if err != nil || len(from) == 0 || !strings.Contains(from[0].Address, "@") || len(from[0].Address) > parley.MaxIdentity {
		return nil, fmt.Errorf("%w: there is no From", channel.ErrMalformed)
	}
	if strings.EqualFold(from[0].Address, acc.from.Address) {
		return nil, nil // our own, come back
	}
	in := channel.Inbound{
		ID: m.id(raw), From: channel.Address{Identity: strings.ToLower(from[0].Address), Name: from[0].Name},
		To: acc.addressee(m, env), ReplyTo: m.answers(acc),
	}
	if at, err := m.head.Date(); err == nil && !at.After(c.Now()) {
		in.At = at
	}
	return m.told(in, raw), nil
}

// isAutomatic reports whether an Auto-Submitted says that no person wrote
// (RFC 3834).
func isAutomatic(value string) bool {
	value, _, _ = strings.Cut(value, ";")
	value = strings.TrimSpace(value)
	return value != "" && !strings.EqualFold(value, "no")
}

// told is what the letter tells: its words, then each of its files.
func (m *incoming) told(in channel.Inbound, raw []byte) []channel.Inbound {
	subject, err := m.head.Subject()
	if err != nil {
		subject = ""
	}
	subject = oneLine(strings.ToValidUTF8(subject, ""))
	if subject != "" {
		if note, err := parley.Marshal(map[string]string{"subject": subject}); err == nil {
			in.Metadata = string(note)
		}
	}
	words := m.words
	if in.ReplyTo != "" {
		words = unquoted(words)
	}
	if words == "" && len(m.files) == 0 {
		words = subject
	}
	var out []channel.Inbound
	add := func(message *parley.ContactMessage, file *channel.MediaRef) {
		one := in
		one.Message, one.Media = message, file
		if n := len(out); n > 0 {
			one.ID += channel.ProviderID(fmt.Sprintf("#%d", n+1))
		}
		out = append(out, one)
	}
	switch n := utf8.RuneCountInString(words); {
	case n > maxText:
		m.files = append(m.files, channel.MediaRef{MIME: "text/plain", Filename: "message.txt", Data: []byte(words)})
	case n > 0:
		add(&parley.ContactMessage{Text: &parley.TextMessage{Text: words}}, nil)
	}
	for i := range m.files {
		add(&parley.ContactMessage{Media: &parley.MediaMessage{FilenameOverride: m.files[i].Filename}}, &m.files[i])
	}
	if len(out) == 0 {
		in.Unsupported = strings.ToValidUTF8(string(raw[:min(len(raw), maxRaw)]), "\uFFFD")
		out = append(out, in)
	}
	return out
}

// maxID bounds what is kept of a Message-ID.
const maxID = 250

// id is the Message-ID. A letter without a usable one is known by what it is.
func (m *incoming) id(raw []byte) channel.ProviderID {
	if id, err := m.head.MessageID(); err == nil && id != "" && len(id) <= maxID {
		return channel.ProviderID("<" + id + ">")
	}
	sum := sha256.Sum256(raw)
	return channel.ProviderID("sha256:" + hex.EncodeToString(sum[:16]))
}

// answers is the letter that this one answers: the newest of ours that it
// names, else the one it says.
func (m *incoming) answers(acc *account) channel.ProviderID {
	direct := messageIDs(m.head.Get("In-Reply-To"))
	named := append(messageIDs(m.head.Get("References")), direct...)
	for _, id := range slices.Backward(named) {
		if _, ok := acc.keyOf(id); ok {
			return id
		}
	}
	if len(direct) > 0 {
		return direct[0]
	}
	return ""
}

// reported is what a machine reports of one of our letters. What is about none
// of them, or says nothing new, is dropped.
func (a *account) reported(c *channel.Conn, m *incoming, env envelope) []channel.Inbound {
	if m.report.kind == "feedback-report" {
		return m.report.complaint(c)
	}
	key, id := a.returned(m, env)
	if key == "" {
		return nil
	}
	in := channel.Inbound{}
	if at, err := m.head.Date(); err == nil {
		in.At = at
	}
	if in.Receipt = m.report.receipt(key, id); in.Receipt == nil {
		return nil
	}
	return []channel.Inbound{in}
}

// returned is our letter that a report is about. The address that bounces go
// to names it, for that is seen by the server that delivers; else the letter
// itself, as far as it came back.
func (a *account) returned(m *incoming, env envelope) (key string, id channel.ProviderID) {
	for _, to := range []string{env.to, addressOf(m.head.Get("To"))} {
		if key := a.bounceKey(to); key != "" {
			return key, a.idOf(key)
		}
	}
	for _, header := range []string{m.report.get("Original-Message-Id"), m.report.about.Get("Message-Id")} {
		for _, id := range messageIDs(header) {
			if key, ok := a.keyOf(id); ok {
				return key, id
			}
		}
	}
	return "", ""
}
