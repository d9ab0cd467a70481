package callback

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// An outcome is how an attempt at a callback ended.
type outcome int

const (
	outcomeDelivered outcome = iota
	outcomeRetried           // failed, to be tried again
	outcomeDropped           // failed in a way a repeat cannot mend
	outcomeGivenUp           // failed for a day
	outcomeGone              // the webhook or app was deleted or muted
)

// outcomeNames is the closed set of the label's values, by outcome.
var outcomeNames = [...]string{
	outcomeDelivered: "delivered", outcomeRetried: "retried", outcomeDropped: "dropped",
	outcomeGivenUp: "given_up", outcomeGone: "gone",
}

type metrics struct {
	attempts [len(outcomeNames)]prometheus.Counter
	delay    prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) metrics {
	attempts := promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "parley_callback_attempts_total",
		Help: "Attempts to deliver a callback, by outcome.",
	}, []string{"outcome"})
	m := metrics{delay: promauto.With(r).NewHistogram(prometheus.HistogramOpts{
		Name:    "parley_callback_delay_seconds",
		Help:    "Time from what a callback tells of to its delivery.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 600, 3600, 21600, 86400},
	})}
	for i, name := range outcomeNames {
		m.attempts[i] = attempts.WithLabelValues(name)
	}
	return m
}

func (m *metrics) count(o outcome) { m.attempts[o].Inc() }
