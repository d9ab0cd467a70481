package parley_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

func TestBatchTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for in, want := range map[string]string{
		"2026-03-04T05:06:30Z":      "2026-03-04T05:06:30Z", // at most a minute ahead
		"2026-03-04T05:07:07Z":      "2026-03-04T05:07:07Z",
		"2026-03-04T05:07:08Z":      "2026-03-04T05:10:00Z",
		"2026-03-04T05:10:00Z":      "2026-03-04T05:10:00Z",
		"2026-03-04T05:10:00.001Z":  "2026-03-04T05:15:00Z",
		"2026-03-04T06:59:00+01:00": "2026-03-04T06:00:00Z",
		"2026-03-04T05:00:00Z":      "2026-03-04T05:00:00Z", // over
	} {
		at, err := time.Parse(time.RFC3339, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := parley.BatchTime(at, now).UTC().Format(time.RFC3339Nano); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestBatchParameters(t *testing.T) {
	t.Parallel()
	message := `{"choice_message":{"text_message":{"text":"${a} and ${b}${a}, ${ not closed"},"choices":[
		{"url_message":{"title":"${b}","url":"https://x.example/${a}"}}]},
		"explicit_channel_message":{"SMS":"{\"body\":\"${a}\"}"}}`
	params := `{"a":"1","b":"${a} \"q\""}` // what is filled in stays as it is
	var r parley.SendBatchRequest
	if err := json.Unmarshal([]byte(`{"app_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","message":`+message+`,"recipient_and_params":[{
		"recipient":{"contact_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV"},"parameters":`+params+`}],
		"conversation_metadata":{"x":1,"_batch_id":"mine"}}`), &r); err != nil {
		t.Fatal(err)
	}
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := r.For(0, "the-batch")
	if err != nil {
		t.Fatal(err)
	}
	c := m.Message.Choice
	got := []string{c.Text.Text, c.Choices[0].URL.Title, c.Choices[0].URL.URL, m.MessageMetadata, string(m.ConversationMetadata)}
	want := []string{
		`1 and ${a} "q"1, ${ not closed`, `${a} "q"`, "https://x.example/1", `{"_batch_id":"the-batch"}`, `{"_batch_id":"the-batch","x":1}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("filled in (-want +got):\n%s", d)
	}
}
