package fake

import (
	"slices"
	"sync"

	"github.com/parley-im/parley/internal/channel"
)

// A Script says how an attempt ends, in place of the provider. It may be
// called by several goroutines at once.
type Script func(channel.Attempt) (channel.ProviderID, error)

// Accept is the script of a provider that takes everything: the attempt's key
// becomes its id, so that a repeat gets the same one.
func Accept(a channel.Attempt) (channel.ProviderID, error) {
	return channel.ProviderID("fake-" + a.Key), nil
}

// Attempts returns every attempt made so far, in order.
func (f *Channel) Attempts() []channel.Attempt { return f.attempts.list() }

type recorder struct {
	mu  sync.Mutex
	all []channel.Attempt
}

func (r *recorder) add(a channel.Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, a)
}

func (r *recorder) list() []channel.Attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}
