package api

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

// contact makes a contact and returns its id.
func (h *harness) contact(t *testing.T, n int) string {
	t.Helper()
	var c parley.Contact
	h.call("POST", "P/contacts", fmt.Sprintf(`{"channel_identities":[{"channel":"SMS","identity":"1555%07d"}],"external_id":"x"}`, n)).into(t, &c)
	return c.ID
}

// walk reads a list to its end, calling between after each page, and returns
// the ids it met. The token goes into the URL as it is.
func walk[L any](t *testing.T, h *harness, path string, ids func(*L) ([]string, string), between func()) []string {
	t.Helper()
	var all []string
	shape, token := regexp.MustCompile(`^[A-Za-z0-9_-]+$`), ""
	for range 100 {
		list := new(L)
		h.call("GET", path+token, "").into(t, list)
		page, next := ids(list)
		all = append(all, page...)
		if next == "" {
			return all
		}
		if !shape.MatchString(next) {
			t.Fatalf("page token %q would not survive in a URL", next)
		}
		token = "&page_token=" + next
		between()
	}
	t.Fatal("the list has no end")
	return nil
}

func contactIDs(l *contactList) ([]string, string) {
	var ids []string
	for _, c := range l.Contacts {
		ids = append(ids, c.ID)
	}
	return ids, l.NextPageToken
}

// TestPaging walks a list while rows come and go: what was there all the time
// is met exactly once.
func TestPaging(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var stay, leave []string
	for n := range 30 {
		if id := h.contact(t, n); n%3 == 2 {
			leave = append(leave, id)
		} else {
			stay = append(stay, id)
		}
	}
	n := 30
	got := walk(t, h, "P/contacts?external_id=x&page_size=4", contactIDs, func() {
		h.contact(t, n)
		n++
		h.call("DELETE", "P/contacts/"+leave[0], "").into(t, new(empty))
		leave = leave[1:]
	})
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("a contact is met twice or out of order: %v", got)
	}
	for _, id := range stay {
		if !slices.Contains(got, id) {
			t.Errorf("contact %s is not met", id)
		}
	}
}

// TestPagingMessages walks newest first, so what comes meanwhile is not met.
func TestPagingMessages(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	send := func() string {
		var sent parley.SendMessageResponse
		h.call("POST", "P/messages:send", text(app, "15551230001", "x")).into(t, &sent)
		return sent.MessageID
	}
	var want []string
	for range 7 {
		want = append(want, send())
	}
	slices.Reverse(want)
	got := walk(t, h, "P/messages?page_size=3&app_id="+app, func(l *messageList) ([]string, string) {
		var ids []string
		for _, m := range l.Messages {
			ids = append(ids, m.ID)
		}
		return ids, l.NextPageToken
	}, func() { send() })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestPageSizes(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for n := range maxContacts + 1 {
		h.contact(t, n)
	}
	for query, want := range map[string]int{
		"": 10, "?page_size=": 10, "?page_size=0": 10, "?page_size=1": 1, "?page_size=20": 20, "?page_size=21": 20, "?page_size=2147483647": 20,
	} {
		var list contactList
		h.call("GET", "P/contacts"+query, "").into(t, &list)
		if len(list.Contacts) != want || list.NextPageToken == "" {
			t.Errorf("%q: %d contacts, token %q", query, len(list.Contacts), list.NextPageToken)
		}
	}
}

// TestPageTokens checks that a token is good for its own list only.
func TestPageTokens(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	h.contact(t, 1)
	h.contact(t, 2)
	var list contactList
	h.call("GET", "P/contacts?external_id=x&page_size=1", "").into(t, &list)
	token := "page_token=" + list.NextPageToken
	h.call("GET", "P/contacts?"+token+"&external_id=x&page_size=7", "").into(t, &list)
	if len(list.Contacts) != 1 || list.NextPageToken != "" {
		t.Errorf("last page %+v", list)
	}
	for _, path := range []string{
		"P/contacts?" + token, "P/contacts?external_id=y&" + token, "P/conversations?app_id=" + app + "&" + token,
		"P/messages?external_id=x&" + token, "P/contacts?external_id=x&" + token + "A", "P/contacts?external_id=x&" + token[:len(token)-4],
	} {
		h.call("GET", path, "").fails(t, 400, "INVALID_ARGUMENT", "page_token")
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for query, want := range map[string][]string{
		"":                              nil,
		"update_mask=a,b":               {"a", "b"},
		"update_mask=a&update_mask=b.c": {"a", "b.c"},
		"updateMask=a,b":                {"a", "b"},
		"update_mask.paths=a&update_mask.paths=b,c": {"a", "b", "c"},
		"update_mask=,+a+,":                         {"a"},
	} {
		values, err := url.ParseQuery(query)
		check(t, err)
		if diff := cmp.Diff(want, (&params{values: values}).mask()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}
