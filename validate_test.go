package parley_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

const someID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// send returns a valid request with the members of change in place of its own.
// A member that is null is left out.
func send(t testing.TB, change string) []byte {
	t.Helper()
	return merged(t, `{
		"app_id": "`+someID+`",
		"recipient": {"contact_id": "`+someID+`"},
		"message": {"text_message": {"text": "Hello"}}
	}`, change)
}

// merged replaces top-level members of a JSON object.
func merged(t testing.TB, base, change string) []byte {
	t.Helper()
	var doc, members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(base), &doc); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte("{"+change+"}"), &members); err != nil {
		t.Fatalf("%s: %v", change, err)
	}
	for name, value := range members {
		if string(value) == "null" {
			delete(doc, name)
		} else {
			doc[name] = value
		}
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// field returns the field that err names, or a description of why there is
// none.
func field(err error) string {
	if err == nil {
		return "valid"
	}
	e, ok := errors.AsType[*parley.Error](err)
	switch {
	case !ok:
		return fmt.Sprintf("%T", err)
	case e.Code != parley.CodeInvalidArgument:
		return string(e.Code)
	case e.Message == "" || !strings.HasPrefix(e.Message, e.Field):
		return "unclear message: " + e.Message
	}
	return e.Field
}

// A row is a change to a valid request and the field that is then broken.
type row struct{ name, change, want string }

func TestSendMessageRequest(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("ä", n) }
	message := func(body string) string { return `"message": {` + body + `}` }
	tests := []row{
		{"plain", ``, "valid"},
		{"no app", `"app_id": null`, "app_id"},
		{"app is no id", `"app_id": "my app"`, "app_id"},
		{"app is a number", `"app_id": 5`, "app_id"},
		{"no recipient", `"recipient": null`, "recipient"},
		{"empty recipient", `"recipient": {}`, "recipient"},
		{"two recipients", `"recipient": {"contact_id": "` + someID + `", "identified_by": {"channel_identities": []}}`, "recipient"},
		{"contact is no id", `"recipient": {"contact_id": "x"}`, "recipient.contact_id"},
		{"nobody identified", `"recipient": {"identified_by": {"channel_identities": []}}`, "recipient.identified_by.channel_identities"},
		{"identified", `"recipient": {"identified_by": {"channel_identities": [{"channel": "SMS", "identity": "+15551"}]}}`, "valid"},
		{
			"unknown channel", `"recipient": {"identified_by": {"channel_identities": [{"channel": "PIGEON", "identity": "1"}]}}`,
			"recipient.identified_by.channel_identities[0].channel",
		},
		{
			"blank identity", `"recipient": {"identified_by": {"channel_identities": [{"channel": "SMS", "identity": "1"}, {"channel": "RCS", "identity": " "}]}}`,
			"recipient.identified_by.channel_identities[1].identity",
		},
		{"no message", `"message": null`, "message"},
		{"empty message", `"message": {}`, "message"},
		{"two bodies", message(`"text_message": {"text": "a"}, "media_message": {"url": "https://a.example"}`), "message"},
		{"no text", message(`"text_message": {}`), "message.text_message.text"},
		{"text is a number", message(`"text_message": {"text": 5}`), "message.text_message.text"},
		{"text is a list", message(`"text_message": []`), "message.text_message"},
		{"metadata at the limit", `"message_metadata": "` + long(1024) + `"`, "valid"},
		{"metadata too long", `"message_metadata": "` + long(1025) + `"`, "message_metadata"},
		{"correlation id too long", `"correlation_id": "` + long(129) + `"`, "correlation_id"},
		{"conversation metadata", `"conversation_metadata": {"a": 1}`, "valid"},
		{"conversation metadata is text", `"conversation_metadata": "a"`, "conversation_metadata"},
		{"conversation metadata too long", `"conversation_metadata": {"a": "` + long(1024) + `"}`, "conversation_metadata"},
		{"unknown priority", `"channel_priority_order": ["SMS", "PIGEON"]`, "channel_priority_order[1]"},
		{"long property", `"channel_properties": {"SMS_SENDER": "` + long(1025) + `"}`, "channel_properties.SMS_SENDER"},
		{"relative callback", `"callback_url": "/hook"`, "callback_url"},
		{"callback to ftp", `"callback_url": "ftp://a.example/"`, "callback_url"},
		{"ttl", `"ttl": "10s"`, "valid"},
		{"ttl as a number", `"ttl": 10`, "valid"},
		{"ttl too short", `"ttl": "2s"`, "ttl"},
		{"ttl too long", `"ttl": "315576000001s"`, "ttl"},
		{"ttl is no duration", `"ttl": "soon"`, "ttl"},
		{"ttl is an object", `"ttl": {}`, "ttl"},
		{"unknown queue", `"queue": "FAST"`, "queue"},
		{"unknown strategy", `"processing_strategy": "X"`, "processing_strategy"},
		{"unknown update strategy", `"conversation_metadata_update_strategy": "X"`, "conversation_metadata_update_strategy"},
		{"unknown content type", `"message_content_type": "X"`, "message_content_type"},
	}
	validates[*parley.SendMessageRequest](t, tests, func(t *testing.T, change string) []byte {
		t.Helper()
		return send(t, change)
	})
}

func TestAppMessage(t *testing.T) {
	t.Parallel()
	const url, call = `{"url_message": {"title": "a", "url": "https://a.example"}}`, `{"call_message": {"title": "a", "phone_number": "+1"}}`
	choices := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(url+",", n), ",") + "]" }
	tests := []row{
		{"media without a URL", `"media_message": {}`, "media_message.url"},
		{"media at a relative URL", `"media_message": {"url": "a.jpg"}`, "media_message.url"},
		{"thumbnail at a relative URL", `"media_message": {"url": "https://a.example", "thumbnail_url": "x"}`, "media_message.thumbnail_url"},
		{"empty card", `"card_message": {"choices": [` + url + `]}`, "card_message"},
		{"card of an odd height", `"card_message": {"title": "a", "height": "HUGE"}`, "card_message.height"},
		{"card with broken media", `"card_message": {"media_message": {"url": ""}}`, "card_message.media_message.url"},
		{"ten choices", `"card_message": {"title": "a", "choices": ` + choices(10) + `}`, "valid"},
		{"eleven choices", `"card_message": {"title": "a", "choices": ` + choices(11) + `}`, "card_message.choices"},
		{"no choices", `"choice_message": {"text_message": {"text": "a"}}`, "choice_message.choices"},
		{"empty choice", `"choice_message": {"choices": [` + call + `, {}]}`, "choice_message.choices[1]"},
		{"choice of two kinds", `"choice_message": {"choices": [{"text_message": {"text": "a"}, "call_message": {"title": "a", "phone_number": "1"}}]}`, "choice_message.choices[0]"},
		{"choice without a URL", `"choice_message": {"choices": [{"url_message": {"title": "a"}}]}`, "choice_message.choices[0].url_message.url"},
		{"choice without a number", `"choice_message": {"choices": [{"call_message": {"title": "a"}}]}`, "choice_message.choices[0].call_message.phone_number"},
		{"choice without a start", `"choice_message": {"choices": [{"calendar_message": {"title": "a"}}]}`, "choice_message.choices[0].calendar_message.event_start"},
		{
			"choice with a start that is no time", `"choice_message": {"choices": [{"calendar_message": {"event_start": "noon"}}]}`,
			"choice_message.choices[0].calendar_message.event_start",
		},
		{"choice without a fallback", `"choice_message": {"choices": [{"share_location_message": {"title": "a"}}]}`, "choice_message.choices[0].share_location_message.fallback_url"},
		{"choice of an odd mode", `"choice_message": {"choices": [{"text_message": {"text": "a"}, "display_mode": "X"}]}`, "choice_message.choices[0].display_mode"},
		{"no cards", `"carousel_message": {"cards": []}`, "carousel_message.cards"},
		{"broken card", `"carousel_message": {"cards": [{"title": "a"}, {}]}`, "carousel_message.cards[1]"},
		{"four outer choices", `"carousel_message": {"cards": [{"title": "a"}], "choices": ` + choices(4) + `}`, "carousel_message.choices"},
		{
			"outer choice with a mode", `"carousel_message": {"cards": [{"title": "a"}], "choices": [{"text_message": {"text": "a"}, "display_mode": "PERSISTENT"}]}`,
			"carousel_message.choices[0].display_mode",
		},
		{"location without a title", `"location_message": {"coordinates": {"latitude": 1, "longitude": 1}}`, "location_message.title"},
		{"location off the map", `"location_message": {"title": "a", "coordinates": {"latitude": 91, "longitude": 1}}`, "location_message.coordinates.latitude"},
		{"location round the world", `"location_message": {"title": "a", "coordinates": {"latitude": 1, "longitude": -181}}`, "location_message.coordinates.longitude"},
		{"location nowhere", `"location_message": {"title": "a"}`, "location_message.coordinates"},
		{"location on a meridian", `"location_message": {"title": "a", "coordinates": {"longitude": 1}}`, "location_message.coordinates.latitude"},
		{"location on a parallel", `"location_message": {"title": "a", "coordinates": {"latitude": 1}}`, "location_message.coordinates.longitude"},
		{"location of null", `"location_message": {"title": "a", "coordinates": null}`, "location_message.coordinates"},
		{"location in words", `"location_message": {"title": "a", "coordinates": {"latitude": "north"}}`, "location_message.coordinates.latitude"},
		{"no template", `"template_message": {}`, "template_message"},
		{"omni template without a version", `"template_message": {"omni_template": {"template_id": "a"}}`, "template_message.omni_template.version"},
		{"channel template without a version", `"template_message": {"channel_template": {"WHATSAPP": {"template_id": "a"}}}`, "valid"},
		{"channel template without an id", `"template_message": {"channel_template": {"WHATSAPP": {}}}`, "template_message.channel_template.WHATSAPP.template_id"},
		{"template of no channel", `"template_message": {"channel_template": {"PIGEON": {"template_id": "a"}}}`, "template_message.channel_template.PIGEON"},
		{"list without a title", `"list_message": {"sections": []}`, "list_message.title"},
		{"list without sections", `"list_message": {"title": "a"}`, "list_message.sections"},
		{"section without items", `"list_message": {"title": "a", "sections": [{"items": []}]}`, "list_message.sections[0].items"},
		{"empty item", `"list_message": {"title": "a", "sections": [{"items": [{}]}]}`, "list_message.sections[0].items[0]"},
		{"item without a title", `"list_message": {"title": "a", "sections": [{"items": [{"choice": {}}]}]}`, "list_message.sections[0].items[0].choice.title"},
		{
			"choices and products", `"list_message": {"title": "a", "sections": [{"items": [{"choice": {"title": "a"}}, {"product": {"id": "1", "marketplace": "F"}}]}]}`,
			"list_message.sections",
		},
		{
			"products without a catalogue", `"list_message": {"title": "a", "sections": [{"items": [{"product": {"id": "1", "marketplace": "F"}}]}]}`,
			"list_message.message_properties.catalog_id",
		},
		{"nameless contact", `"contact_info_message": {"phone_numbers": [{"phone_number": "1"}]}`, "contact_info_message.name.full_name"},
		{"contact without a number", `"contact_info_message": {"name": {"full_name": "A"}}`, "contact_info_message.phone_numbers"},
		{"overrides only", `"explicit_channel_message": {"SMS": "a"}`, "valid"},
		{"override of no channel", `"explicit_channel_message": {"PIGEON": "a"}`, "explicit_channel_message.PIGEON"},
		{"empty override", `"explicit_channel_omni_message": {"SMS": {}}`, "explicit_channel_omni_message.SMS"},
		{"null override", `"explicit_channel_omni_message": {"SMS": null}`, "explicit_channel_omni_message.SMS"},
		{"broken override", `"explicit_channel_omni_message": {"SMS": {"text_message": {}}}`, "explicit_channel_omni_message.SMS.text_message.text"},
		{"override without a version", `"explicit_channel_omni_message": {"SMS": {"template_reference": {"template_id": "a"}}}`, "explicit_channel_omni_message.SMS.template_reference.version"},
		{"specific without a type", `"channel_specific_message": {"WHATSAPP": {"message": {}}}`, "channel_specific_message.WHATSAPP.message_type"},
		{"specific without a message", `"channel_specific_message": {"WHATSAPP": {"message_type": "FLOWS"}}`, "channel_specific_message.WHATSAPP.message"},
		{"odd agent", `"text_message": {"text": "a"}, "agent": {"type": "DOG"}`, "agent.type"},
		{"reply to no id", `"text_message": {"text": "a"}, "reply_to": {"message_id": "1"}`, "reply_to.message_id"},
	}
	for i := range tests {
		if tests[i].want != "valid" {
			tests[i].want = "message." + tests[i].want
		}
	}
	validates[*parley.SendMessageRequest](t, tests, func(t *testing.T, change string) []byte {
		t.Helper()
		return send(t, `"message": {`+change+`}`)
	})
}

func TestApp(t *testing.T) {
	t.Parallel()
	credential := func(body string) string { return `"channel_credentials": [{` + body + `}]` }
	const sms = `"channel": "SMS", "static_bearer": {"claimed_identity": "a", "token": "b"}`
	tests := []row{
		{"plain", ``, "valid"},
		{"nameless", `"display_name": null`, "display_name"},
		{"odd view", `"conversation_metadata_report_view": "SOME"`, "conversation_metadata_report_view"},
		{"odd mode", `"processing_mode": "X"`, "processing_mode"},
		{"odd retention", `"retention_policy": {"retention_type": "X"}`, "retention_policy.retention_type"},
		{"long retention", `"retention_policy": {"ttl_days": 3651}`, "retention_policy.ttl_days"},
		{"long dispatch retention", `"dispatch_retention_policy": {"ttl_days": 8}`, "dispatch_retention_policy.ttl_days"},
		{"days in words", `"retention_policy": {"ttl_days": "many"}`, "retention_policy.ttl_days"},
		{"impatient", `"message_retry_settings": {"retry_duration": 29}`, "message_retry_settings.retry_duration"},
		{"fallback without a time", `"delivery_report_based_fallback": {"enabled": true}`, "delivery_report_based_fallback.delivery_report_waiting_time"},
		{"long secret", `"callback_settings": {"secret_for_overridden_callback_urls": "` + strings.Repeat("a", 257) + `"}`, "callback_settings.secret_for_overridden_callback_urls"},
		{"credential", credential(sms), "valid"},
		{"credential of no channel", credential(`"channel": "PIGEON"`), "channel_credentials[0].channel"},
		{"credential without an object", credential(`"channel": "SMS"`), "channel_credentials[0].static_bearer"},
		{"credential that does not fit", credential(`"channel": "TELEGRAM", "static_bearer": {"claimed_identity": "a", "token": "b"}`), "channel_credentials[0].static_bearer"},
		{"credential of two objects", credential(sms + `, "static_token": {"token": "c"}`), "channel_credentials[0]"},
		{"credential without a token", credential(`"channel": "TELEGRAM", "telegram_credentials": {}`), "channel_credentials[0].telegram_credentials.token"},
		{"credential twice", `"channel_credentials": [{` + sms + `}, {` + sms + `}]`, "channel_credentials[1].channel"},
		{"long callback secret", credential(sms + `, "callback_secret": "` + strings.Repeat("a", 257) + `"`), "channel_credentials[0].callback_secret"},
		{"ordinal number", credential(sms + `, "credential_ordinal_number": 256`), "channel_credentials[0].credential_ordinal_number"},
		{
			"two LINE credentials", `"channel_credentials": [
				{"channel": "LINE", "line_credentials": {"token": "a", "secret": "b"}},
				{"channel": "LINE", "line_credentials": {"token": "c", "secret": "d"}, "credential_ordinal_number": 1}]`,
			"valid",
		},
		{
			"two LINE credentials of one number", `"channel_credentials": [
				{"channel": "LINE", "line_credentials": {"token": "a", "secret": "b"}},
				{"channel": "LINE", "line_credentials": {"token": "c", "secret": "d"}}]`,
			"channel_credentials[1].credential_ordinal_number",
		},
		{"LINE of no country", credential(`"channel": "LINE", "line_enterprise_credentials": {}`), "channel_credentials[0].line_enterprise_credentials"},
	}
	validates[*parley.App](t, tests, func(t *testing.T, change string) []byte {
		t.Helper()
		return merged(t, `{"display_name": "An app"}`, change)
	})
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	const client = `"client_credentials": {"client_id": "a", "client_secret": "b", "endpoint": "https://a.example"`
	tests := []row{
		{"plain", ``, "valid"},
		{"no app", `"app_id": null`, "app_id"},
		{"no target", `"target": null`, "target"},
		{"relative target", `"target": "/hook"`, "target"},
		{"long target", `"target": "https://a.example/` + strings.Repeat("a", 742) + `"`, "target"},
		{"target at the hosted API", `"target": "https://conversation-api.prod.sinch.com/"`, "target"},
		{"target at the hosted API in another region", `"target": "https://eu.conversation.api.sinch.com/hook"`, "valid"},
		{"odd target type", `"target_type": "GRPC"`, "target_type"},
		{"odd trigger", `"triggers": ["MESSAGE_INBOUND", "UNSPECIFIED_TRIGGER"]`, "triggers[1]"},
		{"trigger twice", `"triggers": ["MESSAGE_INBOUND", "MESSAGE_INBOUND"]`, "triggers[1]"},
		{"client", client + `}`, "valid"},
		{"client without an endpoint", `"client_credentials": {"client_id": "a", "client_secret": "b"}`, "client_credentials.endpoint"},
		{"odd token request", client + `, "token_request_type": "X"}`, "client_credentials.token_request_type"},
	}
	validates[*parley.Webhook](t, tests, func(t *testing.T, change string) []byte {
		t.Helper()
		return merged(t, `{"app_id": "`+someID+`", "target": "https://hook.example/a", "triggers": ["MESSAGE_INBOUND"]}`, change)
	})
}

func TestContact(t *testing.T) {
	t.Parallel()
	tests := []row{
		{"plain", ``, "valid"},
		{"no identity", `"channel_identities": []`, "channel_identities"},
		{"app-scoped identity without an app", `"channel_identities": [{"channel": "MESSENGER", "identity": "1"}]`, "channel_identities[0].app_id"},
		{"identity twice", `"channel_identities": [{"channel": "SMS", "identity": "1"}, {"channel": "SMS", "identity": "+1"}]`, "channel_identities[1]"},
		{"odd priority", `"channel_priority": ["PIGEON"]`, "channel_priority[0]"},
		{"odd language", `"language": "XX"`, "language"},
		{"long metadata", `"metadata": "` + strings.Repeat("a", 1025) + `"`, "metadata"},
	}
	validates[*parley.Contact](t, tests, func(t *testing.T, change string) []byte {
		t.Helper()
		return merged(t, `{"channel_identities": [{"channel": "SMS", "identity": "+15551234567"}]}`, change)
	})
}

// validates decodes, completes and checks the request of each row.
func validates[P interface {
	*T
	Validate() error
}, T any](t *testing.T, tests []row, body func(*testing.T, string) []byte) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			request := P(new(T))
			err := parley.Decode(body(t, tt.change), request)
			if err == nil {
				if d, ok := any(request).(interface{ SetDefaults() }); ok {
					d.SetDefaults()
				}
				err = request.Validate()
			}
			if got := field(err); got != tt.want {
				t.Errorf("got field %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "{", "[]", "5", `"x"`, `{"app_id":"a"} x`, "{\"app_id\":\"\x01\"}", "<html>"} {
		var r parley.SendMessageRequest
		if err := parley.Decode([]byte(body), &r); field(err) != "" {
			t.Errorf("%q: got error %v, want an invalid argument", body, err)
		}
	}
}
