package handsetcli_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/simulator/handsetcli"
)

const token = "42:abc"

func newClient(t *testing.T) (*handsetcli.Client, *simulator.Simulator) {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now})
	srv := httptest.NewServer(sim.Handler())
	t.Cleanup(func() { srv.Close(); sim.Close() })
	if err := sim.Put(t.Context(), simulator.ProviderTelegram, token, simulator.TelegramAccount{}); err != nil {
		t.Fatal(err)
	}
	return &handsetcli.Client{Base: srv.URL, HTTP: srv.Client(), Width: 50}, sim
}

func send(t *testing.T, c *handsetcli.Client, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.Base+"/telegram/bot"+token+"/sendMessage", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("send: %s", resp.Status)
	}
}

var clock = regexp.MustCompile(`\d\d:\d\d:\d\d`)

func TestConversation(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t)
	ctx := t.Context()
	var out strings.Builder
	if err := c.List(ctx, &out); err != nil || out.String() != "No handset has been written to yet.\n" {
		t.Errorf("list: %q %v", out.String(), err)
	}
	send(t, c, `{"chat_id":7,"text":"Which colour would you like for the new sofa?\u001b[31m","reply_markup":{"inline_keyboard":[
		[{"text":"Blå","callback_data":"b"}],[{"text":"Shop","url":"https://x.example"}]]}}`)
	if err := c.Tap(ctx, "TELEGRAM", "7", "", "1", &out); err != nil {
		t.Fatal(err)
	}
	hello := "Tack!"
	if err := c.Reply(ctx, "telegram", "7", simulator.Reply{Text: &hello}, &out); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := c.Tap(ctx, "TELEGRAM", "7", "", "shop", &out); err != nil || out.String() != "Opened https://x.example\n" {
		t.Errorf("tap of a link: %q %v", out.String(), err)
	}
	channel, identity, err := c.Find(ctx, "7")
	if err != nil || channel != "TELEGRAM" || identity != "7" {
		t.Errorf("find: %s %s %v", channel, identity, err)
	}
	out.Reset()
	if err := c.Show(ctx, channel, identity, 0, &out); err != nil {
		t.Fatal(err)
	}
	want := `── TELEGRAM  7  Handset 7 ────────────────────────
╭─────────────────────────────────╮
│ Which colour would you like for │
│ the new sofa?·[31m              │
│                                 │
│ [1] Blå                         │
│ [2] Shop ↗ https://x.example    │
╰─────────────────────────────────╯
 #1 · 12:00:00 · read
                                          ╭──────╮
                                          │ ↪ #1 │
                                          │ Blå  │
                                          ╰──────╯
          #2 · 12:00:00 · callback_query · pending
                                         ╭───────╮
                                         │ Tack! │
                                         ╰───────╯
                           #3 · 12:00:00 · pending
`
	if d := cmp.Diff(want, clock.ReplaceAllString(out.String(), "12:00:00")); d != "" {
		t.Error("(-want +got):\n" + d)
	}
	out.Reset()
	if err := c.Behave(ctx, "TELEGRAM", "7", simulator.Behaviour{Deliver: simulator.DeliverNever}, &out); err != nil {
		t.Fatal(err)
	}
	if err := c.List(ctx, &out); err != nil || !strings.Contains(out.String(), "TELEGRAM  7                         3       0  never") {
		t.Errorf("list: %q %v", out.String(), err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t)
	var out strings.Builder
	for name, err := range map[string]error{
		"show":  c.Show(t.Context(), "SMS", "1", 0, &out),
		"tap":   c.Tap(t.Context(), "TELEGRAM", "1", "", "1", &out),
		"reply": c.Reply(t.Context(), "SMS", "1", simulator.Reply{}, &out),
	} {
		if err == nil || out.Len() > 0 {
			t.Errorf("%s: no error, printed %q", name, out.String())
		}
	}
	if _, _, err := c.Find(t.Context(), "99"); err == nil {
		t.Error("found a handset that is not there")
	}
}
