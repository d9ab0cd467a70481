package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/parley-im/parley/test/parleytest"
)

// The load: so many clients at once, each writing to all contacts in turn.
const (
	clients  = 24
	contacts = 8
)

// Between two requests of a client, and after one that was not answered.
const (
	pace       = 5 * time.Millisecond
	whenNoSign = 20 * time.Millisecond
)

// A rig is a server with all that is around it.
type rig struct {
	t       *testing.T
	account account
	sim     *parleytest.Simulator
	sink    *parleytest.Sink
	servers []*parleytest.Server
	appID   string

	mu    sync.Mutex
	acked []sent
	more  chan struct{} // closed and replaced at every acknowledgement
}

// A sent is a message that was acknowledged.
type sent struct{ id, text string }

// newRig starts n servers on one database and an app on the account.
func newRig(t *testing.T, a account, databaseURL string, n int) *rig {
	t.Helper()
	r := &rig{
		t: t, account: a, sim: parleytest.StartSimulator(t), sink: parleytest.StartSink(t), more: make(chan struct{}),
	}
	env := []string{
		"PARLEY_RATE_LIMITS=off",
		// Long enough for anything on loopback, on a busy machine.
		"PARLEY_SETTLE_AFTER=500ms", "PARLEY_UNKNOWN_AFTER=4s",
	}
	for range n {
		s := parleytest.Start(t, parleytest.Options{DatabaseURL: databaseURL, Simulator: r.sim, Env: env})
		r.servers = append(r.servers, s)
		// Providers report to the first, in place of a load balancer.
		env = append(slices.Clone(env), "PARLEY_PUBLIC_URL="+r.servers[0].URL)
	}
	r.appID = r.sim.NewApp(t, r.servers[0], a.name, r.sink)
	return r
}

// identity is the address of a contact.
func (r *rig) identity(contact int) string {
	if r.account.channel == "TELEGRAM" {
		return strconv.Itoa(5000 + contact)
	}
	return strconv.Itoa(46701000000 + contact)
}

// send sends one message; an error says that nobody knows what became of it.
func (r *rig) send(server *parleytest.Server, contact int, text string) error {
	status, answer, err := server.Do(context.Background(), http.MethodPost, "/messages:send", map[string]any{
		"app_id": r.appID,
		"recipient": map[string]any{"identified_by": map[string]any{"channel_identities": []any{
			map[string]any{"channel": r.account.channel, "identity": r.identity(contact)},
		}}},
		"message": map[string]any{"text_message": map[string]any{"text": text}},
	})
	if err != nil {
		return err
	}
	var accepted struct {
		ID string `json:"message_id"`
	}
	if status != http.StatusOK || json.Unmarshal(answer, &accepted) != nil || accepted.ID == "" {
		r.t.Errorf("send: %d %s", status, answer)
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acked = append(r.acked, sent{accepted.ID, text})
	close(r.more)
	r.more = make(chan struct{})
	return nil
}

// sendAll sends count messages to each contact, one after the other, which
// must all be acknowledged.
func (r *rig) sendAll(name string, count int) {
	r.t.Helper()
	for i := range count {
		for contact := range contacts {
			if err := r.send(r.servers[0], contact, label(name, 0, contact, i)); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

// label is the text of a message, which no other has. Texts of one stream and
// contact sort in the order they were sent.
func label(name string, client, contact, seq int) string {
	return fmt.Sprintf("%s-%03d-%03d %06d", name, client, contact, seq)
}

// load has clients send until the returned function is called, each to its
// server, through times when that does not answer.
func (r *rig) load(name string) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	for client := range clients {
		running.Go(func() {
			server := r.servers[client%len(r.servers)]
			for seq := 0; ; seq++ {
				contact := (client + seq) % contacts
				wait := pace
				if r.send(server, contact, label(name, client, contact, seq)) != nil {
					wait = whenNoSign
				}
				select {
				case <-done:
					return
				case <-time.After(wait):
				}
			}
		})
	}
	return func() {
		close(done)
		running.Wait()
	}
}

// awaitAcks returns once n more messages were acknowledged.
func (r *rig) awaitAcks(n int) {
	r.t.Helper()
	late := time.After(time.Minute)
	r.mu.Lock()
	defer r.mu.Unlock()
	for want := len(r.acked) + n; len(r.acked) < want; {
		more := r.more
		r.mu.Unlock()
		select {
		case <-more:
		case <-late:
			r.mu.Lock()
			r.t.Fatalf("%d messages were acknowledged within a minute, not %d", len(r.acked), want)
		}
		r.mu.Lock()
	}
}

// acknowledged returns the messages that were acknowledged so far.
func (r *rig) acknowledged() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.acked)
}
