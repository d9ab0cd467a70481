package channel_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const messageID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

func TestToken(t *testing.T) {
	t.Parallel()
	token := channel.Token(messageID, 12)
	if len(token) > 64 {
		t.Errorf("%q does not fit Telegram's 64 bytes", token)
	}
	if id, i, ok := channel.ParseToken(token); id != messageID || i != 12 || !ok {
		t.Errorf("got %q, %d, %v", id, i, ok)
	}
	for _, s := range []string{"", "yes", messageID, messageID + ".", messageID + ".-1", messageID + ".x", "short.1", "." + messageID} {
		if id, i, ok := channel.ParseToken(s); ok {
			t.Errorf("%q is taken for the token of %q, %d", s, id, i)
		}
	}
}

// TestTagged numbers the choices of a message in reading order, in a copy.
func TestTagged(t *testing.T) {
	t.Parallel()
	choice := func(title, data string) parley.Choice {
		return parley.Choice{Text: &parley.TextMessage{Text: title}, PostbackData: data}
	}
	m := &parley.AppMessage{Carousel: &parley.CarouselMessage{
		Cards: []parley.CardMessage{
			{Title: "A", Choices: []parley.Choice{choice("one", "1"), choice("two", "")}},
			{Title: "B", Choices: []parley.Choice{choice("three", "3")}},
		},
		Choices: []parley.Choice{choice("four", "")},
	}}
	tagged := channel.Tagged(m, messageID)
	var got []string
	for _, p := range channel.Postbacks(tagged) {
		got = append(got, p.Title+" "+*p.Data)
	}
	want := []string{"one " + messageID + ".0", "two " + messageID + ".1", "three " + messageID + ".2", "four " + messageID + ".3"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var kept []string
	for _, p := range channel.Postbacks(m) {
		kept = append(kept, p.Value("M"))
	}
	if diff := cmp.Diff([]string{"1", "M_two", "3", "M_four"}, kept); diff != "" {
		t.Errorf("the original (-want +got):\n%s", diff)
	}
}

func TestTaggedWithoutChoices(t *testing.T) {
	t.Parallel()
	m := &parley.AppMessage{Text: &parley.TextMessage{Text: "a"}}
	if channel.Tagged(m, messageID) != m {
		t.Error("a message without choices was copied")
	}
	list := &parley.AppMessage{List: &parley.ListMessage{Sections: []parley.ListSection{
		{Items: []parley.ListItem{{Product: &parley.ListProduct{ID: "p"}}}},
		{Items: []parley.ListItem{{Choice: &parley.ListChoice{Title: "c", PostbackData: "d"}}}},
	}}}
	if got := channel.Postbacks(list); len(got) != 1 || got[0].Value(messageID) != "d" {
		t.Errorf("got %+v, want the one choice", got)
	}
}
