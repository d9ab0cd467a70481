package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// rcsMessageMost is the size of a message (RCS for Business: send messages).
const rcsMessageMost = 250_000

// rcsLifeMost is how far away a message's end may be.
const rcsLifeMost = 15 * 24 * time.Hour

type rcsAgentMessage struct {
	Content     rcsContent `json:"contentMessage"`
	TrafficType string     `json:"messageTrafficType"`
	TTL         string     `json:"ttl"`
	ExpireTime  *time.Time `json:"expireTime"`
}

var (
	rcsID      = regexp.MustCompile(`^[A-Za-z0-9._-]{1,36}$`)
	rcsTraffic = []string{"", "MESSAGE_TRAFFIC_TYPE_UNSPECIFIED", "AUTHENTICATION", "TRANSACTION", "PROMOTION", "SERVICEREQUEST", "ACKNOWLEDGEMENT"}
)

// create is phones.agentMessages.create.
func (g *rcsGoogle) create(r *http.Request, agent string, _ *RCSGoogleAccount, phone key) (any, error) {
	it, life, err := g.read(r, agent, phone)
	if err != nil {
		g.sim.stats.refused(ProviderRCSGoogle)
		return nil, err
	}
	kept, err := g.sim.accept(incoming{phone: phone, item: it, refuse: rcsRefusal, reads: true})
	if kept.ID != "" && life > 0 {
		g.sim.timers.after(life, func() { g.expire(phone, kept.ID) })
	}
	if err != nil {
		return nil, err
	}
	return map[string]string{
		"name":     "phones/+" + phone.identity + "/agentMessages/" + it.ProviderID,
		"sendTime": g.sim.now().UTC().Format(time.RFC3339Nano),
	}, nil
}

// read checks a message and says how the phone shows it and how long it may
// wait for delivery, 0 being without end.
func (g *rcsGoogle) read(r *http.Request, agent string, phone key) (Item, time.Duration, error) {
	id := r.URL.Query().Get("messageId")
	if !rcsID.MatchString(id) {
		return Item{}, 0, rcsInvalid("messageId must be a UUID.")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, rcsMessageMost+1))
	if err != nil || len(body) > rcsMessageMost {
		return Item{}, 0, rcsInvalid("The message is too large.")
	}
	if _, ok := g.message(agent, phone, id); ok {
		return Item{}, 0, rcsErrorOf("ALREADY_EXISTS", "Requested entity already exists")
	}
	var m rcsAgentMessage
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return Item{}, 0, rcsInvalid("Invalid JSON payload received. " + err.Error())
	}
	if !slices.Contains(rcsTraffic, m.TrafficType) {
		return Item{}, 0, rcsInvalid("Invalid value at 'agent_message.message_traffic_type'")
	}
	life, err := m.life(g.sim.now())
	if err != nil {
		return Item{}, 0, err
	}
	it := Item{Account: agent, Provider: ProviderRCSGoogle, ProviderID: id, Native: body, report: g.report}
	return it, life, m.Content.show(&it)
}

// life is how long the message may wait for delivery.
func (m *rcsAgentMessage) life(now time.Time) (time.Duration, error) {
	var life time.Duration
	switch {
	case m.TTL != "" && m.ExpireTime != nil:
		return 0, rcsInvalid("Only one of ttl and expireTime can be set.")
	case m.TTL != "":
		var err error
		if life, err = time.ParseDuration(m.TTL); err != nil || m.TTL[len(m.TTL)-1] != 's' {
			return 0, rcsInvalid("Invalid value at 'agent_message.ttl'")
		}
	case m.ExpireTime != nil:
		life = max(m.ExpireTime.Sub(now), time.Nanosecond)
	default:
		return 0, nil
	}
	if life <= 0 || life > rcsLifeMost {
		return 0, rcsInvalid("The message must expire within 15 days.")
	}
	return life, nil
}

// rcsRefusal is the error a phone's behaviour makes of a send, or nil. Google
// reports no failures but the end of a message's life, so that what a phone
// rejects is refused.
func rcsRefusal(b Behaviour, blocked bool) error {
	switch {
	case blocked:
		return rcsErrorOf("PERMISSION_DENIED", "The user has opted out of messages from this agent.")
	case b.Deliver == DeliverRateLimit:
		return &rcsError{"RESOURCE_EXHAUSTED", "Quota exceeded for quota metric 'Messages'", b.retryAfter()}
	case b.Deliver == DeliverRefuse, b.Deliver == DeliverReject:
		return rcsErrorOf(b.FailCode.or("NOT_FOUND"), "Unable to find rcs user")
	}
	return nil
}

// message finds a message of the agent.
func (g *rcsGoogle) message(agent string, phone key, id string) (Item, bool) {
	return g.sim.phones.last(phone, func(it *Item) bool { return it.ProviderID == id && it.Account == agent })
}

// expire ends the life of a message that was not delivered.
func (g *rcsGoogle) expire(phone key, id string) {
	if it, ok := g.sim.phones.item(phone, id); ok && rank(it.Status) < rank(StatusDelivered) {
		g.sim.settle(phone, id, StatusFailed, "TTL_EXPIRATION_REVOKED")
	}
}

// revoke is phones.agentMessages.delete. It does nothing to what was delivered.
func (g *rcsGoogle) revoke(r *http.Request, agent string, _ *RCSGoogleAccount, phone key) (any, error) {
	it, ok := g.message(agent, phone, r.PathValue("message"))
	if !ok || it.Direction != In {
		return nil, rcsErrorOf("NOT_FOUND", "Requested entity was not found.")
	}
	g.sim.phones.edit(phone, it.ID, func(it *Item) {
		if rank(it.Status) < rank(StatusDelivered) {
			it.Status = StatusCancelled
		}
	})
	return struct{}{}, nil
}

// show is phones.agentEvents.create.
func (g *rcsGoogle) show(r *http.Request, agent string, _ *RCSGoogleAccount, phone key) (any, error) {
	if !rcsID.MatchString(r.URL.Query().Get("eventId")) {
		return nil, rcsInvalid("eventId must be a UUID.")
	}
	var e struct {
		Type      string `json:"eventType"`
		MessageID string `json:"messageId"`
	}
	d := json.NewDecoder(io.LimitReader(r.Body, rcsMessageMost))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return nil, rcsInvalid("Invalid JSON payload received. " + err.Error())
	}
	switch e.Type {
	case "IS_TYPING":
		g.sim.phones.typing(phone, 20*time.Second)
	case "READ":
		it, ok := g.message(agent, phone, e.MessageID)
		if !ok || it.Direction != Out {
			return nil, rcsErrorOf("NOT_FOUND", "Requested entity was not found.")
		}
		g.sim.phones.seen(phone, agent, it.ID)
	default:
		return nil, rcsInvalid("Invalid value at 'agent_event.event_type'")
	}
	return map[string]string{"name": "phones/+" + phone.identity + "/agentEvents/" + r.URL.Query().Get("eventId")}, nil
}

// capabilities is phones.getCapabilities. A phone that refuses as NOT_FOUND has
// no RCS.
func (g *rcsGoogle) capabilities(r *http.Request, _ string, a *RCSGoogleAccount, phone key) (any, error) {
	if !rcsID.MatchString(r.URL.Query().Get("requestId")) {
		return nil, rcsInvalid("requestId must be a UUID.")
	}
	var none bool
	g.sim.phones.locked(phone, func(h *handset) {
		none = h.behaviour.Deliver == DeliverRefuse && h.behaviour.FailCode.or("NOT_FOUND") == "NOT_FOUND"
	})
	if none {
		return nil, rcsErrorOf("NOT_FOUND", "Unable to find rcs user")
	}
	features := a.Features
	if len(features) == 0 {
		features = []string{
			"RICHCARD_STANDALONE", "RICHCARD_CAROUSEL", "ACTION_CREATE_CALENDAR_EVENT", "ACTION_DIAL", "ACTION_OPEN_URL",
			"ACTION_OPEN_URL_IN_WEBVIEW", "ACTION_SHARE_LOCATION", "ACTION_VIEW_LOCATION", "ACTION_COMPOSE", "REVOCATION",
		}
	}
	return map[string][]string{"features": features}, nil
}
