package handsetcli_test

import (
	"encoding/json"
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

func TestDrawing(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	thread := simulator.Thread{
		HandsetInfo: simulator.HandsetInfo{Channel: "RCS", Identity: "4670", Name: "Ann", Typing: true, Left: true},
		Items: []simulator.Item{
			{
				ID: "1", Direction: simulator.In, At: noon, Type: "carousel", Text: "Rooms", Status: "delivered", Subject: "Your stay",
				Cards: []simulator.Card{
					{Index: 1, Title: "Small", Text: "One bed", Media: []simulator.Media{{Kind: "image", URL: "https://x.example/1.png"}}},
					{Index: 2, Title: "Large"},
				},
				Choices: []simulator.Choice{
					{Index: 1, Title: "Book", Card: 1},
					{Index: 2, Title: "Call us", Phone: "+4670", Card: 2},
					{Index: 3, Title: "Map", Location: &simulator.Location{Latitude: 55.6, Longitude: 13, Title: "Malmö"}},
					{Index: 4, Title: "Save", Calendar: &simulator.Calendar{Title: "Stay", Start: noon, End: noon.Add(time.Hour)}},
				},
			},
			{ID: "2", Direction: simulator.In, At: noon, Type: "list", Status: "delivered", Choices: []simulator.Choice{
				{Index: 1, Title: "Tea", Section: "Hot"}, {Index: 2, Title: "Soup", Section: "Hot"}, {Index: 3, Title: "Juice", Section: "Cold"},
			}},
		},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(thread); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	c := &handsetcli.Client{Base: srv.URL, HTTP: srv.Client(), Width: 60}
	var out strings.Builder
	if err := c.Show(t.Context(), "RCS", "4670", 0, &out); err != nil {
		t.Fatal(err)
	}
	want := `── RCS  4670  Ann ──────────────────────────────────────────
  (left, being written to)
╭────────────────────────────────────╮
│ Subject: Your stay                 │
│                                    │
│ Rooms                              │
│                                    │
│ ▌1. Small                          │
│ [image] https://x.example/1.png    │
│ One bed                            │
│ [1] Book                           │
│                                    │
│ ▌2. Large                          │
│ [2] Call us ↗ tel:+4670            │
│                                    │
│ [3] Map ↗ Malmö geo:55.6,13        │
│ [4] Save ↗ Stay 2026-11-23 12:00 – │
│ 2026-11-23 13:00 UTC               │
╰────────────────────────────────────╯
 #1 · 12:00:00 · carousel · delivered
╭───────────╮
│ Hot       │
│ [1] Tea   │
│ [2] Soup  │
│ Cold      │
│ [3] Juice │
╰───────────╯
 #2 · 12:00:00 · list · delivered
╭───╮
│ … │
╰───╯
`
	if d := cmp.Diff(want, clock.ReplaceAllString(out.String(), "12:00:00")); d != "" {
		t.Error("(-want +got):\n" + d)
	}
}

func TestOwnersActions(t *testing.T) {
	t.Parallel()
	c, _ := newClient(t)
	send(t, c, `{"chat_id":7,"text":"Hi"}`)
	var out strings.Builder
	for _, err := range []error{
		c.Read(t.Context(), "TELEGRAM", "7", &out),
		c.Block(t.Context(), "TELEGRAM", "7", true, &out),
		c.Block(t.Context(), "TELEGRAM", "7", false, &out),
		c.Event(t.Context(), "TELEGRAM", "7", simulator.Event{Type: simulator.EventStart, Payload: "ad"}, &out),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{"7: 1 read\n", "7 blocked\n", "7 unblocked\n", "│ /start ad │"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if err := c.Event(t.Context(), "SMS", "7", simulator.Event{Type: simulator.EventTypingOn}, &out); err == nil {
		t.Error("an SMS phone shows that it types")
	}
	if channel, identity, err := c.Find(t.Context(), "APPLEBC:urn:mbid:A/b"); err != nil || channel != "APPLEBC" || identity != "urn:mbid:A/b" {
		t.Errorf("find: %s %s %v", channel, identity, err)
	}
}
