package api

import (
	"encoding/json"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A step is a request and what must come of it. {name} in a path or text is
// replaced by the id an earlier step saved under that name.
type step struct {
	method, path, body string
	status             int    // 0 means 200
	want               string // the whole answer as JSON; "" is not compared. "*" is any id
	save               string // the name under which the answer's id is saved
	jobs               string // kinds of jobs that are added, such as "callback:2"; "" means none
}

// run makes the steps in order.
func (h *harness) run(t *testing.T, steps []step) {
	t.Helper()
	saved := map[string]string{}
	fill := func(s string) string {
		for name, id := range saved {
			s = strings.ReplaceAll(s, "{"+name+"}", id)
		}
		return s
	}
	for i, s := range steps {
		before := h.jobs(t)
		a := h.call(s.method, fill(s.path), fill(s.body))
		if want := max(s.status, 200); a.status != want {
			t.Fatalf("step %d, %s %s: status %d, want %d: %s", i, s.method, s.path, a.status, want, a.body)
		}
		if s.save != "" {
			saved[s.save] = idOf(t, a.body)
		}
		if s.want != "" {
			compare(t, s.method+" "+s.path, fill(s.want), a.body)
		}
		if got := added(before, h.jobs(t)); got != s.jobs {
			t.Errorf("step %d, %s %s: adds the jobs %q, want %q", i, s.method, s.path, got, s.jobs)
		}
	}
}

func (h *harness) jobs(t *testing.T) map[string]int64 {
	t.Helper()
	counts, err := h.store.JobCounts(t.Context())
	check(t, err)
	return counts
}

// added says which jobs there are now that there were not before.
func added(before, after map[string]int64) string {
	maps.DeleteFunc(after, func(kind string, n int64) bool { return n == before[kind] })
	for kind := range after {
		after[kind] -= before[kind]
	}
	if len(after) == 0 {
		return ""
	}
	b, _ := json.Marshal(after)
	return strings.NewReplacer(`"`, "", "{", "", "}", "").Replace(string(b))
}

func idOf(t testing.TB, body string) string {
	t.Helper()
	var v struct {
		ID        string `json:"id"`
		MessageID string `json:"message_id"`
		BatchID   string `json:"batch_id"`
		EventID   string `json:"event_id"`
	}
	check(t, json.Unmarshal([]byte(body), &v))
	return v.ID + v.MessageID + v.BatchID + v.EventID
}

// compare compares JSON documents. "*" in want is any id.
func compare(t *testing.T, what, want, got string) {
	t.Helper()
	var w, g any
	check(t, json.Unmarshal([]byte(want), &w))
	check(t, json.Unmarshal([]byte(got), &g))
	id := regexp.MustCompile(`^[0-9A-Z]{26}$`)
	anyID := cmp.FilterValues(func(a, b any) bool { return a == "*" || b == "*" }, cmp.Comparer(func(a, b any) bool {
		x, xok := a.(string)
		y, yok := b.(string)
		return xok && yok && (id.MatchString(x) || id.MatchString(y))
	}))
	if diff := cmp.Diff(w, g, anyID); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestApps(t *testing.T) {
	t.Parallel()
	app := func(changes ...string) string {
		s := `{"id":"{app}","display_name":"D","channel_credentials":[{"channel":"SMS",
			"static_bearer":{"claimed_identity":"me","token":"t"},"callback_secret":"","channel_known_id":"me",
			"state":{"status":"ACTIVE","description":""},"credential_ordinal_number":0}],
			"conversation_metadata_report_view":"NONE","rate_limits":{"inbound":25,"outbound":25,"webhooks":25},
			"retention_policy":{"retention_type":"MESSAGE_EXPIRE_POLICY","ttl_days":180},
			"dispatch_retention_policy":{"retention_type":"MESSAGE_EXPIRE_POLICY","ttl_days":0},
			"processing_mode":"DISPATCH","smart_conversation":{"enabled":false},
			"queue_stats":{"outbound_size":0,"outbound_limit":500000},"persist_message_status":{"enabled":false},
			"message_search":{"enabled":false},"callback_settings":{"secret_for_overridden_callback_urls":""},
			"delivery_report_based_fallback":{"enabled":false,"delivery_report_waiting_time":0},
			"message_retry_settings":{"retry_duration":3600}}`
		return strings.NewReplacer(changes...).Replace(s)
	}
	newHarness(t).run(t, []step{
		{method: "GET", path: "P/apps", want: `{"apps":[]}`},
		{method: "POST", path: "P/apps", body: dispatchApp, save: "app", want: app()},
		{method: "GET", path: "P/apps/{app}", want: app()},
		{method: "GET", path: "P/apps", want: `{"apps":[` + app() + `]}`},
		{method: "PATCH", path: "P/apps/{app}", body: `{"display_name":"E"}`, want: app(`"D"`, `"E"`)},
		{
			method: "PATCH", path: "P/apps/{app}?update_mask=display_name,retention_policy.ttl_days", want: app(`"D"`, `"F"`, "180", "7"),
			body: `{"id":"x","display_name":"F","retention_policy":{"ttl_days":7},"processing_mode":"CONVERSATION"}`,
		},
		{
			method: "PATCH", path: "P/apps/{app}?update_mask.paths=display_name&update_mask.paths=retention_policy", want: app(`"D"`, `"G"`),
			body: `{"display_name":"G"}`,
		},
		{method: "PATCH", path: "P/apps/{app}?update_mask=displayName", body: `{"display_name":"H"}`, want: app(`"D"`, `"H"`)},
		{
			method: "PATCH", path: "P/apps/{app}?update_mask=*", want: app(`"D"`, `"I"`, "180", "9"),
			body: `{"id":"x","display_name":"I","retention_policy":{"ttl_days":9},"channel_credentials":[{"channel":"SMS",
				"static_bearer":{"claimed_identity":"me","token":"t"}}]}`,
		},
		{method: "PATCH", path: "P/apps/{app}?update_mask=*", body: `{}`, status: 400},
		{method: "PATCH", path: "P/apps/{app}?update_mask=retention_policy.days", body: `{}`, status: 400},
		{
			method: "PATCH", path: "P/apps/{app}", body: `{"retention_policy":{"retention_type":"PERSIST_RETENTION_POLICY"}}`,
			want: app(`"D"`, `"I"`, `"MESSAGE_EXPIRE_POLICY","ttl_days":180`, `"PERSIST_RETENTION_POLICY","ttl_days":9`),
		},
		{method: "DELETE", path: "P/apps/{app}", want: `{}`},
		{method: "GET", path: "P/apps/{app}", status: 404},
		{method: "DELETE", path: "P/apps/{app}", status: 404},
	})
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	webhook := func(changes ...string) string {
		s := `{"id":"{hook}","app_id":"{app}","target":"https://x.example/a","target_type":"HTTP","secret":"s",
			"triggers":["MESSAGE_INBOUND"],"client_credentials":null}`
		return strings.NewReplacer(changes...).Replace(s)
	}
	const create = `{"app_id":"{app}","target":"https://x.example/a","secret":"s","triggers":["MESSAGE_INBOUND"]}`
	newHarness(t).run(t, []step{
		{method: "POST", path: "P/apps", body: dispatchApp, save: "app"},
		{method: "GET", path: "P/apps/{app}/webhooks", want: `{"webhooks":[]}`},
		{method: "POST", path: "P/webhooks", body: create, save: "hook", want: webhook()},
		{method: "POST", path: "P/webhooks", body: create, status: 400},
		{method: "GET", path: "P/webhooks/{hook}", want: webhook()},
		{method: "GET", path: "P/apps/{app}/webhooks", want: `{"webhooks":[` + webhook() + `]}`},
		{
			method: "PATCH", path: "P/webhooks/{hook}", body: `{"target":"https://x.example/b","triggers":["MESSAGE_SUBMIT"]}`,
			want: webhook("/a", "/b", "INBOUND", "SUBMIT"),
		},
		{
			method: "PATCH", path: "P/webhooks/{hook}?update_mask=secret,client_credentials",
			body: `{"client_credentials":{"endpoint":"https://x.example/t","client_id":"i","client_secret":"c"}}`,
			want: webhook("/a", "/b", "INBOUND", "SUBMIT", `"s"`, `""`, "null",
				`{"endpoint":"https://x.example/t","client_id":"i","client_secret":"c"}`),
		},
		{method: "DELETE", path: "P/webhooks/{hook}", want: `{}`},
		{method: "DELETE", path: "P/webhooks/{hook}", status: 404},
		{method: "GET", path: "P/webhooks/{hook}", status: 404},
	})
}

func TestContacts(t *testing.T) {
	t.Parallel()
	contact := func(changes ...string) string {
		s := `{"id":"{contact}","channel_identities":[{"channel":"SMS","identity":"15551230001","app_id":""}],
			"channel_priority":[],"display_name":"Unknown","email":"","external_id":"e 1","metadata":"","language":"UNSPECIFIED"}`
		return strings.NewReplacer(changes...).Replace(s)
	}
	page := func(contacts string) string { return `{"contacts":[` + contacts + `],"next_page_token":""}` }
	newHarness(t).run(t, []step{
		{method: "POST", path: "P/apps", body: dispatchApp, save: "app"},
		{method: "POST", path: "P/webhooks", body: `{"app_id":"{app}","target":"https://x.example/a",
			"triggers":["CONTACT_CREATE","CONTACT_UPDATE","CONTACT_DELETE"]}`},
		{
			method: "POST", path: "P/contacts", save: "contact", want: contact(), jobs: "callback:1",
			body: `{"channel_identities":[{"channel":"SMS","identity":"+15551230001"}],"external_id":"e 1"}`,
		},
		{method: "GET", path: "P/contacts/{contact}", want: contact()},
		{method: "GET", path: "P/contacts", want: page(contact())},
		{method: "GET", path: "P/contacts?external_id=e%201", want: page(contact())},
		{method: "GET", path: "P/contacts?external_id=e2", want: page("")},
		{method: "GET", path: "P/contacts?channel=SMS&identity=+15551230001", want: page(contact())}, // the Node SDK's spelling
		{method: "GET", path: "P/contacts?channel=SMS&identity=%2B15551230001", want: page(contact())},
		{method: "GET", path: "P/contacts?channel=SMS&identity=15551230001", want: page(contact())},
		{method: "GET", path: "P/contacts?channel=TELEGRAM&identity=15551230001", want: page("")},
		{
			method: "PATCH", path: "P/contacts/{contact}?update_mask=display_name,external_id", body: `{"display_name":"Ann","email":"x@y.example"}`,
			want: contact("Unknown", "Ann", "e 1", ""), jobs: "callback:1",
		},
		{method: "DELETE", path: "P/contacts/{contact}", want: `{}`, jobs: "callback:1"},
		{method: "DELETE", path: "P/contacts/{contact}", status: 404},
		{method: "GET", path: "P/contacts/{contact}", status: 404},
	})
}

func TestConversations(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	h.run(t, []step{{method: "POST", path: "P/messages:send", body: text(app, "15551230001", "x"), jobs: "send:1"}})
	var list struct {
		Conversations []struct {
			ID        string `json:"id"`
			ContactID string `json:"contact_id"`
		} `json:"conversations"`
	}
	h.call("GET", "P/conversations?app_id="+app, "").into(t, &list)
	id, contact := list.Conversations[0].ID, list.Conversations[0].ContactID
	want := func(active string) string {
		return `{"id":"` + id + `","app_id":"` + app + `","contact_id":"` + contact + `","last_received":"1970-01-01T00:00:00Z",
			"active_channel":"SMS","active":` + active + `,"metadata":"","metadata_json":{},"correlation_id":""}`
	}
	all := func(n, conversations string) string {
		return `{"conversations":[` + conversations + `],"next_page_token":"","total_size":` + n + `}`
	}
	h.run(t, []step{
		{method: "GET", path: "P/conversations/" + id, want: want("true")},
		{method: "GET", path: "P/conversations?contact_id=" + contact + "&only_active=true", want: all("1", want("true"))},
		{method: "GET", path: "P/conversations?app_id=" + app + "&active_channel=TELEGRAM", want: all("0", "")},
		{method: "POST", path: "P/conversations/" + id + ":stop", want: `{}`},
		{method: "POST", path: "P/conversations/" + id + "%3Astop", want: `{}`},
		{method: "GET", path: "P/conversations/" + id, want: want("false")},
		{method: "GET", path: "P/conversations?app_id=" + app + "&only_active=true", want: all("0", "")},
		{method: "GET", path: "P/conversations?app_id=" + app, want: all("1", want("false"))},
	})
}

func TestMessages(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	message := func(changes ...string) string {
		s := `{"id":"{message}","direction":"TO_CONTACT","app_message":{"text_message":{"text":"<b>&"}},
			"channel_identity":{"channel":"SMS","identity":"15551230001","app_id":""},"conversation_id":"*","contact_id":"*",
			"metadata":"m","accept_time":"2026-03-04T05:06:07.891234Z","sender_id":"","processing_mode":"CONVERSATION","injected":false}`
		return strings.NewReplacer(changes...).Replace(s)
	}
	page := func(messages string) string { return `{"messages":[` + messages + `],"next_page_token":""}` }
	send := strings.Replace(text(app, "+15551230001", "<b>&"), "{", `{"message_metadata":"m",`, 1)
	steps := []step{
		{
			method: "POST", path: "P/messages:send", body: send, save: "message", jobs: "send:1",
			want: `{"message_id":"{message}","accepted_time":"2026-03-04T05:06:07.891234Z"}`,
		},
		{method: "GET", path: "P/messages/{message}", want: message()},
		{method: "GET", path: "P/messages/{message}?messages_source=CONVERSATION_SOURCE", want: message()},
		{method: "GET", path: "P/messages/{message}?messages_source=DISPATCH_SOURCE", status: 404},
		{method: "PATCH", path: "P/messages/{message}", body: `{"metadata":"n","id":"x"}`, want: message(`"m"`, `"n"`)},
		{method: "PATCH", path: "P/messages/{message}", body: `{}`, want: message(`"m"`, `"n"`)},
		{method: "PATCH", path: "P/messages/{message}?update_mask=metadata", body: `{}`, want: message(`"m"`, `""`)},
		{method: "PATCH", path: "P/messages/{message}?update_mask=*", body: `{"metadata":"m"}`, want: message()},
	}
	// Each of these filters finds the message, and each of those does not.
	for _, q := range []string{
		"", "?app_id=" + app, "?channel=SMS", "?channel_identity=+15551230001", "?channel_identity=%2B15551230001",
		"?channel_identity=15551230001", "?channel=SMS&channel_identity=+15551230001", "?direction=TO_CONTACT",
		"?direction=UNDEFINED_DIRECTION", "?channel=CHANNEL_UNSPECIFIED", "?page_size=5000", "?page_size=0",
		"?start_time=2026-03-04T05:06:07.891233Z", "?end_time=2026-03-04T05:06:07.891235Z",
		"?start_time=2026-03-04%2005:06:07.891233%2B00:00", "?start_time=2026-03-04+05:06:07.891233+00:00",
		`?start_time=%222026-03-04T05:06:07.891233Z%22`, "?start_time=2026-03-04T06:06:07.891233+01:00",
		"?only_recipient_originated=false",
	} {
		steps = append(steps, step{method: "GET", path: "P/messages" + q, want: page(message())})
	}
	for _, q := range []string{
		"?app_id=01ARZ3NDEKTSV4RRFFQ69G5FAV", "?channel=TELEGRAM", "?channel_identity=1", "?direction=TO_APP",
		"?start_time=2026-03-04T05:06:07.891234Z", "?end_time=2026-03-04T05:06:07.891234Z", "?messages_source=DISPATCH_SOURCE",
		"?messages_source=DISPATCH_SOURCE&only_recipient_originated=true",
	} {
		steps = append(steps, step{method: "GET", path: "P/messages" + q, want: page("")})
	}
	h.run(t, append(steps, []step{
		{method: "GET", path: "P/messages?view=WITHOUT_METADATA", want: page(message(`"m"`, `""`))},
		{method: "DELETE", path: "P/messages/{message}?messages_source=DISPATCH_SOURCE", status: 404},
		{method: "DELETE", path: "P/messages/{message}", want: `{}`},
		{method: "DELETE", path: "P/messages/{message}", status: 404},
		{method: "GET", path: "P/messages", want: page("")},
	}...))
}

// TestDispatched checks that dispatched messages are a store of their own, and
// that those which are not retained are not shown.
func TestDispatched(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	gone := h.app(t, dispatchApp)
	kept := h.app(t, strings.Replace(dispatchApp, "{", `{"dispatch_retention_policy":{"ttl_days":7},`, 1))
	h.run(t, []step{
		{method: "POST", path: "P/messages:send", body: text(gone, "15551230001", "x"), save: "gone", jobs: "send:1"},
		{method: "POST", path: "P/messages:send", body: text(kept, "15551230001", "x"), save: "kept", jobs: "send:1"},
		{method: "GET", path: "P/messages/{gone}?messages_source=DISPATCH_SOURCE", status: 404},
		{method: "GET", path: "P/messages/{kept}", status: 404},
		{method: "GET", path: "P/messages/{kept}?messages_source=DISPATCH_SOURCE", save: "again"},
		{
			method: "GET", path: "P/messages?messages_source=DISPATCH_SOURCE&view=WITH_METADATA",
			want: `{"messages":[{"id":"{kept}","direction":"TO_CONTACT","app_message":{"text_message":{"text":"x"}},
				"channel_identity":{"channel":"SMS","identity":"15551230001","app_id":""},"conversation_id":"","contact_id":"",
				"metadata":"","accept_time":"2026-03-04T05:06:07.891234Z","sender_id":"","processing_mode":"DISPATCH","injected":false}],
				"next_page_token":""}`,
		},
	})
}

func TestTranscode(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	var got struct {
		Messages map[string]string `json:"transcoded_message"`
	}
	h.call("POST", "P/messages:transcode", `{"app_id":"`+app+`","app_message":{"text_message":{"text":"x"}},"channels":["SMS"]}`).into(t, &got)
	if len(got.Messages) != 1 || got.Messages["SMS"] == "" {
		t.Errorf("transcoded %v", got)
	}
}
