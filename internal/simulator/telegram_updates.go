package simulator

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// tgPendingMost is how many updates are kept for a bot nobody asks after.
const tgPendingMost = 10_000

// tgBot is one bot: its profile and the updates on their way to it.
type tgBot struct {
	sim   *Simulator
	token string

	mu        sync.Mutex
	user      tgUser
	hook      tgWebhook
	updateSeq int64
	pending   []pendingUpdate // waiting for getUpdates or a webhook
	inFlight  int             // being posted
	arrived   chan struct{}   // closed and replaced when pending grows
	polling   context.CancelCauseFunc
	querySeq  int64
	queries   map[string]tgQuery // callback queries not yet answered
	queryIDs  []string           // of queries, oldest first
}

type tgWebhook struct {
	url, secret string
	allowed     []string
	most        int
	lastError   string
	lastErrorAt int64
}

type pendingUpdate struct {
	id    int64
	kind  string
	order string
	body  json.RawMessage
	done  func(err error, last bool)
}

type tgQuery struct {
	phone key
	item  string
}

func newTgBot(s *Simulator, token string, user tgUser) *tgBot {
	return &tgBot{
		sim: s, token: token, user: user, updateSeq: 100_000_000,
		arrived: make(chan struct{}), queries: map[string]tgQuery{},
	}
}

func (b *tgBot) profile() tgUser {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.user
}

// update numbers an update and sends it on its way. done may be nil.
func (b *tgBot) update(phone key, u *tgUpdate, done func(err error, last bool)) (json.RawMessage, error) {
	b.mu.Lock()
	b.updateSeq++
	u.UpdateID = b.updateSeq
	body, err := encode(u)
	if err != nil {
		b.mu.Unlock()
		return nil, err
	}
	p := pendingUpdate{id: u.UpdateID, kind: u.kind(), order: phone.order(), body: body, done: done}
	if !b.wants(p.kind) {
		b.mu.Unlock()
		return body, nil
	}
	hooked := b.hook.url != ""
	if hooked {
		b.inFlight++
	} else {
		b.keep(p)
	}
	b.mu.Unlock()
	if hooked {
		b.post(p)
	}
	return body, nil
}

// wants tells whether the bot asked for such updates. By default it gets all
// but reactions (setWebhook, allowed_updates).
func (b *tgBot) wants(kind string) bool {
	if len(b.hook.allowed) == 0 {
		return kind != "message_reaction"
	}
	return slices.Contains(b.hook.allowed, kind)
}

// keep stores an update until somebody fetches it; b.mu is held.
func (b *tgBot) keep(p pendingUpdate) {
	b.pending = append(b.pending, p)
	if len(b.pending) > tgPendingMost {
		b.pending = slices.Delete(b.pending, 0, 1)
	}
	close(b.arrived)
	b.arrived = make(chan struct{})
}

// post sends an update to the webhook. If that is gone by then, the update
// waits for getUpdates instead.
func (b *tgBot) post(p pendingUpdate) {
	b.sim.poster.send(&post{
		provider: ProviderTelegram, order: p.order, body: p.body,
		target: func() (string, http.Header) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.hook.url == "" {
				b.inFlight--
				b.keep(p)
				return "", nil
			}
			h := http.Header{}
			if b.hook.secret != "" {
				h.Set("X-Telegram-Bot-Api-Secret-Token", b.hook.secret)
			}
			return b.hook.url, h
		},
		done: func(err error, last bool) {
			b.mu.Lock()
			if err != nil {
				b.hook.lastError, b.hook.lastErrorAt = "Wrong response from the webhook: "+err.Error(), b.sim.now().Unix()
			}
			if last {
				b.inFlight--
			}
			b.mu.Unlock()
			if p.done != nil {
				p.done(err, last)
			}
		},
	})
}

var tgSecret = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

// setWebhook takes http addresses too, as a Bot API server run by oneself
// does: tests and development are on loopback.
func (t *telegram) setWebhook(c *tgCall) (any, error) {
	target := c.params["url"]
	if target == "" {
		return t.deleteWebhook(c)
	}
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, tgBad("bad webhook: An HTTPS URL must be provided for webhook")
	}
	if s := c.params["secret_token"]; s != "" && !tgSecret.MatchString(s) {
		return nil, tgBad("secret token contains unallowed characters")
	}
	hook := tgWebhook{url: target, secret: c.params["secret_token"], most: int(c.integer("max_connections"))}
	if hook.most == 0 {
		hook.most = 40
	}
	if err := c.object("allowed_updates", &hook.allowed); err != nil {
		return nil, err
	}
	b := c.bot
	b.mu.Lock()
	if c.params["allowed_updates"] == "" {
		hook.allowed = b.hook.allowed // kept unless given, as published
	}
	b.hook = hook
	waiting := b.pending
	b.pending = nil
	if c.flag("drop_pending_updates") {
		waiting = nil
	}
	b.inFlight += len(waiting)
	if b.polling != nil {
		b.polling(errTgWebhookSet)
	}
	b.mu.Unlock()
	for _, p := range waiting {
		b.post(p)
	}
	return true, nil
}

func (t *telegram) deleteWebhook(c *tgCall) (any, error) {
	c.bot.mu.Lock()
	defer c.bot.mu.Unlock()
	c.bot.hook = tgWebhook{allowed: c.bot.hook.allowed}
	if c.flag("drop_pending_updates") {
		c.bot.pending = nil
	}
	return true, nil
}

func (t *telegram) getWebhookInfo(c *tgCall) (any, error) {
	b := c.bot
	b.mu.Lock()
	defer b.mu.Unlock()
	info := map[string]any{
		"url": b.hook.url, "has_custom_certificate": false,
		"pending_update_count": len(b.pending) + b.inFlight,
	}
	if b.hook.url != "" {
		info["max_connections"] = b.hook.most
	}
	if len(b.hook.allowed) > 0 {
		info["allowed_updates"] = b.hook.allowed
	}
	if b.hook.lastError != "" {
		info["last_error_date"], info["last_error_message"] = b.hook.lastErrorAt, b.hook.lastError
	}
	return info, nil
}

// The two ways a poll is ended by another call.
var (
	errTgWebhookSet = &tgError{Code: http.StatusConflict, Description: "Conflict: terminated by setWebhook request"}
	errTgOtherPoll  = &tgError{
		Code:        http.StatusConflict,
		Description: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
	}
)

// getUpdates is the long poll. Updates below offset are confirmed and
// forgotten.
func (t *telegram) getUpdates(c *tgCall) (any, error) {
	b := c.bot
	b.mu.Lock()
	if b.hook.url != "" {
		b.mu.Unlock()
		return nil, &tgError{
			Code:        http.StatusConflict,
			Description: "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
		}
	}
	if c.params["allowed_updates"] != "" {
		if err := c.object("allowed_updates", &b.hook.allowed); err != nil {
			b.mu.Unlock()
			return nil, err
		}
	}
	if b.polling != nil {
		b.polling(errTgOtherPoll)
	}
	ctx, cancel := context.WithCancelCause(c.req.Context())
	b.polling = cancel
	b.mu.Unlock()
	defer cancel(nil)
	limit := int(c.integer("limit"))
	if limit <= 0 || limit > 100 {
		limit = 100
	}
	wait := time.NewTimer(time.Duration(min(c.integer("timeout"), 50)) * time.Second)
	defer wait.Stop()
	for {
		out, arrived := b.take(c.integer("offset"), limit)
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-arrived:
		case <-wait.C:
			return []json.RawMessage{}, nil
		case <-t.sim.ctx.Done():
			return []json.RawMessage{}, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// take confirms updates below offset and returns the next ones. A negative
// offset counts from the end.
func (b *tgBot) take(offset int64, limit int) ([]json.RawMessage, <-chan struct{}) {
	b.mu.Lock()
	keep := func(p pendingUpdate) bool { return p.id >= offset }
	if offset < 0 && len(b.pending) > 0 {
		from := b.pending[max(0, len(b.pending)+int(offset))].id
		keep = func(p pendingUpdate) bool { return p.id >= from }
	}
	var confirmed []pendingUpdate
	b.pending = slices.DeleteFunc(b.pending, func(p pendingUpdate) bool {
		if !keep(p) {
			confirmed = append(confirmed, p)
		}
		return !keep(p)
	})
	out := make([]json.RawMessage, 0, limit)
	for _, p := range b.pending[:min(limit, len(b.pending))] {
		out = append(out, p.body)
	}
	arrived := b.arrived
	b.mu.Unlock()
	for _, p := range confirmed {
		if p.done != nil {
			p.done(nil, true)
		}
	}
	return out, arrived
}

// query remembers a callback query until it is answered.
func (b *tgBot) query(phone key, item string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.querySeq++
	id := strconv.FormatInt(b.user.ID%1_000_000*1_000_000_000+b.querySeq, 10)
	b.queries[id] = tgQuery{phone, item}
	b.queryIDs = append(b.queryIDs, id)
	if len(b.queryIDs) > tgPendingMost {
		delete(b.queries, b.queryIDs[0])
		b.queryIDs = b.queryIDs[1:]
	}
	return id
}

func (t *telegram) answerCallbackQuery(c *tgCall) (any, error) {
	id := c.params["callback_query_id"]
	c.bot.mu.Lock()
	q, ok := c.bot.queries[id]
	delete(c.bot.queries, id)
	c.bot.mu.Unlock()
	if !ok {
		return nil, tgBad("query is too old and response timeout expired or query ID is invalid")
	}
	if len(c.params["text"]) > 200 {
		return nil, tgBad("MESSAGE_TOO_LONG")
	}
	t.sim.phones.edit(q.phone, q.item, func(it *Item) { it.Notice = orElse(c.params["text"], "answered") })
	t.sim.log.Debug("callback query answered", slog.String("query_id", id))
	return true, nil
}
