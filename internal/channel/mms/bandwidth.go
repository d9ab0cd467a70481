package mms

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const (
	bandwidthURL = "https://messaging.bandwidth.com/api/v2"
	// bandwidthMaxText is the longest text in characters
	// (dev.bandwidth.com, create message).
	bandwidthMaxText = 2048
	// bandwidthMaxBytes is what the media of a message may have
	// (support.bandwidth.com, MMS file sizes).
	bandwidthMaxBytes = 3_750_000
)

func checkBandwidth(c *parley.ChannelCredential) error {
	if c.MMS.BasicAuth == nil {
		return parley.Invalid("mms_credentials.basic_auth", "is required for provider bandwidth")
	}
	return channel.DecodeSettings(c.ProviderSettings, "provider "+providerBandwidth, new(struct{}))
}

// bandwidthAddress is the address of something of the account.
func bandwidthAddress(c *channel.Conn, rest string) string {
	return c.URL(bandwidthURL) + "/users/" + url.PathEscape(c.Credential.MMS.AccountID) + rest
}

// A bandwidthMessage is a message of the API, both ways
// (dev.bandwidth.com, Messaging API).
type bandwidthMessage struct {
	ID            string    `json:"id,omitempty"`
	Time          time.Time `json:"time,omitzero"`
	ApplicationID string    `json:"applicationId"`
	To            []string  `json:"to"`
	From          string    `json:"from"`
	Text          string    `json:"text,omitempty"`
	Media         []string  `json:"media,omitempty"`
	Tag           string    `json:"tag,omitempty"` // comes back in events
}

func sendBandwidth(ctx context.Context, c *channel.Conn, a channel.Attempt, s *slide) (channel.ProviderID, error) {
	if s.Strict {
		files, err := openAll(ctx, c, s, bandwidthMaxBytes)
		if err != nil {
			return "", err
		}
		closeAll(files)
	}
	m := bandwidthMessage{ApplicationID: c.Credential.MMS.APIKey, To: []string{plus(s.To)}, From: plus(s.From), Text: s.Text, Tag: a.Key}
	for i := range s.Media {
		m.Media = append(m.Media, s.Media[i].URL)
	}
	body, err := json.Marshal(&m)
	if err != nil {
		return "", internalError(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, bandwidthAddress(c, "/messages"), bytes.NewReader(body))
	if err != nil {
		return "", internalError(err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.SetBasicAuth(c.Credential.MMS.BasicAuth.Username, c.Credential.MMS.BasicAuth.Password)
	answer, err := channel.Do(c, req)
	if err != nil {
		return "", err
	}
	if !answer.OK() {
		return "", bandwidthError(answer)
	}
	if err := json.Unmarshal(answer.Body, &m); err != nil || m.ID == "" {
		return "", channel.Verdict(answer, "the answer has no message id")
	}
	return channel.ProviderID(m.ID), nil
}

// plus writes a number as the API does; short codes have no plus.
func plus(number string) string {
	if senderKind(number) == "Number" && !strings.HasPrefix(number, "+") {
		return "+" + number
	}
	return number
}

// bandwidthError reads a refusal (dev.bandwidth.com, Messaging errors).
func bandwidthError(answer *channel.Answer) *channel.Error {
	var body struct {
		Type        string `json:"type"`
		Description string `json:"description"`
		FieldErrors []struct {
			FieldName   string `json:"fieldName"`
			Description string `json:"description"`
		} `json:"fieldErrors"`
	}
	words := ""
	// An answer without this body is judged by its status alone.
	if json.Unmarshal(answer.Body, &body) == nil && body.Type != "" {
		words = body.Type + ": " + body.Description
		for _, f := range body.FieldErrors {
			words += "; " + f.FieldName + " " + f.Description
		}
	}
	e := channel.Verdict(answer, words)
	if answer.Status == http.StatusNotFound {
		e.Reason.Code = parley.ReasonChannelBadConfiguration // no such account
	}
	return e
}

// A bandwidthEvent is one of the list a webhook brings.
type bandwidthEvent struct {
	Type        string           `json:"type"`
	Time        time.Time        `json:"time"`
	To          string           `json:"to"`
	Description string           `json:"description"`
	ErrorCode   json.RawMessage  `json:"errorCode"` // a number, or digits as text
	Message     bandwidthMessage `json:"message"`
}

func receiveBandwidth(body []byte) ([]channel.Inbound, error) {
	var events []bandwidthEvent
	if err := json.Unmarshal(body, &events); err != nil {
		return nil, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	var out []channel.Inbound
	for i := range events {
		e := &events[i]
		if e.Message.ID == "" {
			return nil, fmt.Errorf("%w: an event without a message id", channel.ErrMalformed)
		}
		switch e.Type {
		case "message-received":
			in, err := e.received(body)
			if err != nil {
				return nil, err
			}
			out = append(out, in...)
		case "message-sending":
			out = append(out, e.receipt(parley.StatusQueuedOnChannel))
		case "message-delivered":
			out = append(out, e.receipt(parley.StatusDelivered))
		case "message-failed":
			out = append(out, e.failed())
		}
		// Other events are additions that say nothing here.
	}
	return out, nil
}

// received makes a message of each attachment, all with the same caption.
func (e *bandwidthEvent) received(raw []byte) ([]channel.Inbound, error) {
	if strings.TrimPrefix(e.Message.From, "+") == "" {
		return nil, fmt.Errorf("%w: a message without a sender", channel.ErrMalformed)
	}
	in := channel.Inbound{
		ID: channel.ProviderID(e.Message.ID), At: e.Message.Time, To: strings.TrimPrefix(e.To, "+"),
		From: channel.Address{Identity: strings.TrimPrefix(e.Message.From, "+")},
	}
	var out []channel.Inbound
	for i, address := range e.Message.Media {
		name := ""
		if u, err := url.Parse(address); err == nil {
			name = path.Base(u.Path)
		}
		if path.Ext(name) == ".smil" || path.Ext(name) == ".xml" {
			continue // the layout
		}
		one := in
		one.ID = channel.ProviderID(e.Message.ID + "/" + strconv.Itoa(i))
		one.Media = &channel.MediaRef{Ref: address, Filename: (&media{Filename: name}).name("")}
		one.Message = captioned(e.Message.Text)
		out = append(out, one)
	}
	switch {
	case len(out) > 0:
		return out, nil
	case e.Message.Text != "":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: e.Message.Text}}
	default:
		in.Unsupported = string(raw)
	}
	return []channel.Inbound{in}, nil
}

func (e *bandwidthEvent) receipt(status parley.DeliveryStatus) channel.Inbound {
	return channel.Inbound{
		ID: channel.ProviderID(e.Message.ID + "/" + e.Type), At: e.Time,
		From:    channel.Address{Identity: strings.TrimPrefix(e.To, "+")},
		Receipt: &channel.Receipt{ID: channel.ProviderID(e.Message.ID), Key: e.Message.Tag, Status: status},
	}
}

func (e *bandwidthEvent) failed() channel.Inbound {
	code := strings.Trim(string(e.ErrorCode), `"`)
	reason := parley.ChannelReason(bandwidthReason(code), strings.TrimSpace(code+" "+e.Description))
	reason.ChannelCode = code
	in := e.receipt(parley.StatusFailed)
	in.Receipt.Reason = &reason
	return in
}

// fetchBandwidth gets an attachment. The account's password is sent to
// Bandwidth's own address only.
func fetchBandwidth(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	base := c.URL(bandwidthURL)
	rest, own := strings.CutPrefix(ref, bandwidthURL+"/users/")
	if !own {
		rest, own = strings.CutPrefix(ref, base+"/users/")
	}
	if !own || c.Credential.MMS == nil || c.Credential.MMS.BasicAuth == nil {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the media is not at the provider")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/users/"+rest, http.NoBody)
	if err != nil {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the address of the media is none")
	}
	req.SetBasicAuth(c.Credential.MMS.BasicAuth.Username, c.Credential.MMS.BasicAuth.Password)
	return channel.Download(c, req)
}
