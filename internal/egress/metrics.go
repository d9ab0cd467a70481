package egress

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// An outcome is how an exchange ended, as far as its answer's headers.
type outcome int

const (
	outcome2xx outcome = iota
	outcome3xx
	outcome4xx
	outcome5xx
	outcomeOther // a status outside these
	outcomePrivate
	outcomeCanceled
	outcomeTimeout
	outcomeUnreachable // no connection: the name, the network or the port
	outcomeBroken      // a connection, but no proper answer
)

// outcomeNames is the closed set of the label's values, by outcome.
var outcomeNames = [...]string{
	outcome2xx: "2xx", outcome3xx: "3xx", outcome4xx: "4xx", outcome5xx: "5xx", outcomeOther: "other",
	outcomePrivate: "private", outcomeCanceled: "canceled", outcomeTimeout: "timeout",
	outcomeUnreachable: "unreachable", outcomeBroken: "broken",
}

func outcomeOf(resp *http.Response, err error) outcome {
	if err == nil {
		switch resp.StatusCode / 100 {
		case 2:
			return outcome2xx
		case 3:
			return outcome3xx
		case 4:
			return outcome4xx
		case 5:
			return outcome5xx
		}
		return outcomeOther
	}
	if errors.Is(err, ErrPrivate) {
		return outcomePrivate
	}
	if errors.Is(err, context.Canceled) {
		return outcomeCanceled
	}
	if isTimeout(err) {
		return outcomeTimeout
	}
	if _, ok := errors.AsType[*dialError](err); ok {
		return outcomeUnreachable
	}
	return outcomeBroken
}

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) metrics {
	return metrics{
		requests: register(r, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_egress_requests_total",
			Help: "HTTP requests sent to others, by client and outcome.",
		}, []string{"client", "outcome"})),
		duration: register(r, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "parley_egress_request_duration_seconds",
			Help:    "Time from an HTTP request to the headers of its answer, or to its failure.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"client"})),
	}
}

// register returns c, or its twin when another Egress registered it before.
// One that cannot be registered still counts, unseen.
func register[C prometheus.Collector](r prometheus.Registerer, c C) C {
	if r == nil {
		return c
	}
	if twin, ok := errors.AsType[prometheus.AlreadyRegisteredError](r.Register(c)); ok {
		if same, ok := twin.ExistingCollector.(C); ok {
			return same
		}
	}
	return c
}

// clientMetrics are one client's, looked up once and not at every request.
type clientMetrics struct {
	requests [len(outcomeNames)]prometheus.Counter
	duration prometheus.Observer
}

func (m *metrics) client(name string) *clientMetrics {
	c := &clientMetrics{duration: m.duration.WithLabelValues(name)}
	for i := range c.requests {
		c.requests[i] = m.requests.WithLabelValues(name, outcomeNames[i])
	}
	return c
}

func (c *clientMetrics) observe(resp *http.Response, err error, took time.Duration) {
	c.requests[outcomeOf(resp, err)].Inc()
	c.duration.Observe(took.Seconds())
}
