package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

// event is a request to show an event to a phone number.
func event(appID, event string) string {
	return `{"app_id":"` + appID + `","recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"+15551230001"}]}},
		"event":` + event + `,"event_metadata":"m"}`
}

func TestEvents(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	h.call("POST", "P/webhooks", `{"app_id":"`+app+`","target":"https://x.example/a",
		"triggers":["CONTACT_CREATE","CONVERSATION_START","EVENT_DELIVERY"]}`).into(t, new(empty))
	stored := func(id, body string) string {
		return `{"id":"{` + id + `}","direction":"TO_CONTACT","app_event":` + body + `,"conversation_id":"*","contact_id":"*",
			"channel_identity":{"channel":"SMS","identity":"15551230001","app_id":""},
			"accept_time":"2026-03-04T05:06:07.891234Z","processing_mode":"CONVERSATION"}`
	}
	page := func(events ...string) string {
		return `{"events":[` + strings.Join(events, ",") + `],"next_page_token":""}`
	}
	const composing, generic = `{"composing_event":{}}`, `{"generic_event":{"payload":{"a":[1]}}}`
	one, two := stored("one", composing), stored("two", generic)
	h.run(t, []step{
		{
			// Contact and conversation are reported at once, the event when it was tried.
			method: "POST", path: "P/events:send", body: event(app, composing), save: "one", jobs: "callback:2,event:1",
			want: `{"event_id":"{one}","accepted_time":"2026-03-04T05:06:07.891234Z"}`,
		},
		{method: "POST", path: "P/events:send", body: event(app, generic), save: "two", jobs: "event:1"},
		{method: "GET", path: "P/events/{one}", want: one},
		{method: "GET", path: "P/events", want: page(two, one)},
		{method: "GET", path: "P/events?page_size=500", want: page(two, one)},
		{method: "GET", path: "P/events?contact_id=01ARZ3NDEKTSV4RRFFQ69G5FAV", want: page()},
		{method: "GET", path: "P/events?conversation_id=01ARZ3NDEKTSV4RRFFQ69G5FAV", want: page()},
	})
	var list eventList
	h.call("GET", "P/events", "").into(t, &list)
	h.run(t, []step{
		{method: "GET", path: "P/events?contact_id=" + list.Events[0].ContactID + "&page_size=1"},
		{method: "GET", path: "P/events?conversation_id=" + list.Events[0].ConversationID},
		{method: "DELETE", path: "P/events/" + list.Events[0].ID, want: `{}`},
		{method: "DELETE", path: "P/events/" + list.Events[0].ID, status: 404},
		{method: "GET", path: "P/events/" + list.Events[0].ID, status: 404},
		{method: "GET", path: "P/events/x", status: 404},
		{method: "GET", path: "P/events?contact_id=x", status: 400},
	})
	dispatch := h.app(t, dispatchApp)
	h.run(t, []step{
		{method: "POST", path: "P/events:send", body: event(dispatch, composing), jobs: "event:1", save: "gone"},
		{method: "GET", path: "P/events/{gone}", status: 404},
	})
	for _, method := range []string{"GET", "DELETE"} {
		h.call(method, "/v1/projects/another/events/"+list.Events[1].ID, "").fails(t, 403, "PERMISSION_DENIED", "")
	}
	h.call("POST", "/v1/projects/another/events:send", event(app, composing)).fails(t, 403, "PERMISSION_DENIED", "")
}

func TestRejectedEvents(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	good := event(app, `{"composing_event":{}}`)
	with := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	const bad = parley.CodeInvalidArgument
	rows := []rejected{
		{"no app", "", "", `{}`, 400, bad, "app_id"},
		{"unknown app", "", "", with(app, unknown), 404, parley.CodeNotFound, ""},
		{"no recipient", "", "", with("recipient", "x"), 400, bad, "recipient"},
		{"unknown contact", "", "", `{"app_id":"` + app + `","recipient":{"contact_id":"` + unknown + `"},"event":{"composing_event":{}}}`, 404, parley.CodeNotFound, ""},
		{"no event", "", "", with(`"event"`, `"x"`), 400, bad, "event"},
		{"empty event", "", "", event(app, `{}`), 400, bad, "event"},
		{"two events", "", "", event(app, `{"composing_event":{},"composing_end_event":{}}`), 400, bad, "event"},
		{"no text", "", "", event(app, `{"comment_reply_event":{}}`), 400, bad, "event.comment_reply_event.text"},
		{"no agent", "", "", event(app, `{"agent_joined_event":{}}`), 400, bad, "event.agent_joined_event.agent"},
		{"agent type", "", "", event(app, `{"agent_left_event":{"agent":{"type":"X"}}}`), 400, bad, "event.agent_left_event.agent.type"},
		{"no payload", "", "", event(app, `{"generic_event":{}}`), 400, bad, "event.generic_event.payload"},
		{"payload", "", "", event(app, `{"generic_event":{"payload":[]}}`), 400, bad, "event.generic_event.payload"},
		{"unknown priority", "", "", with(`"event_metadata"`, `"channel_priority_order":["SMS","X"],"x"`), 400, bad, "channel_priority_order[1]"},
		{"priority without credential", "", "", with(`"event_metadata"`, `"channel_priority_order":["RCS"],"x"`), 400, bad, "channel_priority_order[0]"},
		{"metadata", "", "", with(`"m"`, `"`+strings.Repeat("é", 1025)+`"`), 400, bad, "event_metadata"},
		{"callback", "", "", with(`"event_metadata"`, `"callback_url":"ftp://x","x"`), 400, bad, "callback_url"},
		{"queue", "", "", with(`"event_metadata"`, `"queue":"FAST","x"`), 400, bad, "queue"},
	}
	for i := range rows {
		rows[i].method, rows[i].path = "POST", "P/events:send"
	}
	h.rejects(t, rows)
	// Only the first channel counts, so the second need not be configured.
	h.run(t, []step{{method: "POST", path: "P/events:send", body: with(`"event_metadata"`, `"channel_priority_order":["SMS","RCS"],"x"`), jobs: "event:1"}})
}

// TestPagingEvents walks newest first while events come and go.
func TestPagingEvents(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	send := func() string {
		var sent parley.SendEventResponse
		h.call("POST", "P/events:send", event(app, `{"composing_event":{}}`)).into(t, &sent)
		return sent.EventID
	}
	var want, leave []string
	for n := range 21 {
		if id := send(); n%3 == 0 {
			leave = append(leave, id)
		} else {
			want = append(want, id)
		}
	}
	slices.Reverse(want)
	got := walk(t, h, "P/events?page_size=4", func(l *eventList) ([]string, string) {
		var ids []string
		for _, e := range l.Events {
			ids = append(ids, e.ID)
		}
		return ids, l.NextPageToken
	}, func() {
		send()
		h.call("DELETE", "P/events/"+leave[0], "").into(t, new(empty))
		leave = leave[1:]
	})
	got = slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(want, id) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events that stayed (-want +got):\n%s", diff)
	}
}

func TestCapabilityQuery(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	contact := h.contact(t, 1)
	const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	by := func(recipient, more string) string {
		return `{"app_id":"` + app + `","recipient":` + recipient + more + `}`
	}
	two := `{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"+15551230001","app_id":""},
		{"channel":"TELEGRAM","identity":"4711","app_id":""}]}}`
	one := `{"contact_id":"` + contact + `"}`
	h.run(t, []step{
		{method: "POST", path: "P/capability:query", body: by(two, ""), want: by(two, `,"request_id":"*"`), jobs: "capability:2"},
		{method: "POST", path: "P/capability:query", body: by(one, `,"request_id":"r"`), want: by(one, `,"request_id":"r"`), jobs: "capability:1"},
		{method: "POST", path: "P/capability%3Aquery", body: by(one, ""), jobs: "capability:1"},
		{method: "GET", path: "P/contacts?channel=TELEGRAM&identity=4711", want: `{"contacts":[],"next_page_token":""}`},
	})
	const bad = parley.CodeInvalidArgument
	h.rejects(t, []rejected{
		{"no app", "POST", "P/capability:query", `{}`, 400, bad, "app_id"},
		{"unknown app", "POST", "P/capability:query", strings.Replace(by(one, ""), app, unknown, 1), 404, parley.CodeNotFound, ""},
		{"no recipient", "POST", "P/capability:query", `{"app_id":"` + app + `"}`, 400, bad, "recipient"},
		{"unknown contact", "POST", "P/capability:query", by(`{"contact_id":"`+unknown+`"}`, ""), 404, parley.CodeNotFound, ""},
		{"long id", "POST", "P/capability:query", by(one, `,"request_id":"`+strings.Repeat("x", 129)+`"`), 400, bad, "request_id"},
	})
	h.call("POST", "/v1/projects/another/capability:query", by(one, "")).fails(t, 403, "PERMISSION_DENIED", "")
}
