package parleytest

import "syscall"

// DiesWithParent keeps a server from outliving a test binary that was killed.
func DiesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
