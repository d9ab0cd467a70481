package queue

import (
	"errors"
	"fmt"
	"time"
)

// verdict is what a worker says about a job that is not done.
type verdict struct {
	after time.Duration
	count bool // the attempt counts
	stop  bool
	err   error
}

func (v *verdict) Error() string {
	switch {
	case v.stop:
		return fmt.Sprintf("stop: %v", v.err)
	case v.err != nil:
		return fmt.Sprintf("again after %v: %v", v.after, v.err)
	}
	return fmt.Sprintf("again after %v", v.after)
}

func (v *verdict) Unwrap() error { return v.err }

// Retry asks for the job to be run again after d; the attempt counts.
func Retry(d time.Duration, err error) error { return &verdict{after: d, count: true, err: err} }

// Snooze asks for the job to be run again after d; the attempt does not count.
func Snooze(d time.Duration) error { return &verdict{after: d} }

// Stop says that the job failed for good and must not be run again.
func Stop(err error) error { return &verdict{stop: true, err: err} }

// Settled says that the worker itself deleted the job, in the transaction in
// which it wrote the outcome.
var Settled = errors.New("settled") //nolint:errname,staticcheck // reads as the verdict it is: return queue.Settled
