package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley"
)

// A Sticky is what a dispatched message leaves with its recipient, for the
// callbacks about what the recipient writes later: what a conversation keeps
// where there are any.
type Sticky struct {
	ProjectID, AppID string
	Identity         parley.ChannelIdentity
	MetadataJSON     json.RawMessage // empty leaves what there is
	MergeMetadata    bool
	CorrelationID    string // "" leaves what there is
	Expires          time.Time
}

// A stickyKey is a recipient of an app.
type stickyKey struct{ project, app, channel, identity string }

func (y *Sticky) key() stickyKey {
	return stickyKey{y.ProjectID, y.AppID, string(y.Identity.Channel), y.Identity.Identity}
}

const stickyColumns = `project_id, app_id, channel, identity, metadata_json, correlation_id, expires_at`

// Sticky returns what sticks to a recipient of an app, or nil.
func (s *Store) Sticky(ctx context.Context, projectID, appID string, who parley.ChannelIdentity) (*Sticky, error) {
	y := &Sticky{ProjectID: projectID, AppID: appID, Identity: who}
	var metadata string
	var expires int64
	err := s.q.QueryRowContext(ctx, `SELECT metadata_json, correlation_id, expires_at FROM sticky
		WHERE project_id = $1 AND app_id = $2 AND channel = $3 AND identity = $4 AND expires_at > $5`,
		projectID, appID, string(who.Channel), who.Identity, micros(s.Now())).Scan(&metadata, &y.CorrelationID, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is an answer here
	}
	y.MetadataJSON, y.Expires = json.RawMessage(metadata), fromMicros(expires)
	return y, err
}

// HasSticky reports whether anything sticks to any recipient of an app.
func (s *Store) HasSticky(ctx context.Context, projectID, appID string) (bool, error) {
	var has bool
	err := s.q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sticky WHERE project_id = $1 AND app_id = $2)`,
		projectID, appID).Scan(&has)
	return has, err
}

// SweepSticky forgets up to limit of what has expired and returns how much.
func (s *Store) SweepSticky(ctx context.Context, limit int) (int64, error) {
	return s.exec(ctx, `DELETE FROM sticky WHERE (project_id, app_id, channel, identity) IN (
		SELECT project_id, app_id, channel, identity FROM sticky WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		micros(s.Now()), limit)
}

// stick stores what the messages of a group leave with their recipients.
func (b *batch) stick(accepts []*Acceptance) error {
	var all []*Sticky
	var names []string
	for _, a := range accepts {
		for _, y := range a.Stick {
			all = append(all, y)
			names = append(names, strings.Join([]string{"sticky", y.ProjectID, y.AppID, string(y.Identity.Channel), y.Identity.Identity}, "\x00"))
		}
	}
	if len(all) == 0 {
		return nil
	}
	// What is merged with what there is must not change meanwhile.
	if err := b.lockNames(names); err != nil {
		return err
	}
	now, err := b.findSticky(all)
	if err != nil {
		return fmt.Errorf("find what sticks: %w", err)
	}
	for _, y := range all {
		if err := now[y.key()].take(y); err != nil {
			return err
		}
	}
	s := &set{
		head: `INSERT INTO sticky (` + stickyColumns + `)`, types: "tttttti", insert: true,
		tail: ` ON CONFLICT (project_id, app_id, channel, identity) DO UPDATE SET metadata_json = excluded.metadata_json,
			correlation_id = excluded.correlation_id, expires_at = excluded.expires_at`,
	}
	for _, k := range slices.SortedFunc(maps.Keys(now), stickyKey.compare) {
		y := now[k]
		s.add(k.project, k.app, k.channel, k.identity, string(y.MetadataJSON), y.CorrelationID, micros(y.Expires))
	}
	return b.exec(s)
}

func (k stickyKey) compare(o stickyKey) int {
	return slices.Compare([]string{k.project, k.app, k.channel, k.identity}, []string{o.project, o.app, o.channel, o.identity})
}

// findSticky returns what sticks to recipients now; nothing to most of them.
func (b *batch) findSticky(all []*Sticky) (map[stickyKey]*Sticky, error) {
	s := &set{
		head:  `SELECT y.project_id, y.app_id, y.channel, y.identity, y.metadata_json, y.correlation_id FROM (VALUES `,
		types: "tttti",
		tail: `) AS v, sticky AS y WHERE y.project_id = v.column1 AND y.app_id = v.column2 AND y.channel = v.column3
			AND y.identity = v.column4 AND y.expires_at > v.column5`,
	}
	out := map[stickyKey]*Sticky{}
	for _, y := range all {
		k := y.key()
		if out[k] != nil {
			continue
		}
		out[k] = &Sticky{MetadataJSON: json.RawMessage("{}")}
		s.add(k.project, k.app, k.channel, k.identity, micros(b.w.s.Now()))
	}
	return out, b.query(s, func(r *sql.Rows) error {
		var k stickyKey
		var metadata, correlation string
		err := r.Scan(&k.project, &k.app, &k.channel, &k.identity, &metadata, &correlation)
		out[k] = &Sticky{MetadataJSON: json.RawMessage(metadata), CorrelationID: correlation}
		return err
	})
}

// take adds what a message leaves to what there is.
func (y *Sticky) take(from *Sticky) error {
	if len(from.MetadataJSON) > 0 {
		metadata, err := stickMetadata(y.MetadataJSON, from.MetadataJSON, from.MergeMetadata)
		if err != nil {
			return err
		}
		y.MetadataJSON = metadata
	}
	if from.CorrelationID != "" {
		y.CorrelationID = from.CorrelationID
	}
	y.Expires = from.Expires
	return nil
}

// stickMetadata returns the metadata that a message's makes of what there is.
func stickMetadata(old, metadata json.RawMessage, merge bool) (json.RawMessage, error) {
	if !merge {
		return metadata, nil
	}
	merged, err := parley.MergePatch(old, metadata)
	if err != nil {
		return nil, err
	}
	if len(merged) > parley.MaxMetadataJSON {
		return nil, parley.Invalid("conversation_metadata", "merged with what the conversation has must have at most %d bytes",
			parley.MaxMetadataJSON)
	}
	return merged, nil
}
