//go:build !linux

package parleytest

import "syscall"

// DiesWithParent does nothing where the system cannot.
func DiesWithParent() *syscall.SysProcAttr { return nil }
