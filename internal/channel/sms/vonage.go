package sms

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // one of the methods Vonage signs with
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const (
	vonageURL = "https://rest.nexmo.com"
	// vonageMaxText is the longest text in characters (Vonage, SMS, long SMS).
	vonageMaxText = 3200
)

// The bounds of a message's time to live in milliseconds (Vonage SMS API, ttl).
const (
	vonageMinTTL = 20 * time.Second
	vonageMaxTTL = 7 * 24 * time.Hour
)

// vonageSettings is provider_settings of provider vonage. The API key is the
// credential's claimed_identity and the API secret its token; the signature
// secret of webhooks is its callback_secret.
type vonageSettings struct {
	DefaultSender   string          `json:"default_sender"`
	SignatureMethod signatureMethod `json:"signature_method"`
	SmartEncoding   bool            `json:"smart_encoding"`
}

// A signatureMethod is how webhooks are signed, as the Vonage dashboard names
// it.
type signatureMethod string

const (
	signMD5Hash signatureMethod = "md5hash"
	signMD5     signatureMethod = "md5"
	signSHA1    signatureMethod = "sha1"
	signSHA256  signatureMethod = "sha256"
	signSHA512  signatureMethod = "sha512"
)

func readVonageSettings(c *parley.ChannelCredential) (*vonageSettings, error) {
	s := &vonageSettings{SignatureMethod: signSHA256}
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+providerVonage, s); err != nil {
		return nil, err
	}
	if s.DefaultSender == "" {
		return nil, channel.Setting("default_sender", "is required: the provider has no default")
	}
	return s, firstError(checkSender(s.DefaultSender),
		oneOf("signature_method", s.SignatureMethod, signMD5Hash, signMD5, signSHA1, signSHA256, signSHA512))
}

func checkVonage(c *parley.ChannelCredential) error {
	_, err := readVonageSettings(c)
	return err
}

func renderVonage(o *channel.Outgoing) ([]channel.Payload, error) {
	s, err := readVonageSettings(o.Credential)
	if err != nil {
		return nil, badSettings(err)
	}
	return forms(o, s.DefaultSender, s.SmartEncoding, vonageMaxText, func(d *draft, text string) form {
		f := form{"from": strings.TrimPrefix(d.from, "+"), "to": d.to, "text": text, "type": "text", "status-report-req": "1"}
		if encodingOf(text) == ucs2 {
			f["type"] = "unicode"
		}
		if d.flash {
			f["message-class"] = "0"
		}
		return f
	})
}

func sendVonage(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	var f form
	if err := json.Unmarshal(a.Payload.Body, &f); err != nil {
		return "", &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
	}
	fields := f.values()
	fields.Set("api_key", c.Credential.StaticBearer.ClaimedIdentity)
	fields.Set("api_secret", c.Credential.StaticBearer.Token)
	fields.Set("client-ref", a.Key)
	if c.WebhookURL != "" {
		fields.Set("callback", c.WebhookURL)
	}
	if left := a.Expires.Sub(c.Now()); !a.Expires.IsZero() {
		fields.Set("ttl", strconv.FormatInt(min(max(left, vonageMinTTL), vonageMaxTTL).Milliseconds(), 10))
	}
	answer, err := postForm(ctx, c, c.URL(vonageURL)+"/sms/json", nil, fields)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", channel.Verdict(answer, "")
	}
	return vonageAnswer(answer)
}

// A vonageMessage is what became of a message, or of a part of it.
type vonageMessage struct {
	ID     string `json:"message-id"`
	Status string `json:"status"`
	Error  string `json:"error-text"`
}

// vonageAnswer reads what became of a message: the status is 200 in any case.
func vonageAnswer(answer *channel.Answer) (channel.ProviderID, error) {
	var body struct {
		Messages []vonageMessage `json:"messages"`
	}
	if err := json.Unmarshal(answer.Body, &body); err != nil || len(body.Messages) == 0 {
		return "", channel.Verdict(answer, "the answer has no message")
	}
	// A long text is several messages; the first stands for all, and one that
	// was refused for the whole. Where others were taken, a repeat would send
	// those again.
	for _, m := range body.Messages {
		if m.Status == "0" {
			continue
		}
		e := vonageRefusal(m.Status, m.Error)
		if slices.ContainsFunc(body.Messages, func(o vonageMessage) bool { return o.Status == "0" }) {
			e.Outcome, e.After = channel.Unknown, 0
		}
		return "", e
	}
	if body.Messages[0].ID == "" {
		return "", channel.Verdict(answer, "the answer has no message-id")
	}
	return channel.ProviderID(body.Messages[0].ID), nil
}

// vonageRefusals is what statuses mean (Vonage SMS API, error codes).
var vonageRefusals = map[string]struct {
	reason  parley.ReasonCode
	outcome channel.Outcome
}{
	"1":  {parley.ReasonRateLimited, channel.TryAgain},
	"2":  {parley.ReasonBadRequest, channel.NotSent}, // a parameter is missing
	"3":  {parley.ReasonBadRequest, channel.NotSent}, // a parameter is wrong
	"4":  {parley.ReasonChannelBadConfiguration, channel.NotSent},
	"5":  {parley.ReasonChannelFailure, channel.TryAgain},         // internal error
	"6":  {parley.ReasonBadRequest, channel.NotSent},              // unroutable
	"7":  {parley.ReasonChannelReject, channel.NotSent},           // number barred
	"8":  {parley.ReasonChannelBadConfiguration, channel.NotSent}, // account barred
	"9":  {parley.ReasonChannelBadConfiguration, channel.NotSent}, // out of credit
	"10": {parley.ReasonRateLimited, channel.TryAgain},            // too many connections
	"11": {parley.ReasonChannelBadConfiguration, channel.NotSent}, // REST not enabled
	"12": {parley.ReasonBadRequest, channel.NotSent},              // too long
	"14": {parley.ReasonChannelBadConfiguration, channel.NotSent}, // signature
	"15": {parley.ReasonChannelBadConfiguration, channel.NotSent}, // sender not allowed
	"22": {parley.ReasonBadRequest, channel.NotSent},              // network code
	"23": {parley.ReasonChannelBadConfiguration, channel.NotSent}, // callback
	"29": {parley.ReasonChannelReject, channel.NotSent},           // not on the test list
	"32": {parley.ReasonChannelBadConfiguration, channel.NotSent}, // signature and secret
	"33": {parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent},
}

// pleaseWait finds the milliseconds in "please wait [ 250 ] and retry".
var pleaseWait = regexp.MustCompile(`\[\s*(\d{1,6})\s*\]`)

func vonageRefusal(status, words string) *channel.Error {
	e := channel.Refuse(parley.ReasonBadRequest, "")
	e.Reason = parley.ChannelReason(parley.ReasonBadRequest, "status "+status+": "+words)
	if r, ok := vonageRefusals[status]; ok {
		e.Reason.Code, e.Outcome = r.reason, r.outcome
	}
	if m := pleaseWait.FindStringSubmatch(words); m != nil && e.Outcome == channel.TryAgain {
		n, _ := strconv.Atoi(m[1])
		e.After = time.Duration(n) * time.Millisecond
	}
	return e
}

// connectVonage asks for the balance, which is shown to the account's own
// secret only.
func connectVonage(ctx context.Context, c *channel.Conn) error {
	b := c.Credential.StaticBearer
	answer, err := get(ctx, c, c.URL(vonageURL)+"/account/get-balance", func(r *http.Request) { r.SetBasicAuth(b.ClaimedIdentity, b.Token) })
	if err != nil {
		return err
	}
	if !answer.OK() {
		return channel.Verdict(answer, "")
	}
	return nil
}

// vonageStatuses is what a delivery receipt's status means; those of a failure
// are told apart by err-code.
var vonageStatuses = map[string]parley.DeliveryStatus{
	"accepted": parley.StatusQueuedOnChannel, "buffered": parley.StatusQueuedOnChannel, "submitted": parley.StatusQueuedOnChannel,
	"delivered": parley.StatusDelivered, "expired": parley.StatusFailed, "failed": parley.StatusFailed,
	"rejected": parley.StatusFailed, "unknown": parley.StatusFailed, "deleted": parley.StatusFailed,
}

// vonageCodes is what err-code means (Vonage SMS API, delivery receipts; 50 to
// 54 are the filters of a country's registry).
var vonageCodes = map[string]parley.ReasonCode{
	"1":  parley.ReasonUnknown,
	"2":  parley.ReasonRecipientNotReachable, // for the time being
	"3":  parley.ReasonRecipientNotReachable, // for good
	"4":  parley.ReasonRecipientNotOptedIn,   // barred by its owner
	"5":  parley.ReasonChannelFailure,        // number was ported
	"6":  parley.ReasonDeliveryRejectedDueToPolicy,
	"7":  parley.ReasonRecipientNotReachable, // busy
	"8":  parley.ReasonChannelFailure,
	"9":  parley.ReasonRecipientNotOptedIn, // replied STOP
	"10": parley.ReasonBadRequest,
	"11": parley.ReasonRecipientNotReachable,
	"12": parley.ReasonRecipientNotReachable,
	"13": parley.ReasonDeliveryRejectedDueToPolicy, // age
	"14": parley.ReasonDeliveryRejectedDueToPolicy, // blocked by the carrier
	"15": parley.ReasonChannelReject,               // no prepaid credit
	"16": parley.ReasonRateLimited,                 // the gateway's quota
	"50": parley.ReasonDeliveryRejectedDueToPolicy,
	"51": parley.ReasonDeliveryRejectedDueToPolicy,
	"52": parley.ReasonDeliveryRejectedDueToPolicy,
	"53": parley.ReasonDeliveryRejectedDueToPolicy,
	"54": parley.ReasonDeliveryRejectedDueToPolicy,
	"99": parley.ReasonChannelFailure,
}

func receiveVonage(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	var none channel.Received
	fields, err := vonageFields(r, body)
	if err != nil && c.Credential.CallbackSecret != "" {
		return none, channel.ErrForged // the signature is one of the fields
	}
	if err != nil {
		return none, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	s, err := readVonageSettings(c.Credential)
	if err != nil || !genuineVonage(s.SignatureMethod, c.Credential.CallbackSecret, fields) {
		return none, channel.ErrForged
	}
	id := fields.Get("messageId")
	if id == "" {
		return none, fmt.Errorf("%w: no messageId", channel.ErrMalformed)
	}
	if status := fields.Get("status"); status != "" {
		return received(vonageReceipt(id, status, fields))
	}
	if fields.Get("msisdn") == "" {
		return none, fmt.Errorf("%w: no msisdn", channel.ErrMalformed)
	}
	in := channel.Inbound{
		ID: channel.ProviderID(id), At: vonageTime(fields.Get("message-timestamp")),
		From: channel.Address{Identity: fields.Get("msisdn")}, To: fields.Get("to"),
	}
	if fields.Get("type") == "binary" {
		in.Unsupported = fmt.Sprintf("binary SMS, hex: %s, user data header: %s", fields.Get("data"), fields.Get("udh"))
	} else {
		in.Message = textMessage(fields.Get("text"))
	}
	return channel.Received{Inbound: []channel.Inbound{in}}, nil
}

// vonageFields reads a webhook, which comes as a query, a form or JSON,
// whatever the account is set to.
func vonageFields(r *http.Request, body []byte) (url.Values, error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return given(r, body)
	}
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // numbers are signed as they are written
	if err := d.Decode(&members); err != nil {
		return nil, err
	}
	fields := url.Values{}
	for name, value := range members {
		fields.Set(name, fmt.Sprint(value))
	}
	return fields, nil
}

// genuineVonage checks the signature, once a secret has been agreed on: over
// the fields but sig, sorted, as &name=value with & and = in values replaced
// (Vonage, Signing messages).
func genuineVonage(method signatureMethod, secret string, fields url.Values) bool {
	if secret == "" {
		return true
	}
	got, err := hex.DecodeString(fields.Get("sig"))
	return err == nil && hmac.Equal(got, vonageSignature(method, secret, fields))
}

func vonageSignature(method signatureMethod, secret string, fields url.Values) []byte {
	var text strings.Builder
	clean := strings.NewReplacer("&", "_", "=", "_")
	for _, name := range sortedNames(fields) {
		if name != "sig" {
			text.WriteString("&" + name + "=" + clean.Replace(fields.Get(name)))
		}
	}
	if method == signMD5Hash {
		sum := md5.Sum([]byte(text.String() + secret)) //nolint:gosec // see the import
		return sum[:]
	}
	sums := map[signatureMethod]func() hash.Hash{
		signMD5: md5.New, signSHA1: sha1.New, signSHA256: sha256.New, signSHA512: sha512.New,
	}
	mac := hmac.New(sums[method], []byte(secret))
	mac.Write([]byte(text.String()))
	return mac.Sum(nil)
}

func vonageReceipt(id, status string, fields url.Values) ([]channel.Inbound, error) {
	meaning, ok := vonageStatuses[status]
	if !ok {
		return nil, nil // a new stage, of no consequence
	}
	key, code := fields.Get("client-ref"), fields.Get("err-code")
	receipt := &channel.Receipt{ID: channel.ProviderID(id), Key: key, Status: meaning}
	if meaning == parley.StatusFailed {
		reason := cmp.Or(vonageCodes[code], parley.ReasonChannelFailure)
		if status == "expired" {
			reason = parley.ReasonDeliveryTimedOut
		}
		receipt = failed(channel.ProviderID(id), key, reason, status+", code "+code)
	}
	return []channel.Inbound{{
		ID: channel.ProviderID(id + "/" + status), At: vonageTime(fields.Get("message-timestamp")),
		From: channel.Address{Identity: fields.Get("msisdn")}, Receipt: receipt,
	}}, nil
}

// vonageTime reads a time without a zone, which is UTC.
func vonageTime(s string) time.Time {
	t, err := time.Parse(time.DateTime, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
