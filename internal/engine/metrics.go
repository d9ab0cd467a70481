package engine

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/parley-im/parley"
)

// metrics count what happens to messages. Label values come from closed sets.
type metrics struct {
	accepted  prometheus.Counter
	unmatched prometheus.Counter
	attempts  *prometheus.CounterVec
	took      *prometheus.HistogramVec
	failures  *prometheus.CounterVec
	receipts  *prometheus.CounterVec
	inbound   *prometheus.CounterVec
	events    *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	return &metrics{
		accepted: f.NewCounter(prometheus.CounterOpts{
			Name: "parley_messages_accepted_total", Help: "App messages accepted for sending.",
		}),
		unmatched: f.NewCounter(prometheus.CounterOpts{
			Name: "parley_receipts_unmatched_total", Help: "Receipts given up because no message matched.",
		}),
		attempts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_attempts_total", Help: "Attempts to hand a payload to a provider.",
		}, []string{"channel", "outcome", "reason"}),
		took: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parley_attempt_duration_seconds", Help: "How long attempts took.",
			Buckets: []float64{.005, .025, .1, .25, 1, 2.5, 10, 30},
		}, []string{"channel"}),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_message_failures_total", Help: "Messages that failed or switched channel.",
		}, []string{"channel", "status", "reason"}),
		receipts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_receipts_total", Help: "Receipts matched to a message.",
		}, []string{"channel", "status"}),
		inbound: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_inbound_total", Help: "Things received from providers, receipts aside.",
		}, []string{"channel", "kind"}),
		events: f.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_events_total", Help: "App events shown, or given up.",
		}, []string{"channel", "status", "reason"}),
	}
}

func (m *metrics) attempt(ch parley.Channel, outcome, reason string, took time.Duration) {
	m.attempts.WithLabelValues(string(ch), outcome, reason).Inc()
	m.took.WithLabelValues(string(ch)).Observe(took.Seconds())
}

func (m *metrics) failed(ch parley.Channel, status parley.DeliveryStatus, reason parley.ReasonCode) {
	m.failures.WithLabelValues(string(ch), string(status), string(reason)).Inc()
}

func (m *metrics) receipt(ch parley.Channel, status parley.DeliveryStatus) {
	m.receipts.WithLabelValues(string(ch), string(status)).Inc()
}

func (m *metrics) received(ch parley.Channel, kind string) {
	m.inbound.WithLabelValues(string(ch), kind).Inc()
}
