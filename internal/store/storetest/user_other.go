//go:build !unix

package storetest

import "syscall"

// unprivileged returns how to start PostgreSQL: as whoever we are.
func unprivileged(string) (*syscall.SysProcAttr, error) { return nil, nil }
