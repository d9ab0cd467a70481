package parleytest

import "syscall"

// diesWithParent keeps a server from outliving a test binary that was killed.
func diesWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
