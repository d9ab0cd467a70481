package chaos

import (
	"math/rand/v2"
	"testing"
	"time"
)

// settling is far longer than a server takes for what is left after the load.
const settling = 60 * time.Second

// TestKill kills a server under load, as a power cut does, and starts it again
// on the same data while the load goes on.
func TestKill(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, a account, d database) {
		r := newRig(t, a, d.make(t), 1)
		stop := r.load("kill")
		for range *rounds {
			r.awaitAcks(1 + rand.IntN(400))
			r.servers[0].Kill()
			r.servers[0].Restart()
		}
		r.awaitAcks(100)
		stop()
		p := promise{ordered: true, within: settling}
		if !a.exact {
			p.unknown = *rounds * contacts // one attempt for each conversation
		}
		r.check(p)
	})
}

// TestStop stops a server under load in good order: nothing is left in doubt.
func TestStop(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, a account, d database) {
		r := newRig(t, a, d.make(t), 1)
		stop := r.load("stop")
		for range 2 {
			r.awaitAcks(1 + rand.IntN(400))
			r.servers[0].Stop()
			r.servers[0].Restart()
		}
		r.awaitAcks(100)
		stop()
		r.check(promise{ordered: true, within: settling})
	})
}
