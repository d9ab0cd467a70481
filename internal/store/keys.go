package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/parley-im/parley"
)

// KeyLife is how long an idempotency key is remembered.
const KeyLife = 24 * time.Hour

// ErrKeyUsed says that a write was left undone because its idempotency key was
// used by an earlier one.
var ErrKeyUsed = errors.New("the idempotency key was used already")

// A Key makes a request one that takes effect once. It travels in the context
// of the request: the first Commit or Tx made with it stores it in the same
// transaction as the effect, or does nothing and returns ErrKeyUsed.
type Key struct {
	ProjectID, Name string
	// Fingerprint tells whether a later request is the same one.
	Fingerprint string
	// Status and Answer are the HTTP answer; Status is 0 while it is not
	// known.
	Status int
	Answer string
	At     time.Time

	stored bool
}

// Stored reports whether the key is in the database, and with it the effect.
func (k *Key) Stored() bool { return k.stored }

type keyContext struct{}

// WithKey returns a context whose first write stores the key.
func WithKey(ctx context.Context, k *Key) context.Context {
	return context.WithValue(ctx, keyContext{}, k)
}

// Answer notes what the request with this context is going to be answered, so
// that it is stored with the effect: also if the process dies right after, the
// next request with the same key gets it. Without a key it does nothing.
func Answer(ctx context.Context, status int, v any) error {
	k := keyOf(ctx)
	if k == nil || k.stored {
		return nil
	}
	raw, err := parley.Marshal(v)
	if err != nil {
		return err
	}
	k.Status, k.Answer = status, string(raw)
	return nil
}

// keyOf returns the key that the next write with this context must store, or
// nil.
func keyOf(ctx context.Context) *Key {
	k, _ := ctx.Value(keyContext{}).(*Key)
	if k == nil || k.stored {
		return nil
	}
	return k
}

const (
	keyColumns = `project_id, name, fingerprint, status, answer, created_at`
	keyTypes   = "tttiti"
)

func (k *Key) args(now time.Time) []any {
	return []any{k.ProjectID, k.Name, k.Fingerprint, k.Status, k.Answer, micros(now)}
}

// putKey stores a key within the transaction at hand, at its end.
func (s *Store) putKey(ctx context.Context, k *Key) error {
	res, err := s.q.ExecContext(ctx, `INSERT INTO idempotency_keys (`+keyColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT DO NOTHING`, k.args(s.Now())...)
	if err != nil {
		return fmt.Errorf("put idempotency key: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, ErrKeyUsed)
	}
	return nil
}

// FindKey returns a key that was used less than KeyLife ago, or nil. An older
// one is forgotten.
func (s *Store) FindKey(ctx context.Context, projectID, name string) (*Key, error) {
	k := &Key{ProjectID: projectID, Name: name, stored: true}
	var at int64
	err := s.q.QueryRowContext(ctx, `SELECT fingerprint, status, answer, created_at FROM idempotency_keys
		WHERE project_id = $1 AND name = $2`, projectID, name).Scan(&k.Fingerprint, &k.Status, &k.Answer, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	if err != nil {
		return nil, fmt.Errorf("find idempotency key: %w", err)
	}
	k.At = fromMicros(at)
	if s.Now().Sub(k.At) < KeyLife {
		return k, nil
	}
	_, err = s.exec(ctx, `DELETE FROM idempotency_keys WHERE project_id = $1 AND name = $2 AND created_at = $3`, projectID, name, at)
	return nil, err
}

// KeepAnswer stores what a request with a key was answered, if its effect did
// not store that.
func (s *Store) KeepAnswer(ctx context.Context, k *Key, status int, answer string) error {
	n := &Key{ProjectID: k.ProjectID, Name: k.Name, Fingerprint: k.Fingerprint, Status: status, Answer: answer}
	_, err := s.exec(ctx, `INSERT INTO idempotency_keys (`+keyColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (project_id, name) DO UPDATE SET status = excluded.status, answer = excluded.answer
		WHERE idempotency_keys.status = 0 AND idempotency_keys.fingerprint = excluded.fingerprint`, n.args(s.Now())...)
	return err
}

// DropKey forgets a key whose request failed after part of its effect.
func (s *Store) DropKey(ctx context.Context, k *Key) error {
	_, err := s.exec(ctx, `DELETE FROM idempotency_keys WHERE project_id = $1 AND name = $2`, k.ProjectID, k.Name)
	return err
}

// SweepKeys forgets up to limit keys that are older than KeyLife and returns
// how many there were.
func (s *Store) SweepKeys(ctx context.Context, limit int) (int64, error) {
	return s.exec(ctx, `DELETE FROM idempotency_keys WHERE (project_id, name) IN (
		SELECT project_id, name FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2)`,
		micros(s.Now().Add(-KeyLife)), limit)
}

// dropTaken returns the writes of a group that take place: not those whose
// idempotency key was used, nor steps of batches that went on, or were
// cancelled, without them.
func (b *batch) dropTaken(group []*commit) ([]*commit, error) {
	if !slices.ContainsFunc(group, (*commit).conditional) {
		return group, nil
	}
	dropped := map[*commit]bool{}
	for _, c := range group {
		if c.conditional() {
			c.err = nil // of an attempt that was rolled back
			dropped[c] = true
		}
	}
	if err := b.useKeys(group, dropped); err != nil {
		return nil, fmt.Errorf("use idempotency keys: %w", err)
	}
	if err := b.makeSteps(group, dropped); err != nil {
		return nil, fmt.Errorf("step batches: %w", err)
	}
	var left []*commit
	for _, c := range group {
		if !dropped[c] {
			left = append(left, c)
		}
	}
	return left, nil
}

// conditional reports whether the write may not take place.
func (c *commit) conditional() bool { return c.write.key != nil || c.write.Step != nil }

// useKeys stores the keys of the group and takes those that are new out of
// dropped.
func (b *batch) useKeys(group []*commit, dropped map[*commit]bool) error {
	s := &set{
		head: `INSERT INTO idempotency_keys (` + keyColumns + `)`, types: keyTypes, insert: true,
		tail: ` ON CONFLICT DO NOTHING RETURNING project_id, name`,
	}
	for _, c := range group {
		if k := c.write.key; k != nil {
			s.add(k.args(b.w.s.Now())...)
		}
	}
	fresh := map[[2]string]bool{}
	err := b.query(s, func(r *sql.Rows) error {
		var k [2]string
		err := r.Scan(&k[0], &k[1])
		fresh[k] = true
		return err
	})
	for _, c := range group {
		k := c.write.key
		if k == nil {
			continue
		}
		id := [2]string{k.ProjectID, k.Name}
		if fresh[id] {
			delete(fresh, id) // a second one in the same group comes too late
			delete(dropped, c)
			continue
		}
		c.err = ErrKeyUsed
	}
	return err
}

// makeSteps advances the batches of the group and takes the steps that took
// place out of dropped.
func (b *batch) makeSteps(group []*commit, dropped map[*commit]bool) error {
	s := &set{
		head:  `UPDATE batches SET done = v.column4, status = v.column5, doc = CASE WHEN v.column6 = 0 THEN doc ELSE '' END FROM (VALUES `,
		types: "ttiiti",
		tail: `) AS v WHERE project_id = v.column1 AND id = v.column2 AND done = v.column3
			AND status IN ('` + BatchReady + `', '` + BatchScheduled + `') RETURNING id`,
	}
	for _, c := range group {
		if t := c.write.Step; t != nil {
			s.add(t.ProjectID, t.BatchID, t.From, t.To, t.Status, flag(t.Status == BatchProcessed))
		}
	}
	made := map[string]bool{}
	err := b.query(s, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		made[id] = true
		return err
	})
	for _, c := range group {
		t := c.write.Step
		if t == nil {
			continue
		}
		if made[t.BatchID] {
			delete(made, t.BatchID)
			delete(dropped, c)
			continue
		}
		c.err = ErrStepLost
	}
	return err
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
