package media

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strconv"
	"time"
)

// pathPrefix begins every address, also the paths Handler serves.
const pathPrefix = "/media/"

// bucket is how long the same file keeps the same address, so that a callback
// built twice says the same twice.
const bucket = time.Hour

// URL returns an address under which a file can be had for Options.Lifetime
// or up to an hour more. The file need not be stored yet. filename is what a
// browser saves it as, cleaned of what a file system would mind; "" leaves
// the choice to the store. Ids are 1 to 64 of [A-Za-z0-9_-]; an address with
// any other leads nowhere.
func (s *Store) URL(projectID, id, filename string) string {
	filename = cleanFilename(filename)
	if filename == "" {
		filename = id
	}
	step := min(bucket, s.lifetime)
	expires := strconv.FormatInt(s.now().Truncate(step).Add(step+s.lifetime).Unix(), 10)
	return s.public + pathPrefix + url.PathEscape(projectID) + "/" + url.PathEscape(id) + "/" + url.PathEscape(filename) +
		"?expires=" + expires + "&signature=" + s.sign(projectID, id, filename, expires)
}

// sign returns the signature of an address. Ids and the time hold no newline,
// so no two addresses are signed as the same text.
func (s *Store) sign(projectID, id, filename, expires string) string {
	mac := hmac.New(sha256.New, s.key)
	for _, part := range []string{"media", projectID, id, expires, filename} {
		mac.Write([]byte(part))
		mac.Write([]byte{'\n'})
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// check says whether we gave out the address of p, and until when it holds.
func (s *Store) check(p place, q url.Values) (genuine bool, expires time.Time) {
	text := q.Get("expires")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return false, time.Time{}
	}
	want := s.sign(p.projectID, p.id, p.filename, text)
	return hmac.Equal([]byte(q.Get("signature")), []byte(want)), time.Unix(seconds, 0)
}
