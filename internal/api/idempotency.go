package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// Idempotency keys. A POST with the header takes effect once: the key is
// written in the transaction of the effect (store.Key does that for whatever
// the operation commits first), so that a second request, on this node or
// another, during the first or after a crash, finds it or fails to write it.
// What was answered is kept with the key and given again.

const (
	keyHeader = "Idempotency-Key"
	// replayedHeader marks an answer that was given before.
	replayedHeader = "Idempotent-Replayed"
	maxKey         = 255 // characters
	// keyPatience is how long a request waits for another with the same key.
	keyPatience = 10 * time.Second
)

// An answered is an answer as it was given before.
type answered struct {
	status int
	body   string
}

// once runs op if no request with the same key was carried out before, and
// else returns what that was answered.
func (s *Server) once(ctx context.Context, op *operation, r *request) (any, error) {
	name, err := keyOf(r.http)
	if err != nil || name == "" {
		if err != nil {
			return nil, err
		}
		return op.run(ctx, r)
	}
	print, err := fingerprint(r)
	if err != nil {
		return nil, err
	}
	leave, err := s.keys.enter(ctx, keyName{r.project, name})
	if err != nil {
		return nil, err
	}
	defer leave()
	if old, err := s.store.FindKey(ctx, r.project, name); err != nil || old != nil {
		return replay(old, print, err)
	}
	k := &store.Key{ProjectID: r.project, Name: name, Fingerprint: print}
	answer, err := op.run(store.WithKey(ctx, k), r)
	if errors.Is(err, store.ErrKeyUsed) {
		old, ferr := s.store.FindKey(ctx, r.project, name)
		if old == nil && ferr == nil {
			return nil, errInProgress() // and dropped again, or forgotten
		}
		return replay(old, print, ferr)
	}
	s.settleKey(context.WithoutCancel(ctx), k, answer, err)
	return answer, err
}

// settleKey keeps what a request with a key was answered. An error is not
// kept: the request may be made again.
func (s *Server) settleKey(ctx context.Context, k *store.Key, answer any, failure error) {
	var err error
	switch {
	case failure != nil && k.Stored():
		err = s.store.DropKey(ctx, k)
	case failure != nil, k.Stored() && k.Status != 0:
	default:
		var raw []byte
		if raw, err = parley.Marshal(answer); err == nil {
			err = s.store.KeepAnswer(ctx, k, http.StatusOK, string(raw))
		}
	}
	if err != nil {
		s.log.Error("keep the answer to an idempotency key", slog.String("project_id", k.ProjectID), slog.Any("error", err))
	}
}

// replay answers with what an earlier request with the key was answered.
func replay(old *store.Key, print string, err error) (any, error) {
	switch {
	case err != nil:
		return nil, err
	case old.Fingerprint != print:
		return nil, parley.Errorf(parley.CodeKeyReused, "the %s was used for another request", keyHeader)
	case old.Status == 0:
		return nil, parley.Errorf(parley.CodeAborted, "the request with this %s was carried out; its answer was lost", keyHeader)
	}
	return answered{old.Status, old.Answer}, nil
}

// keyOf returns the request's idempotency key, or "" when it has none.
func keyOf(r *http.Request) (string, error) {
	values := r.Header[keyHeader]
	if len(values) == 0 || r.Method != http.MethodPost {
		return "", nil
	}
	if len(values) > 1 {
		return "", parley.Invalid(keyHeader, "is given more than once")
	}
	key := values[0]
	if key == "" || len(key) > maxKey {
		return "", parley.Invalid(keyHeader, "must have 1 to %d characters", maxKey)
	}
	for i := range len(key) {
		if key[i] < '!' || key[i] > '~' {
			return "", parley.Invalid(keyHeader, "must be visible ASCII characters without spaces")
		}
	}
	return key, nil
}

// fingerprint tells requests with the same key apart: by what is asked for, of
// what, and with what body.
func fingerprint(r *request) (string, error) {
	if err := r.read(); err != nil {
		return "", err
	}
	h := sha256.New()
	for _, part := range [][]byte{[]byte(r.http.URL.Path), []byte(r.http.URL.RawQuery), r.buffer.Bytes()} {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func errInProgress() error {
	return parley.Errorf(parley.CodeAborted, "another request with this %s is being carried out", keyHeader)
}

// keyName is a key within a project.
type keyName struct{ project, name string }

// keysInUse are the keys of requests that this node carries out now.
type keysInUse struct {
	mu  sync.Mutex
	all map[keyName]chan struct{} // closed when the request is over
}

// enter waits until no other request with the key is carried out here, and
// marks it as the caller's until leave is called.
func (u *keysInUse) enter(ctx context.Context, k keyName) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, keyPatience)
	defer cancel()
	for {
		u.mu.Lock()
		busy := u.all[k]
		if busy == nil {
			mine := make(chan struct{})
			if u.all == nil {
				u.all = map[keyName]chan struct{}{}
			}
			u.all[k] = mine
			u.mu.Unlock()
			return func() {
				u.mu.Lock()
				delete(u.all, k)
				u.mu.Unlock()
				close(mine)
			}, nil
		}
		u.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, errInProgress()
		}
	}
}
