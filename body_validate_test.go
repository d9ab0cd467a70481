package parley_test

import (
	"testing"
	"time"

	"github.com/parley-im/parley"
)

// TestInjectedBodies breaks every kind of body and event a client may inject.
func TestInjectedBodies(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	identity := &parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: "15551234567"}
	for body, want := range map[string]string{
		`{}`:                           "contact_message",
		`{"text_message":{"text":""}}`: "valid",
		`{"text_message":{},"fallback_message":{}}`:                                    "contact_message",
		`{"media_message":{"url":"x"}}`:                                                "contact_message.media_message.url",
		`{"location_message":{"title":"","coordinates":{"latitude":1,"longitude":2}}}`: "valid",
		`{"location_message":{"title":"x"}}`:                                           "contact_message.location_message.coordinates",
		`{"choice_response_message":{"postback_data":"x"}}`:                            "contact_message.choice_response_message.message_id",
		`{"choice_response_message":{"message_id":"x"}}`:                               "contact_message.choice_response_message.postback_data",
		`{"media_card_message":{"caption":"x"}}`:                                       "contact_message.media_card_message.url",
		`{"fallback_message":{}}`:                                                      "valid",
		`{"product_response_message":{"title":"x"}}`:                                   "contact_message.product_response_message.products",
		`{"product_response_message":{"products":[{"marketplace":"x"}]}}`:              "contact_message.product_response_message.products[0].id",
		`{"product_response_message":{"products":[{"id":"x"}]}}`:                       "contact_message.product_response_message.products[0].marketplace",
		`{"channel_specific_message":{"message":{}}}`:                                  "contact_message.channel_specific_message.message_type",
		`{"channel_specific_message":{"message_type":"nfm_reply"}}`:                    "contact_message.channel_specific_message.message",
		`{"channel_specific_message":{"message_type":"x","message":"x"}}`:              "contact_message.channel_specific_message.message",
		`{"channel_specific_message":{"message_type":"nfm_reply","message":{}}}`:       "valid",
	} {
		r := &parley.InjectMessageRequest{
			ChannelIdentity: identity, AcceptTime: now.Add(-time.Hour), ContactID: someID, Direction: parley.ToApp,
			ContactMessage: new(parley.ContactMessage),
		}
		if err := parley.Decode([]byte(body), r.ContactMessage); err != nil {
			t.Fatal(err)
		}
		if got := field(r.Validate(now)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	for body, want := range map[string]string{
		`{}`:                        "app_event",
		`{"composing_event":{}}`:    "valid",
		`{"read_message_event":{}}`: "valid",
		`{"composing_event":{},"composing_end_event":{}}`: "app_event",
		`{"comment_reply_event":{}}`:                      "app_event.comment_reply_event.text",
		`{"comment_reply_event":{"text":"x"}}`:            "valid",
		`{"agent_joined_event":{}}`:                       "app_event.agent_joined_event.agent",
		`{"agent_left_event":{"agent":{"type":"CAT"}}}`:   "app_event.agent_left_event.agent.type",
		`{"agent_left_event":{"agent":{"type":"BOT"}}}`:   "valid",
		`{"generic_event":{}}`:                            "app_event.generic_event.payload",
		`{"generic_event":{"payload":[]}}`:                "app_event.generic_event.payload",
		`{"generic_event":{"payload":{"a":1}}}`:           "valid",
	} {
		r := &parley.InjectEventRequest{AcceptTime: now.Add(-time.Hour), AppEvent: new(parley.AppEvent)}
		if err := parley.Decode([]byte(body), r.AppEvent); err != nil {
			t.Fatal(err)
		}
		if got := field(r.Validate(now)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}
