package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// controlBody is the most the control API reads of a request. Replies may
// carry files as data URLs.
const controlBody = 32 << 20

// waitMost is the longest a caller may wait for a message in one request.
const waitMost = time.Minute

// controlRoutes serves the handsets and accounts; see the package comment.
func (s *Simulator) controlRoutes(mux *http.ServeMux) {
	const phone = "/handsets/{channel}/{identity}"
	for pattern, op := range map[string]controlOp{
		"GET /handsets":                 s.listHandsets,
		"DELETE /handsets":              s.clearHandsets,
		"GET /stats":                    s.showStats,
		"GET " + phone:                  s.showHandset,
		"PUT " + phone:                  s.nameHandset,
		"GET " + phone + "/wait":        s.waitHandset,
		"PUT " + phone + "/behaviour":   s.putBehaviour,
		"POST " + phone + "/reply":      s.postReply,
		"POST " + phone + "/tap":        s.postTap,
		"POST " + phone + "/read":       s.postRead,
		"POST " + phone + "/block":      s.postBlock,
		"POST " + phone + "/unblock":    s.postUnblock,
		"POST " + phone + "/start":      s.postStart,
		"POST " + phone + "/event":      s.postEvent,
		"PUT /accounts/{provider}/{id}": s.putAccount,
		"GET /accounts":                 s.listAccounts,
	} {
		mux.HandleFunc(pattern, control(op))
	}
}

// controlOp is one operation of the control API. What it returns is the JSON
// answered; nil is an empty 204.
type controlOp func(r *http.Request) (any, error)

func control(op controlOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, controlBody)
		v, err := op(r)
		switch {
		case err != nil:
			writeError(w, err)
		case v == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			writeJSON(w, http.StatusOK, v)
		}
	}
}

// writeError answers an error of the control API.
func writeError(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, errNotFound):
		status = http.StatusNotFound
	case errors.Is(err, errConflict):
		status = http.StatusConflict
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusRequestTimeout
	}
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

// writeJSON answers v without HTML escapes, as the providers do.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := encode(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a caller that hangs up is no error
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// readBody decodes a request of the control API. An empty body leaves v as it
// is; an unknown field is an error, so that a typing mistake is seen.
func readBody(r *http.Request, v any) error { return decodeFrom(r.Body, v) }

// decode is readBody for a request that was read.
func decode(doc []byte, v any) error { return decodeFrom(bytes.NewReader(doc), v) }

func decodeFrom(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read request: %w", err)
	}
	return nil
}

// phoneOf reads the handset from the path.
func (s *Simulator) phoneOf(r *http.Request) (key, error) {
	channel := strings.ToUpper(r.PathValue("channel"))
	if s.providersOf(channel) == nil {
		return key{}, fmt.Errorf("channel %w", errNotFound)
	}
	return newKey(channel, r.PathValue("identity")), nil
}

func (s *Simulator) listHandsets(*http.Request) (any, error) {
	return map[string]any{"handsets": s.Handsets()}, nil
}

func (s *Simulator) clearHandsets(r *http.Request) (any, error) {
	s.phones.clear(r.URL.Query().Get("keep") != "")
	s.stats.reset()
	return nil, nil //nolint:nilnil // nothing to answer
}

func (s *Simulator) showStats(*http.Request) (any, error) { return s.Stats(), nil }

func (s *Simulator) showHandset(r *http.Request) (any, error) {
	k, f, err := s.phoneAndFilter(r)
	if err != nil {
		return nil, err
	}
	t, ok := s.phones.thread(k, f)
	if !ok {
		return nil, fmt.Errorf("handset %w", errNotFound)
	}
	return t, nil
}

func (s *Simulator) phoneAndFilter(r *http.Request) (key, Filter, error) {
	k, err := s.phoneOf(r)
	if err != nil {
		return key{}, Filter{}, err
	}
	q := r.URL.Query()
	f := Filter{
		Direction: q.Get("direction"), Text: q.Get("text"), Type: q.Get("type"), Status: q.Get("status"),
	}
	since := q.Get("since")
	if since == "" {
		return k, f, nil
	}
	if f.After, err = strconv.ParseInt(since, 10, 64); err == nil {
		return k, f, nil
	}
	if f.Since, err = time.Parse(time.RFC3339, since); err != nil {
		return key{}, Filter{}, errors.New("since: want an item id or an RFC 3339 time")
	}
	return k, f, nil
}

// nameHandset sets the profile name shown to accounts.
func (s *Simulator) nameHandset(r *http.Request) (any, error) {
	var in struct {
		Name string `json:"name"`
	}
	k, err := s.phoneOf(r)
	if err == nil {
		err = readBody(r, &in)
	}
	if err != nil {
		return nil, err
	}
	var info HandsetInfo
	s.phones.locked(k, func(h *handset) {
		if in.Name != "" {
			h.name = in.Name
		}
		info = s.phones.info(h)
	})
	return info, nil
}

// waitHandset answers with the first matching message, now or when it comes;
// 408 when it does not.
func (s *Simulator) waitHandset(r *http.Request) (any, error) {
	k, f, err := s.phoneAndFilter(r)
	if err != nil {
		return nil, err
	}
	if f.Direction == "" {
		f.Direction = In
	}
	limit := 5 * time.Second
	if t := r.URL.Query().Get("timeout"); t != "" {
		if limit, err = time.ParseDuration(t); err != nil {
			return nil, fmt.Errorf("timeout: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(limit, waitMost))
	defer cancel()
	it, err := s.phones.wait(ctx, k, f)
	if err != nil {
		return nil, fmt.Errorf("wait for message: %w", err)
	}
	return it, nil
}

func (s *Simulator) putBehaviour(r *http.Request) (any, error) {
	var b Behaviour
	k, err := s.phoneOf(r)
	if err == nil {
		err = readBody(r, &b)
	}
	if err == nil {
		err = s.SetBehaviour(k.channel, k.identity, b)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (s *Simulator) postReply(r *http.Request) (any, error) {
	var in Reply
	k, err := s.phoneOf(r)
	if err == nil {
		err = readBody(r, &in)
	}
	if err != nil {
		return nil, err
	}
	return s.Reply(r.Context(), k.channel, k.identity, in)
}

func (s *Simulator) postTap(r *http.Request) (any, error) {
	var in Tap
	k, err := s.phoneOf(r)
	if err == nil {
		err = readBody(r, &in)
	}
	if err != nil {
		return nil, err
	}
	return s.Tap(k.channel, k.identity, in)
}

// postRead marks everything shown as read; accounts are told where their
// provider reports it.
func (s *Simulator) postRead(r *http.Request) (any, error) {
	k, err := s.phoneOf(r)
	if err != nil {
		return nil, err
	}
	t, _ := s.phones.thread(k, Filter{Direction: In, Status: StatusDelivered})
	for _, it := range t.Items {
		s.settle(k, it.ID, StatusRead, "")
	}
	return map[string]int{"read": len(t.Items)}, nil
}

func (s *Simulator) postBlock(r *http.Request) (any, error)   { return s.setBlocked(r, true) }
func (s *Simulator) postUnblock(r *http.Request) (any, error) { return s.setBlocked(r, false) }

// setBlocked makes the phone refuse the accounts of its channel, or not any
// more. Some providers tell the accounts that have written to it.
func (s *Simulator) setBlocked(r *http.Request, blocked bool) (any, error) {
	k, err := s.phoneOf(r)
	if err != nil {
		return nil, err
	}
	var in struct {
		Account string `json:"account"`
	}
	if err := readBody(r, &in); err != nil {
		return nil, err
	}
	var was bool
	var info HandsetInfo
	s.phones.locked(k, func(h *handset) {
		was, h.blocked = h.blocked, blocked
		info = s.phones.info(h)
		h.wake()
	})
	if was == blocked {
		return info, nil
	}
	for _, p := range s.providersOf(k.channel) {
		if b, ok := p.(blocker); ok {
			b.blocked(k, in.Account, blocked)
		}
	}
	return info, nil
}

// postEvent is what the phone does besides writing: typing, opting in.
func (s *Simulator) postEvent(r *http.Request) (any, error) {
	var e Event
	k, err := s.phoneOf(r)
	if err == nil {
		err = readBody(r, &e)
	}
	if err != nil {
		return nil, err
	}
	return s.answerEvent(k, e)
}

// postStart is the button a conversation begins with, such as Start of
// TELEGRAM.
func (s *Simulator) postStart(r *http.Request) (any, error) {
	e := Event{Type: EventStart}
	k, err := s.phoneOf(r)
	if err == nil {
		err = readBody(r, &e)
	}
	if err != nil {
		return nil, err
	}
	e.Type = EventStart
	return s.answerEvent(k, e)
}

func (s *Simulator) answerEvent(k key, e Event) (any, error) {
	it, err := s.Event(k.channel, k.identity, e)
	if err != nil || it.ID == "" {
		return nil, err
	}
	return it, nil
}

// listAccounts names the accounts of every provider. Secrets are not shown.
func (s *Simulator) listAccounts(*http.Request) (any, error) {
	out := map[string][]string{}
	for _, p := range s.providers {
		out[p.name()] = slices.Concat([]string{}, p.accounts())
	}
	return out, nil
}

// putAccount makes or changes an account.
func (s *Simulator) putAccount(r *http.Request) (any, error) {
	doc, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	id := r.PathValue("id")
	if err := s.put(r.Context(), r.PathValue("provider"), id, doc); err != nil {
		return nil, err
	}
	return map[string]string{"id": id}, nil
}
