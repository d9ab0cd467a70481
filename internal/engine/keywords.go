package engine

import (
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// Keywords are the words by which contacts opt out of an app's messages and in
// again. Each word alone means all messages; followed by MARKETING or
// NOTIFICATION it means those of that content type (developers.sinch.com,
// docs/conversation/consent-management). The zero Keywords are none.
type Keywords struct {
	Channels []parley.Channel // where they count
	OptOut   []string
	OptIn    []string
}

// keywords is Keywords made ready to be looked up.
type keywords struct {
	channels []parley.Channel
	words    map[string]keyword
	longest  int
}

// A keyword is what a word does: out of or into the messages a list forbids.
type keyword struct {
	out  bool
	list parley.ConsentList
}

func newKeywords(o Keywords) *keywords {
	k := &keywords{channels: o.Channels, words: map[string]keyword{}}
	add := func(words []string, out bool) {
		for _, w := range words {
			k.add(w, keyword{out, parley.OptOutAll})
			k.add(w+" MARKETING", keyword{out, parley.OptOutMarketing})
			k.add(w+" NOTIFICATION", keyword{out, parley.OptOutNotification})
		}
	}
	add(o.OptIn, false)
	add(o.OptOut, true) // a word in both lists forbids
	return k
}

func (k *keywords) add(word string, does keyword) {
	word = plain(word)
	k.words[word] = does
	k.longest = max(k.longest, len(word))
}

// plain returns a text as keywords are compared: in capitals, with single
// spaces.
func plain(text string) string { return strings.ToUpper(strings.Join(strings.Fields(text), " ")) }

// match returns what a text does if it is a keyword and nothing else.
func (k *keywords) match(ch parley.Channel, text string) (keyword, bool) {
	const room = 32 // for spaces around and between the words
	if len(text) > k.longest+room || !slices.Contains(k.channels, ch) {
		return keyword{}, false
	}
	does, ok := k.words[plain(text)]
	return does, ok
}

// changes is what a keyword of somebody does to the lists. Whoever is in for
// all messages is on no list any more.
func (k keyword) changes(identity string) []store.ConsentChange {
	if k.list == parley.OptOutAll {
		return optChanges(identity, k.out)
	}
	return []store.ConsentChange{{Identity: identity, List: k.list, Remove: !k.out}}
}

// obey adds to a message that is a keyword what it does: the change of a list,
// and its report after that of the message.
func (a *arrival) obey(arr *store.Arrival, k keyword) {
	arr.Consents = &store.Consents{
		ProjectID: a.projectID, AppID: a.app.ID, Origin: parley.OriginMO,
		Changes: k.changes(parley.NormalizeConsent(a.from().Identity)),
	}
	follow := arr.Consequences
	arr.Consequences = func(r *store.Resolution) ([]*store.Job, error) {
		jobs, err := follow(r)
		if err != nil {
			return nil, err
		}
		told, err := a.opted(arr.Message.ID, r.ContactID, a.contactEnvelope(r).CorrelationID, k.out)
		return append(jobs, told...), err
	}
}
