package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of the SMS REST API (developers.sinch.com, SMS API reference,
// batches, read 2026-11-22).
const (
	sinchBodyMost      = 2000 // characters of mt_text
	sinchMediaMost     = 5000 // characters of an mt_media message
	sinchRecipients    = 1000
	sinchReferenceMost = 2048
	sinchRequestMost   = 1 << 20
	sinchBatchesKept   = 50_000
)

// ProviderSinch is Sinch's SMS REST API.
const ProviderSinch = "sms-sinch"

// SinchAccount is a service plan of the SMS REST API.
type SinchAccount struct {
	Token       string `json:"token"` // bearer
	CallbackURL string `json:"callback_url,omitempty"`
	// CallbackSecret, if set, makes callbacks signed.
	CallbackSecret string `json:"callback_secret,omitempty"`
	// DefaultOriginator is the number batches without from are sent from, and
	// the one handsets write to first.
	DefaultOriginator string `json:"default_originator,omitempty"`
}

// sinch is the SMS REST API.
type sinch struct {
	sim *Simulator
	ids *idSource

	plans accountSet[SinchAccount]

	mu      sync.Mutex
	batches map[string]*sinchBatch
	order   []string // batch ids, oldest first
}

func newSinch(s *Simulator) *sinch {
	return &sinch{sim: s, ids: newIDSource(s.now), batches: map[string]*sinchBatch{}}
}

func (x *sinch) name() string       { return ProviderSinch }
func (x *sinch) channel() string    { return ChannelSMS }
func (x *sinch) accounts() []string { return x.plans.ids() }

// put makes or changes a service plan.
func (x *sinch) put(_ context.Context, planID string, doc json.RawMessage) error {
	var a SinchAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if planID == "" || a.Token == "" {
		return errors.New("sms-sinch account: want an id and a token")
	}
	x.plans.set(planID, a)
	return nil
}

func (x *sinch) routes(mux *http.ServeMux) {
	const batches = "/sms-sinch/xms/v1/{plan}/batches"
	mux.HandleFunc("POST "+batches, x.guard(x.send))
	mux.HandleFunc("GET "+batches, x.guard(x.list))
	mux.HandleFunc("GET "+batches+"/{id}", x.guard(x.show))
	mux.HandleFunc("DELETE "+batches+"/{id}", x.guard(x.cancel))
	mux.HandleFunc("GET "+batches+"/{id}/delivery_report", x.guard(x.report))
	mux.HandleFunc("/sms-sinch/", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
	})
}

// sinchError is an error as the API words it.
type sinchError struct {
	status int
	code   string
	text   string
	after  int
}

func (e *sinchError) Error() string { return e.code }

func sinchBad(code, text string) *sinchError {
	return &sinchError{status: http.StatusBadRequest, code: code, text: text}
}

// sinchOp is one operation: the status and body to answer.
type sinchOp func(r *http.Request, planID string) (int, any, error)

// guard checks the token and words errors.
func (x *sinch) guard(op sinchOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("plan")
		plan, ok := x.plans.get(id)
		if !ok || r.Header.Get("Authorization") != "Bearer "+plan.Token {
			w.WriteHeader(http.StatusUnauthorized) // the API says no more
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, sinchRequestMost)
		status, body, err := op(r, id)
		x.sim.cutIfAsked(r, ProviderSinch, err)
		var xe *sinchError
		switch {
		case errors.As(err, &xe):
			if xe.after > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(xe.after))
			}
			writeJSON(w, xe.status, map[string]string{"code": xe.code, "text": xe.text})
		case err != nil:
			writeJSON(w, http.StatusInternalServerError, map[string]string{"code": "internal_error", "text": err.Error()})
		default:
			writeJSON(w, status, body)
		}
	}
}

// sinchBatch is a message to one or more phones. Its JSON is the API's.
type sinchBatch struct {
	ID             string          `json:"id"`
	To             []string        `json:"to"`
	From           string          `json:"from,omitempty"`
	Canceled       bool            `json:"canceled"`
	Parameters     json.RawMessage `json:"parameters,omitempty"`
	Body           json.RawMessage `json:"body"`
	UDH            string          `json:"udh,omitempty"`
	Type           string          `json:"type"`
	CreatedAt      sinchTime       `json:"created_at"`
	ModifiedAt     sinchTime       `json:"modified_at"`
	DeliveryReport string          `json:"delivery_report"`
	SendAt         *time.Time      `json:"send_at,omitempty"`
	ExpireAt       *time.Time      `json:"expire_at,omitempty"`
	CallbackURL    string          `json:"callback_url,omitempty"`
	Reference      string          `json:"client_reference,omitempty"`
	Feedback       bool            `json:"feedback_enabled"`
	Flash          bool            `json:"flash_message"`
	Truncate       *bool           `json:"truncate_concat,omitempty"`
	MaxParts       *int            `json:"max_number_of_message_parts,omitempty"`
	FromTON        *int            `json:"from_ton,omitempty"`
	FromNPI        *int            `json:"from_npi,omitempty"`
	StrictValidity *bool           `json:"strict_validation,omitempty"`

	plan     string
	statuses map[string]sinchStatus // by recipient
	reported bool                   // the summary was sent
}

type sinchStatus struct {
	Code   int
	Status string
	At     time.Time
}

// sinchTime is a time with milliseconds, as the API writes it.
type sinchTime time.Time

// MarshalText writes RFC 3339 in UTC with three decimals.
func (t sinchTime) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// UnmarshalText lets requests carry the field, which is then overwritten.
func (t *sinchTime) UnmarshalText(b []byte) error {
	v, err := time.Parse(time.RFC3339, string(b))
	if err != nil {
		return fmt.Errorf("read time: %w", err)
	}
	*t = sinchTime(v)
	return nil
}

// send is POST /batches.
func (x *sinch) send(r *http.Request, planID string) (int, any, error) {
	native, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, nil, sinchBad("syntax_invalid_json", "The body could not be read")
	}
	b, shown, err := x.read(native, planID)
	if err != nil {
		x.sim.stats.refused(ProviderSinch)
		return 0, nil, err
	}
	// All recipients share a fate until the batch is accepted: the first
	// phone with an opinion decides.
	behaviours := make([]Behaviour, len(b.To))
	for i, to := range b.To {
		shown.Provider = ProviderSinch
		bh, err := x.sim.admit(&incoming{phone: newKey(ChannelSMS, to), item: shown, refuse: sinchRefusal})
		if err != nil {
			return 0, nil, err
		}
		behaviours[i] = bh
	}
	answer := *b // as accepted; it may change before the answer is written
	x.keep(b)
	x.sim.stats.accepted(ProviderSinch)
	for i, to := range b.To {
		shown.Native = native
		x.arrive(b, newKey(ChannelSMS, to), shown, behaviours[i])
	}
	for _, bh := range behaviours {
		if bh.Hang == HangAfter {
			return 0, nil, hangError{bh}
		}
	}
	return http.StatusCreated, answer, nil
}

func sinchRefusal(b Behaviour, _ bool) error {
	switch b.Deliver {
	case DeliverRateLimit:
		return &sinchError{
			status: http.StatusTooManyRequests, code: "too_many_requests",
			text: "Too many requests", after: b.RetryAfter,
		}
	case DeliverRefuse:
		return &sinchError{
			status: http.StatusForbidden, code: b.FailCode.or("syntax_constraint_violation"),
			text: "The message was refused",
		}
	}
	return nil
}

func (x *sinch) keep(b *sinchBatch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.batches[b.ID] = b
	x.order = append(x.order, b.ID)
	if len(x.order) > sinchBatchesKept {
		delete(x.batches, x.order[0])
		x.order = x.order[1:]
	}
}

// batch finds a batch of the plan.
func (x *sinch) batch(r *http.Request, planID string) (*sinchBatch, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	b := x.batches[r.PathValue("id")]
	if b == nil || b.plan != planID {
		return nil, &sinchError{status: http.StatusNotFound, code: "not_found", text: "No such batch"}
	}
	return b, nil
}

func (x *sinch) show(r *http.Request, planID string) (int, any, error) {
	b, err := x.batch(r, planID)
	if err != nil {
		return 0, nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return http.StatusOK, *b, nil
}

// list is GET /batches: newest first, the last day unless start_date is given.
func (x *sinch) list(r *http.Request, planID string) (int, any, error) {
	q := r.URL.Query()
	page, size := atoi(q.Get("page"), 0), atoi(q.Get("page_size"), 30)
	if page < 0 || size < 1 || size > 100 {
		return 0, nil, sinchBad("syntax_constraint_violation", "page: at least 0; page_size: 1 to 100")
	}
	start, end := x.sim.now().Add(-24*time.Hour), time.Time{}
	for name, at := range map[string]*time.Time{"start_date": &start, "end_date": &end} {
		if v := q.Get(name); v != "" {
			var err error
			if *at, err = time.Parse(time.RFC3339, v); err != nil {
				return 0, nil, sinchBad("syntax_invalid_parameter_format", name+": want an ISO 8601 time")
			}
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	count, found := 0, []sinchBatch{}
	for _, id := range slices.Backward(x.order) {
		b := x.batches[id]
		at := time.Time(b.CreatedAt)
		if b.plan != planID || at.Before(start) || !end.IsZero() && !at.Before(end) ||
			q.Get("client_reference") != "" && q.Get("client_reference") != b.Reference ||
			q.Get("from") != "" && !slices.Contains(strings.Split(q.Get("from"), ","), b.From) {
			continue
		}
		if count >= page*size && len(found) < size {
			found = append(found, *b)
		}
		count++
	}
	return http.StatusOK, map[string]any{"page": page, "page_size": len(found), "count": count, "batches": found}, nil
}

// cancel is DELETE /batches/{id}: it stops what is not yet delivered.
func (x *sinch) cancel(r *http.Request, planID string) (int, any, error) {
	b, err := x.batch(r, planID)
	if err != nil {
		return 0, nil, err
	}
	x.mu.Lock()
	b.Canceled = true
	b.ModifiedAt = sinchTime(x.sim.now())
	answer := *b
	x.mu.Unlock()
	for _, to := range answer.To {
		x.advance(b, newKey(ChannelSMS, to), sinchStatus{Code: 407, Status: "Cancelled"})
	}
	return http.StatusOK, answer, nil
}

// atoi reads a number; an empty string is def and nonsense is -1.
func atoi(s string, def int) int {
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}
