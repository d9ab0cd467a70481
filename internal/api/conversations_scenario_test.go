package api

import (
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

// lifecycle subscribes an app to everything about conversations and contacts'
// messages.
const lifecycle = `{"app_id":"{app}","target":"https://x.example/a","triggers":["CONVERSATION_START","CONVERSATION_STOP",
	"CONVERSATION_DELETE","MESSAGE_INBOUND","MESSAGE_SUBMIT","MESSAGE_DELIVERY","EVENT_INBOUND","EVENT_DELIVERY"]}`

func TestConversationLifecycle(t *testing.T) {
	t.Parallel()
	conversation := func(changes ...string) string {
		s := `{"id":"{conv}","app_id":"{app}","contact_id":"{ann}","last_received":"1970-01-01T00:00:00Z","active_channel":"SMS",
			"active":true,"metadata":"m","metadata_json":{"a":{"b":1},"c":2},"correlation_id":"corr"}`
		return strings.NewReplacer(changes...).Replace(s)
	}
	const create = `{"id":"x","app_id":"{app}","contact_id":"{ann}","active":true,"active_channel":"SMS","metadata":"m",
		"last_received":"2020-01-01T00:00:00Z","metadata_json":{"a":{"b":1},"c":2},"correlation_id":"corr"}`
	const replaced = `{"a":{"b":1},"c":2}`
	newHarness(t).run(t, []step{
		{method: "POST", path: "P/apps", body: conversationApp, save: "app"},
		{method: "POST", path: "P/apps", body: conversationApp, save: "app2"},
		{method: "POST", path: "P/webhooks", body: lifecycle},
		{method: "POST", path: "P/contacts", body: `{"channel_identities":[{"channel":"SMS","identity":"1"}]}`, save: "ann"},
		{method: "POST", path: "P/contacts", body: `{"channel_identities":[{"channel":"SMS","identity":"2"}]}`, save: "ben"},
		{method: "POST", path: "P/conversations", body: create, save: "conv", want: conversation(), jobs: "callback:1"},
		{method: "GET", path: "P/conversations/{conv}", want: conversation()},
		{method: "POST", path: "P/conversations", body: create, status: 409},
		{
			method: "POST", path: "P/conversations", body: `{"app_id":"{app}","contact_id":"{ann}"}`, save: "idle",
			want: conversation(`{conv}`, `{idle}`, `"SMS"`, `"CHANNEL_UNSPECIFIED"`, "true", "false", `"m"`, `""`, replaced, "{}", `"corr"`, `""`),
		},
		{method: "GET", path: "P/conversations/{conv}", want: conversation()},
		{method: "PATCH", path: "P/conversations/{idle}", body: `{"active":true}`, status: 409},

		// The forms of a change.
		{method: "PATCH", path: "P/conversations/{conv}", body: `{}`, want: conversation()},
		{method: "PATCH", path: "P/conversations/{conv}", body: `{"metadata":"n","id":"x","last_received":"2021-01-01T00:00:00Z"}`, want: conversation(`"m"`, `"n"`)},
		{
			method: "PATCH", path: "P/conversations/{conv}?update_mask=metadata,correlation_id",
			body: `{"correlation_id":"k","active":false}`, want: conversation(`"m"`, `""`, `"corr"`, `"k"`),
		},
		{
			method: "PATCH", path: "P/conversations/{conv}?update_mask.paths=metadata&update_mask.paths=correlation_id",
			body: `{"metadata":"m","correlation_id":"corr"}`, want: conversation(),
		},
		{
			method: "PATCH", path: "P/conversations/{conv}?metadata_update_strategy=MERGE_PATCH",
			body: `{"metadata_json":{"a":{"b":null,"d":3},"e":[1]}}`, want: conversation(replaced, `{"a":{"d":3},"c":2,"e":[1]}`),
		},
		{
			method: "PATCH", path: "P/conversations/{conv}?update_mask=metadata_json&metadata_update_strategy=MERGE_PATCH",
			body: `{"metadata_json":{"e":null},"metadata":"x"}`, want: conversation(replaced, `{"a":{"d":3},"c":2}`),
		},
		{
			method: "PATCH", path: "P/conversations/{conv}?update_mask=metadata_json.a", body: `{"metadata_json":{"a":7,"c":8}}`,
			want: conversation(replaced, `{"a":7,"c":2}`),
		},
		{
			method: "PATCH", path: "P/conversations/{conv}?metadata_update_strategy=REPLACE", body: `{"metadata_json":` + replaced + `}`,
			want: conversation(),
		},
		{
			method: "PATCH", path: "P/conversations/{conv}?metadata_update_strategy=MERGE_PATCH", body: `{"metadata_json":null}`,
			want: conversation(replaced, "{}"),
		},
		{method: "PATCH", path: "P/conversations/{conv}?update_mask=metadata_json", body: `{"metadata_json":` + replaced + `}`, want: conversation()},

		// Stopping and starting.
		{method: "PATCH", path: "P/conversations/{conv}", body: `{"active":false}`, want: conversation("true", "false"), jobs: "callback:1"},
		{method: "PATCH", path: "P/conversations/{conv}", body: `{"active":false}`, want: conversation("true", "false")},
		{method: "POST", path: "P/conversations/{conv}:stop", want: `{}`},
		{method: "PATCH", path: "P/conversations/{conv}?update_mask=active", body: `{"active":true}`, want: conversation(), jobs: "callback:1"},
		{method: "POST", path: "P/conversations/{conv}:stop", want: `{}`, jobs: "callback:1"},

		// Its messages go with it.
		{method: "PATCH", path: "P/conversations/{conv}", body: `{"active":true}`, jobs: "callback:1"},
		{
			method: "POST", path: "P/messages:send", jobs: "send:1", save: "message",
			body: `{"app_id":"{app}","recipient":{"contact_id":"{ann}"},"message":{"text_message":{"text":"x"}}}`,
		},
		{method: "PATCH", path: "P/conversations/{conv}", body: `{"app_id":"{app2}","contact_id":"{ben}"}`, want: conversation("{app}", "{app2}", "{ann}", "{ben}")},
		{method: "GET", path: "P/messages?contact_id={ben}&app_id={app2}&conversation_id={conv}", want: `{"messages":[{"id":"{message}",
			"direction":"TO_CONTACT","app_message":{"text_message":{"text":"x"}},"channel_identity":{"channel":"SMS","identity":"1","app_id":""},
			"conversation_id":"{conv}","contact_id":"{ben}","metadata":"","accept_time":"2026-03-04T05:06:07.891234Z","sender_id":"",
			"processing_mode":"CONVERSATION","injected":false}],"next_page_token":""}`},
		{method: "PATCH", path: "P/conversations/{conv}", body: `{"app_id":"{app}"}`, want: conversation("{ann}", "{ben}")},

		{method: "DELETE", path: "P/conversations/{conv}", want: `{}`, jobs: "callback:1"},
		{method: "DELETE", path: "P/conversations/{conv}", status: 404},
		{method: "GET", path: "P/conversations/{conv}", status: 404},
		{method: "GET", path: "P/messages/{message}", status: 404},
		{method: "PATCH", path: "P/conversations/{conv}", body: `{"metadata":"x"}`, status: 404},
		{method: "POST", path: "P/conversations/{conv}:stop", status: 404},
		{method: "DELETE", path: "P/conversations/{idle}", want: `{}`, jobs: "callback:1"},
	})
}

// TestConversationsOfDispatchApps checks that an app in dispatch mode hears
// nothing of conversations.
func TestConversationsOfDispatchApps(t *testing.T) {
	t.Parallel()
	newHarness(t).run(t, []step{
		{method: "POST", path: "P/apps", body: dispatchApp, save: "app"},
		{method: "POST", path: "P/webhooks", body: lifecycle},
		{method: "POST", path: "P/contacts", body: `{"channel_identities":[{"channel":"SMS","identity":"1"}]}`, save: "ann"},
		{method: "POST", path: "P/conversations", body: `{"app_id":"{app}","contact_id":"{ann}","active":true}`, save: "conv"},
		{
			method: "POST", path: "P/conversations/{conv}:inject-event", status: 400,
			body: `{"app_event":{"composing_event":{}},"accept_time":"2026-03-04T05:06:07Z"}`,
		},
		{method: "POST", path: "P/conversations/{conv}:stop", want: `{}`},
		{method: "DELETE", path: "P/conversations/{conv}", want: `{}`},
	})
}

func TestInjection(t *testing.T) {
	t.Parallel()
	message := func(at, rest string) string {
		return `{"id":"*","accept_time":"` + at + `","channel_identity":{"channel":"SMS","identity":"1","app_id":""},"conversation_id":"{conv}",
			"contact_id":"{ann}","processing_mode":"CONVERSATION","injected":true,` + rest + `}`
	}
	app := message("2026-03-04T05:00:00.000001Z", `"direction":"TO_CONTACT","app_message":{"text_message":{"text":"x"}},"metadata":"m","sender_id":""`)
	contact := message("2026-03-03T00:00:00Z",
		`"direction":"TO_APP","contact_message":{"text_message":{"text":"y"},"reply_to":null},"metadata":"","sender_id":"s"`)
	page := func(messages string) string { return `{"messages":[` + messages + `],"next_page_token":""}` }
	conversation := func(received string) string {
		return `{"id":"{conv}","app_id":"{app}","contact_id":"{ann}","last_received":"` + received + `","active_channel":"CHANNEL_UNSPECIFIED",
			"active":true,"metadata":"","metadata_json":{},"correlation_id":""}`
	}
	newHarness(t).run(t, []step{
		{method: "POST", path: "P/apps", body: conversationApp, save: "app"},
		{method: "POST", path: "P/webhooks", body: lifecycle},
		{method: "POST", path: "P/contacts", body: `{"channel_identities":[{"channel":"SMS","identity":"1"}]}`, save: "ann"},
		{method: "POST", path: "P/conversations", body: `{"app_id":"{app}","contact_id":"{ann}","active":true}`, save: "conv", jobs: "callback:1"},
		{
			method: "POST", path: "P/conversations/{conv}:inject-message", want: `{}`,
			body: `{"app_message":{"text_message":{"text":"x"}},"accept_time":"2026-03-04T06:00:00.000001+01:00","direction":"TO_CONTACT",
				"channel_identity":{"channel":"SMS","identity":"+1"},"contact_id":"{ann}","metadata":"m"}`,
		},
		{method: "GET", path: "P/conversations/{conv}", want: conversation("1970-01-01T00:00:00Z")},
		{
			method: "POST", path: "P/conversations/{conv}%3Ainject-message", want: `{}`,
			body: `{"contact_message":{"text_message":{"text":"y"}},"accept_time":"2026-03-03T00:00:00Z","direction":"TO_APP","sender_id":"s",
				"channel_identity":{"channel":"SMS","identity":"1"},"contact_id":"{ann}","conversation_id":"{conv}","processing_mode":"CONVERSATION"}`,
		},
		{method: "GET", path: "P/conversations/{conv}", want: conversation("2026-03-03T00:00:00Z")},
		{method: "GET", path: "P/messages?conversation_id={conv}", want: page(app + "," + contact)},
		{method: "GET", path: "P/messages?end_time=2026-03-03T00:00:00.000001Z", want: page(contact)},
		{method: "GET", path: "P/messages?start_time=2026-03-03T00:00:00Z", want: page(app)},
		{
			method: "POST", path: "P/conversations/{conv}:inject-event", want: `{"event_id":"*","accepted_time":"2026-03-04T05:00:00Z"}`,
			body: `{"app_event":{"agent_joined_event":{"agent":{"display_name":"A"}}},"accept_time":"2026-03-04T05:00:00Z"}`,
		},
	})
}

func TestRejectedConversations(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app, ann := h.app(t, conversationApp), h.contact(t, 1)
	const unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	const bad = parley.CodeInvalidArgument
	var conv parley.Conversation
	h.call("POST", "P/conversations", `{"app_id":"`+app+`","contact_id":"`+ann+`"}`).into(t, &conv)
	of := func(more string) string { return `{"app_id":"` + app + `","contact_id":"` + ann + `"` + more + `}` }
	at := "P/conversations/" + conv.ID
	inject := func(changes ...string) string {
		return strings.NewReplacer(changes...).Replace(`{"app_message":{"text_message":{"text":"x"}},"accept_time":"2026-03-04T05:00:00Z",
			"direction":"TO_CONTACT","channel_identity":{"channel":"SMS","identity":"1"},"contact_id":"` + ann + `"}`)
	}
	event := func(changes ...string) string {
		return strings.NewReplacer(changes...).Replace(`{"app_event":{"composing_event":{}},"accept_time":"2026-03-04T05:00:00Z"}`)
	}
	long := `{"a":"` + strings.Repeat("x", 2048) + `"}`
	h.rejects(t, []rejected{
		{"no app", "POST", "P/conversations", `{"contact_id":"` + ann + `"}`, 400, bad, "app_id"},
		{"app id", "POST", "P/conversations", `{"app_id":"x","contact_id":"` + ann + `"}`, 400, bad, "app_id"},
		{"no contact", "POST", "P/conversations", `{"app_id":"` + app + `"}`, 400, bad, "contact_id"},
		{"unknown app", "POST", "P/conversations", `{"app_id":"` + unknown + `","contact_id":"` + ann + `"}`, 404, parley.CodeNotFound, ""},
		{"unknown contact", "POST", "P/conversations", `{"app_id":"` + app + `","contact_id":"` + unknown + `"}`, 404, parley.CodeNotFound, ""},
		{"channel", "POST", "P/conversations", of(`,"active_channel":"PIGEON"`), 400, bad, "active_channel"},
		{"metadata", "POST", "P/conversations", of(`,"metadata":"` + strings.Repeat("x", 1025) + `"`), 400, bad, "metadata"},
		{"metadata object", "POST", "P/conversations", of(`,"metadata_json":[]`), 400, bad, "metadata_json"},
		{"long metadata object", "POST", "P/conversations", of(`,"metadata_json":` + long), 400, bad, "metadata_json"},
		{"correlation id", "POST", "P/conversations", of(`,"correlation_id":"` + strings.Repeat("x", 129) + `"`), 400, bad, "correlation_id"},
		{"active", "POST", "P/conversations", of(`,"active":"yes"`), 400, bad, "active"},

		{"no body", "PATCH", at, ``, 400, bad, ""},
		{"mask", "PATCH", at + "?update_mask=id", `{}`, 400, bad, "update_mask"},
		{"strategy", "PATCH", at + "?metadata_update_strategy=X", `{}`, 400, bad, "metadata_update_strategy"},
		{"cleared app", "PATCH", at + "?update_mask=app_id", `{}`, 400, bad, "app_id"},
		{"other app", "PATCH", at, `{"app_id":"` + unknown + `"}`, 404, parley.CodeNotFound, ""},
		{"other contact", "PATCH", at, `{"contact_id":"` + unknown + `"}`, 404, parley.CodeNotFound, ""},
		{"patch of another type", "PATCH", at, `{"active":1}`, 400, bad, "active"},
		{"merge of a list", "PATCH", at + "?metadata_update_strategy=MERGE_PATCH", `{"metadata_json":[1]}`, 400, bad, "metadata_json"},
		{"long merge", "PATCH", at + "?metadata_update_strategy=MERGE_PATCH", `{"metadata_json":` + long + `}`, 400, bad, "metadata_json"},
		{"unknown conversation", "PATCH", "P/conversations/" + unknown, `{}`, 404, parley.CodeNotFound, ""},
		{"delete", "DELETE", "P/conversations/" + unknown, ``, 404, parley.CodeNotFound, ""},
		{"delete of no id", "DELETE", "P/conversations/x", ``, 404, parley.CodeNotFound, ""},

		{"no message", "POST", at + ":inject-message", inject(`"app_message"`, `"x"`), 400, bad, ""},
		{"two messages", "POST", at + ":inject-message", inject(`"direction"`, `"contact_message":{"text_message":{"text":"y"}},"direction"`), 400, bad, ""},
		{"empty message", "POST", at + ":inject-message", inject(`{"text_message":{"text":"x"}}`, `{}`), 400, bad, "app_message"},
		{"empty contact message", "POST", at + ":inject-message", inject(`"app_message":{"text_message":{"text":"x"}}`, `"contact_message":{}`, "TO_CONTACT", "TO_APP"), 400, bad, "contact_message"},
		{"no direction", "POST", at + ":inject-message", inject(`"TO_CONTACT"`, `""`), 400, bad, "direction"},
		{"wrong direction", "POST", at + ":inject-message", inject(`TO_CONTACT`, `TO_APP`), 400, bad, "direction"},
		{"no time", "POST", at + ":inject-message", inject(`"accept_time"`, `"x"`), 400, bad, "accept_time"},
		{"now", "POST", at + ":inject-message", inject(`05:00:00Z`, `05:06:07.891234Z`), 400, bad, "accept_time"},
		{"long ago", "POST", at + ":inject-message", inject(`2026-03-04T05:00:00Z`, `2026-02-02T05:06:07.891234Z`), 400, bad, "accept_time"},
		{"no time at all", "POST", at + ":inject-message", inject(`2026-03-04T05:00:00Z`, `soon`), 400, bad, "accept_time"},
		{"no identity", "POST", at + ":inject-message", inject(`"channel_identity"`, `"x"`), 400, bad, "channel_identity"},
		{"half an identity", "POST", at + ":inject-message", inject(`"identity":"1"`, `"identity":""`), 400, bad, "channel_identity.identity"},
		{"no contact id", "POST", at + ":inject-message", inject(`"contact_id"`, `"x"`), 400, bad, "contact_id"},
		{"another contact", "POST", at + ":inject-message", inject(ann, unknown), 400, bad, "contact_id"},
		{"another conversation", "POST", at + ":inject-message", inject(`"direction"`, `"conversation_id":"`+unknown+`","direction"`), 400, bad, "conversation_id"},
		{"mode", "POST", at + ":inject-message", inject(`"direction"`, `"processing_mode":"DISPATCH","direction"`), 400, bad, "processing_mode"},
		{"injected metadata", "POST", at + ":inject-message", inject(`"direction"`, `"metadata":"`+strings.Repeat("x", 1025)+`","direction"`), 400, bad, "metadata"},
		{"into nothing", "POST", "P/conversations/" + unknown + ":inject-message", inject(), 404, parley.CodeNotFound, ""},

		{"no event", "POST", at + ":inject-event", event(`"app_event"`, `"contact_event"`), 400, bad, "app_event"},
		{"empty event", "POST", at + ":inject-event", event(`{"composing_event":{}}`, `{}`), 400, bad, "app_event"},
		{"event without time", "POST", at + ":inject-event", event(`"accept_time"`, `"x"`), 400, bad, "accept_time"},
		{"event of another contact", "POST", at + ":inject-event", event(`"accept_time"`, `"contact_id":"`+unknown+`","accept_time"`), 400, bad, "contact_id"},
		{"event into nothing", "POST", "P/conversations/" + unknown + ":inject-event", event(), 404, parley.CodeNotFound, ""},
	})
}
