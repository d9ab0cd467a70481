package callback

import (
	"cmp"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/egress"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// maxAnswer is how much of a receiver's answer is noted, in bytes.
const maxAnswer = 1 << 10

// about returns the id of the message a callback is about, or "".
func about(c *parley.Callback) string {
	switch {
	case c.MessageDelivery != nil:
		return c.MessageDelivery.MessageID
	case c.MessageSubmit != nil:
		return c.MessageSubmit.MessageID
	case c.Message != nil:
		return c.Message.ID
	}
	return ""
}

// messageOf is about for a callback that is encoded.
func messageOf(body []byte) string {
	type report struct {
		ID string `json:"message_id"`
	}
	var c struct {
		Delivery report `json:"message_delivery_report"`
		Submit   report `json:"message_submit_notification"`
		Message  struct {
			ID string `json:"id"`
		} `json:"message"`
	}
	if err := json.Unmarshal(body, &c); err != nil {
		return ""
	}
	return cmp.Or(c.Delivery.ID, c.Submit.ID, c.Message.ID)
}

// A reply is what came of an attempt, as it is noted.
type reply struct {
	began  time.Time
	target *target
	bearer string
	status int
	body   []byte
}

// note takes down an attempt.
func (s *Sender) note(j *store.Job, p *post, a *reply, o outcome, err error) {
	if !s.trace.On() || p.Message == "" {
		return
	}
	step := trace.Step{
		At: a.began.UTC(), Kind: trace.Callback, Trigger: p.Trigger, WebhookID: p.WebhookID, Attempt: j.Attempts + 1,
		Outcome: outcomeNames[o], Took: s.now().Sub(a.began), Answer: a.status, Body: a.body,
	}
	if err != nil {
		step.Detail = err.Error()
	}
	if t := a.target; t != nil {
		step.Target = Shown(t.url)
		if len(a.body) > 0 || err != nil {
			step.Secrets = t.secrets(a.bearer)
		}
	}
	s.trace.Add(trace.Ref{ProjectID: j.ProjectID, AppID: p.AppID, MessageID: p.Message}, step)
}

// secrets returns what must not be shown of a target.
func (t *target) secrets(bearer string) *trace.Secrets {
	list := []string{t.secret, bearer}
	if t.hook != nil && t.hook.ClientCredentials != nil {
		list = append(list, t.hook.ClientCredentials.ClientSecret)
	}
	if u, err := url.Parse(t.url); err == nil {
		list = append(list, strings.Trim(u.Path, "/"))
		for _, values := range u.Query() {
			list = append(list, values...)
		}
		if u.User != nil {
			password, _ := u.User.Password()
			list = append(list, password)
		}
	}
	return trace.NewSecrets(list...)
}

// Shown returns what may be shown of an address that a client gave: its host.
func Shown(address string) string {
	if address == "" {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return egress.RedactURL(u)
}
