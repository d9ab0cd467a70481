package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// stored counts everything a refused request must not add to.
func (h *harness) stored(t testing.TB) map[string]int {
	t.Helper()
	ctx, out := t.Context(), map[string]int{}
	apps, err := h.store.Apps(ctx, testProject)
	check(t, err)
	webhooks, err := h.store.ProjectWebhooks(ctx, testProject)
	check(t, err)
	contacts, err := h.store.Contacts(ctx, testProject, store.ContactFilter{Limit: 1000})
	check(t, err)
	out["apps"], out["webhooks"], out["contacts"] = len(apps), len(webhooks), len(contacts)
	for _, a := range apps {
		list, _, err := h.store.Conversations(ctx, testProject, store.ConversationFilter{AppID: a.ID, Limit: 1000})
		check(t, err)
		out["conversations"] += len(list)
	}
	for _, dispatch := range []bool{false, true} {
		list, err := h.store.Messages(ctx, testProject, store.MessageFilter{Dispatch: dispatch, Limit: 1000})
		check(t, err)
		out["messages"] += len(list)
	}
	jobs, err := h.store.JobCounts(ctx)
	check(t, err)
	for _, n := range jobs {
		out["jobs"] += int(n)
	}
	return out
}

// rejected is a bad request: its answer and the field that must be named.
type rejected struct {
	name, method, path, body string
	status                   int
	code                     parley.Code
	field                    string
}

func TestRejectedMessages(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app, conv := h.app(t, dispatchApp), h.app(t, conversationApp)
	const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	to := `"recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"+15551230001"}]}}`
	hello := `"message":{"text_message":{"text":"x"}}`
	send := func(members ...string) string {
		return `{"app_id":"` + app + `",` + strings.Join(members, ",") + `}`
	}
	const bad = parley.CodeInvalidArgument
	rows := []rejected{
		{"empty", "", "", "", 400, bad, ""},
		{"blank", "", "", " \n", 400, bad, ""},
		{"malformed", "", "", `{"app_id":`, 400, bad, ""},
		{"not an object", "", "", `[]`, 400, bad, ""},
		{"two documents", "", "", send(to, hello) + `{}`, 400, bad, ""},
		{"null", "", "", `null`, 400, bad, "app_id"},
		{"no app", "", "", `{}`, 400, bad, "app_id"},
		{"app of the wrong type", "", "", `{"app_id":7}`, 400, bad, "app_id"},
		{"app that is too long", "", "", `{"app_id":"` + unknown + `X"}`, 400, bad, "app_id"},
		{"unknown app", "", "", `{"app_id":"` + unknown + `",` + to + `,` + hello + `}`, 404, parley.CodeNotFound, ""},
		{"no recipient", "", "", send(hello), 400, bad, "recipient"},
		{"empty recipient", "", "", send(`"recipient":{}`, hello), 400, bad, "recipient"},
		{"two recipients", "", "", send(`"recipient":{"contact_id":"`+unknown+`","identified_by":{}}`, hello), 400, bad, "recipient"},
		{
			"no identity", "", "", send(`"recipient":{"identified_by":{"channel_identities":[]}}`, hello), 400, bad,
			"recipient.identified_by.channel_identities",
		},
		{
			"unknown channel", "", "", send(`"recipient":{"identified_by":{"channel_identities":[{"channel":"PIGEON","identity":"1"}]}}`, hello),
			400, bad, "recipient.identified_by.channel_identities[0].channel",
		},
		{
			"channel of the wrong type", "", "", send(`"recipient":{"identified_by":{"channel_identities":[{"channel":1,"identity":"1"}]}}`, hello),
			400, bad, "recipient.identified_by.channel_identities.channel",
		},
		{
			"identity that is too long", "", "", send(`"recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"`+
				strings.Repeat("1", 513)+`"}]}}`, hello), 400, bad, "recipient.identified_by.channel_identities[0].identity",
		},
		{"contact id that is too long", "", "", send(`"recipient":{"contact_id":"`+unknown+`X"}`, hello), 400, bad, "recipient.contact_id"},
		{"contact in dispatch mode", "", "", send(`"recipient":{"contact_id":"`+unknown+`"}`, hello), 400, bad, "recipient.contact_id"},
		{
			"unknown contact", "", "", `{"app_id":"` + conv + `","recipient":{"contact_id":"` + unknown + `"},` + hello + `}`,
			404, parley.CodeNotFound, "",
		},
		{"no message", "", "", send(to), 400, bad, "message"},
		{"no body", "", "", send(to, `"message":{}`), 400, bad, "message"},
		{
			"two bodies", "", "", send(to, `"message":{"text_message":{"text":"x"},"media_message":{"url":"http://x.example/a"}}`),
			400, bad, "message",
		},
		{"empty text", "", "", send(to, `"message":{"text_message":{}}`), 400, bad, "message.text_message.text"},
		{"text of the wrong type", "", "", send(to, `"message":{"text_message":{"text":7}}`), 400, bad, "message.text_message.text"},
		{"body of the wrong type", "", "", send(to, `"message":{"text_message":"x"}`), 400, bad, "message.text_message"},
		{"long metadata", "", "", send(to, hello, `"message_metadata":"`+strings.Repeat("é", 1025)+`"`), 400, bad, "message_metadata"},
		{
			"long conversation metadata", "", "", send(to, hello, `"conversation_metadata":{"a":"`+strings.Repeat("x", 2048)+`"}`),
			400, bad, "conversation_metadata",
		},
		{"conversation metadata", "", "", send(to, hello, `"conversation_metadata":[]`), 400, bad, "conversation_metadata"},
		{"long correlation id", "", "", send(to, hello, `"correlation_id":"`+strings.Repeat("x", 129)+`"`), 400, bad, "correlation_id"},
		{"channel without credential", "", "", send(to, hello, `"channel_priority_order":["WHATSAPP"]`), 400, bad, "channel_priority_order[0]"},
		{"unknown priority", "", "", send(to, hello, `"channel_priority_order":["SMS","PIGEON"]`), 400, bad, "channel_priority_order[1]"},
		{"long property", "", "", send(to, hello, `"channel_properties":{"A":"`+strings.Repeat("x", 1025)+`"}`), 400, bad, "channel_properties.A"},
		{"short ttl", "", "", send(to, hello, `"ttl":"2s"`), 400, bad, "ttl"},
		{"ttl", "", "", send(to, hello, `"ttl":"soon"`), 400, bad, "ttl"},
		{"queue", "", "", send(to, hello, `"queue":"FAST"`), 400, bad, "queue"},
		{"callback", "", "", send(to, hello, `"callback_url":"ftp://x"`), 400, bad, "callback_url"},
		{"NUL", "", "", send(to, `"message":{"text_message":{"text":"a\u0000"}}`), 400, bad, ""},
		{"too long", "", "", send(to, `"message":{"text_message":{"text":"`+strings.Repeat("x", maxBody)+`"}}`), 413, parley.CodeTooLarge, ""},
		{"transcode", "", "P/messages:transcode", `{"app_id":"` + app + `","app_message":{"text_message":{"text":"x"}}}`, 400, bad, "channels"},
	}
	for i := range rows {
		rows[i].method = "POST"
		if rows[i].path == "" {
			rows[i].path = "P/messages:send"
		}
	}
	h.rejects(t, rows)
}

func TestRejectedResources(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	const bad = parley.CodeInvalidArgument
	h.rejects(t, []rejected{
		{"app without name", "POST", "P/apps", `{"channel_credentials":[]}`, 400, bad, "display_name"},
		{"app without credentials", "POST", "P/apps", `{"display_name":"x"}`, 400, bad, "channel_credentials"},
		{"misfit credential", "POST", "P/apps", `{"display_name":"x","channel_credentials":[{"channel":"SMS"}]}`, 400, bad, "channel_credentials[0].static_bearer"},
		{"mode", "POST", "P/apps", `{"display_name":"x","channel_credentials":[],"processing_mode":"X"}`, 400, bad, "processing_mode"},
		{"app id", "GET", "P/apps/x", "", 400, bad, "app_id"},
		{"unknown app", "GET", "P/apps/" + unknown, "", 404, parley.CodeNotFound, ""},
		{"patch of nothing", "PATCH", "P/apps/" + app, "", 400, bad, ""},
		{"patch with a list", "PATCH", "P/apps/" + app, "[]", 400, bad, ""},
		{"read-only mask", "PATCH", "P/apps/" + app + "?update_mask=id", "{}", 400, bad, "update_mask"},
		{"delete unknown app", "DELETE", "P/apps/" + unknown, "", 404, parley.CodeNotFound, ""},
		{"webhook without app", "POST", "P/webhooks", `{"target":"http://x.example/"}`, 400, bad, "app_id"},
		{"webhook of an unknown app", "POST", "P/webhooks", `{"app_id":"` + unknown + `","target":"http://x.example/"}`, 404, parley.CodeNotFound, ""},
		{"trigger", "POST", "P/webhooks", `{"app_id":"` + app + `","target":"http://x.example/","triggers":["X"]}`, 400, bad, "triggers[0]"},
		{"webhooks of an unknown app", "GET", "P/apps/" + unknown + "/webhooks", "", 404, parley.CodeNotFound, ""},
		{"contact without identity", "POST", "P/contacts", `{"language":"EN_US"}`, 400, bad, "channel_identities"},
		{"contact with long metadata", "POST", "P/contacts", `{"channel_identities":[{"channel":"SMS","identity":"1"}],"metadata":"` + strings.Repeat("x", 1025) + `"}`, 400, bad, "metadata"},
		{"contact id that is not UTF-8", "GET", "P/contacts/%ff%00", "", 404, parley.CodeNotFound, ""},
		{"message metadata", "PATCH", "P/messages/" + unknown, `{"metadata":"` + strings.Repeat("x", 1025) + `"}`, 400, bad, "metadata"},
		{"message metadata of the wrong type", "PATCH", "P/messages/" + unknown, `{"metadata":7}`, 400, bad, "metadata"},
		{"message mask", "PATCH", "P/messages/" + unknown + "?update_mask=metadata,id", `{}`, 400, bad, "update_mask"},
		{"unknown message", "PATCH", "P/messages/" + unknown, `{"metadata":"x"}`, 404, parley.CodeNotFound, ""},
	})
}

func TestRejectedQueries(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	const bad = parley.CodeInvalidArgument
	rows := []rejected{}
	for path, field := range map[string]string{
		"P/contacts?external_id=a&channel=SMS&identity=1":                          "external_id",
		"P/contacts?external_id=a&identity=1":                                      "external_id",
		"P/contacts?channel=SMS":                                                   "identity",
		"P/contacts?identity=1":                                                    "channel",
		"P/contacts?channel=PIGEON&identity=1":                                     "channel",
		"P/contacts?page_size=x":                                                   "page_size",
		"P/contacts?page_size=-1":                                                  "page_size",
		"P/contacts?page_size=99999999999999999999":                                "page_size",
		"P/contacts?page_token=!":                                                  "page_token",
		"P/contacts?page_token=abc":                                                "page_token",
		"P/contacts?external_id=%ff":                                               "external_id",
		"P/contacts?external_id=%00":                                               "external_id",
		"P/contacts?external_id=%zz":                                               "",
		"P/conversations":                                                          "app_id",
		"P/conversations?app_id=x":                                                 "app_id",
		"P/conversations?contact_id=x":                                             "contact_id",
		"P/conversations?app_id=" + app + "&only_active=perhaps":                   "only_active",
		"P/messages?messages_source=X":                                             "messages_source",
		"P/messages?view=X":                                                        "view",
		"P/messages?direction=X":                                                   "direction",
		"P/messages?channel=X":                                                     "channel",
		"P/messages?start_time=X":                                                  "start_time",
		"P/messages?start_time=2026-01-02T00:00:00Z&end_time=2026-01-01":           "end_time",
		"P/messages?only_recipient_originated=true":                                "only_recipient_originated",
		"P/messages?messages_source=DISPATCH_SOURCE&contact_id=" + app:             "contact_id",
		"P/messages/" + app + "?messages_source=X":                                 "messages_source",
		"P/messages?start_time=2026-01-02T00:00:00Z&end_time=2026-01-02T00:00:00Z": "start_time",
		"P/messages?messages_source=DISPATCH_SOURCE&only_recipient_originated=true&direction=TO_CONTACT": "only_recipient_originated",
	} {
		rows = append(rows, rejected{path, "GET", path, "", 400, bad, field})
	}
	h.rejects(t, rows)
}

// rejects makes the requests and checks that nothing is stored.
func (h *harness) rejects(t *testing.T, rows []rejected) {
	t.Helper()
	before := h.stored(t)
	for _, c := range rows {
		t.Run(c.name, func(t *testing.T) {
			h.call(c.method, c.path, c.body).fails(t, c.status, c.code, c.field)
		})
	}
	if diff := cmp.Diff(before, h.stored(t)); diff != "" {
		t.Errorf("stored (-before +after):\n%s", diff)
	}
	if h.log.Len() > 0 {
		t.Errorf("logged above debug: %s", h.log)
	}
}

// TestTooLarge sends more than is allowed over a real connection, with and
// without saying so beforehand.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	srv := httptest.NewServer(h.api.Handler())
	t.Cleanup(srv.Close)
	for name, n := range map[string]int64{"known length": maxBody + 1, "unknown length": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := h.request("POST", "P/messages:send", "")
			r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+r.URL.Path, bytes.NewReader(bytes.Repeat([]byte(" "), maxBody+1)))
			check(t, err)
			r.SetBasicAuth(testKey, testSecret)
			r.ContentLength = n
			resp, err := srv.Client().Do(r)
			check(t, err)
			defer resp.Body.Close()
			var b bytes.Buffer
			_, err = b.ReadFrom(resp.Body)
			check(t, err)
			answer{resp.StatusCode, resp.Header, b.String()}.fails(t, 413, parley.CodeTooLarge, "")
		})
	}
}

func TestHasNUL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		``:                      false,
		`{"a":"b"}`:             false,
		`{"a":"\u0000"}`:        true,
		`{"a":"\\u0000"}`:       false,
		`{"a":"\\\u0000"}`:      true,
		`{"a":"\\u0000\u0000"}`: true,
		`\u0000`:                true,
	} {
		if got := hasNUL([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestPanic checks that a fault of ours is answered in the API's shape, and
// logged once with what finds it again.
func TestPanic(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(o *Options) {
		o.Media = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") })
	})
	a := h.call("GET", "/media/x", "")
	a.fails(t, 500, "INTERNAL", "")
	if strings.Contains(a.body, "oops") {
		t.Error("the caller is shown the fault")
	}
	log := h.log.String()
	if strings.Count(log, "\n") != 1 || !strings.Contains(log, "oops") || !strings.Contains(log, a.header.Get("X-Request-Id")) {
		t.Errorf("log %s", log)
	}
}

// TestInternalError checks what the caller and the log are told of a fault.
func TestInternalError(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.call("GET", "P/apps", "").into(t, new(appList)) // the key is remembered
	check(t, h.store.Close())
	a := h.call("GET", "P/apps", "")
	a.fails(t, 500, "INTERNAL", "")
	if !strings.Contains(a.body, `"message":"internal error"`) {
		t.Errorf("answer %s", a.body)
	}
	log := h.log.String()
	for _, want := range []string{`"level":"ERROR"`, `"operation":"ListApps"`, `"project_id":"project-1"`, a.header.Get("X-Request-Id"), "closed"} {
		if !strings.Contains(log, want) {
			t.Errorf("log without %s: %s", want, log)
		}
	}
}

// TestDebugLog checks that no path, identity or body is logged even at debug.
func TestDebugLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := newHarness(t, func(o *Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	app := h.app(t, dispatchApp)
	h.call("POST", "P/messages:send", text(app, "15551230001", "a secret text"))
	h.call("GET", "P/contacts?channel=SMS&identity=15551230001", "")
	if !strings.Contains(log.String(), `"operation":"ListContacts"`) {
		t.Errorf("log %s", &log)
	}
	for _, secret := range []string{"15551230001", "secret", testSecret} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log tells %q: %s", secret, &log)
		}
	}
}
