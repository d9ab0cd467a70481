package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"math"
	"net/url"
	"strconv"
	"time"

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
	// total is how many rows the list has, or -1: counted once, for the first
	// page, it goes along in the token.
	total int
}

// page reads page_size and page_token of a list of which at most most rows
// are given at once. The token is good only for the same list of the same
// project with the same filters.
func (p *params) page(most int) page {
	pg := page{size: p.pageSize(most), check: p.listCheck(), total: -1}
	token := p.text("page_token")
	if token == "" {
		return pg
	}
	raw, err := openToken(token, pg.check)
	if err == nil && (len(raw) < parley.IDLen || !parley.IsID(raw[:parley.IDLen])) {
		err = errToken()
	}
	if err == nil && len(raw) > parley.IDLen {
		if pg.total, err = strconv.Atoi(raw[parley.IDLen:]); err != nil || pg.total < 0 {
			err = errToken()
		}
	}
	if err != nil {
		if p.err == nil {
			p.err = err
		}
		return pg
	}
	pg.after = raw[:parley.IDLen]
	return pg
}

// pageByKey is page for a list in order of another text than the id.
func (p *params) pageByKey(most int) page {
	pg := page{size: p.pageSize(most), check: p.listCheck(), total: -1}
	token := p.text("page_token")
	if token == "" {
		return pg
	}
	after, err := openToken(token, pg.check)
	if err == nil && (after == "" || !isText(after)) {
		err = errToken()
	}
	if err != nil && p.err == nil {
		p.err = err
	}
	pg.after = after
	return pg
}

// openToken returns what a page token of a list says.
func openToken(token string, check [checkSize]byte) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < checkSize {
		return "", errToken()
	}
	if !bytes.Equal(raw[:checkSize], check[:]) {
		return "", parley.Invalid("page_token", "is of another list or of other filters")
	}
	return string(raw[checkSize:]), nil
}

func errToken() error { return parley.Invalid("page_token", "is not a page token") }

// sealToken makes a page token of a list.
func sealToken(says string, check [checkSize]byte) string {
	return base64.RawURLEncoding.EncodeToString(append(check[:], says...))
}

func (p *params) pageSize(most int) int {
	s := p.ask(parameter{name: "page_size", kind: kindPageSize, most: most})
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
func (p *params) listCheck() (check [checkSize]byte) {
	if p.request == nil {
		return check
	}
	filters := make(url.Values, len(p.values))
	for name, v := range p.values {
		if name != "page_size" && name != "page_token" {
			filters[name] = v
		}
	}
	sum := sha256.Sum256([]byte(p.request.http.URL.Path + "\n" + p.request.project + "\n" + filters.Encode()))
	copy(check[:], sum[:])
	return check
}

// A counted is how many rows a long list had when it was counted.
type counted struct {
	total int
	until time.Time
}

// Counting takes time in proportion to what is counted, so the total of a long
// list is remembered for a moment.
const (
	longList  = 10_000 // rows
	countKept = 10 * time.Second
	maxCounts = 1_000 // lists remembered
)

// known fills in the total of a first page if it was counted a moment ago.
func (pg *page) known(s *Server) bool {
	if pg.total < 0 {
		if c, ok := s.counts.get(pg.check); ok && s.now().Before(c.until) {
			pg.total = c.total
		}
	}
	return pg.total >= 0
}

// count sets the total, unless it was known.
func (pg *page) count(s *Server, total int) {
	if pg.total >= 0 {
		return
	}
	if pg.total = total; total >= longList {
		s.counts.put(pg.check, counted{total, s.now().Add(countKept)})
	}
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
	says := id(rows[len(rows)-1])
	if pg.total >= 0 {
		says += strconv.Itoa(pg.total)
	}
	return rows, sealToken(says, pg.check)
}
