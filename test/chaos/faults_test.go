package chaos

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/test/parleytest"
)

// TestLostAnswers has providers cut the connection in the middle of attempts,
// before or after they took the message.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, a account, d database) {
		cut := 2 // attempts for each of two contacts
		if a.name == parleytest.SMPP {
			cut = 1 // each costs the session, which comes back ever more slowly
		}
		r := newRig(t, a, d.make(t), 1)
		for contact, hang := range map[int]string{1: simulator.HangBefore, 2: simulator.HangAfter} {
			b := simulator.Behaviour{Hang: hang, Times: cut}
			if err := r.sim.SetBehaviour(a.channel, r.identity(contact), b); err != nil {
				t.Fatal(err)
			}
		}
		r.sendAll("cut", 6)
		p := promise{ordered: true, within: settling}
		switch {
		case a.exact:
		case a.name == parleytest.SMPP:
			p.unknown = 2 * cut * contacts // a session lost loses what was under way on it
		default:
			p.unknown = 2 * cut
		}
		r.check(p)
	})
}

// TestProviderAway has providers vanish and come back: what nobody took is
// sent when they are back.
func TestProviderAway(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, a account, d database) {
		r := newRig(t, a, d.make(t), 1)
		r.sendAll("before", 1)
		r.await(r.acknowledged(), settling)
		r.sim.Leave()
		r.sendAll("while", 2)
		r.servers[0].Kill()
		r.servers[0].Restart()
		r.sim.Return()
		p := promise{ordered: true, within: settling}
		if !a.exact {
			p.unknown = contacts // an attempt was under way when the server died
		}
		r.check(p)
	})
}

// TestSinkAway has the app's webhook fail and the server die meanwhile.
func TestSinkAway(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, a account, d database) {
		r := newRig(t, a, d.make(t), 1)
		r.sink.SetDown(true)
		r.sendAll("sink", 3)
		parleytest.Eventually(t, settling, func() string {
			each := 2 // callbacks: submitted, queued on the channel, and delivered
			if a.receipts {
				each = 3
			}
			if n, want := r.sink.Refused(), each*len(r.acknowledged()); n < want {
				return fmt.Sprintf("%d callbacks were tried, want %d", n, want)
			}
			return ""
		})
		r.servers[0].Kill()
		r.sink.SetDown(false)
		r.servers[0].Restart()
		r.check(promise{ordered: true, within: settling})
	})
}

// takeover is how long a dead node's work may rest: its lease of 30 s, and the
// other's heartbeat of 10 s.
const takeover = 45 * time.Second

// TestNodes kills one of two servers on one database under load; the other
// takes over what it left.
func TestNodes(t *testing.T) {
	t.Parallel()
	postgres := databases()[1]
	for _, a := range accounts()[:2] {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, a, postgres.make(t), 2)
			stop := r.load("node")
			r.awaitAcks(200 + rand.IntN(400))
			// The first is the one the provider's webhooks go to.
			r.servers[1].Kill()
			r.awaitAcks(100)
			stop()
			p := promise{within: takeover + settling}
			if !a.exact {
				p.unknown = contacts
			}
			r.check(p)
		})
	}
}
