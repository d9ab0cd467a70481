package sms

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// kannelSettings is provider_settings of provider kannel, a gateway of one's
// own. Kannel's sendsms user is the credential's claimed_identity and the
// password its token; what contacts write comes from a get-url whose token is
// the callback_secret.
type kannelSettings struct {
	URL           string `json:"url"` // of smsbox, such as http://kannel.internal:13013
	DefaultSender string `json:"default_sender"`
	SMSC          string `json:"smsc"`     // what Kannel picks a centre by; "" lets it choose
	DLRMask       int    `json:"dlr_mask"` // what is reported: 1 delivered, 2 failed, 4 buffered, 8 taken, 16 refused
	SmartEncoding bool   `json:"smart_encoding"`
}

func readKannelSettings(c *parley.ChannelCredential) (*kannelSettings, error) {
	s := &kannelSettings{DLRMask: 31}
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+providerKannel, s); err != nil {
		return nil, err
	}
	if u, err := url.Parse(s.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, channel.Setting("url", "must be the http or https address of smsbox")
	}
	return s, firstError(checkSender(s.DefaultSender), within("dlr_mask", s.DLRMask, 0, 31))
}

func checkKannel(c *parley.ChannelCredential) error {
	_, err := readKannelSettings(c)
	return err
}

// renderKannel makes one payload for each segment. Kannel would split, too,
// but it cuts surrogate pairs in two, has to be allowed as many parts, and
// reports on one of them only.
func renderKannel(o *channel.Outgoing) ([]channel.Payload, error) {
	s, err := readKannelSettings(o.Credential)
	if err != nil {
		return nil, badSettings(err)
	}
	d, err := draftOf(o, s.DefaultSender, s.SmartEncoding)
	if err != nil {
		return nil, err
	}
	e := encodingOf(d.text)
	texts := splitSegments(d.text, e, false)
	if err := d.checkParts(len(texts)); err != nil {
		return nil, err
	}
	out := make([]*form, len(texts))
	reference := referenceFor(o.MessageID+d.text, false)
	for i, text := range texts {
		f := s.form(&d, text, e)
		if len(texts) > 1 {
			part := concatenation{reference: reference, total: byte(len(texts)), number: byte(i + 1)} //nolint:gosec // checkParts: at most 255
			f[kannelHeader] = hex.EncodeToString(part.header())
		}
		out[i] = &f
	}
	return payloads(out...)
}

// kannelHeader is the field of the user data header: hexadecimal in a payload,
// which is text, and octets on the way out.
const kannelHeader = "udh"

func (s *kannelSettings) form(d *draft, text string, e encoding) form {
	f := form{"to": plus(d.to), "text": text, "charset": "UTF-8", "coding": "0"}
	if e == ucs2 {
		f["coding"] = "2"
	}
	if d.from != "" {
		f["from"] = d.from
	}
	if d.flash {
		f["mclass"] = "0"
	}
	if s.SMSC != "" {
		f["smsc"] = s.SMSC
	}
	return f
}

// sendKannel makes a GET, which is what smsbox documents. The gateway gives
// messages no id to us, so that ours goes with the address of its reports.
func sendKannel(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	s, err := readKannelSettings(c.Credential)
	if err != nil {
		return "", badSettings(err)
	}
	var f form
	if err := json.Unmarshal(a.Payload.Body, &f); err != nil {
		return "", &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
	}
	fields := f.values()
	if header, err := hex.DecodeString(f[kannelHeader]); err == nil && len(header) > 0 {
		fields.Set(kannelHeader, string(header))
	}
	if c.WebhookURL != "" && s.DLRMask > 0 {
		fields.Set("dlr-mask", strconv.Itoa(s.DLRMask))
		// Kannel fills in %d and %A.
		fields.Set("dlr-url", c.WebhookURL+"?key="+url.QueryEscape(a.Key)+"&sig="+kannelSignature(c, a.Key)+"&status=%d&reply=%A")
	}
	if left := a.Expires.Sub(c.Now()); !a.Expires.IsZero() {
		fields.Set("validity", strconv.Itoa(int(max(left, time.Minute).Minutes())))
	}
	answer, err := askKannel(ctx, c, s, fields)
	if err != nil {
		return "", err
	}
	// "0: Accepted for delivery" or "3: Queued for later delivery".
	if answer.Status == http.StatusAccepted {
		return channel.ProviderID(a.Key), nil
	}
	return "", kannelError(answer)
}

func askKannel(ctx context.Context, c *channel.Conn, s *kannelSettings, fields url.Values) (*channel.Answer, error) {
	fields.Set("username", c.Credential.StaticBearer.ClaimedIdentity)
	fields.Set("password", c.Credential.StaticBearer.Token)
	address := c.URL(strings.TrimSuffix(s.URL, "/")) + "/cgi-bin/sendsms?" + fields.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error")}
	}
	return channel.Do(c, req)
}

// kannelError reads a refusal: a number and words (Kannel User's Guide,
// sendsms).
func kannelError(answer *channel.Answer) *channel.Error {
	words := strings.TrimSpace(string(answer.Body))
	if len(words) > 200 || strings.HasPrefix(words, "<") {
		words = ""
	}
	e := channel.Verdict(answer, words)
	if answer.Status == http.StatusServiceUnavailable {
		e.Outcome, e.Reason.Code = channel.TryAgain, parley.ReasonChannelFailure
	}
	return e
}

// connectKannel asks for a message without a recipient: smsbox checks the user
// first and then refuses it.
func connectKannel(ctx context.Context, c *channel.Conn) error {
	s, err := readKannelSettings(c.Credential)
	if err != nil {
		return badSettings(err)
	}
	answer, err := askKannel(ctx, c, s, url.Values{})
	if err != nil {
		e := channel.AsError(err)
		e.Outcome = channel.TryAgain // there was nothing to send
		return e
	}
	if answer.Status == http.StatusBadRequest || answer.OK() {
		return nil
	}
	return kannelError(answer)
}

// kannelSignature ties a dlr-url to us: Kannel calls back whatever it was
// given.
func kannelSignature(c *channel.Conn, key string) string {
	mac := hmac.New(sha256.New, []byte(c.Secret))
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil))
}

func receiveKannel(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	var none channel.Received
	fields, err := given(r, body)
	if err != nil {
		return none, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if key := fields.Get("key"); key != "" {
		if !hmac.Equal([]byte(fields.Get("sig")), []byte(kannelSignature(c, key))) {
			return none, channel.ErrForged
		}
		return received(kannelReceipt(key, fields))
	}
	if subtle.ConstantTimeCompare([]byte(fields.Get("token")), []byte(c.Credential.CallbackSecret)) != 1 {
		return none, channel.ErrForged
	}
	from := strings.TrimPrefix(fields.Get("from"), "+")
	if from == "" {
		return none, fmt.Errorf("%w: no from", channel.ErrMalformed)
	}
	in := channel.Inbound{
		ID: channel.ProviderID(fields.Get("id")), From: channel.Address{Identity: from}, To: strings.TrimPrefix(fields.Get("to"), "+"),
	}
	switch text, charset := fields.Get("text"), fields.Get("charset"); charset {
	case "8-BIT":
		in.Unsupported = "binary SMS, hex: " + hex.EncodeToString([]byte(text))
	default:
		in.Message = textMessage(kannelCharset(charset).decode([]byte(text), 0))
	}
	return channel.Received{Inbound: []channel.Inbound{in}}, nil
}

// kannelCharset reads %C: the octets of %b are UTF-8 only where the phone
// wrote in the GSM alphabet.
func kannelCharset(name string) alphabet {
	switch strings.ToUpper(name) {
	case "UTF-16BE":
		return alphabetUCS2
	case "ISO-8859-1":
		return alphabetLatin1
	}
	return alphabetUTF8
}

// What %d of a dlr-url says, of which more than one may hold: an expired
// message is 34 (seen of Kannel 1.4.5 over SMPP).
const (
	kannelDelivered = 1
	kannelFailed    = 2
	kannelBuffered  = 4
	kannelTaken     = 8
	kannelRefused   = 16
	kannelExpired   = 32
)

func kannelReceipt(key string, fields url.Values) ([]channel.Inbound, error) {
	id := channel.ProviderID(key)
	status, err := strconv.Atoi(fields.Get("status"))
	if err != nil {
		return nil, fmt.Errorf("%w: unknown status", channel.ErrMalformed)
	}
	r := &channel.Receipt{ID: id, Key: key}
	switch {
	case status&kannelRefused != 0:
		code, words := kannelRefusal(fields.Get("reply"))
		r = failed(id, key, code, words)
	case status&kannelFailed != 0:
		code, words := kannelFailure(status, fields.Get("reply"))
		r = failed(id, key, code, words)
	case status&kannelDelivered != 0:
		r.Status = parley.StatusDelivered
	case status&(kannelBuffered|kannelTaken) != 0:
		r.Status = parley.StatusQueuedOnChannel
	default:
		return nil, fmt.Errorf("%w: unknown status", channel.ErrMalformed)
	}
	return []channel.Inbound{{ID: channel.ProviderID(fmt.Sprintf("%s/%d", key, status)), Receipt: r}}, nil
}

// kannelNack is %A of a message the centre refused. Over SMPP the number is
// the command_status.
var kannelNack = regexp.MustCompile(`^NACK/0x([0-9a-f]{8})(?:/|$)`)

func kannelRefusal(reply string) (parley.ReasonCode, string) {
	if m := kannelNack.FindStringSubmatch(reply); m != nil {
		if n, err := strconv.ParseUint(m[1], 16, 32); err == nil {
			status := commandStatus(n)
			return status.verdict().reason, status.words()
		}
	}
	return parley.ReasonChannelReject, strings.TrimSpace("status 16 " + reply)
}

// kannelFailure reads %A of a message that was not delivered: over SMPP the
// text of the receipt. It quotes the message, so none of it is passed on.
func kannelFailure(status int, reply string) (parley.ReasonCode, string) {
	var r receipt
	r.readText(reply)
	if m, ok := stateMeanings[r.state]; ok && m.status == parley.StatusFailed {
		return m.reason, r.words()
	}
	if status&kannelExpired != 0 {
		return parley.ReasonDeliveryTimedOut, "EXPIRED"
	}
	return parley.ReasonRecipientNotReachable, fmt.Sprintf("status %d", status)
}
