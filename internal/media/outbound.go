package media

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gabriel-vasile/mimetype"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/egress"
)

// How long and how many answers of media hosts are remembered. A message to
// many people names the same file many times.
const (
	lookLifetime = 5 * time.Minute
	maxLooks     = 10_000
	lookTimeout  = 10 * time.Second
)

// An Outbound looks at and opens the media that apps name in messages. It is
// safe for concurrent use.
type Outbound struct {
	client *http.Client
	now    func() time.Time

	mu    sync.Mutex
	looks map[string]look
}

// A look is what a media host said of a file.
type look struct {
	mime  string // without parameters
	size  int64  // bytes, or -1 when it was not told
	until time.Time
}

// NewOutbound returns an Outbound. The client must refuse addresses that
// clients may not make the server visit.
func NewOutbound(client *http.Client, now func() time.Time) *Outbound {
	return &Outbound{client: client, now: now, looks: map[string]look{}}
}

// Check tells whether a provider can use the file at an address: whether it is
// there, of one of the types a channel takes, and not too large. No accepts
// means any. The failure is an *channel.Error.
//
// Only evidence counts: where our network does not know the host or cannot
// reach it, the provider's may, so that the provider is left to judge.
func (o *Outbound) Check(ctx context.Context, address string, accepts []channel.MediaType) error {
	l, err := o.look(ctx, address)
	if err != nil {
		return err
	}
	if len(accepts) == 0 || l.mime == "" {
		return nil
	}
	for _, a := range accepts {
		if !a.Matches(l.mime) {
			continue
		}
		if a.MaxBytes > 0 && l.size > a.MaxBytes {
			return channel.Refuse(parley.ReasonMediaTooLarge,
				"the media has "+strconv.FormatInt(l.size, 10)+" bytes; the channel takes "+strconv.FormatInt(a.MaxBytes, 10)+" of "+l.mime)
		}
		return nil
	}
	return channel.Refuse(parley.ReasonMediaTypeUnsupported, "the channel does not take media of type "+l.mime)
}

// look asks the host, or remembers what it said. The zero look is of a host
// that we cannot tell anything of.
func (o *Outbound) look(ctx context.Context, address string) (look, error) {
	o.mu.Lock()
	l, ok := o.looks[address]
	o.mu.Unlock()
	if ok && o.now().Before(l.until) {
		return l, nil
	}
	l, err := o.ask(ctx, address)
	if err != nil {
		return look{}, err
	}
	l.until = o.now().Add(lookLifetime)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.looks) >= maxLooks {
		clear(o.looks)
	}
	o.looks[address] = l
	return l, nil
}

// ask gets the first bytes of a file. It is a GET, because addresses that are
// signed for one method refuse HEAD.
func (o *Outbound) ask(ctx context.Context, address string) (look, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	resp, err := o.get(ctx, address, "bytes=0-"+strconv.Itoa(sniffLen-1))
	if err != nil {
		if unknownHost(err) {
			return look{}, nil
		}
		return look{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	head, err := io.ReadAll(io.LimitReader(resp.Body, sniffLen))
	if err != nil {
		return look{}, unreachable(channel.TryAgain, "it broke off", err)
	}
	return look{mime: mediaType(resp.Header.Get("Content-Type"), head), size: fullSize(resp)}, nil
}

// Open opens the file at an address. The failure is an *channel.Error.
func (o *Outbound) Open(ctx context.Context, address string) (channel.Media, error) {
	resp, err := o.get(ctx, address, "") //nolint:bodyclose // the caller closes the media
	if err != nil {
		return channel.Media{}, err
	}
	return channel.Media{
		Body: resp.Body, MIME: mediaType(resp.Header.Get("Content-Type"), nil), Size: resp.ContentLength,
	}, nil
}

// get makes a request whose answer is the file or a part of it.
func (o *Outbound) get(ctx context.Context, address, part string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, unreachable(channel.NotSent, "its address is not a URL", nil)
	}
	if part != "" {
		req.Header.Set("Range", part)
	}
	resp, err := o.client.Do(req)
	if err != nil {
		err = egress.Redact(err)
		if errors.Is(err, egress.ErrPrivate) {
			return nil, unreachable(channel.NotSent, "its host is not on the public internet", err)
		}
		return nil, unreachable(channel.TryAgain, "its host does not answer", err)
	}
	// A 416 is of an empty file that has no first byte.
	if resp.StatusCode/100 == 2 || (part != "" && resp.StatusCode == http.StatusRequestedRangeNotSatisfiable) {
		return resp, nil
	}
	_ = resp.Body.Close()
	outcome := channel.NotSent
	if resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout {
		outcome = channel.TryAgain
	}
	return nil, unreachable(outcome, "its host answers "+strconv.Itoa(resp.StatusCode), nil)
}

func unreachable(o channel.Outcome, why string, err error) *channel.Error {
	return &channel.Error{
		Reason: parley.NewReason(parley.ReasonMediaNotReachable, "the media cannot be fetched: "+why), Outcome: o, Err: err,
	}
}

// unknownHost reports whether a failure says more about our network than about
// the file: the name cannot be looked up, or there is no way there.
func unknownHost(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	if errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH) {
		return true
	}
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// mediaType is the type of a file without parameters: what its host says, for
// that is what providers go by, unless it says little; then what its first
// bytes look like.
func mediaType(said string, head []byte) string {
	t, _, err := mime.ParseMediaType(said)
	if err == nil && !shapeless[t] && t != "binary/octet-stream" {
		return t
	}
	if len(head) == 0 {
		return t
	}
	seen, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return seen
}

// fullSize is the size of the whole file, or -1 when the host does not tell.
func fullSize(resp *http.Response) int64 {
	if resp.StatusCode != http.StatusPartialContent {
		return resp.ContentLength
	}
	_, total, _ := strings.Cut(resp.Header.Get("Content-Range"), "/")
	n, err := strconv.ParseInt(total, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
