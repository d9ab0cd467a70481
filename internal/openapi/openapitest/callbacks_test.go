package openapitest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

const report = `{"app_id":"a","accepted_time":"2026-03-04T05:06:07Z","project_id":"p","message_delivery_report":{"message_id":"m",
	"conversation_id":"","status":"FAILED","channel_identity":null,"contact_id":"","reason":{"code":"NO_CHANNELS_LEFT",
	"description":"d","sub_code":"UNSPECIFIED_SUB_CODE"},"metadata":"","processing_mode":"DISPATCH"},"message_metadata":"",
	"correlation_id":""}`

// TestCallback shows that wrong callbacks are told from right ones.
func TestCallback(t *testing.T) {
	t.Parallel()
	change := func(pairs ...string) string {
		if s := strings.NewReplacer(pairs...).Replace(report); s != report {
			return s
		}
		t.Fatalf("nothing is changed by %q", pairs)
		return ""
	}
	const delivery = parley.TriggerMessageDelivery
	tests := map[string]struct {
		trigger parley.Trigger
		body    string
		right   bool
	}{
		"a report":                   {delivery, report, true},
		"of any trigger":             {"", report, true},
		"a new member":               {delivery, change(`"metadata"`, `"new":1,"metadata"`), true},
		"the time it happened":       {delivery, change(`"project_id"`, `"event_time":"2026-03-04T05:06:07.123Z","project_id"`), true},
		"another trigger":            {parley.TriggerMessageSubmit, report, false},
		"a trigger without any":      {parley.TriggerSmartConversation, report, false},
		"no payload":                 {"", change("message_delivery_report", "message_report"), false},
		"two payloads":               {delivery, change(`"correlation_id"`, `"opt_in_notification":{},"correlation_id"`), false},
		"a payload that is null":     {delivery, change(`"correlation_id"`, `"message":null,"correlation_id"`), false},
		"a member missing":           {delivery, change(`"contact_id":"",`, ""), false},
		"of the envelope":            {delivery, change(`"app_id":"a",`, ""), false},
		"a status":                   {delivery, change("FAILED", "LOST"), false},
		"a status nobody is told of": {delivery, change("FAILED", "QUEUED"), false},
		"a reason":                   {delivery, change("NO_CHANNELS_LEFT", "BAD_LUCK"), false},
		"a mode":                     {delivery, change("DISPATCH", "SOMEHOW"), false},
		"a type":                     {delivery, change(`"metadata":""`, `"metadata":{}`), false},
		"null":                       {delivery, change(`"metadata":""`, `"metadata":null`), false},
		"a time":                     {delivery, change("T05", " 05"), false},
		"not JSON":                   {delivery, "{", false},
	}
	for name, test := range tests {
		if err := Callback(test.trigger, []byte(test.body)); (err == nil) != test.right {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExamples checks that what the document shows is what it says.
func TestExamples(t *testing.T) {
	t.Parallel()
	d, err := document()
	if err != nil {
		t.Fatal(err)
	}
	for trigger, methods := range d.Webhooks {
		body, err := json.Marshal(methods["post"].RequestBody.Content["application/json"].Example)
		if err != nil {
			t.Fatal(err)
		}
		if err := Callback(parley.Trigger(trigger), body); err != nil {
			t.Error(err)
		}
	}
}
