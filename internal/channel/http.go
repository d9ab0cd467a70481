package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/parley-im/parley"
)

// maxAnswer bounds how much of a provider's answer is read.
const maxAnswer = 4 << 20

// An Answer is a provider's whole HTTP answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// OK reports whether the status is 2xx.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// PostJSON posts body and returns the answer, whatever its status.
func PostJSON(ctx context.Context, c *Conn, address string, header http.Header, body []byte) (*Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Outcome: NotSent, Err: scrub(err)}
	}
	maps.Copy(req.Header, header)
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return Do(c, req)
}

// Do sends one request and reads the whole answer. Where no answer comes the
// error is an *Error whose Outcome is TryAgain when the request cannot have
// reached the provider and Unknown when it may have.
func Do(c *Conn, req *http.Request) (*Answer, error) {
	var wrote atomic.Bool
	trace := &httptrace.ClientTrace{
		// Headers written is the first moment at which the provider may act:
		// a body that fits one packet goes out with them.
		WroteHeaders: func() { wrote.Store(true) },
	}
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), trace))
	resp, err := c.HTTP.Do(req) //nolint:gosec // the client guards where it connects to; see package egress
	if err != nil {
		return nil, noAnswer(err, wrote.Load())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, noAnswer(err, true)
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

func noAnswer(err error, wrote bool) *Error {
	outcome := TryAgain
	if wrote {
		outcome = Unknown
	}
	return &Error{
		Reason:  parley.NewReason(parley.ReasonChannelFailure, "the channel could not be reached"),
		Outcome: outcome,
		Err:     scrub(err),
	}
}

// scrub drops the URL from an HTTP error: some providers want their token in
// the path or the query.
func scrub(err error) error {
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // http.Client returns it unwrapped; a deeper one is left alone
		return fmt.Errorf("%s: %w", u.Op, u.Err)
	}
	return err
}

// Verdict turns a provider's refusal into an *Error by its HTTP status alone,
// for answers the provider's own code does not explain. words are the
// provider's, without secrets.
func Verdict(a *Answer, words string) *Error {
	if words == "" {
		words = "HTTP status " + strconv.Itoa(a.Status)
	}
	e := &Error{Outcome: NotSent}
	code := parley.ReasonBadRequest
	switch {
	case a.Status == http.StatusTooManyRequests:
		code, e.Outcome, e.After = parley.ReasonRateLimited, TryAgain, RetryAfter(a.Header)
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		code = parley.ReasonChannelBadConfiguration
	case a.Status == http.StatusGatewayTimeout:
		// Whoever answers passed the request on and gave up waiting: the
		// provider behind it may have the message.
		code, e.Outcome, e.After = parley.ReasonChannelFailure, Unknown, RetryAfter(a.Header)
	case a.Status == http.StatusRequestTimeout, a.Status >= 500:
		code, e.Outcome, e.After = parley.ReasonChannelFailure, TryAgain, RetryAfter(a.Header)
	case a.OK():
		// Accepted, but the answer makes no sense: it may be on its way.
		code, e.Outcome = parley.ReasonChannelFailure, Unknown
	}
	e.Reason = parley.ChannelReason(code, words)
	return e
}

// RetryAfter reads a Retry-After header, at most an hour; 0 when there is none.
// It is in seconds, or a date (RFC 9110, section 10.2.3), which counts from the
// answer's own so that no two clocks are compared.
func RetryAfter(h http.Header) time.Duration {
	said := h.Get("Retry-After")
	n, err := strconv.ParseInt(said, 10, 64)
	if errors.Is(err, strconv.ErrRange) && n > 0 {
		err = nil // the largest number there is, which is far away, too
	}
	if err != nil {
		until, err := http.ParseTime(said)
		sent, dateErr := http.ParseTime(h.Get("Date"))
		if err != nil || dateErr != nil {
			return 0
		}
		n = int64(until.Sub(sent).Seconds())
	}
	const most = 3600
	return time.Duration(min(max(n, 0), most)) * time.Second
}

// maxHops bounds the redirects of a download: providers keep files with others.
const maxHops = 3

// Download opens a file of the provider's, of any size. A redirect is followed
// without the request's headers: the credential is for the provider alone. The
// failure is an *Error with MEDIA_NOT_REACHABLE.
func Download(c *Conn, req *http.Request) (Media, error) {
	for range maxHops + 1 {
		resp, err := c.HTTP.Do(req) //nolint:gosec // the client guards where it connects to; see package egress
		if err != nil {
			return Media{}, noMedia(TryAgain, "the media could not be fetched from the channel", scrub(err))
		}
		if resp.StatusCode == http.StatusOK {
			return Media{Body: resp.Body, MIME: resp.Header.Get("Content-Type"), Size: resp.ContentLength}, nil
		}
		_ = resp.Body.Close()
		next, err := resp.Location()
		switch {
		case err == nil && resp.StatusCode/100 == 3:
			if req, err = http.NewRequestWithContext(req.Context(), http.MethodGet, next.String(), http.NoBody); err != nil { //nolint:gosec // likewise
				return Media{}, noMedia(NotSent, "the channel's media are at an address that is none", nil)
			}
			continue
		case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests:
			return Media{}, noMedia(TryAgain, "the channel answers "+strconv.Itoa(resp.StatusCode), nil)
		}
		return Media{}, noMedia(NotSent, "the channel answers "+strconv.Itoa(resp.StatusCode), nil)
	}
	return Media{}, noMedia(NotSent, "the channel sends from one address to the other", nil)
}

func noMedia(o Outcome, words string, err error) *Error {
	return &Error{Reason: parley.NewReason(parley.ReasonMediaNotReachable, words), Outcome: o, Err: err}
}
