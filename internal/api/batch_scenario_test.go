package api

import (
	"strconv"
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

// B is where the Batch API is on any host.
const batchBase = "/batch/v1/projects/" + testProject

// batchTo is a request to greet phones.
func batchTo(app, more string, recipients ...string) string {
	return `{"app_id":"` + app + `","message":{"text_message":{"text":"Hello ${name}"}},"recipient_and_params":[` +
		strings.Join(recipients, ",") + `]` + more + `}`
}

func toPhone(number string) string {
	return `{"recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"` + number + `"}]}},"parameters":{"name":"x"}}`
}

func TestBatches(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	h.run(t, []step{
		{method: "POST", path: "P/webhooks", body: `{"app_id":"` + app + `","target":"https://x.example/a","triggers":["BATCH_STATUS_UPDATE"]}`},
		{
			method: "POST", path: batchBase + "/messages", body: batchTo(app, "", toPhone("15551230001"), toPhone("15551230002")),
			save: "now", want: `{"batch_id":"*"}`, jobs: "batch:1,callback:1",
		},
		{method: "GET", path: batchBase + "/messages/{now}", want: `{"batch_id":"{now}","meta_data":{},"status":"READY"}`},
		{
			method: "POST", path: batchBase + "/messages", save: "later", jobs: "batch:1,callback:1",
			body: batchTo(app, `,"send_after":"2026-03-04T06:01:00Z","batch_metadata":{"campaign":"c 1","n":7}`, toPhone("15551230001")),
			want: `{"batch_id":"*","send_after":"2026-03-04T06:05:00Z"}`,
		},
		{
			method: "GET", path: batchBase + "/messages?metadataKey=campaign&metadataValue=c%201",
			want: `[{"batch_id":"{later}","meta_data":{"campaign":"c 1","n":7},"status":"SCHEDULED","send_after":"2026-03-04T06:05:00Z"}]`,
		},
		{method: "GET", path: batchBase + "/messages?metadataKey=campaign&metadataValue=c2", want: `[]`},
		{method: "DELETE", path: batchBase + "/messages", body: `{"batch_id":"{now}"}`, want: `{}`},
		{method: "DELETE", path: batchBase + "/messages", body: `{"batch_id":"nothing"}`, want: `{}`},
		{method: "DELETE", path: batchBase + "/messages", body: `{"metadataKey":"n","metadataValue":"7"}`, want: `{}`, jobs: "callback:1"},
		{method: "DELETE", path: batchBase + "/messages", body: `{"batch_id":"{later}"}`, want: `{}`},
		{
			method: "GET", path: batchBase + "/messages/{later}",
			want: `{"batch_id":"{later}","meta_data":{"campaign":"c 1","n":7},"status":"CANCELLED","send_after":"2026-03-04T06:05:00Z"}`,
		},
		{method: "GET", path: batchBase + "/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV", status: 404},
		{method: "GET", path: "/batch/v1/projects/other/messages/{later}", status: 403},
		{
			method: "POST", path: batchBase + "/contacts", jobs: "contacts:1", want: `{}`,
			body: `{"contacts":[{"channel_identities":[{"channel":"SMS","identity":"+15551230001"}]}]}`,
		},
		{method: "DELETE", path: batchBase + "/contacts", body: `{"contact_ids":["01ARZ3NDEKTSV4RRFFQ69G5FAV"]}`, jobs: "contacts:1", want: `{}`},
		{
			method: "POST", path: batchBase + "/consents", want: `{"batch_id":"*"}`,
			body: `{"app_id":"` + app + `","consent_records":[{"identification":"+15551230001","consent_type":"OPT_OUT_ALL"}]}`,
		},
		{
			method: "GET", path: "P/apps/" + app + "/consents/OPT_OUT_ALL", want: `{"identities":[{"identity":"15551230001"}],"next_page_token":""}`,
		},
	})
}

// The Batch API's host has the Conversation API's paths.
func TestBatchHost(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	for host, want := range map[string]string{
		"us.conversationbatch.api.example:8080": `{"batch_id":"*"}`,
		"CONVERSATIONBATCH.example":             `{"batch_id":"*"}`,
		"us.conversation.api.example":           "",
	} {
		r := h.request("POST", "P/messages", batchTo(app, "", toPhone("15551230001")))
		r.Host = host
		a := h.do(r)
		if want == "" {
			a.fails(t, 405, parley.CodeMethodNotAllowed, "")
			continue
		}
		compare(t, host, want, a.body)
	}
	r := h.request("GET", "/healthz", "")
	r.Host = "us.conversationbatch.api.example"
	if a := h.do(r); a.status != 200 {
		t.Errorf("/healthz on the batch host: %d", a.status)
	}
}

func TestBatchRejected(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app, dispatch := h.app(t, conversationApp), h.app(t, dispatchApp)
	many := make([]string, parley.MaxBatch+1)
	for i := range many {
		many[i] = toPhone("1555" + strconv.Itoa(1230000+i))
	}
	long := `"` + strings.Repeat("x", parley.MaxMetadata) + `"`
	bad := parley.CodeInvalidArgument
	ok := toPhone("15551230001")
	send := func(name, body, field string) rejected {
		return rejected{name, "POST", batchBase + "/messages", body, 400, bad, field}
	}
	h.rejects(t, []rejected{
		send("no recipients", batchTo(app, ""), "recipient_and_params"),
		send("too many recipients", batchTo(app, "", many...), "recipient_and_params"),
		send("no recipient", batchTo(app, "", ok, `{"parameters":{"name":"x"}}`), "recipient_and_params[1].recipient"),
		send("identity", batchTo(app, "", ok, ok, ok, strings.ReplaceAll(ok, `"SMS"`, `"PIGEON"`)),
			"recipient_and_params[3].recipient.identified_by.channel_identities[0].channel"),
		send("no parameter", batchTo(app, "", ok, strings.ReplaceAll(ok, `"name"`, `"nom"`)), "recipient_and_params[1].parameters.name"),
		send("empty text", strings.ReplaceAll(batchTo(app, "", strings.ReplaceAll(ok, `"x"`, `""`)), "Hello ", ""), "message.text_message.text"),
		send("app", batchTo("x", "", ok), "app_id"),
		send("no message", `{"app_id":"`+app+`","recipient_and_params":[`+ok+`]}`, "message"),
		send("metadata", batchTo(app, `,"message_metadata":"x"`, ok), "message_metadata"),
		send("long metadata", batchTo(app, "", ok, `{"message_metadata":{"a":`+long+`},`+ok[1:]), "recipient_and_params[1].message_metadata"),
		send("batch metadata", batchTo(app, `,"batch_metadata":[]`, ok), "batch_metadata"),
		send("too far ahead", batchTo(app, `,"send_after":"2026-03-12T00:00:00Z"`, ok), "send_after"),
		send("time", batchTo(app, `,"send_after":"soon"`, ok), "send_after"),
		send("ttl", batchTo(app, `,"ttl":"1s"`, ok), "ttl"),
		send("strategy", batchTo(app, `,"processing_strategy":"X"`, ok), "processing_strategy"),
		send("channel", batchTo(app, `,"channel_priority_order":["LINE"]`, ok), "channel_priority_order[0]"),
		send("callback", batchTo(app, `,"callback_url":"x"`, ok), "callback_url"),
		send("dispatched contact", batchTo(dispatch, "", `{"recipient":{"contact_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"},"parameters":{"name":"x"}}`),
			"recipient_and_params[0].recipient.contact_id"),
		{"unknown app", "POST", batchBase + "/messages", batchTo("01ARZ3NDEKTSV4RRFFQ69G5FAV", "", ok), 404, parley.CodeNotFound, ""},
		{"cancel nothing", "DELETE", batchBase + "/messages", `{}`, 400, bad, "batch_id"},
		{"cancel two ways", "DELETE", batchBase + "/messages", `{"batch_id":"x","metadata_key":"y"}`, 400, bad, "metadata_key"},
		{"no key", "GET", batchBase + "/messages", "", 400, bad, "metadataKey"},
		{"no contacts", "POST", batchBase + "/contacts", `{}`, 400, bad, "contacts"},
		{
			"contact", "POST", batchBase + "/contacts", `{"contacts":[{"channel_identities":[{"channel":"X","identity":"y"}]}]}`, 400, bad,
			"contacts[0].channel_identities[0].channel",
		},
		{"contact id", "DELETE", batchBase + "/contacts", `{"contact_ids":["x"]}`, 400, bad, "contact_ids[0]"},
		{"no ids", "DELETE", batchBase + "/contacts", `{"contact_ids":[]}`, 400, bad, "contact_ids"},
		{
			"consent", "POST", batchBase + "/consents", `{"app_id":"` + app + `","consent_records":[{"identification":"x","consent_type":"X"}]}`, 400, bad,
			"consent_records[0].consent_type",
		},
		{
			"whose consent", "POST", batchBase + "/consents", `{"app_id":"` + app + `","consent_records":[{"consent_type":"OPT_OUT_ALL"}]}`, 400, bad,
			"consent_records[0].identification",
		},
		{
			"consents of no app", "POST", batchBase + "/consents",
			`{"app_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","consent_records":[{"identification":"x","consent_type":"OPT_OUT_ALL"}]}`, 404, parley.CodeNotFound, "",
		},
	})
}

func TestSendAt(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	at := func(s string) string {
		return strings.TrimSuffix(text(app, "15551230001", "x"), "}") + `,"send_at":"` + s + `"}`
	}
	h.run(t, []step{
		{method: "POST", path: "P/messages:send", body: at("2026-03-05T00:00:00+01:00"), save: "m", jobs: "schedule:1"},
		{method: "GET", path: "P/messages/{m}?messages_source=DISPATCH_SOURCE"},
		{method: "DELETE", path: "P/messages/{m}?messages_source=DISPATCH_SOURCE", want: `{}`},
		{method: "GET", path: "P/messages/{m}?messages_source=DISPATCH_SOURCE", status: 404},
	})
	h.rejects(t, []rejected{
		{"past", "POST", "P/messages:send", at("2026-03-04T05:06:07Z"), 400, parley.CodeInvalidArgument, "send_at"},
		{"too far", "POST", "P/messages:send", at("2026-04-04T05:06:07Z"), 400, parley.CodeInvalidArgument, "send_at"},
		{"not a time", "POST", "P/messages:send", at("tomorrow"), 400, parley.CodeInvalidArgument, "send_at"},
	})
}
