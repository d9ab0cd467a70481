package app

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel/all"
	"github.com/parley-im/parley/internal/simulator"
)

// TestDevAccounts holds the table against the channels that are built in.
func TestDevAccounts(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Now: time.Now})
	defer sim.Close()
	if err := putDevAccounts(t.Context(), sim, &devState{}, ""); err != nil {
		t.Error(err)
	}
	has := map[parley.Channel]bool{}
	for _, c := range devCredentials(devApp, "secret") {
		if has[c.Channel] {
			t.Errorf("%s has two credentials for %s", devApp, c.Channel)
		}
		has[c.Channel] = true
	}
	for _, ch := range all.Channels() {
		if !has[ch.Name()] {
			t.Errorf("parley dev has no account for %s: add a row to devAccounts", ch.Name())
		}
	}
	for _, name := range devApps() {
		app := parley.App{DisplayName: name, ChannelCredentials: devCredentials(name, "secret")}
		app.SetDefaults()
		if err := app.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDevReachesTheSimulator asks for the address of every provider that is
// simulated.
func TestDevReachesTheSimulator(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Now: time.Now})
	defer sim.Close()
	urls := ChannelURLs{SMSTwilio: "https://twilio.example"}
	o := DevOptions{SimulatorListen: "127.0.0.1:0", SMPPListen: "127.0.0.1:0", SMTPListen: "127.0.0.1:0"}
	base, stop, err := serveSimulator(t.Context(), sim, o, &urls)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if urls.Telegram != base+"/telegram" || urls.WhatsApp != base+"/graph" || urls.SMSSinch != base+"/sms-sinch" {
		t.Errorf("addresses: %+v", urls)
	}
	if err := urls.check(); err != nil {
		t.Error(err)
	}
	for _, u := range urls.all() {
		name := u.simulated()
		if sim.Plays(name) && !slices.ContainsFunc(devAccounts(), func(a devAccount) bool { return a.provider == name }) {
			t.Errorf("parley dev has no account at %s: add a row to devProviders", name)
		}
	}
	for _, a := range devAccounts() {
		credential := a.credential("")
		if urls.baseURL(a.channel, credential.Provider) == "" {
			t.Errorf("%s has no address", a.provider)
		}
	}
}

func TestDevStateOfEarlierVersions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const old = `{"project_id":"p","key_id":"k","key_secret":"s","app_id":"a","smpp_app_id":"b","webhook_secret":"w"}`
	if err := os.WriteFile(devStatePath(dir), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	want := devState{
		ProjectID: "p", KeyID: "k", KeySecret: "s", WebhookSecret: "w", Apps: map[string]string{devApp: "a", devOver("SMPP"): "b"},
	}
	for range 2 { // as written then, and as written now
		st, err := readDevState(dir)
		if d := cmp.Diff(want, st); d != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
		if err := st.write(dir); err != nil {
			t.Fatal(err)
		}
	}
}
