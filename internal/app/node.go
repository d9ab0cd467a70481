package app

import (
	"os"
	"strconv"
	"strings"
)

// A nodeFile keeps the id under which a server works on its jobs. Whoever holds
// the lock of the data directory knows that the node of that id is dead, and
// need not wait until its lease runs out.
type nodeFile string

// read returns the id, or 0 when there is none that can be read.
func (f nodeFile) read() int64 {
	text, err := os.ReadFile(string(f))
	if err != nil {
		return 0
	}
	id, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

func (f nodeFile) write(id int64) error {
	return os.WriteFile(string(f), []byte(strconv.FormatInt(id, 10)+"\n"), 0o600)
}
