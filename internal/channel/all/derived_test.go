package all_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/all"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/transcode"
)

// TestDerived makes everything a send makes of a message: each is encoded as
// what it says, not as the text of the message it comes from, and that one
// stays as it was sent.
func TestDerived(t *testing.T) {
	t.Parallel()
	for name, corpus := range channeltest.Corpus(t) {
		raw, err := parley.Marshal(corpus)
		if err != nil {
			t.Fatal(err)
		}
		sent := slices.Concat(raw[:len(raw)-1], []byte(`,"new_member":[1.50]}`))
		m := new(parley.AppMessage)
		if err := parley.Decode(sent, m); err != nil {
			t.Fatal(err)
		}
		for _, ch := range all.Channels() {
			selected := transcode.Select(m, ch.Name())
			ownWords(t, name, selected)
			tagged := channel.Tagged(selected, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
			ownWords(t, name, tagged)
			parts, _ := transcode.Message(tagged, ch.Capabilities())
			for _, part := range parts {
				ownWords(t, name, part)
			}
		}
		if got, err := parley.Marshal(m); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: sent %s, now %s (%v)", name, sent, got, err)
		}
	}
}

// ownWords checks that a message is encoded from its fields.
func ownWords(t *testing.T, name string, m *parley.AppMessage) {
	t.Helper()
	clone, err := m.Clone()
	if err != nil {
		t.Fatal(err)
	}
	want, err := parley.Marshal(clone)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parley.Marshal(m); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: says %s, encoded as %s (%v)", name, want, got, err)
	}
}
