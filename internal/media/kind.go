package media

import (
	"mime"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// sniffLen is how much of a file is looked at to tell its type.
const sniffLen = 4096

// maxFilename is in bytes: half of what file systems take, so that a prefix
// such as "Copy of" fits.
const maxFilename = 128

// shapeless are sniffed types that say little. The provider's own word is
// better for those, and only for those: it is the sender who chose it.
var shapeless = map[string]bool{
	"application/octet-stream": true,
	"application/ogg":          true,
	"application/zip":          true,
	"text/plain":               true,
}

// shown are the types a browser may show by itself: no scripts, no markup.
var shown = map[string]bool{
	"image/avif": true, "image/bmp": true, "image/gif": true, "image/heic": true, "image/heif": true,
	"image/jpeg": true, "image/png": true, "image/webp": true,

	"audio/aac": true, "audio/amr": true, "audio/flac": true, "audio/mp4": true, "audio/mpeg": true, "audio/ogg": true,
	"audio/wav": true, "audio/webm": true, "audio/x-m4a": true,

	"video/3gpp": true, "video/mp4": true, "video/mpeg": true, "video/ogg": true, "video/quicktime": true, "video/webm": true,
}

// sniff tells the type of a file and the extension that goes with it from its
// first bytes and what the provider declared.
func sniff(head []byte, declared string) (contentType, extension string) {
	found := mimetype.Detect(head)
	own, _, err := mime.ParseMediaType(found.String())
	if err != nil || !shapeless[own] {
		return found.String(), found.Extension()
	}
	theirs, params, err := mime.ParseMediaType(declared)
	if err != nil || !strings.Contains(theirs, "/") || shapeless[theirs] {
		return found.String(), found.Extension()
	}
	if known := mimetype.Lookup(theirs); known != nil {
		extension = known.Extension()
	}
	return mime.FormatMediaType(theirs, params), extension
}

// disposition returns the Content-Disposition of a file: shown where that is
// harmless, saved otherwise.
func disposition(contentType, filename string) string {
	how := "attachment"
	if kind, _, err := mime.ParseMediaType(contentType); err == nil && shown[kind] {
		how = "inline"
	}
	if s := mime.FormatMediaType(how, map[string]string{"filename": filename}); s != "" {
		return s
	}
	return how
}

// cleanFilename returns the last element of a file name without what a file
// system or a reader could take for something else: separators, controls,
// invisible characters that turn the writing direction, leading dots.
func cleanFilename(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) || strings.ContainsRune(`<>:"|?*`, r) {
			return -1
		}
		return r
	}, s)
	s = strings.Trim(s, ". ")
	if len(s) <= maxFilename {
		return s
	}
	extension := path.Ext(s)
	if len(extension) > 16 {
		extension = ""
	}
	s = s[:maxFilename-len(extension)]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + extension
}
