package mms

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with it
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const (
	twilioURL = "https://api.twilio.com"
	// twilioMaxText is the longest Body in characters (Twilio, Messages).
	twilioMaxText = 1600
	// twilioMaxBytes is what the media of a message may have (Twilio, Accepted
	// content types for media).
	twilioMaxBytes = 5 << 20
	// twilioMaxValidity is the longest ValidityPeriod (Twilio, Messages).
	twilioMaxValidity = 36_000 * time.Second
	twilioMaxMedia    = 10
)

func checkTwilio(c *parley.ChannelCredential) error {
	return decodeSettings(c.ProviderSettings, new(struct{}))
}

// sendTwilio sends a slide. The account id is the Account SID, the API key the
// auth token.
func sendTwilio(ctx context.Context, c *channel.Conn, a channel.Attempt, s *slide) (channel.ProviderID, error) {
	if s.Strict {
		files, err := openAll(ctx, c, s, twilioMaxBytes)
		if err != nil {
			return "", err
		}
		closeAll(files)
	}
	cred := c.Credential.MMS
	address := c.URL(twilioURL) + "/2010-04-01/Accounts/" + url.PathEscape(cred.AccountID) + "/Messages.json"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(twilioFields(c, a, s).Encode()))
	if err != nil {
		return "", internalError(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(cred.AccountID, cred.APIKey)
	answer, err := channel.Do(c, req)
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

// twilioFields is the form of a message (Twilio, Messages). Text alone is an
// MMS, too: the app chose the channel.
func twilioFields(c *channel.Conn, a channel.Attempt, s *slide) url.Values {
	fields := url.Values{"To": {plus(s.To)}, "From": {plus(s.From)}}
	if s.Text != "" {
		fields.Set("Body", s.Text)
	}
	if len(s.Media) == 0 {
		fields.Set("SendAsMms", "true")
	}
	for i := range s.Media[:min(len(s.Media), twilioMaxMedia)] {
		fields.Add("MediaUrl", s.Media[i].URL)
	}
	if c.WebhookURL != "" {
		fields.Set("StatusCallback", c.WebhookURL+"?key="+url.QueryEscape(a.Key))
	}
	if !a.Expires.IsZero() {
		left := min(max(a.Expires.Sub(c.Now()), time.Second), twilioMaxValidity)
		fields.Set("ValidityPeriod", strconv.Itoa(int(left.Seconds())))
	}
	return fields
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
	e.Reason.ChannelCode = strconv.Itoa(body.Code)
	if code, ok := twilioCodes[body.Code]; ok {
		e.Reason.Code = code
		if code == parley.ReasonRateLimited {
			e.Outcome, e.After = channel.TryAgain, channel.RetryAfter(answer.Header)
		}
	}
	return e
}

func receiveTwilio(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	var none channel.Received
	posted, err := url.ParseQuery(string(body)) // what can be read of it, if it is broken
	if !genuineTwilio(c, r, posted) {
		return none, channel.ErrForged
	}
	id := posted.Get("MessageSid")
	if err != nil || id == "" {
		return none, fmt.Errorf("%w: no form with a MessageSid", channel.ErrMalformed)
	}
	if status := posted.Get("MessageStatus"); status != "" {
		in, err := twilioReceipt(id, status, r.URL.Query().Get("key"), posted)
		return channel.Received{Inbound: in}, err
	}
	if posted.Get("From") == "" {
		return none, fmt.Errorf("%w: a message without From", channel.ErrMalformed)
	}
	// An answer in the body would be sent as a reply.
	return channel.Received{
		Inbound: twilioMessage(id, posted),
		Reply:   channel.Reply{ContentType: "text/xml", Body: []byte("<Response/>")},
	}, nil
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
	return hmac.Equal(got, twilioSignature(c.Credential.MMS.APIKey, address, posted))
}

func twilioSignature(token, address string, posted url.Values) []byte {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(posted)) {
		for _, value := range posted[name] {
			mac.Write([]byte(name + value))
		}
	}
	return mac.Sum(nil)
}

func twilioReceipt(id, said, key string, posted url.Values) ([]channel.Inbound, error) {
	status, ok := twilioStatuses[said]
	if !ok {
		return nil, fmt.Errorf("%w: unknown MessageStatus", channel.ErrMalformed)
	}
	receipt := &channel.Receipt{ID: channel.ProviderID(id), Key: key, Status: status}
	if status == parley.StatusFailed {
		code := posted.Get("ErrorCode")
		n, _ := strconv.Atoi(code) // none is 0, which is not in the table
		reason := parley.ChannelReason(parley.ReasonChannelFailure, strings.TrimSpace(said+" "+code))
		if known, ok := twilioCodes[n]; ok {
			reason.Code = known
		}
		reason.ChannelCode = code
		receipt.Reason = &reason
	}
	return []channel.Inbound{{
		ID:   channel.ProviderID(id + "/" + said),
		From: channel.Address{Identity: strings.TrimPrefix(posted.Get("To"), "+")}, Receipt: receipt,
	}}, nil
}

// twilioMessage makes a message of each attachment, or of the text. Twilio
// itself keeps who wrote STOP, and says so in OptOutType.
func twilioMessage(id string, posted url.Values) []channel.Inbound {
	in := channel.Inbound{
		ID: channel.ProviderID(id), To: strings.TrimPrefix(posted.Get("To"), "+"),
		From: channel.Address{Identity: strings.TrimPrefix(posted.Get("From"), "+")},
	}
	var out []channel.Inbound
	if kind := posted.Get("OptOutType"); kind == "STOP" || kind == "START" {
		opt := in
		opt.ID, opt.OptOut, opt.OptIn = channel.ProviderID(id+"/"+strings.ToLower(kind)), kind == "STOP", kind == "START"
		out = append(out, opt)
	}
	text, files := posted.Get("Body"), 0
	for i := 0; posted.Get("MediaUrl"+strconv.Itoa(i)) != ""; i++ {
		one := in
		one.ID = channel.ProviderID(id + "/" + strconv.Itoa(i))
		one.Media = &channel.MediaRef{
			Ref: posted.Get("MediaUrl" + strconv.Itoa(i)), MIME: posted.Get("MediaContentType" + strconv.Itoa(i)),
		}
		one.Message = captioned(text)
		out = append(out, one)
		files++
	}
	switch {
	case files > 0:
		return out
	case text != "":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: text}}
	default:
		in.Unsupported = "an MMS without text and media"
	}
	return append(out, in)
}

// fetchTwilio gets an attachment. Where the account protects its media they
// need its token; it is sent to Twilio's own address only.
func fetchTwilio(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	base := c.URL(twilioURL)
	rest, own := strings.CutPrefix(ref, twilioURL+"/2010-04-01/")
	if !own {
		rest, own = strings.CutPrefix(ref, base+"/2010-04-01/")
	}
	if !own || c.Credential.MMS == nil {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the media is not at the provider")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/2010-04-01/"+rest, http.NoBody)
	if err != nil {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the address of the media is none")
	}
	req.SetBasicAuth(c.Credential.MMS.AccountID, c.Credential.MMS.APIKey)
	return channel.Download(c, req)
}
