package channeltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// MessageID is the id of every message the suite or a Rig sends.
const MessageID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// render renders the corpus: against golden files, twice and at once.
func (s *Suite) render(t *testing.T) {
	corpus := s.corpus(t)
	cases := map[string]bool{}
	first := map[string]string{}
	for name, m := range corpus {
		cases[name] = true
		got := s.rendered(t, name, m)
		s.noSecret(t, "the payloads of "+name, got)
		golden(t, s.path("render", name+".golden"), got)
		first[name] = got
	}
	stale(t, s.path("render"), cases)

	// Purity: in any order and side by side, each message gives the bytes it
	// gave alone.
	var wg sync.WaitGroup
	for range 4 {
		names := slices.Collect(maps.Keys(corpus))
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		wg.Go(func() {
			for _, name := range names {
				if again := s.rendered(t, name, corpus[name]); again != first[name] {
					t.Errorf("%s: rendered differently the second time:\n%s\n%s", name, first[name], again)
				}
			}
		})
	}
	wg.Wait()
}

// rendered returns the payloads of m for a golden file, or the refusal.
func (s *Suite) rendered(t *testing.T, name string, m *parley.AppMessage) string {
	t.Helper()
	payloads, err := s.payloads(t, name, m)
	if err != nil {
		e, ok := errors.AsType[*channel.Error](err)
		if !ok || e.Outcome != channel.NotSent {
			t.Errorf("%s: got error %v, want a refusal", name, err)
		}
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for i, p := range payloads {
		if !json.Valid(p.Body) {
			t.Errorf("%s: payload %d is not JSON: %s", name, i, p.Body)
		}
		if s.Check != nil {
			if err := s.Check(p); err != nil {
				t.Errorf("%s: payload %d: %v\n%s", name, i, err, p.Body)
			}
		}
		fmt.Fprintf(&b, "-- payload %d --\n%s", i+1, indented(p.Body))
	}
	return b.String()
}

// payloads renders m the way the engine does.
func (s *Suite) payloads(t *testing.T, name string, m *parley.AppMessage) ([]channel.Payload, error) {
	t.Helper()
	selected := channel.Tagged(transcode.Select(m, s.Channel.Name()), MessageID)
	parts, err := transcode.Message(selected, s.Channel.Capabilities())
	if err != nil {
		return nil, err
	}
	var out []channel.Payload
	for _, part := range parts {
		before := marshal(t, part)
		o := channel.Outgoing{
			MessageID:  MessageID,
			To:         channel.Address{Identity: s.To},
			Message:    part,
			Properties: s.Properties,
			Credential: s.Credential,
		}
		if part.ReplyTo != nil {
			o.ReplyTo = "provider-id-of-the-quoted-message"
		}
		payloads, err := s.Channel.Render(&o)
		if err != nil {
			return nil, err
		}
		if len(payloads) == 0 {
			t.Errorf("%s: no payload for %s", name, before)
		}
		if after := marshal(t, part); before != after {
			t.Errorf("%s: Render changed the message:\n%s\n%s", name, before, after)
		}
		out = append(out, payloads...)
	}
	return out, nil
}
