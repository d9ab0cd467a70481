package store

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
)

// An explainer asks SQLite how it would run a query before it runs it.
type explainer struct {
	querier
	t *testing.T
}

// wholeProject is the plan that goes through all rows of a project.
var wholeProject = regexp.MustCompile(`^(SCAN (messages|m|provider_ids|p|events|contacts|conversations)\b|` +
	`SEARCH \w+ USING PRIMARY KEY \(project_id=\?( AND (id[<>]\?|app_id=\?))?\))`)

func (x explainer) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	x.explain(ctx, query, args...)
	return x.querier.QueryContext(ctx, query, args...)
}

func (x explainer) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	x.explain(ctx, query, args...)
	return x.querier.QueryRowContext(ctx, query, args...)
}

func (x explainer) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	x.explain(ctx, query, args...)
	return x.querier.ExecContext(ctx, query, args...)
}

func (x explainer) explain(ctx context.Context, query string, args ...any) {
	x.t.Helper()
	rows, err := x.querier.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		x.t.Errorf("explain %s: %v", query, err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var plan string
		if err := rows.Scan(&id, &parent, &unused, &plan); err != nil {
			x.t.Fatal(err)
		}
		if wholeProject.MatchString(plan) {
			x.t.Errorf("%s:\n%s", plan, strings.Join(strings.Fields(query), " "))
		}
	}
	if err := rows.Err(); err != nil {
		x.t.Error(err)
	}
}

// TestPlans: SQLite knows nothing of how many rows there are, and takes the
// primary key where it is not told better: what is asked of one contact or
// message must not be looked for among all of the project's.
func TestPlans(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), Options{
		Path: filepath.Join(t.TempDir(), "parley.db"), Key: make([]byte, KeySize), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	who := parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: "12025550123"}
	since := time.Unix(0, 0)
	part := &ProviderID{ProjectID: "p", AppID: "a", Channel: who.Channel, ID: "x", MessageID: "m", Parts: 2}
	for name, ask := range map[string]func(context.Context, *Store) error{
		"last sent": func(ctx context.Context, s *Store) error {
			_, err := s.LastSent(ctx, "p", "a", "c", who, since)
			return err
		},
		"last sent to no contact": func(ctx context.Context, s *Store) error {
			_, err := s.LastSent(ctx, "p", "a", "", who, since)
			return err
		},
		"sent before": func(ctx context.Context, s *Store) error {
			_, err := s.SentBefore(ctx, "p", "a", "c", who, "m")
			return err
		},
		"last inbound": func(ctx context.Context, s *Store) error {
			_, err := s.LastInbound(ctx, "p", "a", "c", who, since)
			return err
		},
		"last inbound of no contact": func(ctx context.Context, s *Store) error {
			_, err := s.LastInbound(ctx, "p", "a", "", who, since)
			return err
		},
		"inbound provider id": func(ctx context.Context, s *Store) error {
			_, err := s.InboundProviderID(ctx, "p", "a", "m")
			return err
		},
		"fold part": func(ctx context.Context, s *Store) error {
			_, err := s.FoldPart(ctx, part, RankRead)
			return err
		},
		"events of a contact": func(ctx context.Context, s *Store) error {
			_, err := s.Events(ctx, "p", EventFilter{ContactID: "c", Limit: 1})
			return err
		},
		"events of a conversation": func(ctx context.Context, s *Store) error {
			_, err := s.Events(ctx, "p", EventFilter{ConversationID: "v", Page: "e", Limit: 1})
			return err
		},
		"contacts by external id": func(ctx context.Context, s *Store) error {
			_, err := s.Contacts(ctx, "p", ContactFilter{ExternalID: "x", Limit: 1})
			return err
		},
		"contacts by identity": func(ctx context.Context, s *Store) error {
			_, err := s.Contacts(ctx, "p", ContactFilter{Identity: &who, Limit: 1})
			return err
		},
		"active conversation": func(ctx context.Context, s *Store) error {
			_, err := s.ActiveConversation(ctx, "p", "a", "c")
			return err
		},
		"move conversations": func(ctx context.Context, s *Store) error { return s.moveConversations(ctx, "p", "c", "d") },
		"delete traces": func(ctx context.Context, s *Store) error {
			return s.deleteTraces(ctx, "messages_contact", `contact_id = $2 AND contact_id <> ''`, "p", "c")
		},
		"forget the last message": func(ctx context.Context, s *Store) error { return s.forgetLast(ctx, "p", "m") },
	} {
		t.Run(name, func(t *testing.T) {
			err := s.Tx(t.Context(), func(tx *Store) error {
				return ask(t.Context(), &Store{shared: tx.shared, q: explainer{tx.q, t}, inTx: true})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
