package callback

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

var start = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// submitted is a callback with characters that encoders like to escape.
func submitted() *parley.Callback {
	return &parley.Callback{
		AppID: "01W4FFL35P4NC4K35CONVAPP01", AcceptedTime: start, ProjectID: "p1",
		MessageSubmit: &parley.MessageSubmit{
			MessageID:        "01W4FFL35P4NC4K35MESSAGE05",
			SubmittedMessage: &parley.AppMessage{Text: &parley.TextMessage{Text: "<b>é & \u2028 \"ü\"\n</b>"}},
			ProcessingMode:   parley.ModeDispatch,
		},
	}
}

func TestSignVector(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile("testdata/signed.json")
	if err != nil {
		t.Fatal(err)
	}
	got := Sign("foo_secret1234", body, "01FJA8B4A7BM43YGWSG9GBV067", "1634579353")
	if want := "6bpJoRmFoXVjfJIVglMoJzYXxnoxRujzR4k2GOXewOE="; got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

func TestJobsGoToSubscribers(t *testing.T) {
	t.Parallel()
	hook := func(id, targetType string, triggers ...parley.Trigger) *parley.Webhook {
		return &parley.Webhook{ID: id, AppID: "app-of-" + id, TargetType: targetType, Triggers: triggers}
	}
	jobs, err := Jobs("p1", submitted(), parley.TriggerMessageSubmit, []*parley.Webhook{
		hook("w1", parley.TargetHTTP, parley.TriggerMessageInbound, parley.TriggerMessageSubmit),
		hook("w2", parley.TargetDismiss, parley.TriggerMessageSubmit),
		hook("w3", parley.TargetHTTP, parley.TriggerMessageDelivery),
		hook("w4", parley.TargetHTTP, parley.TriggerMessageSubmit),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range jobs {
		got = append(got, j.ProjectID+" "+j.Kind+" "+j.Lane)
	}
	if diff := cmp.Diff([]string{"p1 callback w1", "p1 callback w4"}, got); diff != "" {
		t.Errorf("jobs (-want +got):\n%s", diff)
	}
}

// What the job's document says must be what the memo says, to the byte: the
// one is used after a restart, the other before.
func TestDocumentIsTheMemo(t *testing.T) {
	t.Parallel()
	body, err := encode(submitted())
	if err != nil {
		t.Fatal(err)
	}
	hooked, err := Jobs("p1", submitted(), parley.TriggerMessageSubmit, []*parley.Webhook{
		{ID: "w1", AppID: "a1", TargetType: parley.TargetHTTP, Triggers: []parley.Trigger{parley.TriggerMessageSubmit}},
	})
	if err != nil {
		t.Fatal(err)
	}
	direct, err := JobTo("p1", "a1", "https://example.com/cb?a=1&b=<2>", submitted(), parley.TriggerMessageDelivery)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range append(hooked, direct) {
		if !json.Valid(j.Doc) {
			t.Fatalf("document is not JSON: %s", j.Doc)
		}
		memo := j.Memo
		j.Memo = nil
		p, err := decode(j)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(memo, any(p)); diff != "" {
			t.Errorf("document and memo (-memo +document):\n%s", diff)
		}
		if !bytes.Equal(p.Body, body) {
			t.Errorf("body:\n got %s\nwant %s", p.Body, body)
		}
	}
}

func TestJobToKeepsURLsApart(t *testing.T) {
	t.Parallel()
	lanes := map[string]bool{}
	for _, url := range []string{"https://a.example/1", "https://a.example/2", "https://a.example/1"} {
		j, err := JobTo("p1", "a1", url, submitted(), parley.TriggerMessageDelivery)
		if err != nil {
			t.Fatal(err)
		}
		lanes[j.Lane] = true
	}
	if len(lanes) != 2 {
		t.Errorf("3 jobs to 2 URLs have %d lanes, want 2", len(lanes))
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for failed, seconds := range []int{5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 20480, 40960, 81920} {
		want := time.Duration(seconds) * time.Second
		if got := backoff(failed, 0.5); got != want {
			t.Errorf("backoff(%d) = %v, want %v", failed, got, want)
		}
		low, high := backoff(failed, 0), backoff(failed, 1)
		if low != want*8/10 || high != want*12/10 {
			t.Errorf("backoff(%d) is from %v to %v, want a fifth around %v", failed, low, high, want)
		}
	}
	if got := backoff(1000, 1); got <= 0 {
		t.Errorf("backoff(1000) = %v overflows", got)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"":                              0,
		"17":                            17 * time.Second,
		"-3":                            0,
		"soon":                          0,
		"999999999999":                  0,
		"86400":                         time.Hour,
		"Mon, 23 Nov 2026 09:02:00 GMT": 2 * time.Minute,
		"Mon, 23 Nov 2026 08:00:00 GMT": 0,
	} {
		if got := retryAfter(value, start); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", value, got, want)
		}
	}
}
