package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

// sendTo sends a text to a number and returns the message's id.
func (h *harness) sendTo(t *testing.T, app, number string) string {
	t.Helper()
	h.clock.advance(time.Second)
	var sent parley.SendMessageResponse
	h.call("POST", "P/messages:send", text(app, number, "x")).into(t, &sent)
	return sent.MessageID
}

// messageOf returns a message.
func (h *harness) messageOf(t *testing.T, id string) parley.Message {
	t.Helper()
	var m parley.Message
	h.call("GET", "P/messages/"+id, "").into(t, &m)
	return m
}

func recentIDs(l *recentList) ([]string, string) {
	var ids []string
	for _, c := range l.Conversations {
		ids = append(ids, c.LastMessage.ID)
	}
	return ids, l.NextPageToken
}

func TestRecentConversations(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app, other := h.app(t, conversationApp), h.app(t, conversationApp)
	h.run(t, []step{{method: "GET", path: "P/conversations:recent?app_id=" + app, want: `{"conversations":[],"next_page_token":"","total_size":0}`}})
	a, b := h.sendTo(t, app, "1"), h.sendTo(t, app, "2")
	h.sendTo(t, other, "1")
	c := h.sendTo(t, app, "1")
	m := h.messageOf(t, c)
	h.run(t, []step{{method: "GET", path: "P/conversations:recent?app_id=" + app + "&page_size=1&order=DESC&only_active=false", want: `{"conversations":[{
		"conversation":{"id":"` + m.ConversationID + `","app_id":"` + app + `","contact_id":"` + m.ContactID + `",
			"last_received":"1970-01-01T00:00:00Z","active_channel":"SMS","active":true,"metadata":"","metadata_json":{},"correlation_id":""},
		"last_message":{"id":"` + c + `","direction":"TO_CONTACT","app_message":{"text_message":{"text":"x"}},
			"channel_identity":{"channel":"SMS","identity":"1","app_id":""},"conversation_id":"` + m.ConversationID + `",
			"contact_id":"` + m.ContactID + `","metadata":"","accept_time":"2026-03-04T05:06:11.891234Z","sender_id":"",
			"processing_mode":"CONVERSATION","injected":false}}],"next_page_token":"` + h.recentToken(t, app) + `","total_size":2}`}})
	list := func(query string, want ...string) {
		t.Helper()
		got := walk(t, h, "P/conversations:recent?page_size=1&app_id="+app+query, func(l *recentList) ([]string, string) {
			if l.TotalSize != len(want) {
				t.Errorf("%q: total_size %d, want %d", query, l.TotalSize, len(want))
			}
			return recentIDs(l)
		}, func() {})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
	list("", c, b)
	list("&order=ASC", b, c)
	list("&only_active=true", c, b)
	h.call("POST", "P/conversations/"+m.ConversationID+":stop", "").into(t, new(empty))
	list("&only_active=true", b)
	list("&only_active=true&order=ASC", b)
	list("", c, b)
	h.call("DELETE", "P/messages/"+c, "").into(t, new(empty))
	list("", b, a)
}

// recentToken is the token of the second of two pages.
func (h *harness) recentToken(t *testing.T, app string) string {
	t.Helper()
	var l recentList
	h.call("GET", "P/conversations:recent?app_id="+app+"&page_size=1&order=DESC&only_active=false", "").into(t, &l)
	return l.NextPageToken
}

// TestPagingRecent walks newest first while conversations come, go and move
// up: one that nothing happens in is met exactly once, and the total is that
// of the first page.
func TestPagingRecent(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	var stay, leave []string
	for n := range 30 {
		if id := h.sendTo(t, app, fmt.Sprint(100+n)); n%3 == 0 {
			leave = append(leave, id)
		} else {
			stay = append(stay, id)
		}
	}
	slices.Reverse(stay)
	n := 0
	got := walk(t, h, "P/conversations:recent?page_size=4&app_id="+app, func(l *recentList) ([]string, string) {
		if l.TotalSize != 30 {
			t.Errorf("total_size %d", l.TotalSize)
		}
		return recentIDs(l)
	}, func() {
		h.sendTo(t, app, fmt.Sprint(200+n))
		switch id := leave[n]; n % 3 {
		case 0:
			h.call("DELETE", "P/messages/"+id, "").into(t, new(empty))
		case 1:
			h.call("DELETE", "P/conversations/"+h.messageOf(t, id).ConversationID, "").into(t, new(empty))
		default:
			h.sendTo(t, app, fmt.Sprint(100+3*n))
		}
		n++
	})
	got = slices.DeleteFunc(got, func(id string) bool { return slices.Contains(leave, id) })
	if diff := cmp.Diff(stay, got); diff != "" {
		t.Errorf("last messages (-want +got):\n%s", diff)
	}
}

func TestFetchLastMessage(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	kept := h.app(t, strings.Replace(dispatchApp, "{", `{"dispatch_retention_policy":{"ttl_days":7},`, 1))
	dispatched := h.sendTo(t, kept, "1")
	old := h.messageOf(t, h.sendTo(t, app, "1"))
	b := h.messageOf(t, h.sendTo(t, app, "2"))
	a := h.messageOf(t, h.sendTo(t, app, "1"))
	in := parley.InjectMessageRequest{
		ContactMessage: &parley.ContactMessage{Text: &parley.TextMessage{Text: "y"}}, AcceptTime: b.AcceptTime.Add(time.Millisecond),
		ChannelIdentity: &parley.ChannelIdentity{Channel: parley.ChannelTelegram, Identity: "7"}, ContactID: b.ContactID, Direction: parley.ToApp,
	}
	body, err := parley.Marshal(&in)
	check(t, err)
	h.call("POST", "P/conversations/"+b.ConversationID+":inject-message", string(body)).into(t, new(empty))
	var received messageList
	h.call("GET", "P/messages?direction=TO_APP", "").into(t, &received)
	reply := received.Messages[0].ID

	fetch := func(body string, want ...string) {
		t.Helper()
		var got []string
		var list messageList
		h.call("POST", "P/messages:fetch-last-message", "{"+body+"}").into(t, &list)
		for _, m := range list.Messages {
			got = append(got, m.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", body, diff)
		}
	}
	contacts := `"contact_ids":["` + b.ContactID + `","` + a.ContactID + `","` + b.ContactID + `"]`
	fetch(contacts, reply, a.ID)
	fetch(contacts+`,"direction":"TO_CONTACT"`, b.ID, a.ID)
	fetch(contacts+`,"direction":"UNDEFINED_DIRECTION","channel":"CHANNEL_UNSPECIFIED"`, reply, a.ID)
	fetch(contacts+`,"channel":"TELEGRAM"`, reply)
	fetch(contacts + `,"app_id":"` + kept + `"`)
	fetch(contacts+`,"app_id":"`+app+`","end_time":"`+a.AcceptTime.Format(time.RFC3339Nano)+`"`, reply, old.ID)
	fetch(contacts+`,"start_time":"`+b.AcceptTime.Format(time.RFC3339Nano)+`"`, reply, a.ID)
	fetch(`"channel_identities":["+1","1","2","3"],"channel":"SMS"`, a.ID, b.ID)
	fetch(`"channel_identities":["2","+1"],"messages_source":"CONVERSATION_SOURCE"`, b.ID, a.ID)
	fetch(`"channel_identities":["2","1"],"messages_source":"DISPATCH_SOURCE"`, dispatched)

	// Page by page; the token is good for the same list only.
	var list messageList
	body1 := `"channel_identities":["3","2","4","1","5"],"page_size":1`
	h.call("POST", "P/messages:fetch-last-message", "{"+body1+"}").into(t, &list)
	if len(list.Messages) != 1 || list.Messages[0].ID != b.ID || list.NextPageToken == "" {
		t.Fatalf("first page %+v", list)
	}
	h.sendTo(t, app, "2")
	token := `,"page_token":"` + list.NextPageToken + `"`
	fetch(body1+token, a.ID)
	h.call("POST", "P/messages:fetch-last-message", `{"channel_identities":["3","2"]`+token+"}").fails(t, 400, "INVALID_ARGUMENT", "page_token")

	h.call("PATCH", "P/messages/"+a.ID, `{"metadata":"m"}`).into(t, new(parley.Message))
	for view, want := range map[string]string{"": "m", "WITH_METADATA": "m", "WITHOUT_METADATA": ""} {
		h.call("POST", "P/messages:fetch-last-message", `{"channel_identities":["1"],"view":"`+view+`"}`).into(t, &list)
		if got := list.Messages[0].Metadata; got != want {
			t.Errorf("view %q: metadata %q, want %q", view, got, want)
		}
	}
}

func TestRejectedLists(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	const bad = parley.CodeInvalidArgument
	many := strings.TrimSuffix(strings.Repeat(`"1",`, parley.MaxFetchLast+1), ",")
	var rows []rejected
	for body, field := range map[string]string{
		``: "channel_identities",
		`"channel_identities":["1"],"contact_ids":["` + app + `"]`:                                         "channel_identities",
		`"channel_identities":[` + many + `]`:                                                              "channel_identities",
		`"channel_identities":["1",""]`:                                                                    "channel_identities[1]",
		`"contact_ids":["x"]`:                                                                              "contact_ids[0]",
		`"contact_ids":["` + app + `"],"messages_source":"DISPATCH_SOURCE"`:                                "contact_ids",
		`"channel_identities":["1"],"messages_source":"X"`:                                                 "messages_source",
		`"channel_identities":["1"],"app_id":"x"`:                                                          "app_id",
		`"channel_identities":["1"],"channel":"X"`:                                                         "channel",
		`"channel_identities":["1"],"direction":"X"`:                                                       "direction",
		`"channel_identities":["1"],"view":"X"`:                                                            "view",
		`"channel_identities":["1"],"page_size":-1`:                                                        "page_size",
		`"channel_identities":["1"],"page_token":"!"`:                                                      "page_token",
		`"channel_identities":["1"],"start_time":"soon"`:                                                   "start_time",
		`"channel_identities":["1"],"start_time":"2026-01-02T00:00:00Z","end_time":"2026-01-01T00:00:00Z"`: "start_time",
	} {
		rows = append(rows, rejected{body[:min(len(body), 80)], "POST", "P/messages:fetch-last-message", "{" + body + "}", 400, bad, field})
	}
	for query, field := range map[string]string{
		"":                                  "app_id",
		"?app_id=x":                         "app_id",
		"?app_id=" + app + "&order=UP":      "order",
		"?app_id=" + app + "&only_active=x": "only_active",
		"?app_id=" + app + "&page_token=x":  "page_token",
	} {
		rows = append(rows, rejected{"recent" + query, "GET", "P/conversations:recent" + query, "", 400, bad, field})
	}
	h.rejects(t, rows)
}
