package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ProviderRCSSinch is Sinch's RCS REST API.
const ProviderRCSSinch = "rcs-sinch"

// RCSSinchAccount is a sender of the RCS REST API, an agent.
type RCSSinchAccount struct {
	Token      string `json:"token"` // bearer
	WebhookURL string `json:"webhook_url,omitempty"`
	// WebhookToken, if set, is shown to the webhook as a bearer token.
	WebhookToken string `json:"webhook_token,omitempty"`
	// Capabilities are what phones can do; none means everything.
	Capabilities []string `json:"capabilities,omitempty"`
}

// rcsSinchKept is how many messages the API knows by their id.
const rcsSinchKept = 50_000

// What the API takes for ids and numbers (github.com/sinch/docs, RCS REST:
// messages endpoint; developers.sinch.com, RCS REST API).
var (
	rcsSinchID    = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	rcsSinchPhone = regexp.MustCompile(`^(?:00|\+|)[1-9][0-9]{8,16}$`)
)

// rcsSinch is the RCS REST API.
type rcsSinch struct {
	sim    *Simulator
	agents accountSet[RCSSinchAccount]

	mu   sync.Mutex
	sent map[string]key // phones of messages, by agent and id
}

func newRCSSinch(s *Simulator) *rcsSinch { return &rcsSinch{sim: s, sent: map[string]key{}} }

func (g *rcsSinch) name() string       { return ProviderRCSSinch }
func (g *rcsSinch) channel() string    { return ChannelRCS }
func (g *rcsSinch) accounts() []string { return g.agents.ids() }

// put makes or changes an agent.
func (g *rcsSinch) put(_ context.Context, agent string, doc json.RawMessage) error {
	var a RCSSinchAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if agent == "" || a.Token == "" {
		return errors.New("rcs-sinch account: want an id and a token")
	}
	g.agents.set(agent, a)
	return nil
}

func (g *rcsSinch) routes(mux *http.ServeMux) {
	const agent = "/rcs-sinch/rcs/v1/{agent}"
	mux.HandleFunc("POST "+agent+"/messages", g.guard(g.create))
	mux.HandleFunc("DELETE "+agent+"/messages/{message}", g.guard(g.revoke))
	mux.HandleFunc("POST "+agent+"/events", g.guard(g.show))
	mux.HandleFunc("GET "+agent+"/capabilities", g.guard(g.capabilities))
	mux.HandleFunc("/rcs-sinch/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
}

// rcsSinchError is an error of the API.
type rcsSinchError struct {
	status     int
	words      string
	code       int
	field      string
	retryAfter int // seconds
}

func (e *rcsSinchError) Error() string { return e.words }

func rcsSinchInvalid(field, words string) *rcsSinchError {
	return &rcsSinchError{status: http.StatusBadRequest, words: words, field: field}
}

func (e *rcsSinchError) write(w http.ResponseWriter) {
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	body := map[string]any{"ref_id": newRCSID(), "error": e.words, "field_errors": []any{}}
	if e.code != 0 {
		body["error_code"] = e.code
	}
	if e.field != "" {
		body["field_errors"] = []any{map[string]any{"field": e.field, "errors": []string{e.words}}}
	}
	writeJSON(w, e.status, body)
}

// rcsSinchOp is one operation of an agent; v is what it answers, nil being an
// empty body.
type rcsSinchOp func(r *http.Request, agent string, a *RCSSinchAccount) (v any, err error)

// guard checks the token and words errors.
func (g *rcsSinch) guard(op rcsSinchOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		agent := r.PathValue("agent")
		a, ok := g.agents.get(agent)
		if !ok || r.Header.Get("Authorization") != "Bearer "+a.Token {
			(&rcsSinchError{status: http.StatusUnauthorized, words: "Unauthorized"}).write(w)
			return
		}
		v, err := op(r, agent, &a)
		g.sim.cutIfAsked(r, ProviderRCSSinch, err)
		e, known := errors.AsType[*rcsSinchError](err)
		switch {
		case known:
			e.write(w)
		case err != nil:
			(&rcsSinchError{status: http.StatusInternalServerError, words: err.Error()}).write(w)
		case v == nil:
			w.WriteHeader(http.StatusOK)
		default:
			writeJSON(w, http.StatusOK, v)
		}
	}
}

// rcsSinchMessage is an AgentMessage.
type rcsSinchMessage struct {
	ID          string               `json:"message_id"`
	To          string               `json:"to"`
	Content     rcsSinchContent      `json:"message"`
	Suggestions []rcsSinchSuggestion `json:"suggestions"`
	Fallback    json.RawMessage      `json:"fallback"` // there are no SMS here
	Expire      *struct {
		Timeout *int  `json:"timeout"` // seconds
		Revoke  *bool `json:"revoke"`
	} `json:"expire"`
}

// create sends a message. Unlike the real one it keeps those for ever that say
// nothing of when they expire, and not for 48 hours.
func (g *rcsSinch) create(r *http.Request, agent string, _ *RCSSinchAccount) (any, error) {
	m, it, err := g.read(r, agent)
	if err != nil {
		g.sim.stats.refused(ProviderRCSSinch)
		return nil, err
	}
	phone := newKey(ChannelRCS, strings.TrimPrefix(m.To, "00"))
	if !g.take(agent, m.ID, phone) {
		return nil, &rcsSinchError{status: http.StatusConflict, words: "Duplicate message_id", field: "message_id"}
	}
	kept, err := g.sim.accept(incoming{phone: phone, item: it, refuse: rcsSinchRefusal, failCode: "7", reads: true})
	switch {
	case kept.ID == "":
		g.drop(agent, m.ID)
	case m.Expire != nil && m.Expire.Timeout != nil:
		g.sim.timers.after(time.Duration(*m.Expire.Timeout)*time.Second, func() { g.expire(phone, kept.ID) })
	}
	if err != nil {
		return nil, err
	}
	return g.status(m.ID, map[string]any{"type": "queued"}), nil
}

// read checks a message and says how the phone shows it.
func (g *rcsSinch) read(r *http.Request, agent string) (*rcsSinchMessage, Item, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, rcsMessageMost+1))
	if err != nil || len(body) > rcsMessageMost {
		return nil, Item{}, rcsSinchInvalid("", "The message is too large")
	}
	var m rcsSinchMessage
	if err := rcsSinchDecode(body, &m); err != nil {
		return nil, Item{}, err
	}
	switch {
	case !rcsSinchID.MatchString(m.ID):
		return nil, Item{}, rcsSinchInvalid("message_id", "Invalid property")
	case !rcsSinchPhone.MatchString(m.To):
		return nil, Item{}, rcsSinchInvalid("to", "Invalid property")
	case m.Expire != nil && m.Expire.Timeout != nil && *m.Expire.Timeout < 1:
		return nil, Item{}, rcsSinchInvalid("expire.timeout", "must be greater than or equal to 1")
	}
	it := Item{Account: agent, Provider: ProviderRCSSinch, ProviderID: m.ID, Native: body, report: g.report}
	if err := m.Content.show(&it); err != nil {
		return nil, Item{}, err
	}
	return &m, it, it.addRCSSinch(m.Suggestions, rcsChipsMost, 0)
}

func rcsSinchDecode(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return rcsSinchInvalid("", "Malformed JSON: "+err.Error())
	}
	return nil
}

// rcsSinchRefusal is the error a phone's behaviour makes of a send, or nil.
func rcsSinchRefusal(b Behaviour, _ bool) error {
	switch b.Deliver {
	case DeliverRateLimit:
		return &rcsSinchError{status: http.StatusTooManyRequests, words: "Too many requests", retryAfter: b.retryAfter()}
	case DeliverRefuse:
		return rcsSinchCoded(b.FailCode.or("1014"))
	}
	return nil
}

// rcsSinchCoded is the error of a code.
func rcsSinchCoded(code string) *rcsSinchError {
	n, _ := strconv.Atoi(code) // 0: an error without a code
	switch n {
	case 1014:
		return &rcsSinchError{status: http.StatusNotFound, words: "Subscriber not found", code: n, field: "msisdn"}
	case 1018:
		return &rcsSinchError{status: http.StatusUnavailableForLegalReasons, words: "Capability lookup not allowed", code: n}
	}
	return &rcsSinchError{status: http.StatusBadRequest, words: "Bad request", code: n}
}

// take reserves the id of a message.
func (g *rcsSinch) take(agent, id string, phone key) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, taken := g.sent[agent+"/"+id]; taken {
		return false
	}
	if len(g.sent) >= rcsSinchKept {
		clear(g.sent)
	}
	g.sent[agent+"/"+id] = phone
	return true
}

func (g *rcsSinch) drop(agent, id string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sent, agent+"/"+id)
}

// message finds a message of the agent, or of the phone to it.
func (g *rcsSinch) message(agent string, phone key, id string) (Item, bool) {
	return g.sim.phones.last(phone, func(it *Item) bool { return it.ProviderID == id && it.Account == agent })
}

// expire ends the life of a message that was not delivered.
func (g *rcsSinch) expire(phone key, id string) {
	if it, ok := g.sim.phones.item(phone, id); ok && rank(it.Status) < rank(StatusDelivered) {
		g.sim.settle(phone, id, StatusFailed, rcsSinchExpired)
	}
}

// revoke takes back what was not delivered.
func (g *rcsSinch) revoke(r *http.Request, agent string, _ *RCSSinchAccount) (any, error) {
	id := r.PathValue("message")
	g.mu.Lock()
	phone, ok := g.sent[agent+"/"+id]
	g.mu.Unlock()
	it, there := g.message(agent, phone, id)
	if !ok || !there || it.Status == StatusDelivered || it.Status == StatusRead {
		return nil, &rcsSinchError{status: http.StatusNotFound, words: "Message not found", field: "message_id"}
	}
	revoked := false
	g.sim.phones.edit(phone, it.ID, func(it *Item) {
		if revoked = rank(it.Status) < rank(StatusDelivered); revoked {
			it.Status = StatusCancelled
		}
	})
	if !revoked {
		return nil, &rcsSinchError{status: http.StatusConflict, words: "The message cannot be revoked", field: "message_id"}
	}
	it.Status = StatusCancelled
	g.report(phone, it)
	return nil, nil //nolint:nilnil // the answer is empty
}

// show is an event of the agent.
func (g *rcsSinch) show(r *http.Request, agent string, _ *RCSSinchAccount) (any, error) {
	var e struct {
		To    string `json:"to"`
		ID    string `json:"event_id"`
		Event struct {
			Type      string `json:"type"`
			MessageID string `json:"message_id"`
		} `json:"event"`
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, rcsMessageMost))
	if err != nil {
		return nil, err
	}
	if err := rcsSinchDecode(body, &e); err != nil {
		return nil, err
	}
	if !rcsSinchPhone.MatchString(e.To) || !rcsSinchID.MatchString(e.ID) {
		return nil, rcsSinchInvalid("event_id", "Invalid property")
	}
	phone := newKey(ChannelRCS, strings.TrimPrefix(e.To, "00"))
	switch e.Event.Type {
	case "agent_composing":
		g.sim.phones.typing(phone, 20*time.Second)
	case "agent_read":
		it, ok := g.message(agent, phone, e.Event.MessageID)
		if !ok || it.Direction != Out {
			return nil, rcsSinchInvalid("event.message_id", "Message not found")
		}
		g.sim.phones.seen(phone, agent, it.ID)
	default:
		return nil, rcsSinchInvalid("event.type", "Invalid property")
	}
	return nil, nil //nolint:nilnil // the answer is empty
}

// capabilities tells what a phone can do. One that refuses is not known.
func (g *rcsSinch) capabilities(r *http.Request, _ string, a *RCSSinchAccount) (any, error) {
	msisdn := r.URL.Query().Get("msisdn")
	if !rcsSinchPhone.MatchString(msisdn) {
		return nil, rcsSinchInvalid("msisdn", "Missing required property")
	}
	phone := newKey(ChannelRCS, strings.TrimPrefix(msisdn, "00"))
	var refusal string
	g.sim.phones.locked(phone, func(h *handset) {
		if h.behaviour.Deliver == DeliverRefuse {
			refusal = h.behaviour.FailCode.or("1014")
		}
	})
	if refusal == "1014" || refusal == "1018" {
		return nil, rcsSinchCoded(refusal)
	}
	has := a.Capabilities
	if len(has) == 0 {
		has = []string{"callComposer", "videoCall", "chatBotCommunication", "fileTransfer", "geolocationPush", "chat"}
	}
	return map[string]any{
		"at": g.now(), "msisdn": phone.identity, "mcc": "240", "mnc": "07", "capabilities": has,
		"rcs_enabled": slices.Contains(has, "chat"),
	}, nil
}

func (g *rcsSinch) now() string { return g.sim.now().UTC().Format("2006-01-02T15:04:05.000Z") }

// status is a status report.
func (g *rcsSinch) status(id string, report map[string]any) map[string]any {
	return map[string]any{"type": "status_report_rcs", "message_id": id, "at": g.now(), "status_report": report}
}
