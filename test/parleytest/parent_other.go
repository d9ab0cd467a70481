//go:build !linux

package parleytest

import "syscall"

func diesWithParent() *syscall.SysProcAttr { return nil }
