package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// traceOf is the trace that stands for a message in these tests.
func traceOf(id string) string { return `{"step":"attempt","of":"` + id + `"}` }

// noteAll stores a trace of each message of an app.
func noteAll(t *testing.T, s *store.Store, projectID, appID string, ids ...string) {
	t.Helper()
	var p store.TracePacker
	for _, id := range ids {
		p.Add(projectID, appID, id, func(b []byte) []byte { return append(b, traceOf(id)...) })
	}
	must(t, s.Commit(t.Context(), &store.Write{Traces: p.Rows()}))
}

func traces(t *testing.T, s *store.Store, projectID, appID, id string) string {
	t.Helper()
	return strings.Join(value(s.Traces(t.Context(), projectID, appID, id))(t), ",")
}

// testTraces stores the traces of many messages, some in the same row, and
// takes them out by the ways in which messages go.
func testTraces(t *testing.T, s *store.Store) {
	var ids []string
	var byWho [3][]string
	for i := range 300 {
		w := Accept(s, "p1", "a1", phone(fmt.Sprintf("4670000000%d", i%3)))
		must(t, s.Commit(t.Context(), w))
		ids = append(ids, w.Accept.Message.ID)
		byWho[i%3] = append(byWho[i%3], w.Accept.Message.ID)
	}
	noteAll(t, s, "p1", "a1", ids...)
	noteAll(t, s, "p1", "a1", ids[7]) // later
	noteAll(t, s, "p1", "a2", ids[8])
	noteAll(t, s, "p2", "a1", ids[9])
	for i, id := range ids {
		want := traceOf(id)
		if i == 7 {
			want += "," + want
		}
		equal(t, "trace", want, traces(t, s, "p1", "a1", id))
	}
	equal(t, "another app's", traceOf(ids[8]), traces(t, s, "p1", "a2", ids[8]))
	equal(t, "another project's", traceOf(ids[9]), traces(t, s, "p2", "a1", ids[9]))
	equal(t, "nobody's", "", traces(t, s, "p1", "a1", parley.FirstID(s.Now())))

	must(t, s.DeleteMessage(t.Context(), "p1", ids[7]))
	equal(t, "trace of a message that was deleted", "", traces(t, s, "p1", "a1", ids[7]))
	equal(t, "its neighbour's", traceOf(ids[6]), traces(t, s, "p1", "a1", ids[6]))
	of := func(n int) *store.Message { return value(s.Message(t.Context(), "p1", byWho[n][0]))(t) }
	value(s.DeleteConversation(t.Context(), "p1", of(0).ConversationID))(t)
	_, err := s.DeleteContact(t.Context(), "p1", of(2).ContactID)
	must(t, err)
	for i, id := range ids {
		want := traceOf(id)
		if i%3 != 1 || i == 7 {
			want = ""
		}
		equal(t, "trace when some went", want, traces(t, s, "p1", "a1", id))
	}
	equal(t, "another project's afterwards", traceOf(ids[9]), traces(t, s, "p2", "a1", ids[9]))
}
