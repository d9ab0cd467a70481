//go:build unix

package storetest

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// unprivileged returns how to start PostgreSQL, which refuses to run as root:
// root hands the directory to another user first.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	// A session of its own keeps an interrupt at the terminal from ending the
	// shell before it has tidied up.
	own := &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() != 0 {
		return own, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, err
		}
		own.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return own, nil
	}
	return nil, errors.New("root has no user to run it as: neither postgres nor nobody exists")
}
