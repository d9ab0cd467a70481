package app

import (
	"fmt"
	"os"
)

// A nodeFile keeps the id under which a server works on its jobs. Whoever holds
// the lock of the data directory knows that the node of that id is dead, and
// need not wait until its lease runs out. It counts on the same host only: not
// every network file system keeps a lock across hosts.
type nodeFile string

// read returns the id, or 0 when there is none that can be relied on.
func (f nodeFile) read() int64 {
	text, err := os.ReadFile(string(f))
	if err != nil {
		return 0
	}
	var id int64
	var host string
	this, err := os.Hostname()
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscanf(string(text), "%d %q", &id, &host); err != nil || host != this {
		return 0
	}
	return id
}

func (f nodeFile) write(id int64) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	return os.WriteFile(string(f), fmt.Appendf(nil, "%d %q\n", id, host), 0o600)
}
