//go:build !unix

package app

import (
	"os"
	"path/filepath"
)

// locks says that lockDir keeps no other process out.
const locks = false

// lockDir holds a file open; without flock nothing keeps a second process out.
func lockDir(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "parley.lock"), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator's own directory
}
