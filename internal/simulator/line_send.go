package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// push shows messages on a phone. A retry key that was taken is answered with
// what it led to.
func (l *line) push(c *lineCall) (lineAnswer, error) {
	var in struct {
		To       string            `json:"to"`
		Messages []json.RawMessage `json:"messages"`
	}
	if err := c.read(&in); err != nil {
		return lineAnswer{}, err
	}
	retry := c.Header.Get("X-Line-Retry-Key")
	if retry != "" && !lineRetry.MatchString(retry) {
		return lineAnswer{}, lineBad("The retry key is invalid")
	}
	if was, ok := l.repeated(c.id, retry); ok {
		return lineAnswer{
			status: http.StatusConflict, header: map[string]string{"X-Line-Accepted-Request-Id": was.requestID},
			body: map[string]any{"message": "The retry key is already accepted", "sentMessages": was.sent},
		}, nil
	}
	if !lineUser.MatchString(in.To) {
		return lineAnswer{}, lineBad("The property, 'to', in the request body is invalid (line: -, column: -)")
	}
	sent, err := l.show(c, newKey(ChannelLINE, in.To), in.Messages, nil)
	if len(sent) > 0 {
		l.remember(c.id, retry, lineAccepted{newUUID(), sent})
	}
	return lineAnswer{body: map[string]any{"sentMessages": sent}}, err
}

func (l *line) repeated(id, retry string) (lineAccepted, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	was, ok := l.accepted[id+" "+retry]
	return was, ok && retry != ""
}

// acceptedMost bounds how many retry keys are remembered; then all are
// forgotten at once, as the real ones are after a day.
const acceptedMost = 100_000

func (l *line) remember(id, retry string, a lineAccepted) {
	if retry == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.accepted) >= acceptedMost {
		clear(l.accepted)
	}
	l.accepted[id+" "+retry] = a
}

// show puts the messages on the phone, all or none. What it returns was taken,
// even when there is an error: the connection is cut then.
func (l *line) show(c *lineCall, phone key, messages []json.RawMessage, report func(key, Item)) ([]map[string]string, error) {
	const most = 5
	if n := len(messages); n < 1 || n > most {
		return nil, lineDetail("messages", "Size must be between 1 and 5")
	}
	items := make([]Item, len(messages))
	for i, raw := range messages {
		var err error
		if items[i], err = lineItem(raw, fmt.Sprintf("messages[%d]", i), i == len(messages)-1); err != nil {
			l.sim.stats.refused(ProviderLINE)
			return nil, err
		}
	}
	var sent []map[string]string
	for i, it := range items {
		it.Account, it.Provider, it.ProviderID, it.Native = c.id, ProviderLINE, l.nextID(), messages[i]
		it.report, it.ReplyTo = report, l.quoted(phone, messages[i])
		refuse := l.refuse
		if i > 0 { // what the first was answered goes for all
			refuse = func(Behaviour, bool) error { return nil }
		}
		_, err := l.sim.accept(incoming{phone: phone, item: it, refuse: refuse, failCode: "blocked"})
		if _, cut := asHang(err); err != nil && (!cut || !l.taken(phone, it.ProviderID)) {
			return sent, err
		}
		sent = append(sent, map[string]string{"id": it.ProviderID, "quoteToken": "quote-" + it.ProviderID})
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// quoted returns the item of the phone that a message quotes, or "".
func (l *line) quoted(phone key, message json.RawMessage) string {
	var m struct {
		QuoteToken string `json:"quoteToken"`
	}
	if json.Unmarshal(message, &m) != nil || m.QuoteToken == "" {
		return ""
	}
	it, _ := l.sim.phones.last(phone, func(it *Item) bool { return "quote-"+it.ProviderID == m.QuoteToken })
	return it.ID
}

// taken reports whether the phone has the message.
func (l *line) taken(phone key, id string) bool {
	_, ok := l.sim.phones.last(phone, func(it *Item) bool { return it.ProviderID == id })
	return ok
}

// refuse words the errors of a push. Somebody who blocked the account is no
// error: the message just is not shown.
func (l *line) refuse(b Behaviour, blocked bool) error {
	switch {
	case b.Deliver == DeliverRateLimit:
		return &lineError{
			Status: http.StatusTooManyRequests, Message: "The API rate limit has been exceeded. Try again later.", After: b.retryAfter(),
		}
	case b.Deliver == DeliverRefuse, b.Deliver == DeliverReject && !blocked:
		return lineBad(b.FailCode.or("Failed to send messages"))
	}
	return nil
}

// notify sends messages to a phone number.
func (l *line) notify(c *lineCall) (lineAnswer, error) {
	var in struct {
		To       string            `json:"to"`
		Messages []json.RawMessage `json:"messages"`
	}
	if err := c.read(&in); err != nil {
		return lineAnswer{}, err
	}
	phone, err := l.numbered(in.To)
	if err != nil {
		return lineAnswer{}, err
	}
	_, err = l.show(c, phone, in.Messages, l.delivered(c, in.To))
	return lineAnswer{}, err
}

// notifyByTemplate sends a message made of a template to a phone number. All
// templates exist; the phone shows their keys.
func (l *line) notifyByTemplate(c *lineCall) (lineAnswer, error) {
	type item struct{ ItemKey, Content string }
	var in struct {
		To          string
		TemplateKey string
		Body        struct {
			EmphasizedItem *item
			Items          []item
			Buttons        []struct{ ButtonKey, URL string }
		}
	}
	if err := c.read(&in); err != nil {
		return lineAnswer{}, err
	}
	const items, buttons = 15, 2
	switch {
	case in.TemplateKey == "":
		return lineAnswer{}, lineDetail("templateKey", "May not be empty")
	case len(in.Body.Items) > items || len(in.Body.Buttons) > buttons:
		return lineAnswer{}, lineDetail("body", "Size must be less")
	}
	phone, err := l.numbered(in.To)
	if err != nil {
		return lineAnswer{}, err
	}
	text := []string{in.TemplateKey}
	if e := in.Body.EmphasizedItem; e != nil {
		text = append(text, e.ItemKey+": "+e.Content)
	}
	for _, i := range in.Body.Items {
		text = append(text, i.ItemKey+": "+i.Content)
	}
	it := Item{
		Account: c.id, Provider: ProviderLINE, ProviderID: l.nextID(), Native: c.body,
		Type: "notification", Text: strings.Join(text, "\n"), report: l.delivered(c, in.To),
	}
	for i, b := range in.Body.Buttons {
		it.Choices = append(it.Choices, Choice{Index: i + 1, Title: b.ButtonKey, Kind: "url", URL: b.URL})
	}
	_, err = l.sim.accept(incoming{phone: phone, item: it, refuse: l.refuse, failCode: "blocked"})
	return lineAnswer{status: http.StatusAccepted}, err
}

// numbered finds the phone of a hashed number: a handset whose identity is
// that number.
func (l *line) numbered(hash string) (key, error) {
	if !lineHash.MatchString(hash) {
		return key{}, lineBad("The property, 'to', in the request body is invalid (line: -, column: -)")
	}
	for _, h := range l.sim.Handsets() {
		sum := sha256.Sum256([]byte("+" + strings.TrimPrefix(h.Identity, "+")))
		if h.Channel == ChannelLINE && hex.EncodeToString(sum[:]) == hash {
			return newKey(ChannelLINE, h.Identity), nil
		}
	}
	return key{}, &lineError{Status: http.StatusUnprocessableEntity, Message: "Failed to send messages"}
}

// delivered reports a notification message by the delivery tag, or else the
// hash of the number.
func (l *line) delivered(c *lineCall, hash string) func(key, Item) {
	tag := orElse(c.Header.Get("X-Line-Delivery-Tag"), hash)
	return func(phone key, it Item) {
		if it.Status == StatusDelivered {
			l.tell(it.Account, phone, lineEvent{Type: "delivery", Delivery: map[string]string{"data": tag}})
		}
	}
}
