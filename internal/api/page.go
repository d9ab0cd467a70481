package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net/url"
	"strconv"

	"github.com/parley-im/parley"
)

const (
	checkSize       = 6 // bytes of a page token that tie it to its list
	defaultPageSize = 10
)

// A page is one page of a list: the rows after a row, which the page token
// names. Rows that come and go meanwhile neither repeat nor hide others.
type page struct {
	after string // the id of the last row of the page before, or ""
	size  int
	check [checkSize]byte
}

// page reads page_size and page_token of a list of which at most most rows
// are given at once. The token is good only for the same list of the same
// project with the same filters.
func (p *params) page(r *request, list string, most int) page {
	pg := page{size: p.pageSize(most), check: p.listCheck(r, list)}
	token := p.text("page_token")
	if token == "" {
		return pg
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != checkSize+parley.IDLen || !parley.IsID(string(raw[checkSize:])) {
		p.fail("page_token", "is not a page token")
		return pg
	}
	if !bytes.Equal(raw[:checkSize], pg.check[:]) {
		p.fail("page_token", "is of another list or of other filters")
		return pg
	}
	pg.after = string(raw[checkSize:])
	return pg
}

func (p *params) pageSize(most int) int {
	s := p.text("page_size")
	if s == "" {
		return defaultPageSize
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt32 {
		p.fail("page_size", "must be a number from 0 to %d", math.MaxInt32)
		return defaultPageSize
	}
	if n == 0 {
		return defaultPageSize
	}
	return int(min(n, int64(most)))
}

// listCheck is a fingerprint of everything that makes a list what it is.
func (p *params) listCheck(r *request, list string) (check [checkSize]byte) {
	filters := make(url.Values, len(p.values))
	for name, v := range p.values {
		if name != "page_size" && name != "page_token" {
			filters[name] = v
		}
	}
	sum := sha256.Sum256([]byte(list + "\n" + r.project + "\n" + filters.Encode()))
	copy(check[:], sum[:])
	return check
}

// limit is how many rows to ask for: one more shows that there is a next page.
func (pg *page) limit() int { return pg.size + 1 }

// cut drops the row beyond the page and returns the token of the next one, or
// "" when this is the last.
func cut[T any](pg *page, rows []T, id func(T) string) ([]T, string) {
	if len(rows) <= pg.size {
		return rows, ""
	}
	rows = rows[:pg.size]
	raw := append(pg.check[:], id(rows[len(rows)-1])...)
	return rows, base64.RawURLEncoding.EncodeToString(raw)
}
