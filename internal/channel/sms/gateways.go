package sms

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A gateway is a provider that speaks HTTP.
type gateway struct {
	check   func(*parley.ChannelCredential) error
	render  func(*channel.Outgoing) ([]channel.Payload, error)
	send    func(context.Context, *channel.Conn, channel.Attempt) (channel.ProviderID, error)
	connect func(context.Context, *channel.Conn) error
	receive func(*channel.Conn, *http.Request, []byte) (channel.Received, error)
}

// gatewayOf returns the gateway that serves a credential, or nil: an SMSC is
// none.
func gatewayOf(c *parley.ChannelCredential) *gateway {
	switch channel.Provider(c, providerSinch) {
	case providerSinch:
		return &gateway{checkSinch, renderSinch, sendSinch, connectSinch, receiveSinch}
	case providerTwilio:
		return &gateway{checkTwilio, renderTwilio, sendTwilio, connectTwilio, receiveTwilio}
	case providerVonage:
		return &gateway{checkVonage, renderVonage, sendVonage, connectVonage, receiveVonage}
	case providerKannel:
		return &gateway{checkKannel, renderKannel, sendKannel, connectKannel, receiveKannel}
	}
	return nil
}

// A form is a rendered message of a gateway that takes form fields.
type form map[string]string

// forms renders a text as one form for each piece of at most limit characters.
// fill makes the fields of a piece.
func forms(o *channel.Outgoing, defaultSender string, smart bool, limit int, fill func(d *draft, text string) form) ([]channel.Payload, error) {
	d, err := draftOf(o, defaultSender, smart)
	if err != nil {
		return nil, err
	}
	if err := d.checkParts(countSegments(d.text)); err != nil {
		return nil, err
	}
	var out []*form
	for _, text := range transcode.Split(d.text, limit, channel.Characters) {
		f := fill(&d, text)
		out = append(out, &f)
	}
	return payloads(out...)
}

// postForm sends a form.
func postForm(ctx context.Context, c *channel.Conn, address string, header http.Header, fields url.Values) (*channel.Answer, error) {
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	maps.Copy(h, header)
	return channel.PostJSON(ctx, c, address, h, []byte(fields.Encode()))
}

// get asks a gateway something that can be asked again.
func get(ctx context.Context, c *channel.Conn, address string, auth func(*http.Request)) (*channel.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
	}
	auth(req)
	answer, err := channel.Do(c, req)
	if err != nil {
		e := channel.AsError(err)
		e.Outcome = channel.TryAgain
		return nil, e
	}
	return answer, nil
}

// values decodes the fields of a payload.
func (f form) values() url.Values {
	v := url.Values{}
	for name, value := range f {
		v.Set(name, value)
	}
	return v
}

// plus writes a phone number with its +, and leaves names and short codes.
func plus(number string) string {
	if n := strings.TrimPrefix(number, "+"); isDigits(n) && len(n) > maxShortCode {
		return "+" + n
	}
	return number
}

// given returns the fields of a webhook: of the query and, where it has one,
// of the form in the body.
func given(r *http.Request, body []byte) (url.Values, error) {
	fields := r.URL.Query()
	if r.Method == http.MethodPost {
		posted, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		maps.Copy(fields, posted)
	}
	return fields, nil
}

// sortedNames lists the names of fields.
func sortedNames(fields url.Values) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// failed is a receipt of a message that was not delivered.
func failed(id channel.ProviderID, key string, code parley.ReasonCode, words string) *channel.Receipt {
	reason := parley.ChannelReason(code, words)
	return &channel.Receipt{ID: id, Key: key, Status: parley.StatusFailed, Reason: &reason}
}
