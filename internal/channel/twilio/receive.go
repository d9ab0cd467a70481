package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio signs with it
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// statuses is what a message's status means (Twilio, Messages, status values);
// failed and undelivered are told apart by the code.
var statuses = map[string]parley.DeliveryStatus{
	"accepted": parley.StatusQueuedOnChannel, "queued": parley.StatusQueuedOnChannel, "scheduled": parley.StatusQueuedOnChannel,
	"sending": parley.StatusQueuedOnChannel, "sent": parley.StatusQueuedOnChannel, "delivered": parley.StatusDelivered,
	"read": parley.StatusRead, "undelivered": parley.StatusFailed, "failed": parley.StatusFailed, "canceled": parley.StatusFailed,
}

// Receive reads a webhook: a message, or the status of one of ours.
func (a Account) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	var none channel.Received
	posted, err := url.ParseQuery(string(body)) // what can be read of it, if it is broken
	if !a.genuine(c, r, posted) {
		return none, channel.ErrForged
	}
	id := posted.Get("MessageSid")
	if err != nil || id == "" {
		return none, fmt.Errorf("%w: no form with a MessageSid", channel.ErrMalformed)
	}
	if status := posted.Get("MessageStatus"); status != "" {
		in, err := receipt(id, status, r.URL.Query().Get("key"), posted)
		return channel.Received{Inbound: in}, err
	}
	if strings.TrimPrefix(posted.Get("From"), "+") == "" {
		return none, fmt.Errorf("%w: a message without From", channel.ErrMalformed)
	}
	// An answer in the body would be sent as a reply.
	return channel.Received{
		Inbound: message(id, posted),
		Reply:   channel.Reply{ContentType: "text/xml", Body: []byte("<Response/>")},
	}, nil
}

// genuine checks the signature. The URL in it is the one Twilio was given.
func (a Account) genuine(c *channel.Conn, r *http.Request, posted url.Values) bool {
	if c.WebhookURL == "" {
		return false
	}
	address := c.WebhookURL
	if r.URL.RawQuery != "" {
		address += "?" + r.URL.RawQuery
	}
	got := []byte(r.Header.Get("X-Twilio-Signature"))
	return slices.ContainsFunc(spellings(address), func(spelling string) bool {
		return hmac.Equal(got, []byte(a.Signature(spelling, posted)))
	})
}

// spellings are how Twilio may have written an address in a signature: without
// its port, or with one that was left out (npm twilio, validateRequest).
func spellings(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return []string{address}
	}
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	other := u.Host + port
	if u.Port() != "" {
		other = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return []string{address, strings.Replace(address, "//"+u.Host, "//"+other, 1)}
}

// Signature signs a webhook: base64(HMAC-SHA1(auth token, URL + each name and
// value, sorted)), where a value that is repeated counts once (Twilio,
// Validating requests; npm twilio).
func (a Account) Signature(address string, posted url.Values) string {
	mac := hmac.New(sha1.New, []byte(a.Token))
	mac.Write([]byte(address))
	for _, name := range slices.Sorted(maps.Keys(posted)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(posted[name]))) {
			mac.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func receipt(id, said, key string, posted url.Values) ([]channel.Inbound, error) {
	status, ok := statuses[said]
	if !ok {
		return nil, nil // a new stage, of no consequence
	}
	r := &channel.Receipt{ID: channel.ProviderID(id), Key: key, Status: status}
	if status == parley.StatusFailed {
		code := posted.Get("ErrorCode")
		n, _ := strconv.Atoi(code) // none is 0, which is not in the table
		reason := parley.ChannelReason(parley.ReasonChannelFailure, strings.TrimSpace(said+" "+code))
		if known, ok := codes[n]; ok {
			reason.Code = known
		}
		reason.ChannelCode = code
		r.Reason = &reason
	}
	return []channel.Inbound{{
		ID:   channel.ProviderID(id + "/" + said),
		From: channel.Address{Identity: strings.TrimPrefix(posted.Get("To"), "+")}, Receipt: r,
	}}, nil
}

// message makes a message of each attachment, or of the text. Twilio itself
// keeps who wrote STOP, and says so in OptOutType.
func message(id string, posted url.Values) []channel.Inbound {
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
	for posted.Get("MediaUrl"+strconv.Itoa(files)) != "" {
		n := strconv.Itoa(files)
		one := in
		one.ID = channel.ProviderID(id + "/" + n)
		one.Media = &channel.MediaRef{Ref: posted.Get("MediaUrl" + n), MIME: posted.Get("MediaContentType" + n)}
		one.Message = &parley.ContactMessage{Media: new(parley.MediaMessage)}
		if text != "" {
			one.Message = &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{Caption: text}}
		}
		out = append(out, one)
		files++
	}
	switch {
	case files > 0:
		return out
	case text != "":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: text}}
	default:
		in.Unsupported = "a message without text and media"
	}
	return append(out, in)
}
