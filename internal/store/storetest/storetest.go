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

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
	for name, test := range map[string]func(*testing.T, *store.Store){
		"Ping":               testPing,
		"Projects":           testProjects,
		"AccessKeys":         testAccessKeys,
		"SigningKeys":        testSigningKeys,
		"Apps":               testApps,
		"Webhooks":           testWebhooks,
		"Templates":          testTemplates,
		"Contacts":           testContacts,
		"ContactsPaging":     testContactsPaging,
		"Conversations":      testConversations,
		"MovedConversation":  testMovedConversation,
		"Recent":             testRecent,
		"Sticky":             testSticky,
		"RecentPaging":       testRecentPaging,
		"Merge":              testMerge,
		"MergeCrossing":      testMergeCrossing,
		"DeleteCrossing":     testDeleteCrossing,
		"Owners":             testOwners,
		"Adopting":           testAdopting,
		"Settings":           testSettings,
		"IdentityConflicts":  testIdentityConflicts,
		"Messages":           testMessages,
		"MessagesPaging":     testMessagesPaging,
		"LastSent":           testLastSent,
		"ProviderIDs":        testProviderIDs,
		"FoldPart":           testFoldPart,
		"Deleting":           testDeleting,
		"Consents":           testConsents,
		"ConsentsPaging":     testConsentsPaging,
		"Events":             testEvents,
		"LastInbound":        testLastInbound,
		"SentEvents":         testSentEvents,
		"Isolation":          testIsolation,
		"Tx":                 testTx,
		"OneContact":         testOneContact,
		"Stateless":          testStateless,
		"MixedGroups":        testMixedGroups,
		"Replays":            testReplays,
		"Consequences":       testConsequences,
		"ConversationChange": testConversationChange,
		"Merging":            testMerging,
		"Arrivals":           testArrivals,
		"Crossing":           testCrossing,
		"CommitStyles":       testCommitStyles,
		"Closed":             testClosed,
		"Advance":            testAdvance,
		"AdvanceProperty":    testAdvanceProperty,
		"JobIDs":             testJobIDs,
		"Claim":              testClaim,
		"ClaimFilter":        testClaimFilter,
		"ClaimOrder":         testClaimOrder,
		"Lanes":              testLanes,
		"JobChanges":         testJobChanges,
		"DeadNodes":          testDeadNodes,
		"LeavingNodes":       testLeavingNodes,
		"Hooks":              testHooks,
		"Keys":               testKeys,
		"KeysTx":             testKeysTx,
		"Batches":            testBatches,
		"QueuedByApp":        testQueuedByApp,
		"Urgent":             testUrgent,
		"Traces":             testTraces,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func testPing(t *testing.T, s *store.Store) {
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// must fails the test because of an error in what is not being tested.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// value returns v; an error fails the test.
func value[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		must(t, err)
		return v
	}
}

// equal reports a difference between what was wanted and what was got.
func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// isCode reports an error that is not of the code a caller of the API is to
// be shown.
func isCode(t *testing.T, what string, want parley.Code, err error) {
	t.Helper()
	if err == nil || parley.CodeOf(err) != want {
		t.Errorf("%s = %v, want %s", what, err, want)
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
