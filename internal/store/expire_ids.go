package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/parley-im/parley"
)

// Provider ids are found by what the provider says, and neither by age nor by
// message: an index for that would cost every message a write. So they are
// gone through in order of their key, a part of them at a time. The same goes
// for the events an app sent.

// A providerKey is the key of a table by what a provider calls something:
// project, app, channel and that.
type providerKey [4]string

// RemoveProviderIDs goes through up to limit provider ids, after a mark, and
// removes those older than a time whose message is gone. The mark it returns
// is "" at the end.
func (s *Store) RemoveProviderIDs(ctx context.Context, after string, before time.Time, limit int) (mark string, n int64, err error) {
	oldest := parley.FirstID(before)
	keys, ids, err := s.providerPage(ctx, "provider_ids", "message_id", after, limit)
	if err != nil {
		return "", 0, err
	}
	var old [][2]string // project and message
	for i, k := range keys {
		if ids[i] < oldest {
			old = append(old, [2]string{k[0], ids[i]})
		}
	}
	alive, err := s.alive(ctx, old)
	if err != nil {
		return "", 0, err
	}
	var gone []providerKey
	for i, k := range keys {
		if ids[i] < oldest && !alive[[2]string{k[0], ids[i]}] {
			gone = append(gone, k)
		}
	}
	n, err = s.removeByProvider(ctx, "provider_ids", gone)
	return pageMark(keys, limit), n, err
}

// RemoveSentEvents goes through up to limit events that apps sent, likewise.
func (s *Store) RemoveSentEvents(ctx context.Context, after string, before time.Time, limit int) (mark string, n int64, err error) {
	keys, ages, err := s.providerPage(ctx, "sent_events", "CAST(created_at AS TEXT)", after, limit)
	if err != nil {
		return "", 0, err
	}
	oldest := fmt.Sprint(micros(before)) // of as many digits until 2286
	var gone []providerKey
	for i, k := range keys {
		if ages[i] < oldest {
			gone = append(gone, k)
		}
	}
	n, err = s.removeByProvider(ctx, "sent_events", gone)
	return pageMark(keys, limit), n, err
}

// providerPage reads keys and one more column, after a mark.
func (s *Store) providerPage(ctx context.Context, table, column, after string, limit int) (keys []providerKey, values []string, err error) {
	var from providerKey
	if after != "" {
		if err := json.Unmarshal([]byte(after), &from); err != nil {
			return nil, nil, fmt.Errorf("mark: %w", err)
		}
	}
	err = s.each(ctx, func(r *sql.Rows) error {
		var k providerKey
		var v string
		err := r.Scan(&k[0], &k[1], &k[2], &k[3], &v)
		keys, values = append(keys, k), append(values, v)
		return err
	}, `SELECT project_id, app_id, channel, provider_id, `+column+` FROM `+table+`
		WHERE (project_id, app_id, channel, provider_id) > ($1, $2, $3, $4)
		ORDER BY project_id, app_id, channel, provider_id LIMIT $5`, from[0], from[1], from[2], from[3], limit)
	return keys, values, err
}

// pageMark is the mark after a page, or "" after the last.
func pageMark(keys []providerKey, limit int) string {
	if len(keys) < limit {
		return ""
	}
	raw, err := json.Marshal(keys[len(keys)-1])
	if err != nil {
		return "" // strings can always be encoded
	}
	return string(raw)
}

// alive returns which of some messages, by project and id, there are.
func (s *Store) alive(ctx context.Context, messages [][2]string) (map[[2]string]bool, error) {
	out := map[[2]string]bool{}
	for part := range slices.Chunk(messages, removeChunk) {
		args := make([]any, 0, 2*len(part))
		for _, m := range part {
			args = append(args, m[0], m[1])
		}
		err := s.each(ctx, func(r *sql.Rows) error {
			var k [2]string
			err := r.Scan(&k[0], &k[1])
			out[k] = true
			return err
		}, `SELECT m.project_id, m.id FROM (VALUES `+placeholders(len(part), 2)+`) AS v
			JOIN messages AS m ON m.project_id = v.column1 AND m.id = v.column2`, args...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// removeChunk is how many rows are named in one statement.
const removeChunk = 200

func (s *Store) removeByProvider(ctx context.Context, table string, keys []providerKey) (int64, error) {
	var sum int64
	for part := range slices.Chunk(keys, removeChunk) {
		args := make([]any, 0, 4*len(part))
		for _, k := range part {
			args = append(args, k[0], k[1], k[2], k[3])
		}
		n, err := s.exec(ctx, `DELETE FROM `+table+` WHERE (project_id, app_id, channel, provider_id) IN (VALUES `+
			placeholders(len(part), 4)+`)`, args...)
		sum += n
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}
