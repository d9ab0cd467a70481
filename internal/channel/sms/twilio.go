package sms

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with it
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const (
	twilioURL = "https://api.twilio.com"
	// twilioMaxBody is the longest Body in characters (Twilio, Messages).
	twilioMaxBody = 1600
	// twilioMaxValidity is the longest ValidityPeriod (Twilio, Messages).
	twilioMaxValidity = 36_000 * time.Second
)

// twilioSettings is provider_settings of provider twilio. The Account SID is
// the credential's claimed_identity and the auth token its token.
type twilioSettings struct {
	DefaultSender       string `json:"default_sender"`
	MessagingServiceSID string `json:"messaging_service_sid"` // picks the sender when none is given
	SmartEncoding       bool   `json:"smart_encoding"`
}

func readTwilioSettings(c *parley.ChannelCredential) (*twilioSettings, error) {
	s := &twilioSettings{}
	if err := decodeSettings(c.ProviderSettings, s); err != nil {
		return nil, err
	}
	if s.DefaultSender == "" && s.MessagingServiceSID == "" {
		return nil, setting("default_sender", "is required, or messaging_service_sid")
	}
	return s, checkSender(s.DefaultSender)
}

func checkTwilio(c *parley.ChannelCredential) error {
	_, err := readTwilioSettings(c)
	return err
}

func renderTwilio(o *channel.Outgoing) ([]channel.Payload, error) {
	s, err := readTwilioSettings(o.Credential)
	if err != nil {
		return nil, badSettings(err)
	}
	return forms(o, s.DefaultSender, s.SmartEncoding, twilioMaxBody, func(d *draft, text string) form {
		f := form{"To": plus(d.to), "Body": text}
		if d.from != "" {
			f["From"] = plus(d.from)
		} else {
			f["MessagingServiceSid"] = s.MessagingServiceSID
		}
		return f
	})
}

// twilioAccount is the address of something of the account.
func twilioAccount(c *channel.Conn, rest string) string {
	return c.URL(twilioURL) + "/2010-04-01/Accounts/" + url.PathEscape(c.Credential.StaticBearer.ClaimedIdentity) + rest
}

func twilioAuth(c *channel.Conn) func(*http.Request) {
	b := c.Credential.StaticBearer
	return func(r *http.Request) { r.SetBasicAuth(b.ClaimedIdentity, b.Token) }
}

func sendTwilio(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	var f form
	if err := json.Unmarshal(a.Payload.Body, &f); err != nil {
		return "", &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
	}
	fields := f.values()
	if c.WebhookURL != "" {
		fields.Set("StatusCallback", c.WebhookURL+"?key="+url.QueryEscape(a.Key))
	}
	if left := a.Expires.Sub(c.Now()); !a.Expires.IsZero() {
		fields.Set("ValidityPeriod", strconv.Itoa(int(min(max(left, time.Second), twilioMaxValidity).Seconds())))
	}
	b := c.Credential.StaticBearer
	auth := base64.StdEncoding.EncodeToString([]byte(b.ClaimedIdentity + ":" + b.Token))
	answer, err := postForm(ctx, c, twilioAccount(c, "/Messages.json"), http.Header{"Authorization": {"Basic " + auth}}, fields)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", twilioError(answer)
	}
	var sent struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal(answer.Body, &sent); err != nil || sent.SID == "" {
		return "", channel.Verdict(answer, "the answer has no message sid")
	}
	return channel.ProviderID(sent.SID), nil
}

// connectTwilio asks for the account, which is shown to its own token only.
func connectTwilio(ctx context.Context, c *channel.Conn) error {
	answer, err := get(ctx, c, twilioAccount(c, ".json"), twilioAuth(c))
	if err != nil {
		return err
	}
	if !answer.OK() {
		e := twilioError(answer)
		if answer.Status == http.StatusNotFound {
			e.Reason.Code = parley.ReasonChannelBadConfiguration
		}
		return e
	}
	return nil
}

// twilioError reads a refusal.
func twilioError(answer *channel.Answer) *channel.Error {
	var body struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(answer.Body, &body) != nil || body.Code == 0 {
		return channel.Verdict(answer, "")
	}
	e := channel.Verdict(answer, strconv.Itoa(body.Code)+": "+body.Message)
	if code, ok := twilioCodes[body.Code]; ok {
		e.Reason.Code = code
		if code == parley.ReasonRateLimited {
			e.Outcome, e.After = channel.TryAgain, channel.RetryAfter(answer.Header)
		}
	}
	return e
}

// twilioCodes is what error codes mean, of refusals and of failed deliveries
// (twilio.com/docs/api/errors).
var twilioCodes = map[int]parley.ReasonCode{
	21211: parley.ReasonRecipientInvalidChannelIdentity, // To is not a number
	21614: parley.ReasonRecipientInvalidChannelIdentity, // To is no mobile number
	63003: parley.ReasonRecipientInvalidChannelIdentity,
	63024: parley.ReasonRecipientInvalidChannelIdentity,
	21610: parley.ReasonRecipientNotOptedIn, // replied STOP
	21612: parley.ReasonRecipientNotReachable,
	30003: parley.ReasonRecipientNotReachable, // unreachable handset
	30005: parley.ReasonRecipientNotReachable, // unknown handset
	30006: parley.ReasonRecipientNotReachable, // landline
	20003: parley.ReasonChannelBadConfiguration,
	21408: parley.ReasonChannelBadConfiguration, // region not enabled
	21606: parley.ReasonChannelBadConfiguration, // From is not ours
	30002: parley.ReasonChannelBadConfiguration, // account suspended
	63001: parley.ReasonChannelBadConfiguration,
	63007: parley.ReasonChannelBadConfiguration,
	30004: parley.ReasonDeliveryRejectedDueToPolicy, // blocked
	30007: parley.ReasonDeliveryRejectedDueToPolicy, // filtered by the carrier
	14107: parley.ReasonRateLimited,
	20429: parley.ReasonRateLimited,
	21611: parley.ReasonRateLimited, // the sender's queue is full
	30001: parley.ReasonRateLimited, // queue overflow
	63018: parley.ReasonRateLimited,
	63016: parley.ReasonOutsideAllowedSendingWindow,
	21617: parley.ReasonMessageSplitRequired, // body too long
	30008: parley.ReasonUnknown,
}

// twilioStatuses is what a message's status means (Twilio, Messages, status
// values); failed and undelivered are told apart by the code.
var twilioStatuses = map[string]parley.DeliveryStatus{
	"accepted": parley.StatusQueuedOnChannel, "queued": parley.StatusQueuedOnChannel, "scheduled": parley.StatusQueuedOnChannel,
	"sending": parley.StatusQueuedOnChannel, "sent": parley.StatusQueuedOnChannel, "delivered": parley.StatusDelivered,
	"read": parley.StatusDelivered, "undelivered": parley.StatusFailed, "failed": parley.StatusFailed, "canceled": parley.StatusFailed,
}

func receiveTwilio(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	var none channel.Received
	posted, err := url.ParseQuery(string(body))
	if err != nil {
		return none, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	if !genuineTwilio(c, r, posted) {
		return none, channel.ErrForged
	}
	id := posted.Get("MessageSid")
	if id == "" {
		return none, fmt.Errorf("%w: no MessageSid", channel.ErrMalformed)
	}
	if status := posted.Get("MessageStatus"); status != "" {
		return received(twilioReceipt(id, status, r.URL.Query().Get("key"), posted))
	}
	// An answer in the body would be sent as a reply.
	return channel.Received{Inbound: twilioMessage(id, posted), Reply: channel.Reply{
		ContentType: "text/xml", Body: []byte("<Response/>"),
	}}, nil
}

// genuineTwilio checks base64(HMAC-SHA1(auth token, URL + each name and value,
// sorted)) (Twilio, Validating requests). The URL is the one Twilio was given.
func genuineTwilio(c *channel.Conn, r *http.Request, posted url.Values) bool {
	got, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
	if err != nil || c.WebhookURL == "" {
		return false
	}
	address := c.WebhookURL
	if r.URL.RawQuery != "" {
		address += "?" + r.URL.RawQuery
	}
	return hmac.Equal(got, twilioSignature(c.Credential.StaticBearer.Token, address, posted))
}

func twilioSignature(token, address string, posted url.Values) []byte {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	for _, name := range sortedNames(posted) {
		for _, value := range posted[name] {
			mac.Write([]byte(name + value))
		}
	}
	return mac.Sum(nil)
}

func twilioReceipt(id, status, key string, posted url.Values) ([]channel.Inbound, error) {
	meaning, ok := twilioStatuses[status]
	if !ok {
		return nil, fmt.Errorf("%w: unknown MessageStatus", channel.ErrMalformed)
	}
	receipt := &channel.Receipt{ID: channel.ProviderID(id), Key: key, Status: meaning}
	if meaning == parley.StatusFailed {
		code, _ := strconv.Atoi(posted.Get("ErrorCode"))
		reason, known := twilioCodes[code]
		if !known {
			reason = parley.ReasonChannelFailure
		}
		receipt = failed(channel.ProviderID(id), key, reason, status+", code "+strconv.Itoa(code))
	}
	return []channel.Inbound{{
		ID:   channel.ProviderID(id + "/" + status),
		From: channel.Address{Identity: strings.TrimPrefix(posted.Get("To"), "+")}, Receipt: receipt,
	}}, nil
}

// twilioMessage makes a message of each attachment, or of the text. Twilio
// itself keeps who wrote STOP, and says so in OptOutType.
func twilioMessage(id string, posted url.Values) []channel.Inbound {
	in := channel.Inbound{
		ID:   channel.ProviderID(id),
		From: channel.Address{Identity: strings.TrimPrefix(posted.Get("From"), "+")}, To: strings.TrimPrefix(posted.Get("To"), "+"),
	}
	text := posted.Get("Body")
	var out []channel.Inbound
	switch posted.Get("OptOutType") {
	case "STOP":
		opt := in
		opt.ID, opt.OptOut = channel.ProviderID(id+"/stop"), true
		out = append(out, opt)
	case "START":
		opt := in
		opt.ID, opt.OptIn = channel.ProviderID(id+"/start"), true
		out = append(out, opt)
	}
	n, _ := strconv.Atoi(posted.Get("NumMedia"))
	for i := range n {
		address := posted.Get("MediaUrl" + strconv.Itoa(i))
		if address == "" {
			continue
		}
		one := in
		one.ID = channel.ProviderID(id + "/" + strconv.Itoa(i))
		one.Media = &channel.MediaRef{Ref: address, MIME: posted.Get("MediaContentType" + strconv.Itoa(i))}
		one.Message = &parley.ContactMessage{Media: &parley.MediaMessage{}}
		if text != "" {
			one.Message = &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{Caption: text}}
		}
		out = append(out, one)
	}
	if n == 0 {
		in.Message = textMessage(text)
		out = append(out, in)
	}
	return out
}

// fetchTwilio gets an attachment. Where the account protects its media they
// need its token; it is sent to Twilio's own address only.
func fetchTwilio(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	own, err := url.Parse(c.URL(twilioURL))
	if err != nil {
		return channel.Media{}, badSettings(err)
	}
	u, err := url.Parse(ref)
	if err != nil || (u.Host != own.Host && u.Host != "api.twilio.com") {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the media is not at the provider")
	}
	u.Scheme, u.Host = own.Scheme, own.Host
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return channel.Media{}, &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
	}
	twilioAuth(c)(req)
	return channel.Download(c, req)
}
