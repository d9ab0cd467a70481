package viberbm

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// infobip is Viber Business Messages at Infobip (Infobip OpenAPI
// Specification 3.210.0, send-viber-messages).
func infobip() *gateway {
	return &gateway{
		open: openInfobip, path: "/viber/2/messages", hosts: []string{".infobip.com"},
		request: requestInfobip, explicit: explicitInfobip, complete: completeInfobip,
		accepted: acceptedInfobip, refusal: refusalInfobip, receive: receiveInfobip,
	}
}

// infobipSettings is provider_settings. The sender's registered name is the
// credential's claimed_identity, its token the API key; what its
// callback_secret is for is at genuineInfobip.
type infobipSettings struct {
	BaseURL  string   `json:"base_url"` // the account's own address
	Category category `json:"category"`
}

// infobipURL is for accounts that do not say what their own address is.
const infobipURL = "https://api.infobip.com"

// apiKeyForm is what an API key looks like; it is a part of a header.
var apiKeyForm = regexp.MustCompile(`^[!-~]{1,200}$`)

func openInfobip(c *parley.ChannelCredential) (*account, error) {
	s := infobipSettings{BaseURL: infobipURL}
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+providerInfobip, &s); err != nil {
		return nil, err
	}
	u, err := url.Parse(s.BaseURL)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return nil, channel.Setting("base_url", "must be the https address of the account, such as https://xxxxx.api.infobip.com")
	case c.StaticBearer.ClaimedIdentity == "":
		return nil, parley.Invalid("static_bearer.claimed_identity", "must be the name of the Viber sender")
	case !apiKeyForm.MatchString(c.StaticBearer.Token):
		return nil, parley.Invalid("static_bearer.token", "must be the API key")
	}
	auth := "App " + c.StaticBearer.Token
	return &account{
		category: s.Category, url: "https://" + u.Host,
		authorization: func(time.Time) (string, error) { return auth, nil },
	}, s.Category.check()
}

// maxInfobipTTL is how long Infobip tries at most (Infobip OpenAPI
// Specification, ValidityPeriod).
const maxInfobipTTL = 48 * time.Hour

// An infobipMessage is one of the messages of a request (Infobip OpenAPI
// Specification, ViberMessage). Sending adds the destination's messageId,
// webhooks and the time to live.
type infobipMessage struct {
	Sender       string               `json:"sender"`
	Destinations []infobipDestination `json:"destinations"`
	Content      infobipContent       `json:"content"`
	Options      infobipOptions       `json:"options,omitzero"`
}

type infobipDestination struct {
	To string `json:"to"`
}

type infobipContent struct {
	Type     string         `json:"type"` // TEXT, IMAGE or FILE
	Text     string         `json:"text,omitempty"`
	MediaURL string         `json:"mediaUrl,omitempty"`
	FileName string         `json:"fileName,omitempty"`
	Button   *infobipButton `json:"button,omitempty"`
}

type infobipButton struct {
	Title  string `json:"title"`
	Action string `json:"action"`
}

type infobipOptions struct {
	Label string `json:"label,omitempty"`
}

// infobipLabels is what Infobip calls the categories.
var infobipLabels = map[category]string{transaction: "TRANSACTIONAL", promotion: "PROMOTIONAL"}

func requestInfobip(a *account, to string, m content) any {
	r := &infobipMessage{
		Sender: a.sender, Destinations: []infobipDestination{{to}}, Content: infobipContent{Type: "TEXT", Text: m.text},
		Options: infobipOptions{Label: infobipLabels[a.categoryOf(m)]},
	}
	switch {
	case m.image != "":
		r.Content.Type, r.Content.MediaURL = "IMAGE", m.image
	case m.file != "":
		r.Content.Type, r.Content.MediaURL, r.Content.FileName = "FILE", m.file, m.fileName
	}
	if m.button != nil {
		r.Content.Button = &infobipButton{Title: m.button.title, Action: m.button.url}
	}
	return r
}

func explicitInfobip(a *account, members map[string]any, to string) error {
	said, _ := members["content"].(map[string]any)
	if kind, ok := said["type"].(string); !ok || kind == "" {
		return channel.Refuse(parley.ReasonBadRequest, "the explicit VIBERBM message has no content.type")
	}
	members["sender"], members["destinations"] = a.sender, []infobipDestination{{to}}
	return nil
}

// completeInfobip makes the request of one message. Our key is its id, so the
// logs can be asked for it and a second one is refused. Reports come to an
// address that nobody else knows: Infobip does not sign them.
func completeInfobip(members map[string]any, c *channel.Conn, at channel.Attempt) any {
	for _, to := range list(members["destinations"]) {
		to["messageId"] = at.Key
	}
	if c.WebhookURL != "" {
		address := map[string]any{"url": c.WebhookURL + "/" + c.Secret}
		hooks := within(members, "webhooks")
		hooks["delivery"], hooks["seen"] = address, address
	}
	if !at.Expires.IsZero() {
		within(members, "options")["validityPeriod"] = map[string]any{
			"amount": timeToLive(c, at, maxInfobipTTL), "timeUnit": "SECONDS",
		}
	}
	return map[string]any{"messages": []any{members}}
}

// list returns the objects of a decoded JSON list.
func list(v any) []map[string]any {
	var out []map[string]any
	all, _ := v.([]any)
	for _, each := range all {
		if members, ok := each.(map[string]any); ok {
			out = append(out, members)
		}
	}
	return out
}

// acceptedInfobip reads what became of the one message of a request. A message
// may be refused although the request is not.
func acceptedInfobip(answer *channel.Answer) (channel.ProviderID, error) {
	var sent struct {
		Messages []struct {
			ID     string        `json:"messageId"`
			Status infobipStatus `json:"status"`
		} `json:"messages"`
	}
	if json.Unmarshal(answer.Body, &sent) != nil || len(sent.Messages) != 1 || sent.Messages[0].ID == "" {
		return "", channel.Verdict(answer, "the answer has no messageId")
	}
	m := &sent.Messages[0]
	if m.Status.failed() && m.Status.Name != infobipDuplicate {
		return "", &channel.Error{Reason: *undeliveredInfobip(&m.Status, nil)}
	}
	return channel.ProviderID(m.ID), nil
}

// findInfobip asks the logs of the last two days for the message with our id
// (Infobip OpenAPI Specification, get-outbound-viber-message-logs).
func (a *account) findInfobip(ctx context.Context, c *channel.Conn, at channel.Attempt) (channel.ProviderID, bool, error) {
	req, err := a.get(ctx, c, c.URL(a.url)+"/viber/2/logs?"+url.Values{"messageId": {at.Key}}.Encode())
	if err != nil {
		return "", false, err
	}
	answer, err := channel.Do(c, req)
	if err != nil {
		return "", false, harmless(err)
	}
	if answer.Status != http.StatusOK {
		return "", false, refusalInfobip(answer)
	}
	var logs struct {
		Results []struct {
			ID string `json:"messageId"`
		} `json:"results"`
	}
	if json.Unmarshal(answer.Body, &logs) != nil {
		return "", false, harmless(channel.Verdict(answer, "the answer is no list of logs"))
	}
	for _, l := range logs.Results {
		if l.ID == at.Key {
			return channel.ProviderID(l.ID), true, nil
		}
	}
	return "", false, nil
}
