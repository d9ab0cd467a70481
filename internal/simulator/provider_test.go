package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// pigeon is the smallest provider with everything a provider can have; new
// ones can be modelled on it.
type pigeon struct {
	sim   *Simulator
	lofts accountSet[PigeonAccount]
}

// PigeonAccount is a loft, which pigeons come from and return to.
type PigeonAccount struct {
	Secret string `json:"secret"`
	URL    string `json:"url"`
}

func (p *pigeon) name() string       { return "pigeon" }
func (p *pigeon) channel() string    { return ChannelLINE }
func (p *pigeon) accounts() []string { return p.lofts.ids() }

func (p *pigeon) put(_ context.Context, id string, doc json.RawMessage) error {
	var a PigeonAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	p.lofts.set(id, a)
	return nil
}

func (p *pigeon) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /pigeon/{loft}", func(w http.ResponseWriter, r *http.Request) {
		answer, err := p.send(r)
		p.sim.cutIfAsked(r, p.name(), err)
		if err != nil {
			writeJSON(w, http.StatusTeapot, map[string]string{"coo": err.Error()})
			return
		}
		writeJSON(w, http.StatusOK, answer)
	})
}

func (p *pigeon) send(r *http.Request) (any, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	to := r.URL.Query().Get("to")
	it := Item{
		Account: r.PathValue("loft"), Provider: p.name(), ProviderID: "p1", Type: "note", Text: string(body), Native: body,
		Choices: []Choice{
			{Index: 1, Title: "Site", Kind: "url", URL: "https://x.example", Reports: true},
			{Index: 2, Title: "Call", Kind: "call", Phone: "+4670"},
		},
		report: p.report,
	}
	_, err = p.sim.accept(incoming{
		phone: newKey(p.channel(), to), item: it, reads: true, failCode: "hawk", leftCode: "gone", windowCode: "night",
		refuse: func(b Behaviour, _ bool) error {
			if b.Deliver == DeliverRefuse {
				return errors.New(b.FailCode.or("no"))
			}
			return nil
		},
	})
	return map[string]string{"id": it.ProviderID}, err
}

func (p *pigeon) report(phone key, it Item) {
	body, err := encode(map[string]string{"to": phone.identity, "id": it.ProviderID, "status": it.Status, "code": it.Code})
	if err == nil {
		p.sim.poster.send(p.post(it.Account, phone, body))
	}
}

func (p *pigeon) post(account string, phone key, body []byte) *post {
	return &post{provider: p.name(), order: phone.order(), body: body, target: func() (string, http.Header) {
		a, _ := p.lofts.get(account)
		return a.URL, http.Header{
			"Content-Type": {"text/plain"}, "X-Ring": {hex.EncodeToString(signature(sha256.New, a.Secret, body))},
		}
	}}
}

func (p *pigeon) reply(account string, phone key, r Reply) (Item, error) {
	return p.write(phone, r.item(account, p.name()))
}

func (p *pigeon) tap(account string, phone key, it Item, c Choice) (Item, error) {
	return p.write(phone, Item{
		Direction: Out, Account: account, Provider: p.name(), Status: StatusPending, Type: "tap", Text: c.Title, ReplyTo: it.ID,
	})
}

func (p *pigeon) event(account string, phone key, e Event) (Item, error) {
	if e.Type == EventMessageDeleted {
		return Item{}, errUnsupported
	}
	p.sim.poster.send(p.post(account, phone, []byte(e.Type)))
	return Item{}, nil
}

func (p *pigeon) blocked(phone key, account string, blocked bool) {
	body := map[bool]string{true: "blocked", false: "unblocked"}[blocked]
	p.sim.poster.send(p.post(account, phone, []byte(body)))
}

func (p *pigeon) write(phone key, it Item) (Item, error) {
	return p.sim.writeOut(phone, it, func(it *Item) (*post, error) {
		it.ProviderID, it.Native = "o"+it.ID, []byte(it.Type+" "+it.Text)
		return p.post(it.Account, phone, it.Native), nil
	})
}

// aviary is a simulator with pigeons only, and what they bring back.
type aviary struct {
	t    *testing.T
	sim  *Simulator
	url  string
	home chan string
}

func newAviary(t *testing.T) *aviary {
	t.Helper()
	v := &aviary{t: t, home: make(chan string, 100)}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Ring") != hex.EncodeToString(signature(sha256.New, "s3cret", body)) || r.Header.Get("Content-Type") != "text/plain" {
			t.Errorf("webhook without ring: %v", r.Header)
		}
		v.home <- string(body)
	}))
	t.Cleanup(hook.Close)
	v.sim = newSimulator(Options{Now: time.Now, ReadAfter: time.Hour}, func(s *Simulator) []provider { return []provider{&pigeon{sim: s}} })
	srv := httptest.NewServer(v.sim.Handler())
	t.Cleanup(func() { srv.Close(); v.sim.Close() })
	v.url = srv.URL
	if err := v.sim.Put(t.Context(), "pigeon", "north", PigeonAccount{Secret: "s3cret", URL: hook.URL}); err != nil {
		t.Fatal(err)
	}
	return v
}

// call makes a request and returns the status and body.
func (v *aviary) call(method, path, body string) (int, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// back expects what the pigeons bring, in order.
func (v *aviary) back(want ...string) {
	v.t.Helper()
	for _, w := range want {
		select {
		case got := <-v.home:
			if got != w {
				v.t.Errorf("came back with %q, want %q", got, w)
			}
		case <-time.After(10 * time.Second):
			v.t.Fatalf("no %q came back", w)
		}
	}
}

func status(s, code string) string {
	return `{"code":"` + code + `","id":"p1","status":"` + s + `","to":"U1"}`
}

func (v *aviary) send() {
	v.t.Helper()
	if got, body := v.call("POST", "/pigeon/north?to=U1", "coo <b>"); got != http.StatusOK {
		v.t.Fatalf("send: %d %s", got, body)
	}
}

func TestProviderGetsTheRestForFree(t *testing.T) {
	t.Parallel()
	v := newAviary(t)
	v.send()
	v.back(status("sent", ""), status("delivered", ""))
	if got, body := v.call("POST", "/handsets/line/U1/read", ""); body != `{"read":1}` {
		t.Errorf("read: %d %s", got, body)
	}
	v.back(status("read", ""))
	tapped, err := v.sim.Tap(ChannelLINE, "U1", Tap{Choice: "1"})
	if err != nil || tapped.Opened != "https://x.example" || tapped.Sent == nil {
		t.Errorf("tap of a link that reports: %+v %v", tapped, err)
	}
	v.back("tap Site")
	if tapped, err = v.sim.Tap(ChannelLINE, "U1", Tap{Choice: "Call"}); err != nil || tapped.Opened != "tel:+4670" || tapped.Sent != nil {
		t.Errorf("tap of a number: %+v %v", tapped, err)
	}
	th, _ := v.sim.Thread(ChannelLINE, "U1")
	if in, out := string(th.Items[0].Native), string(th.Items[1].Native); in != `"coo <b>"` || out != `"tap Site"` {
		t.Errorf("native: %s and %s", in, out)
	}
	if got, body := v.call("POST", "/handsets/LINE/U1/block", `{"account":"north"}`); got != http.StatusOK {
		t.Errorf("block: %d %s", got, body)
	}
	v.back("blocked")
	v.send()
	v.back(status("failed", "hawk"))
	if c := v.sim.Stats()["pigeon"]; c.Accepted != 2 || c.Inbound != 1 || c.Retries != 0 {
		t.Errorf("counts: %+v", c)
	}
	if _, body := v.call("GET", "/accounts", ""); body != `{"pigeon":["north"]}` {
		t.Errorf("accounts: %s", body)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	v := newAviary(t)
	for _, e := range []string{EventTypingOn, EventTypingOff, EventOptOut} {
		if got, body := v.call("POST", "/handsets/LINE/U1/event", `{"type":"`+e+`"}`); got != http.StatusNoContent {
			t.Errorf("%s: %d %s", e, got, body)
		}
		v.back(e)
	}
	v.send()
	v.back(status("failed", "gone"))
	if _, body := v.call("GET", "/handsets/LINE/U1", ""); !strings.Contains(body, `"left":true`) {
		t.Errorf("opted out: %s", body)
	}
	back := "I am back"
	if _, err := v.sim.Reply(t.Context(), ChannelLINE, "U1", Reply{Text: &back}); err != nil {
		t.Fatal(err)
	}
	v.send()
	v.back("text I am back", status("sent", ""), status("delivered", ""))
	for body, want := range map[string]string{
		`{"type":"sneeze"}`:                      "want one of",
		`{"type":"message_deleted"}`:             "want the message",
		`{"type":"message_deleted","item":"99"}`: "item not found",
		`{"type":"message_deleted","item":"1"}`:  "unsupported by pigeon",
		`{"type":"start","account":"south"}`:     "no such account",
	} {
		if got, answer := v.call("POST", "/handsets/LINE/U1/event", body); got/100 != 4 || !strings.Contains(answer, want) {
			t.Errorf("%s: %d %s", body, got, answer)
		}
	}
}

func TestBehavioursAreForAll(t *testing.T) {
	t.Parallel()
	v := newAviary(t)
	for _, c := range []struct {
		b    Behaviour
		code int
		want []string
	}{
		{Behaviour{Deliver: DeliverNever}, 200, []string{status("sent", "")}},
		{Behaviour{Deliver: DeliverReject, FailCode: "fog"}, 200, []string{status("failed", "fog")}},
		{Behaviour{WindowClosed: true, Times: 1}, 200, []string{status("failed", "night")}},
		{Behaviour{Deliver: DeliverRefuse}, http.StatusTeapot, nil},
		{Behaviour{ReadAfter: new(Duration)}, 200, []string{status("sent", ""), status("delivered", ""), status("read", "")}},
	} {
		if err := v.sim.SetBehaviour(ChannelLINE, "U1", c.b); err != nil {
			t.Fatal(err)
		}
		if got, body := v.call("POST", "/pigeon/north?to=U1", "coo"); got != c.code {
			t.Errorf("%+v: %d %s", c.b, got, body)
		}
		v.back(c.want...)
	}
	if err := v.sim.SetBehaviour(ChannelLINE, "U1", Behaviour{Hang: HangAfter}); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, v.url+"/pigeon/north?to=U1", strings.NewReader("coo"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Error("the connection was not cut")
	}
	v.back(status("sent", ""), status("delivered", ""))
}

func TestAnswersOfWebhooksAreSeen(t *testing.T) {
	t.Parallel()
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method+" welcome") }))
	defer hook.Close()
	sim := New(Options{Now: time.Now})
	defer sim.Close()
	got := make(chan string, 1)
	sim.poster.send(&post{
		provider: ProviderTelegram, method: http.MethodPut, target: func() (string, http.Header) { return hook.URL, nil },
		answered: func(body []byte) error { got <- string(body); return nil },
	})
	if body := <-got; body != "PUT welcome" {
		t.Errorf("answered %q", body)
	}
}

func TestIdentities(t *testing.T) {
	t.Parallel()
	for channel, c := range map[string][2]string{
		ChannelSMS: {"+4670", "4670"}, ChannelEmail: {"Ann@X.example", "ann@x.example"}, ChannelViber: {"+Ab/c==", "+Ab/c=="},
	} {
		if k := newKey(channel, c[0]); k.identity != c[1] {
			t.Errorf("%s: %s is %s", channel, c[0], k.identity)
		}
	}
}

func TestWhatChoicesOpen(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for want, c := range map[string]Choice{
		"":                  {Title: "Yes", Payload: "y"},
		"https://x.example": {URL: "https://x.example"},
		"tel:+4670":         {Phone: "+4670"},
		"geo:55.6,13":       {Location: &Location{Latitude: 55.6, Longitude: 13}},
		"calendar:20261123T120000Z/20261123T130000Z": {Calendar: &Calendar{Start: noon, End: noon.Add(time.Hour)}},
	} {
		if got := c.Opens(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
