// Package chaos breaks a server at work, in every way a machine or a network
// breaks it, and checks what the server promises: a message it took is
// delivered, once, and the app hears of it.
//
//	go test ./test/chaos -run Kill -rounds 50
package chaos

import (
	"flag"
	"testing"

	"github.com/parley-im/parley/internal/store/storetest"
	"github.com/parley-im/parley/test/parleytest"
)

func TestMain(m *testing.M) { parleytest.Main(m) }

var rounds = flag.Int("rounds", 3, "how often each server is killed")

// An account is what a channel's provider lets us promise.
type account struct {
	name    string
	channel string
	// exact: after an attempt whose answer was lost the provider can be asked,
	// so that every message arrives. Elsewhere such a message is not sent
	// again, and reported as failed unless a receipt tells better.
	exact bool
	// receipts: the provider reports delivery.
	receipts bool
}

// accounts is every provider.
func accounts() []account {
	return []account{
		{name: parleytest.SMS, channel: "SMS", exact: true, receipts: true},
		{name: parleytest.WhatsApp, channel: "WHATSAPP", receipts: true},
		{name: parleytest.Telegram, channel: "TELEGRAM"},
		{name: parleytest.SMPP, channel: "SMS", receipts: true},
	}
}

// A database makes a new, empty database and returns its URL.
type database struct {
	name string
	make func(testing.TB) string
}

func databases() []database {
	return []database{
		{"SQLite", func(testing.TB) string { return "" }},
		{"PostgreSQL", storetest.Postgres},
	}
}

// everywhere runs a test for each account on each database.
func everywhere(t *testing.T, test func(t *testing.T, a account, d database)) {
	t.Helper()
	for _, d := range databases() {
		for _, a := range accounts() {
			t.Run(d.name+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				test(t, a, d)
			})
		}
	}
}
