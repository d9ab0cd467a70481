// Package channeltest is the suite that every channel must pass. A channel's
// test is a call of Run and files beside it:
//
//	testdata/render/<message>.golden   what the channel makes of each message of the shared corpus
//	testdata/corpus/<message>.json     messages of its own, such as explicit ones; rendered like the shared ones
//	testdata/verdicts.json             the provider's answers and what each means; see Verdict
//	testdata/sent/<verdict>.golden     the requests that led to the good answers
//	testdata/receive/<case>.http       recorded requests of the provider: a request line, headers, a blank line, the body
//	testdata/receive/<case>.golden     what each means
//
// Golden files are written by running the tests with -update, a flag that this
// package defines: a test package that imports it must not define its own.
// A recorded request says where it comes from in a header Source, which is not
// passed on, and holds no personal data.
package channeltest

import (
	"cmp"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A Suite is a channel to test with one kind of credential. A channel with
// several providers has a Suite for each.
type Suite struct {
	Channel    channel.Channel
	Credential *parley.ChannelCredential // valid, with secrets found nowhere else

	Testdata   string            // directory; "" means testdata
	To         string            // the identity written to; "" means 15551230001
	Properties map[string]string // channel_properties of every message
	Secrets    []string          // what must not show, beyond the credential's tokens, keys and passwords

	// Verdicts are rows beside those of verdicts.json. A Suite with any row
	// is of a channel that speaks HTTP and reaches its provider at
	// Conn.BaseURL; lost connections are then tried, too.
	Verdicts []Verdict

	// Serve answers requests that come ahead of the one a Verdict is about,
	// such as for an access token, and reports whether it did. It may be nil.
	Serve func(w http.ResponseWriter, r *http.Request) bool

	// Sign makes a recorded request genuine, as the provider would: it sets
	// the header with the signature or the secret. Nil means that recorded
	// requests are genuine as they are.
	Sign func(c *channel.Conn, r *http.Request, body []byte)

	// SignsBody says that a request whose body was changed after Sign must be
	// refused.
	SignsBody bool

	// NoMedia says that this one of the channel's providers has no media to
	// fetch, although the channel is a MediaFetcher.
	NoMedia bool

	// Check looks at each rendered payload, such as for the provider's limits
	// or schema. It may be nil.
	Check func(p channel.Payload) error
}

// Run tests the channel.
func Run(t *testing.T, s Suite) {
	t.Helper()
	s.complete(t)
	rows := s.verdicts(t)
	t.Run("contract", func(t *testing.T) {
		t.Parallel()
		s.contract(t, rows)
	})
	t.Run("render", func(t *testing.T) {
		t.Parallel()
		s.render(t)
	})
	if len(rows) > 0 {
		t.Run("verdicts", func(t *testing.T) {
			t.Parallel()
			s.judge(t, rows)
		})
		t.Run("faults", func(t *testing.T) {
			t.Parallel()
			s.faults(t)
		})
	}
	if r, ok := s.Channel.(channel.Receiver); ok && !s.listens() {
		t.Run("receive", func(t *testing.T) {
			t.Parallel()
			s.receive(t, r)
		})
	}
}

// complete sets what was left out.
func (s *Suite) complete(tb testing.TB) {
	tb.Helper()
	s.Testdata = cmp.Or(s.Testdata, "testdata")
	s.To = cmp.Or(s.To, "15551230001")
	s.Secrets = append(secrets(tb, s.Credential), s.Secrets...)
}

// listens reports whether what the provider tells comes by a session, so that
// there may be no requests to record.
func (s *Suite) listens() bool {
	l, ok := s.Channel.(channel.Listener)
	if !ok || !l.Listens(s.Credential) {
		return false
	}
	files, err := filepath.Glob(s.path("receive", "*.http"))
	return err == nil && len(files) == 0
}

func (s *Suite) path(elements ...string) string {
	return filepath.Join(append([]string{s.Testdata}, elements...)...)
}
