package store_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/store/storetest"
)

// onBoth runs a test on the options of either database.
func onBoth(t *testing.T, test func(t *testing.T, o store.Options)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, storetest.Options(t, ""))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, storetest.Options(t, storetest.Postgres(t)))
	})
}

func number(n int) parley.ChannelIdentity {
	return parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: fmt.Sprintf("4670%07d", n)}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o store.Options) {
		var accepted []*store.Acceptance
		check := func(s *store.Store) {
			t.Helper()
			for _, a := range accepted {
				m, err := s.Message(t.Context(), "p1", a.Message.ID)
				if err != nil || m.ConversationID != a.Message.ConversationID {
					t.Fatalf("a message that was acknowledged: %+v, %v", m, err)
				}
			}
			counts, err := s.JobCounts(t.Context())
			if err != nil || counts[store.KindSend] != int64(len(accepted)) {
				t.Fatalf("jobs: %v, %v; want %d", counts, err, len(accepted))
			}
		}
		// The last one is not closed until the test ends: the process died.
		for life := range 3 {
			s := storetest.Open(t, o)
			check(s)
			for n := range 10 {
				w := storetest.Accept(s, "p1", "app1", number(n))
				if err := s.Commit(t.Context(), w); err != nil {
					t.Fatal(err)
				}
				accepted = append(accepted, w.Accept)
			}
			if life == 0 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		check(storetest.Open(t, o))
	})
}

// A key that does not fit must be noticed, and not read as "no credentials".
func TestWrongKey(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o store.Options) {
		keep(t, storetest.Open(t, o))
		o.Key = bytes.Repeat([]byte{8}, store.KeySize)
		s := storetest.Open(t, o)
		_, err := s.App(t.Context(), "p1", "app1")
		refuses(t, "App", err)
		_, err = s.Apps(t.Context(), "p1")
		refuses(t, "Apps", err)
		_, err = s.Webhook(t.Context(), "p1", "hook1")
		refuses(t, "Webhook", err)
		_, err = s.SigningKeys(t.Context())
		refuses(t, "SigningKeys", err)
		if _, err := s.CheckKey(t.Context(), "key1", "access-key-secret"); parley.CodeOf(err) != parley.CodeUnauthenticated {
			t.Errorf("CheckKey = %v", err)
		}
		o.Key = o.Key[1:]
		if s, err := store.Open(t.Context(), o); err == nil {
			s.Close()
			t.Error("a key of 31 bytes was taken")
		}
	})
}

func refuses(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "cannot be opened with this encryption key") {
		t.Errorf("%s with another key = %v", what, err)
	}
}

// secrets are what keep stores that must not be readable.
func secrets() []string {
	return []string{"telegram-token", "callback-secret", "webhook-secret", "client-secret", "access-key-secret", "signing-key-secret"}
}

// keep stores every secret there is.
func keep(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.CreateProject(ctx, "p1", "readable-name")
	fail(err)
	_, err = s.CreateKey(ctx, "p1", "key1", "access-key-secret")
	fail(err)
	fail(s.AddSigningKey(ctx, store.SigningKey{ID: "k", Secret: []byte("signing-key-secret"), CreatedAt: s.Now()}, time.Time{}))
	fail(s.PutApp(ctx, "p1", &parley.App{
		ID:               "app1",
		CallbackSettings: &parley.CallbackSettings{SecretForOverriddenCallbackURLs: "callback-secret"},
		ChannelCredentials: []parley.ChannelCredential{{
			Channel: parley.ChannelTelegram, Telegram: &parley.TelegramCredentials{Token: "telegram-token"},
		}},
	}))
	fail(s.PutWebhook(ctx, "p1", &parley.Webhook{
		ID: "hook1", AppID: "app1", Secret: "webhook-secret", ClientCredentials: &parley.ClientCredentials{ClientSecret: "client-secret"},
	}))
}

func TestSecretsAreUnreadable(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		o := storetest.Options(t, "")
		s := storetest.Open(t, o)
		keep(t, s)
		files, err := filepath.Glob(o.Path + "*") // the log beside it too
		if err != nil {
			t.Fatal(err)
		}
		var all []byte
		for _, name := range files {
			raw, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, raw...)
		}
		unreadable(t, string(all))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		o := storetest.Options(t, storetest.Postgres(t))
		keep(t, storetest.Open(t, o))
		conn := connect(t, o.URL)
		var all strings.Builder
		for _, table := range []string{"projects", "access_keys", "signing_keys", "apps", "webhooks"} {
			var rows string
			if err := conn.QueryRow(t.Context(), `SELECT string_agg(r::text, ' ') FROM `+table+` AS r`).Scan(&rows); err != nil {
				t.Fatal(err)
			}
			all.WriteString(rows)
		}
		unreadable(t, all.String())
	})
}

func unreadable(t *testing.T, raw string) {
	t.Helper()
	if !strings.Contains(raw, "readable-name") {
		t.Error("the search does not even find what is stored in the clear")
	}
	for _, secret := range secrets() {
		if strings.Contains(raw, secret) {
			t.Errorf("%s is stored in the clear", secret)
		}
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, o store.Options) {
		s := storetest.Open(t, o)
		if _, err := s.CreateProject(t.Context(), "p1", ""); err != nil {
			t.Fatal(err)
		}
		ok, err := storetest.Open(t, o).HasProject(t.Context(), "p1")
		if err != nil || !ok {
			t.Errorf("what was stored before the second migration: %v, %v", ok, err)
		}
	})
}

// Nodes of a new installation start at the same moment.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	o := storetest.Options(t, storetest.Postgres(t))
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			s, err := store.Open(t.Context(), o)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, err := s.CreateProject(t.Context(), fmt.Sprintf("p%d", n), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	projects, err := storetest.Open(t, o).Projects(t.Context())
	if err != nil || len(projects) != 4 {
		t.Errorf("%d projects, %v; want 4", len(projects), err)
	}
}

// Two nodes on one database: what one accepts the other sees, the same
// stranger is one contact to both, and no job id is used twice.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	o := storetest.Options(t, storetest.Postgres(t))
	nodes := []*store.Store{storetest.Open(t, o), storetest.Open(t, o)}
	for i, s := range nodes {
		if err := s.Join(t.Context(), int64(i+1), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[int64]bool{1025: true, 1026: true, 1027: false} {
		if got, err := nodes[0].NodeTaken(t.Context(), id); err != nil || got != want {
			t.Errorf("NodeTaken(%d) = %v, %v", id, got, err)
		}
	}
	const callers, strangers = 64, 8
	var mu sync.Mutex
	owners, seen := map[string]map[string]bool{}, map[int64]bool{}
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for n := range strangers {
				s, to := nodes[i%2], number(n)
				w := storetest.Accept(s, "p1", "app1", to)
				if err := s.Commit(t.Context(), w); err != nil {
					t.Error(err)
					return
				}
				if _, err := nodes[(i+1)%2].Message(t.Context(), "p1", w.Accept.Message.ID); err != nil {
					t.Errorf("on the other node: %v", err)
				}
				mu.Lock()
				if owners[to.Identity] == nil {
					owners[to.Identity] = map[string]bool{}
				}
				owners[to.Identity][w.Accept.ContactID+w.Accept.Conversation.ID] = true
				if seen[w.Accept.Job.ID] {
					t.Errorf("job id %d was used twice", w.Accept.Job.ID)
				}
				seen[w.Accept.Job.ID] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for who, pairs := range owners {
		if len(pairs) != 1 {
			t.Errorf("%s became %d contacts or conversations", who, len(pairs))
		}
	}
}

// SQLite is one process's: what another node id holds is a dead one's.
func TestJoinTakesOverOnSQLite(t *testing.T) {
	t.Parallel()
	o := storetest.Options(t, "")
	before := storetest.Open(t, o)
	before.SetHooks(store.Hooks{Owner: func(*store.Job) int64 { return 1 }})
	if err := before.Join(t.Context(), 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	w := storetest.Accept(before, "p1", "app1", number(1))
	if err := before.Commit(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	// Its clock is an hour behind, and the ids still go up.
	o.Now = func() time.Time { return time.Now().Add(-time.Hour) }
	after := storetest.Open(t, o)
	if err := after.Join(t.Context(), 2, time.Hour); err != nil {
		t.Fatal(err)
	}
	later := &store.Job{ProjectID: "p1", Kind: "test", Doc: []byte("{}")}
	if err := after.AddJobs(t.Context(), []*store.Job{later}); err != nil {
		t.Fatal(err)
	}
	if later.ID <= w.Accept.Job.ID {
		t.Errorf("id %d follows %d", later.ID, w.Accept.Job.ID)
	}
	counts, err := after.JobCounts(t.Context())
	if err != nil || counts[store.KindSend] != 1 {
		t.Errorf("jobs: %v, %v", counts, err)
	}
}

// What was acknowledged is stored, and the store goes on, when the database
// drops its connections.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	o := storetest.Options(t, storetest.Postgres(t))
	s := storetest.Open(t, o)
	admin := connect(t, o.URL)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var kept []string
	stop := make(chan struct{})
	for i := range 16 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				w := storetest.Accept(s, "p1", "app1", number(i*1000+n%10))
				if err := s.Commit(t.Context(), w); err != nil {
					continue // not acknowledged: the caller will ask again
				}
				mu.Lock()
				kept = append(kept, w.Accept.Message.ID)
				mu.Unlock()
			}
		})
	}
	for range 20 {
		groups, _ := s.CommitStats()
		if _, err := admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
			t.Error(err)
		}
		waitFor(t, func() bool {
			now, _ := s.CommitStats()
			return now > groups+5
		})
	}
	close(stop)
	wg.Wait()
	for _, id := range kept {
		if _, err := s.Message(t.Context(), "p1", id); err != nil {
			t.Fatalf("an acknowledged message: %v", err)
		}
	}
	counts, err := s.JobCounts(t.Context())
	if err != nil || counts[store.KindSend] < int64(len(kept)) {
		t.Errorf("%v jobs, %v; want at least %d", counts, err, len(kept))
	}
}

// waitFor polls for what another process has to do first.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the store does not recover")
		}
	}
}
