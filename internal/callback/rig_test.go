package callback

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/egress"
	"github.com/parley-im/parley/internal/store"
)

const secret = "CactusKnight_SurfsWaves"

// A rig is a Sender, its one webhook and what it logs and counts.
type rig struct {
	sender  *Sender
	hook    *parley.Webhook
	app     *parley.App
	lookup  error // what looking up fails with
	now     time.Time
	metrics *prometheus.Registry

	mu  sync.Mutex
	log bytes.Buffer
}

func (r *rig) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(b)
}

func newRig(t *testing.T, targetURL string, client *http.Client) *rig {
	t.Helper()
	r := &rig{
		hook: &parley.Webhook{
			ID: "w1", AppID: "a1", Target: targetURL, TargetType: parley.TargetHTTP, Secret: secret,
			Triggers: []parley.Trigger{parley.TriggerMessageSubmit},
		},
		app:     &parley.App{ID: "a1", CallbackSettings: &parley.CallbackSettings{SecretForOverriddenCallbackURLs: "override" + secret}},
		now:     start,
		metrics: prometheus.NewRegistry(),
	}
	if client == nil {
		e := egress.New(egress.Options{AllowPrivate: true, Now: func() time.Time { return start }})
		t.Cleanup(e.Close)
		client = e.Client("callback", egress.ClientOptions{})
	}
	r.sender = New(Options{
		Client:  client,
		Webhook: func(context.Context, string, string) (*parley.Webhook, error) { return r.hook, r.lookup },
		App:     func(context.Context, string, string) (*parley.App, error) { return r.app, r.lookup },
		Now:     func() time.Time { return r.now },
		Log:     slog.New(slog.NewJSONHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: r.metrics,
	})
	return r
}

func (r *rig) job(t *testing.T) *store.Job {
	t.Helper()
	jobs, err := Jobs("p1", submitted(), parley.TriggerMessageSubmit, []*parley.Webhook{r.hook})
	if err != nil || len(jobs) != 1 {
		t.Fatalf("Jobs = %d jobs, %v", len(jobs), err)
	}
	return jobs[0]
}

// counts returns the attempts by outcome, without those that are none.
func (r *rig) counts(t *testing.T) map[string]int {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, f := range families {
		if f.GetName() != "parley_callback_attempts_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if n := m.GetCounter().GetValue(); n > 0 {
				out[label(m)] = int(n)
			}
		}
	}
	return out
}

func label(m *dto.Metric) string { return m.GetLabel()[0].GetValue() }

// noSecrets checks that neither an error nor the log shows what must stay
// hidden.
func (r *rig) noSecrets(t *testing.T, err error) {
	t.Helper()
	r.mu.Lock()
	text := r.log.String()
	r.mu.Unlock()
	if err != nil {
		text += err.Error()
	}
	for _, hidden := range []string{secret, "pa55word", "s3cretpath", "key=", "t0ken", "é"} {
		if strings.Contains(text, hidden) {
			t.Errorf("%q is shown in: %s", hidden, text)
		}
	}
}

// wait returns how long until the next attempt, or -1 when there is to be
// none.
func wait(t *testing.T, err error) time.Duration {
	t.Helper()
	if err == nil {
		return -1
	}
	m := regexp.MustCompile(`^again after ([^:]+)`).FindStringSubmatch(err.Error())
	if m == nil {
		t.Fatalf("not a verdict of the queue: %v", err)
	}
	d, perr := time.ParseDuration(m[1])
	if perr != nil {
		t.Fatal(perr)
	}
	return d
}

// answer is a receiver that always says the same.
func answer(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}
