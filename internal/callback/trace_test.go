package callback

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store/storetest"
	"github.com/parley-im/parley/internal/trace"
)

// TestTrace has callbacks answered in each way, by a receiver that gives away
// all it knows, and reads what was noted.
func TestTrace(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	srv := answer(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "no, "+secret+" at "+r.URL.Path+"?"+r.URL.RawQuery+strings.Repeat(" more", maxAnswer))
	})
	r := newRig(t, srv.URL+"/s3cretpath?key=t0ken-of-theirs", nil)
	r.sender.trace = trace.New(trace.Options{Store: storetest.Open(t, storetest.Options(t, "")), Log: slog.New(slog.DiscardHandler)})
	j := r.job(t)
	for _, s := range []int{http.StatusServiceUnavailable, http.StatusOK, http.StatusTeapot} {
		status = s
		_ = r.sender.Deliver(t.Context(), j) // its verdict is others' business
		j.Attempts++
	}
	// After a restart the message is found in the callback itself.
	j.Memo = nil
	r.lookup = parley.NotFound("webhook", "w1")
	_ = r.sender.Deliver(t.Context(), j)

	type step struct {
		Step, Outcome, Trigger, Target, Answer, Detail string
		Attempt                                        int
		WebhookID                                      string `json:"webhook_id"`
		Status                                         int    `json:"http_status"`
	}
	raw := r.sender.trace.Unwritten(trace.Ref{ProjectID: "p1", AppID: "a1", MessageID: submitted().MessageSubmit.MessageID})
	r.noSecrets(t, nil)
	for _, hidden := range []string{secret, "s3cretpath", "t0ken"} {
		if strings.Contains(raw, hidden) {
			t.Errorf("%q is shown in: %s", hidden, raw)
		}
	}
	var got []step
	if err := json.Unmarshal([]byte("["+raw+"]"), &got); err != nil {
		t.Fatal(err)
	}
	const said = "no, *** at /***?key=***"
	for i := range got {
		if s := got[i].Answer; s != "" && (!strings.HasPrefix(s, said) || len(s) > maxAnswer) {
			t.Errorf("answer %d: %s", i, s)
		}
		got[i].Answer = ""
	}
	host := strings.TrimPrefix(srv.URL, "http://")
	base := step{Step: "callback", Trigger: "MESSAGE_SUBMIT", Target: srv.URL + "/***", WebhookID: "w1"}
	want := []step{base, base, base, base}
	for i, w := range []step{
		{Outcome: "retried", Status: 503, Detail: host + " answered 503"},
		{Outcome: "delivered", Status: 200},
		{Outcome: "dropped", Status: 418, Detail: host + " answered 418"},
		{Outcome: "gone", Detail: "the target is gone"},
	} {
		want[i].Outcome, want[i].Status, want[i].Detail, want[i].Attempt = w.Outcome, w.Status, w.Detail, i+1
	}
	want[3].Target = ""
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
}
