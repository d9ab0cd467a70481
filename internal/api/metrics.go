package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) metrics {
	return metrics{
		requests: promauto.With(r).NewCounterVec(prometheus.CounterOpts{
			Name: "parley_http_requests_total",
			Help: "HTTP requests answered, by operation, method and class of status.",
		}, []string{"operation", "method", "class"}),
		duration: promauto.With(r).NewHistogramVec(prometheus.HistogramOpts{
			Name:    "parley_http_request_duration_seconds",
			Help:    "Time from the headers of an HTTP request to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation"}),
	}
}

// A meter is one endpoint's metrics, looked up once and not at every request.
type meter struct {
	operation, method string
	classes           [5]prometheus.Counter // 1xx to 5xx
	duration          prometheus.Observer
}

func (m metrics) meter(operation, method string) *meter {
	e := &meter{operation: operation, method: method, duration: m.duration.WithLabelValues(operation)}
	for i, class := range []string{"1xx", "2xx", "3xx", "4xx", "5xx"} {
		e.classes[i] = m.requests.WithLabelValues(operation, method, class)
	}
	return e
}

func (m *meter) observe(status int, took time.Duration) {
	m.classes[min(max(status/100, 1), len(m.classes))-1].Inc()
	m.duration.Observe(took.Seconds())
}
