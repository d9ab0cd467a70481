package graph

import (
	"regexp"

	"github.com/parley-im/parley/internal/channel"
)

// DefaultVersion is the version of the Graph API that the channels were
// written for.
const DefaultVersion = "v23.0"

var (
	versionForm = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,3}$`)
	lineForm    = regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`)
)

// IsLine reports whether s fits the header of a request.
func IsLine(s string) bool { return lineForm.MatchString(s) }

// CheckVersion returns the error of an api_version that is none.
func CheckVersion(s string) error {
	if !versionForm.MatchString(s) {
		return channel.Setting("api_version", "must look like %s", DefaultVersion)
	}
	return nil
}
