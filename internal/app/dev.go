package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/simulator"
)

// DevOptions are the settings of parley dev besides the server's.
type DevOptions struct {
	SimulatorListen string `help:"Address of the simulated providers and handsets." default:"127.0.0.1:8081" env:"PARLEY_SIMULATOR_LISTEN"`
	SMPPListen      string `help:"Address of the simulated SMPP centre." name:"smpp-listen" default:"127.0.0.1:2775" env:"PARLEY_SMPP_LISTEN"`
	SMTPListen      string `help:"Address of the simulated mail server." name:"smtp-listen" default:"127.0.0.1:2525" env:"PARLEY_SMTP_LISTEN"`
	ListenerURL     string `help:"Where the ready app's callbacks go: parley listen." name:"listener-url" default:"http://127.0.0.1:8082/" env:"PARLEY_LISTENER_URL"`
}

// devState is what parley dev made at its first start, kept in the data
// directory so that it is the same at the next one, and for the other commands
// to read.
type devState struct {
	ProjectID     string            `json:"project_id"`
	KeyID         string            `json:"key_id"`
	KeySecret     string            `json:"key_secret"`
	Apps          map[string]string `json:"apps"` // ids by name
	WebhookSecret string            `json:"webhook_secret"`

	Server    string `json:"server"`
	Simulator string `json:"simulator"`
	Listener  string `json:"listener"`

	// Earlier versions had a member for each app.
	AppID     string `json:"app_id,omitempty"`
	SMPPAppID string `json:"smpp_app_id,omitempty"`
}

func devStatePath(dataDir string) string { return filepath.Join(dataDir, "dev.json") }

// readDevState reads what parley dev left; a zero state where it never ran.
func readDevState(dataDir string) (devState, error) {
	var st devState
	raw, err := os.ReadFile(devStatePath(dataDir))
	if errors.Is(err, os.ErrNotExist) {
		return st, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &st)
	}
	if err != nil {
		return st, fmt.Errorf("read %s: %w", devStatePath(dataDir), err)
	}
	if st.Apps == nil && st.AppID != "" {
		st.Apps = map[string]string{devApp: st.AppID, devOver("SMPP"): st.SMPPAppID}
	}
	st.AppID, st.SMPPAppID = "", ""
	return st, nil
}

func (st *devState) write(dataDir string) error {
	raw, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(devStatePath(dataDir), append(raw, '\n'), 0o600)
}

// Dev runs the server and the simulated providers in one process, over the
// real adapters and protocols, with apps that are ready to use.
func Dev(ctx context.Context, cfg Config, o DevOptions, log *slog.Logger, out io.Writer) error {
	sim := simulator.New(simulator.Options{Logger: log.With(slog.String("part", "simulator")), Now: time.Now})
	defer sim.Close()
	base, stop, err := serveSimulator(ctx, sim, o, &cfg.Channels)
	if err != nil {
		return err
	}
	defer stop()
	cfg.AllowPrivateTargets = true
	if cfg.EmailListen == "" {
		cfg.EmailListen = "127.0.0.1:0"
	}
	srv, err := NewServer(ctx, cfg, log)
	if err != nil {
		return err
	}
	// The accounts must be there when the server looks; where they call back is
	// known only once the apps are made.
	if err := putDevAccounts(ctx, sim, &devState{}, ""); err != nil {
		return errors.Join(err, srv.Close())
	}
	return srv.Run(ctx, func(ctx context.Context) error {
		st, err := srv.prepareDev(ctx, o)
		if err != nil {
			return err
		}
		st.Simulator = base
		if err := st.write(cfg.DataDir); err != nil {
			return err
		}
		if err := putDevAccounts(ctx, sim, st, srv.cfg.PublicURL); err != nil {
			return err
		}
		if err := putDevMail(ctx, sim, srv, st); err != nil {
			return err
		}
		return st.print(out)
	})
}

// serveSimulator listens for the simulated providers, points the channels at
// those there are and returns the address of the handsets.
func serveSimulator(ctx context.Context, sim *simulator.Simulator, o DevOptions, urls *ChannelURLs) (string, func(), error) {
	var lc net.ListenConfig
	web, err := lc.Listen(ctx, "tcp", o.SimulatorListen)
	if err != nil {
		return "", nil, fmt.Errorf("listen for the simulator: %w", err)
	}
	// What is under way when the server stops may still need its provider.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	hs := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := func() {
		cancel()
		_ = hs.Close() // nothing is lost that anybody waits for
	}
	base := "http://" + web.Addr().String()
	addresses := map[string]string{"whatsapp": base + "/graph"}
	for _, s := range o.sessions() {
		l, err := lc.Listen(ctx, "tcp", s.listen)
		if err != nil {
			stop()
			return "", nil, errors.Join(fmt.Errorf("listen for the simulated %s: %w", s.provider, err), web.Close())
		}
		addresses[s.setting] = s.scheme + "://" + l.Addr().String()
		go func() { _ = sim.Serve(ctx, s.provider, l) }() // ends with ctx
	}
	go func() { _ = hs.Serve(web) }() // ends when closed
	for _, u := range urls.all() {
		if name := u.simulated(); addresses[name] != "" {
			*u.address = addresses[name]
		} else if sim.Plays(name) {
			*u.address = base + "/" + name
		}
	}
	return base, stop, nil
}

// putDevAccounts makes the accounts at the simulated providers; public is
// where the server is reached, "" while it does not run.
func putDevAccounts(ctx context.Context, sim *simulator.Simulator, st *devState, public string) error {
	for _, a := range devAccounts() {
		webhook := ""
		if public != "" {
			webhook = public + "/channels/" + strings.ToLower(string(a.channel)) + "/" + st.Apps[a.app]
		}
		if err := sim.Put(ctx, a.provider, a.id, a.account(st.WebhookSecret, webhook)); err != nil {
			return fmt.Errorf("make the simulated account of %s: %w", a.provider, err)
		}
	}
	return nil
}

// putDevMail tells the simulated mail server where the letters go that people
// write to the account.
func putDevMail(ctx context.Context, sim *simulator.Simulator, srv *Server, st *devState) error {
	err := sim.Put(ctx, simulator.ProviderEmail, devMailbox, simulator.EmailAccount{
		Password: devPassword, Address: devMail, Mail: srv.mail[0].Addr().String(),
		Web: srv.cfg.PublicURL + "/channels/email/" + st.Apps[devApp] + "/",
	})
	if err != nil {
		return fmt.Errorf("make the simulated mailbox: %w", err)
	}
	return nil
}

// prepareDev makes the project, the key and the apps, where an earlier run has
// not.
func (s *Server) prepareDev(ctx context.Context, o DevOptions) (*devState, error) {
	st, err := readDevState(s.cfg.DataDir)
	if err != nil {
		return nil, err
	}
	st.Server, st.Listener = s.URL(), o.ListenerURL
	if err := s.devProject(ctx, &st); err != nil {
		return nil, err
	}
	for _, name := range devApps() {
		if err := s.devApp(ctx, &st, name, devCredentials(name, st.WebhookSecret)); err != nil {
			return nil, err
		}
	}
	return &st, nil
}

func (s *Server) devProject(ctx context.Context, st *devState) error {
	if st.ProjectID != "" {
		if ok, err := s.store.HasProject(ctx, st.ProjectID); err != nil || ok {
			return err
		}
	}
	st.ProjectID, st.Apps = newUUID(), map[string]string{}
	if _, err := s.store.CreateProject(ctx, st.ProjectID, "dev"); err != nil {
		return err
	}
	key, err := s.store.CreateKey(ctx, st.ProjectID, "", "")
	if err != nil {
		return err
	}
	st.KeyID, st.KeySecret, st.WebhookSecret = key.ID, key.Secret, rand.Text()
	return nil
}

// devApp creates an app whose callbacks go to parley listen. If there is one it
// only adds the credentials of channels that it lacks: those that were built in
// since.
func (s *Server) devApp(ctx context.Context, st *devState, name string, credentials []parley.ChannelCredential) error {
	app, err := s.engine.App(ctx, st.ProjectID, st.Apps[name])
	if err == nil {
		return s.completeDevApp(ctx, st, app, credentials)
	}
	if parley.CodeOf(err) != parley.CodeNotFound {
		return err
	}
	app, err = s.engine.CreateApp(ctx, st.ProjectID, &parley.App{
		DisplayName: name, ChannelCredentials: credentials, ProcessingMode: parley.ModeConversation,
	})
	if err != nil {
		return fmt.Errorf("create the app: %w", err)
	}
	st.Apps[name] = app.ID
	triggers := parley.Triggers()
	if name != devApp {
		// Contacts are reported to every app: once is enough for one listener.
		triggers = slices.DeleteFunc(triggers, func(t parley.Trigger) bool { return strings.HasPrefix(string(t), "CONTACT_") })
	}
	_, err = s.engine.CreateWebhook(ctx, st.ProjectID, &parley.Webhook{
		AppID: app.ID, Target: st.Listener, Secret: st.WebhookSecret, Triggers: triggers,
	})
	if err != nil {
		return fmt.Errorf("create the webhook: %w", err)
	}
	return nil
}

func (s *Server) completeDevApp(ctx context.Context, st *devState, app *parley.App, credentials []parley.ChannelCredential) error {
	all := app.ChannelCredentials
	for _, c := range credentials {
		if !slices.ContainsFunc(all, func(has parley.ChannelCredential) bool { return has.Channel == c.Channel }) {
			all = append(all, c)
		}
	}
	if len(all) == len(app.ChannelCredentials) {
		return nil
	}
	body, err := json.Marshal(map[string]any{"channel_credentials": all})
	if err != nil {
		return err
	}
	if _, err := s.engine.UpdateApp(ctx, st.ProjectID, app.ID, body, []string{"channel_credentials"}); err != nil {
		return fmt.Errorf("complete the app: %w", err)
	}
	return nil
}

// print says what is ready and what to try.
func (st *devState) print(out io.Writer) error {
	_, err := fmt.Fprintf(out, `
Parley is ready at %[1]s

  project  %[2]s
  key      %[4]s
  secret   %[5]s
%[9]s
Send a message (paste this into another terminal):

  curl -sS -u %[4]s:%[5]s \
    %[1]s/v1/projects/%[2]s/messages:send \
    -H 'Content-Type: application/json' -d '{"app_id":"%[3]s",
      "recipient":{"identified_by":{"channel_identities":[{"channel":"%[6]s","identity":"%[7]s"}]}},
      "message":{"choice_message":{"text_message":{"text":"Hello from Parley. Coffee or tea?"},
        "choices":[{"text_message":{"text":"Coffee"}},{"text_message":{"text":"Tea"}}]}}}'

Any identity of the channel has a handset. Then, each in a terminal of its own:

  bin/parley listen                                  the app's callbacks, signatures checked
  bin/parley handset show %[6]s:%[7]s       what the phone shows
  bin/parley handset tap %[6]s:%[7]s Tea    tap a choice
  bin/parley handset reply %[6]s:%[7]s Hi   answer

The handsets' own API is at %[8]s/handsets. Stop with Ctrl-C; the data stays.
`, st.Server, st.ProjectID, st.Apps[devApp], st.KeyID, st.KeySecret,
		devAccounts()[0].channel, devAccounts()[0].handset, st.Simulator, st.printApps())
	return err
}

// printApps lists the apps with their channels, and whom to write to on each.
func (st *devState) printApps() string {
	var main, further strings.Builder
	fmt.Fprintf(&main, "\n  app      %s  %s\n", st.Apps[devApp], devApp)
	further.WriteString("\nFurther providers of a channel have an app each:\n\n")
	for _, a := range devAccounts() {
		if a.app == devApp {
			fmt.Fprintf(&main, "           %-13s such as %s\n", a.channel, a.handset)
		} else {
			fmt.Fprintf(&further, "  %s  %-20s %-8s such as %s\n", st.Apps[a.app], a.app, a.channel, a.handset)
		}
	}
	return main.String() + further.String()
}

// newUUID returns a random UUID (version 4), the shape of the hosted API's
// project ids.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
