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
	ListenerURL     string `help:"Where the ready app's callbacks go: parley listen." name:"listener-url" default:"http://127.0.0.1:8082/" env:"PARLEY_LISTENER_URL"`
}

// devState is what parley dev made at its first start, kept in the data
// directory so that it is the same at the next one, and for the other commands
// to read.
type devState struct {
	ProjectID     string `json:"project_id"`
	KeyID         string `json:"key_id"`
	KeySecret     string `json:"key_secret"`
	AppID         string `json:"app_id"`
	SMPPAppID     string `json:"smpp_app_id"`
	WebhookSecret string `json:"webhook_secret"`

	Server    string `json:"server"`
	Simulator string `json:"simulator"`
	Listener  string `json:"listener"`
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
	return st, nil
}

func (st *devState) write(dataDir string) error {
	raw, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(devStatePath(dataDir), append(raw, '\n'), 0o600)
}

// The accounts at the simulated providers. They open nothing but a simulator
// on this machine.
const (
	devTelegramToken = "100200300:parley-dev-telegram-bot-token"
	devWhatsAppID    = "106540352242922"
	devPlan          = "parley-dev-plan"
	devSystemID      = "parley"
	devPassword      = "parley1"
	devSender        = "12025550100"
	devHandset       = "12025550123"
	devChat          = "1001"
	devToken         = "parley-dev-token" //nolint:gosec // opens a simulator only
)

// Dev runs the server and the simulated providers in one process, over the
// real adapters and protocols, with an app that is ready to use.
func Dev(ctx context.Context, cfg Config, o DevOptions, log *slog.Logger, out io.Writer) error {
	var lc net.ListenConfig
	web, err := lc.Listen(ctx, "tcp", o.SimulatorListen)
	if err != nil {
		return fmt.Errorf("listen for the simulator: %w", err)
	}
	defer func() { _ = web.Close() }()
	smpp, err := lc.Listen(ctx, "tcp", o.SMPPListen)
	if err != nil {
		return fmt.Errorf("listen for the simulated SMPP centre: %w", err)
	}
	defer func() { _ = smpp.Close() }()

	base := "http://" + web.Addr().String()
	cfg.AllowPrivateTargets = true
	cfg.Channels = ChannelURLs{
		Telegram: base + "/telegram", WhatsApp: base + "/graph", SMSSinch: base + "/sms-sinch",
		SMSSMPP: "smpp://" + smpp.Addr().String(),
	}
	srv, err := NewServer(ctx, cfg, log)
	if err != nil {
		return err
	}
	sim := simulator.New(simulator.Options{Logger: log.With(slog.String("part", "simulator")), Now: time.Now})
	defer sim.Close()
	hs := &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	simCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	go func() { _ = hs.Serve(web) }()
	defer func() { _ = hs.Close() }()
	go func() { _ = sim.Serve(simCtx, simulator.ProviderSMPP, smpp) }()
	// The accounts must be there when the server looks; where they call back is
	// known only once the app is made.
	if err := errors.Join(
		sim.Put(ctx, simulator.ProviderSMPP, devSystemID, simulator.SMPPAccount{Password: devPassword, Number: devSender}),
		sim.Put(ctx, simulator.ProviderTelegram, devTelegramToken, simulator.TelegramAccount{Username: "parley_dev_bot", Name: "Demo"}),
		sim.Put(ctx, simulator.ProviderSinch, devPlan, simulator.SinchAccount{Token: devToken, DefaultOriginator: devSender}),
		sim.Put(ctx, simulator.ProviderWhatsApp, devWhatsAppID, simulator.WhatsAppAccount{Token: devToken}),
	); err != nil {
		return err
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
		if err := devCallbacks(ctx, sim, st, srv.cfg.PublicURL); err != nil {
			return err
		}
		return st.print(out)
	})
}

// prepareDev makes the project, key, apps and webhook, where an earlier run
// has not.
func (s *Server) prepareDev(ctx context.Context, o DevOptions) (*devState, error) {
	st, err := readDevState(s.cfg.DataDir)
	if err != nil {
		return nil, err
	}
	st.Server, st.Listener = s.URL(), o.ListenerURL
	if st.ProjectID != "" {
		if ok, err := s.store.HasProject(ctx, st.ProjectID); err != nil || ok {
			return &st, err
		}
	}
	st.ProjectID = newUUID()
	if _, err := s.store.CreateProject(ctx, st.ProjectID, "dev"); err != nil {
		return nil, err
	}
	key, err := s.store.CreateKey(ctx, st.ProjectID, "", "")
	if err != nil {
		return nil, err
	}
	st.KeyID, st.KeySecret, st.WebhookSecret = key.ID, key.Secret, rand.Text()
	if st.AppID, err = s.devApp(ctx, &st, "Demo", devCredentials(st.WebhookSecret), parley.Triggers()); err != nil {
		return nil, err
	}
	smpp := []parley.ChannelCredential{{
		Channel: parley.ChannelSMS, StaticBearer: &parley.StaticBearer{ClaimedIdentity: devSystemID, Token: devPassword},
		Provider: "smpp", ProviderSettings: json.RawMessage(`{"host":"127.0.0.1","default_sender":"` + devSender + `","rate_limit_per_s":0}`),
	}}
	// Contacts are reported to every app: once is enough for one listener.
	triggers := slices.DeleteFunc(parley.Triggers(), func(t parley.Trigger) bool { return strings.HasPrefix(string(t), "CONTACT_") })
	st.SMPPAppID, err = s.devApp(ctx, &st, "Demo over SMPP", smpp, triggers)
	return &st, err
}

// devApp creates an app whose callbacks go to parley listen.
func (s *Server) devApp(ctx context.Context, st *devState, name string, creds []parley.ChannelCredential,
	triggers []parley.Trigger,
) (string, error) {
	app, err := s.engine.CreateApp(ctx, st.ProjectID, &parley.App{
		DisplayName: name, ChannelCredentials: creds, ProcessingMode: parley.ModeConversation,
	})
	if err != nil {
		return "", fmt.Errorf("create the app: %w", err)
	}
	_, err = s.engine.CreateWebhook(ctx, st.ProjectID, &parley.Webhook{
		AppID: app.ID, Target: st.Listener, Secret: st.WebhookSecret, Triggers: triggers,
	})
	if err != nil {
		return "", fmt.Errorf("create the webhook: %w", err)
	}
	return app.ID, nil
}

// devCredentials are the credentials of the simulated accounts.
func devCredentials(secret string) []parley.ChannelCredential {
	settings, err := json.Marshal(map[string]string{"app_secret": secret, "verify_token": secret})
	if err != nil {
		panic(err) // a map of strings can be encoded
	}
	return []parley.ChannelCredential{
		{
			Channel:          parley.ChannelWhatsApp,
			StaticBearer:     &parley.StaticBearer{ClaimedIdentity: devWhatsAppID, Token: devToken},
			ProviderSettings: settings,
		},
		{
			Channel: parley.ChannelSMS, StaticBearer: &parley.StaticBearer{ClaimedIdentity: devPlan, Token: devToken},
			CallbackSecret: secret, ProviderSettings: json.RawMessage(`{"default_sender":"` + devSender + `"}`),
		},
		{Channel: parley.ChannelTelegram, Telegram: &parley.TelegramCredentials{Token: devTelegramToken}},
	}
}

// devCallbacks tells the simulated providers where the accounts call back.
func devCallbacks(ctx context.Context, sim *simulator.Simulator, st *devState, public string) error {
	if err := sim.Put(ctx, simulator.ProviderSinch, devPlan, simulator.SinchAccount{
		Token: devToken, CallbackURL: public + "/channels/sms/" + st.AppID, CallbackSecret: st.WebhookSecret, DefaultOriginator: devSender,
	}); err != nil {
		return err
	}
	return sim.Put(ctx, simulator.ProviderWhatsApp, devWhatsAppID, simulator.WhatsAppAccount{
		Token: devToken, AppSecret: st.WebhookSecret, VerifyToken: st.WebhookSecret,
		WebhookURL: public + "/channels/whatsapp/" + st.AppID, DisplayPhoneNumber: devSender,
	})
}

// print says what is ready and what to try.
func (st *devState) print(out io.Writer) error {
	_, err := fmt.Fprintf(out, `
Parley is ready at %[1]s

  project  %[2]s
  app      %[3]s  WHATSAPP, SMS, TELEGRAM
  app      %[4]s  SMS over SMPP
  key      %[5]s
  secret   %[6]s

Send a message (paste this into another terminal):

  curl -sS -u %[5]s:%[6]s \
    %[1]s/v1/projects/%[2]s/messages:send \
    -H 'Content-Type: application/json' -d '{"app_id":"%[3]s",
      "recipient":{"identified_by":{"channel_identities":[{"channel":"WHATSAPP","identity":"%[7]s"}]}},
      "message":{"choice_message":{"text_message":{"text":"Hello from Parley. Coffee or tea?"},
        "choices":[{"text_message":{"text":"Coffee"}},{"text_message":{"text":"Tea"}}]}}}'

SMS works with the same number; TELEGRAM with the chat %[8]s. Then, each in a terminal of its own:

  bin/parley listen                                    the app's callbacks, signatures checked
  bin/parley handset show WHATSAPP:%[7]s       what the phone shows
  bin/parley handset tap WHATSAPP:%[7]s Tea    tap a choice
  bin/parley handset reply WHATSAPP:%[7]s Hi   answer

The handsets' own API is at %[9]s/handsets. Stop with Ctrl-C; the data stays.
`, st.Server, st.ProjectID, st.AppID, st.SMPPAppID, st.KeyID, st.KeySecret, devHandset, devChat, st.Simulator)
	return err
}

// newUUID returns a random UUID (version 4), the shape of the hosted API's
// project ids.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
