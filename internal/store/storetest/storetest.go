// Package storetest holds what every database under package store must do,
// and the databases to try it on: a SQLite file, and a PostgreSQL server that
// it starts itself. Other packages' tests get their databases here too.
package storetest

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// Options returns the options of a database: that of a PostgreSQL URL or, when
// url is "", a new SQLite file.
func Options(tb testing.TB, url string) store.Options {
	tb.Helper()
	o := store.Options{
		URL: url, Key: bytes.Repeat([]byte{7}, store.KeySize), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	if url == "" {
		o.Path = filepath.Join(tb.TempDir(), "parley.db")
	}
	return o
}

// Open opens a database until the test ends.
func Open(tb testing.TB, o store.Options) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return s
}

// Run tries everything the store promises. open returns a new, empty one.
func Run(t *testing.T, open func(t *testing.T) *store.Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, *store.Store)
	}{
		{"Ping", testPing},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, open(t))
		})
	}
}

func testPing(t *testing.T, s *store.Store) {
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// phone returns somebody's identity.
func phone(number string) parley.ChannelIdentity {
	return parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: number}
}

// Accept returns the write that accepts a message of an app to somebody, who
// becomes a contact if nobody knows them.
func Accept(s *store.Store, projectID, appID string, to parley.ChannelIdentity) *store.Write {
	id := s.NewID()
	return &store.Write{Accept: &store.Acceptance{
		Resolution: Resolve(s, projectID, appID, to),
		Message: &store.Message{
			ProjectID: projectID, ID: id, AppID: appID, Identity: to, ToContact: true, Listed: true,
			AcceptTime: s.Now(), Metadata: "m", Doc: []byte(`{"app":{"text_message":{"text":"hello"}}}`),
		},
		Job: &store.Job{ProjectID: projectID, Kind: store.KindSend, Doc: []byte(`{"message_id":"` + id + `"}`)},
	}}
}

// Resolve returns the resolution of somebody's contact and active conversation.
func Resolve(s *store.Store, projectID, appID string, who parley.ChannelIdentity) store.Resolution {
	contact := &parley.Contact{ID: s.NewID(), ChannelIdentities: []parley.ChannelIdentity{who}}
	contact.SetDefaults()
	conversation := &parley.Conversation{ID: s.NewID(), AppID: appID, Active: true}
	conversation.SetDefaults()
	return store.Resolution{
		ProjectID: projectID, AppID: appID, Identities: contact.ChannelIdentities,
		NewContact: contact, NewConversation: conversation,
	}
}
