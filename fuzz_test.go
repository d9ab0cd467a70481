package parley_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/parley-im/parley"
)

func FuzzSendMessageRequest(f *testing.F) {
	f.Add(send(f, ""))
	f.Add(send(f, `"ttl": "10s", "channel_properties": {"a": "b"}, "conversation_metadata": {"a": [1, 2.5e3]}`))
	fuzz[*parley.SendMessageRequest](f, "v1/messages/request/Send*")
}

func FuzzApp(f *testing.F) {
	f.Add([]byte(`{"display_name": "An app", "channel_credentials": [{"channel": "SMS", "static_bearer": {"claimed_identity": "a", "token": "b"}}]}`))
	fuzz[*parley.App](f, "v1/apps/App*")
}

func FuzzWebhook(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "target": "https://hook.example/a", "triggers": ["MESSAGE_INBOUND"]}`))
	fuzz[*parley.Webhook](f, "v1/eventdestinations/request/*")
}

func FuzzContact(f *testing.F) {
	f.Add([]byte(`{"channel_identities": [{"channel": "SMS", "identity": "+15551234567"}], "language": "EN"}`))
	fuzz[*parley.Contact](f, "v1/contacts/Contact*")
}

func FuzzConversation(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "contact_id": "` + someID + `", "active_channel": "SMS", "metadata_json": {"a": [1, null]}}`))
	fuzz[*parley.Conversation](f, "v1/conversations/*.json")
}

func FuzzTranscodeMessageRequest(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "app_message": {"text_message": {"text": "a"}}, "channels": ["SMS"], "to": "1"}`))
	fuzz[*parley.TranscodeMessageRequest](f, "v1/transcoding/request/*")
}

func FuzzFetchLastRequest(f *testing.F) {
	f.Add([]byte(`{"contact_ids": ["` + someID + `"], "start_time": "2026-01-02T03:04:05Z", "page_size": 3, "direction": "TO_APP"}`))
	fuzz[*parley.FetchLastRequest](f, "v1/messages/request/ListLast*")
}

func FuzzOptRequest(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "channels": ["SMS"], "recipient": {"contact_id": "` + someID + `"}}`))
	fuzz[*parley.OptRequest](f, "")
}

func FuzzSendBatchRequest(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "message": {"text_message": {"text": "Hi ${name}"}}, "recipient_and_params": [
		{"recipient": {"contact_id": "` + someID + `"}, "parameters": {"name": "A"}}], "batch_metadata": {"a": "b"}}`))
	fuzz[*parley.SendBatchRequest](f, "")
}

func FuzzInsertConsentsRequest(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "consent_records": [{"identification": "1", "consent_type": "OPT_OUT_ALL"}]}`))
	fuzz[*parley.InsertConsentsRequest](f, "")
}

func FuzzKakaoTalkCarouselCommerce(f *testing.F) {
	f.Add([]byte(`{"carousel": {"list": [` + kakaoTalkCard + `,` + kakaoTalkCard + `], "tail": {"link_mo": "https://a.example"}}}`))
	fuzz[*parley.KakaoTalkCarouselCommerce](f, "")
}

func FuzzLINENotification(f *testing.F) {
	f.Add([]byte(`{"template_key": "a", "body": {"items": [{"item_key": "a", "content": "b"}]}}`))
	fuzz[*parley.LINENotification](f, "")
}

func FuzzSendEventRequest(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "recipient": {"contact_id": "` + someID + `"}, "event": {"comment_reply_event": {"text": "a"}}}`))
	fuzz[*parley.SendEventRequest](f, "v1/events/request/*")
}

func FuzzQueryCapabilityRequest(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "recipient": {"contact_id": "` + someID + `"}, "request_id": "a"}`))
	fuzz[*parley.QueryCapabilityRequest](f, "v1/capability/request/*")
}

func FuzzChannelProfileRequest(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "recipient": {"contact_id": "` + someID + `"}, "channel": "LINE"}`))
	fuzz[*parley.ChannelProfileRequest](f, "v1/contacts/ContactGetChannelProfile*")
}

func FuzzInjectMessageRequest(f *testing.F) {
	f.Add([]byte(`{"contact_message": {"location_message": {"coordinates": {"latitude": 1, "longitude": 2.5}}}, "direction": "TO_APP",
		"accept_time": "2026-02-28T23:00:00Z", "contact_id": "` + someID + `", "channel_identity": {"channel": "SMS", "identity": "1"}}`))
	fuzz[*injectMessage](f, "v1/conversations/request/Inject*Message*")
}

func FuzzInjectEventRequest(f *testing.F) {
	f.Add([]byte(`{"app_event": {"generic_event": {"payload": {"a": null}}}, "accept_time": "2026-02-28T23:00:00Z"}`))
	fuzz[*injectEvent](f, "v1/conversations/request/InjectEvent*")
}

// The requests that are judged by the clock, at one time.
type (
	injectMessage struct{ parley.InjectMessageRequest }
	injectEvent   struct{ parley.InjectEventRequest }
)

func (r *injectMessage) Validate() error {
	return r.InjectMessageRequest.Validate(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
}

func (r *injectEvent) Validate() error {
	return r.InjectEventRequest.Validate(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
}

// FuzzVerbatim decodes messages. What is kept of the text is compact JSON,
// stays the same from then on, and says what the fields say.
func FuzzVerbatim(f *testing.F) {
	for _, text := range []string{
		`{"text_message":{"text":"a"}}`,
		` { "card_message" : { "title" : "\u003c" , "a" : [ 1.50 , null , { } ] } } `,
		`{"text_message":null,"media_message":{"url":"a"},"media_message":{"url":"b"}}`,
		`{"te\u0078t_message":{"text":"\ud83d\ude00\ud83d"}}`, "{\"a\":\"\xff\"}", `null`, `[]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m := new(parley.AppMessage)
		if parley.Decode(text, m) != nil {
			return
		}
		kept, err := parley.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		again := new(parley.AppMessage)
		if err := parley.Decode(kept, again); err != nil {
			t.Fatalf("%s: %v", kept, err)
		}
		if twice, err := parley.Marshal(again); err != nil || !bytes.Equal(kept, twice) {
			t.Errorf("kept %s, then %s (%v)", kept, twice, err)
		}
		a, errA := m.Clone()
		b, errB := again.Clone()
		if diff := cmp.Diff(a, b, cmpopts.IgnoreUnexported(parley.AppMessage{})); errA == nil && (diff != "" || errB != nil) {
			t.Errorf("fields and text differ (%v):\n%s", errB, diff)
		}
	})
}

// FuzzVerbatimMember decodes requests in the two ways there are: both keep the
// same of the message.
func FuzzVerbatimMember(f *testing.F) {
	f.Add(send(f, ""))
	f.Add([]byte(`{"message":{"text_message":{"text":"a"}},"Message":{"a":1}}`))
	f.Add([]byte(`{"message":null,"mess\u0061ge":{"text_message":{"text":"a"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		fast, general := new(parley.SendMessageRequest), new(parley.SendMessageRequest)
		errFast, errGeneral := parley.Decode(body, fast), json.Unmarshal(body, general)
		if (errFast == nil) != (errGeneral == nil) {
			t.Fatalf("one way: %v, the other: %v", errFast, errGeneral)
		}
		if errFast != nil {
			return
		}
		a, errA := parley.Marshal(fast)
		b, errB := parley.Marshal(general)
		if !bytes.Equal(a, b) || errA != nil || errB != nil {
			t.Errorf("one way (%v): %s\nthe other (%v): %s", errA, a, errB, b)
		}
	})
}

// FuzzPatch changes resources by any body and mask: what comes of it is a
// resource, or an error fit to be shown, and the original is as it was.
func FuzzPatch(f *testing.F) {
	f.Add([]byte(`{"display_name": "b", "message_retry_settings": {"retry_duration": 60}}`), "")
	f.Add([]byte(`{"retention_policy": {"ttl_days": 3}}`), "retention_policy.ttl_days,channel_credentials")
	f.Add([]byte(`{"metadata_json": {"a": {"b": null}}, "active": false}`), "metadata_json")
	f.Add([]byte(`{"target": "https://a.example", "client_credentials": null}`), "client_credentials.scope")
	f.Fuzz(func(t *testing.T, body []byte, paths string) {
		var mask []string
		if paths != "" {
			mask = strings.Split(paths, ",")
		}
		app := &parley.App{ID: someID, DisplayName: "a"}
		app.SetDefaults()
		contact, conversation := someContact(), &parley.Conversation{ID: someID, MetadataJSON: []byte(`{"a":1}`)}
		webhook := &parley.Webhook{ID: someID, ClientCredentials: &parley.ClientCredentials{ClientID: "a"}}
		patched(t, app, func() (any, error) { return app.Patch(body, mask) })
		patched(t, contact, func() (any, error) { return contact.Patch(body, mask) })
		patched(t, webhook, func() (any, error) { return webhook.Patch(body, mask) })
		settings := &parley.ProjectSettings{}
		patched(t, settings, func() (any, error) { return settings.Patch(body, mask) })
		template := &parley.TemplateV1{ID: "a"}
		patched(t, template, func() (any, error) { return template.Patch(body, mask) })
		for _, merge := range []bool{false, true} {
			patched(t, conversation, func() (any, error) { return conversation.Patch(body, mask, merge) })
		}
	})
}

func patched(t *testing.T, current any, patch func() (any, error)) {
	t.Helper()
	before, err := parley.Marshal(current)
	if err != nil {
		t.Fatal(err)
	}
	out, err := patch()
	switch {
	case err != nil && parley.CodeOf(err) != parley.CodeInvalidArgument:
		t.Errorf("got error %v, want an invalid argument", err)
	case err == nil:
		if _, err := parley.Marshal(out); err != nil {
			t.Error(err)
		}
	}
	if after, err := parley.Marshal(current); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the original was %s, is %s (%v)", before, after, err)
	}
}

// fuzz decodes and validates bodies. Nothing may panic, an error must be fit
// to be shown, and what is valid must still be valid, and the same, after it
// was stored and read back.
func fuzz[P interface {
	*T
	Validate() error
}, T any](f *testing.F, pattern string) {
	f.Helper()
	seed(f, pattern)
	f.Fuzz(func(t *testing.T, body []byte) {
		request := P(new(T))
		err := parley.Decode(body, request)
		if err == nil {
			if d, ok := any(request).(interface{ SetDefaults() }); ok {
				d.SetDefaults()
			}
			err = request.Validate()
		}
		if err != nil {
			if parley.CodeOf(err) != parley.CodeInvalidArgument {
				t.Errorf("got error %v, want an invalid argument", err)
			}
			return
		}
		stored, err := parley.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		again := P(new(T))
		if err := parley.Decode(stored, again); err != nil {
			t.Fatalf("%s: %v", stored, err)
		}
		if err := again.Validate(); err != nil {
			t.Errorf("%s is not valid any more: %v", stored, err)
		}
		if twice, err := parley.Marshal(again); err != nil || !bytes.Equal(stored, twice) {
			t.Errorf("changed by storing:\n%s\n%s (%v)", stored, twice, err)
		}
	})
}

// seed adds the published bodies, where they are at hand, with their ids made
// real ones.
func seed(f *testing.F, pattern string) {
	f.Helper()
	dir := os.Getenv("PARLEY_FIXTURES")
	if dir == "" {
		dir = filepath.Join("..", "shared", "fixtures")
	}
	if pattern == "" {
		return
	}
	files, err := fs.Glob(os.DirFS(dir), pattern)
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			f.Fatal(err)
		}
		text := string(raw)
		for _, id := range []string{"my app ID", "an app id", "my contact ID", "my MESSENGER app id"} {
			text = strings.ReplaceAll(text, id, someID)
		}
		f.Add([]byte(text))
	}
}
