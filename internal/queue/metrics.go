package queue

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	jobs     *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_jobs_total", Help: "Jobs run, by kind and verdict.",
		}, []string{"kind", "verdict"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parley_job_duration_seconds", Help: "How long jobs ran, by kind.",
			Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 60},
		}, []string{"kind"}),
	}
	if r != nil {
		r.MustRegister(m.jobs, m.duration)
	}
	return m
}

func (m *metrics) done(kind string, err error, d time.Duration) {
	word := "done"
	if err != nil && !errors.Is(err, Settled) {
		word = "retry"
		if v, ok := errors.AsType[*verdict](err); ok {
			switch {
			case v.stop:
				word = "stop"
			case !v.count:
				word = "snooze"
			}
		}
	}
	m.jobs.WithLabelValues(kind, word).Inc()
	m.duration.WithLabelValues(kind).Observe(d.Seconds())
}

// Describe implements prometheus.Collector for the queue's depth.
func (q *Queue) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(q, ch) }

// Collect implements prometheus.Collector: what is in memory now.
func (q *Queue) Collect(ch chan<- prometheus.Metric) {
	held := prometheus.NewDesc("parley_jobs_in_memory", "Jobs held in memory, by kind and state.", []string{"kind", "state"}, nil)
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, k := range q.kinds {
		waiting := 0
		for _, l := range k.lanes {
			waiting += len(l.jobs)
		}
		ch <- prometheus.MustNewConstMetric(held, prometheus.GaugeValue, float64(k.running), name, "running")
		ch <- prometheus.MustNewConstMetric(held, prometheus.GaugeValue, float64(waiting), name, "waiting")
	}
}
