package simulator_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/parley-im/parley/internal/simulator"
)

func TestMain(m *testing.M) {
	// The client of the tests keeps connections open.
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { http.DefaultClient.CloseIdleConnections() }),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func TestControlErrors(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	w.must(http.MethodPost, tg("sendMessage"), `{"chat_id":1,"text":"x"}`)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"no channel":       {"GET", "/handsets/FAX/1", "", 404, "channel not found"},
		"no handset":       {"GET", "/handsets/SMS/1", "", 404, "handset not found"},
		"bad since":        {"GET", "/handsets/TELEGRAM/1?since=yesterday", "", 400, "since"},
		"unknown field":    {"PUT", "/handsets/TELEGRAM/1/behaviour", `{"delivery":"never"}`, 400, "delivery"},
		"bad deliver":      {"PUT", "/handsets/TELEGRAM/1/behaviour", `{"deliver":"maybe"}`, 400, "deliver"},
		"bad duration":     {"PUT", "/handsets/TELEGRAM/1/behaviour", `{"delivered_after":"-1s"}`, 400, "negative"},
		"nothing":          {"POST", "/handsets/TELEGRAM/1/reply", `{}`, 400, "exactly one"},
		"two things":       {"POST", "/handsets/TELEGRAM/1/reply", `{"text":"a","media_url":"data:,b"}`, 400, "exactly one"},
		"nobody":           {"POST", "/handsets/SMS/1/reply", `{"text":"a"}`, 400, "no such account"},
		"no such account":  {"POST", "/handsets/TELEGRAM/1/reply", `{"text":"a","account":"2:x"}`, 400, "no such account"},
		"no such item":     {"POST", "/handsets/TELEGRAM/1/reply", `{"text":"a","reply_to":"99"}`, 404, "reply_to"},
		"no choices":       {"POST", "/handsets/TELEGRAM/1/tap", `{"choice":1}`, 404, "choices"},
		"no provider":      {"PUT", "/accounts/fax/1", `{}`, 404, "provider not found"},
		"bad token":        {"PUT", "/accounts/telegram/abc", `{}`, 400, "digits"},
		"unknown setting":  {"PUT", "/accounts/smpp/user", `{"pasword":"x"}`, 400, "pasword"},
		"no media":         {"POST", "/handsets/TELEGRAM/1/reply", `{"media_url":"/media/1"}`, 404, "media not found"},
		"nothing in time":  {"GET", "/handsets/TELEGRAM/1/wait?text=never&timeout=10ms", "", 408, "deadline"},
		"start of no chat": {"POST", "/handsets/SMS/1/start", `{}`, 400, "TELEGRAM"},
	} {
		status, out := w.call(c.method, c.path, c.body)
		msg, _ := out["error"].(string)
		if status != c.status || !strings.Contains(msg, c.want) {
			t.Errorf("%s: got %d %q, want %d with %q", name, status, msg, c.status, c.want)
		}
	}
}

func TestThreadSelection(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	for _, text := range []string{"one", "two", "three"} {
		w.must(http.MethodPost, tg("sendMessage"), map[string]any{"chat_id": 5, "text": text})
	}
	th, ok := w.sim.Thread("TELEGRAM", "5")
	if !ok || len(th.Items) != 3 || th.Unread != 3 {
		t.Fatalf("thread %+v", th)
	}
	get := func(query string) []simulator.Item {
		t.Helper()
		return decode[simulator.Thread](t, w.must(http.MethodGet, "/handsets/telegram/5?"+query, nil)).Items
	}
	if got := get("since=" + th.Items[0].ID); len(got) != 2 || got[0].Text != "two" {
		t.Errorf("since an item: %+v", got)
	}
	if got := get("since=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)); len(got) != 0 {
		t.Errorf("since later: %+v", got)
	}
	if got := get("text=thr&direction=in"); len(got) != 1 {
		t.Errorf("by text: %+v", got)
	}
	w.must(http.MethodPost, "/handsets/TELEGRAM/5/read", nil)
	if got := w.sim.Handsets(); len(got) != 1 || got[0].Unread != 0 || got[0].Total != 3 {
		t.Errorf("handsets %+v", got)
	}
	w.must(http.MethodDelete, "/handsets", nil)
	if got := w.sim.Handsets(); len(got) != 0 {
		t.Errorf("after reset: %+v", got)
	}
	if got := w.sim.Stats()[simulator.ProviderTelegram]; got.Accepted != 0 {
		t.Errorf("stats after reset: %+v", got)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Now: time.Now, MaxItems: 10, MaxHandsets: 3})
	t.Cleanup(sim.Close)
	for i := range 5 {
		if err := sim.SetBehaviour("SMS", "+4670"+strconv.Itoa(i), simulator.Behaviour{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := sim.Handsets(); len(got) != 3 || got[0].Identity != "46702" {
		t.Errorf("handsets %+v", got)
	}
	if err := sim.Put(t.Context(), simulator.ProviderSinch, "p", simulator.SinchAccount{Token: "t", DefaultOriginator: "1"}); err != nil {
		t.Fatal(err)
	}
	text := "x"
	for range 50 {
		if _, err := sim.Reply(t.Context(), "SMS", "46704", simulator.Reply{Text: &text}); err != nil {
			t.Fatal(err)
		}
	}
	if th, _ := sim.Thread("SMS", "46704"); len(th.Items) > 10 || th.Total != 50 {
		t.Errorf("%d of %d items kept", len(th.Items), th.Total)
	}
}

// TestTapOfAnOlderMessage taps by the title what is no longer at the end, and
// by the number what is.
func TestTapOfAnOlderMessage(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	for _, titles := range [][]string{{"Red", "Blue"}, {"Yes"}} {
		var row []map[string]string
		for _, title := range titles {
			row = append(row, map[string]string{"text": title, "callback_data": title})
		}
		w.must(http.MethodPost, tg("sendMessage"), map[string]any{
			"chat_id": 5, "text": "Choose", "reply_markup": map[string]any{"inline_keyboard": []any{row}},
		})
	}
	for choice, want := range map[string]string{"blue": "Blue", "1": "Yes", "Yes": "Yes", "2": "", "Green": ""} {
		got, err := w.sim.Tap("TELEGRAM", "5", simulator.Tap{Choice: simulator.ChoiceRef(choice)})
		if got.Choice.Title != want || (err == nil) != (want != "") {
			t.Errorf("tap of %s: got %q, error %v; want %q", choice, got.Choice.Title, err, want)
		}
	}
}
