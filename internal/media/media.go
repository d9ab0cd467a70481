// Package media keeps the pictures, sounds and documents contacts send, and
// serves them to apps under signed addresses that expire.
//
// Files are streamed: none is ever held in memory. What is not stored yet is
// fetched when somebody first asks for it. The package does not know channels
// and credentials: how to fetch is the caller's, and so is when to delete.
package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The defaults of Options.
const (
	defaultMaxBytes = 100 << 20
	defaultLifetime = 7 * 24 * time.Hour
)

const (
	minKey = 16 // bytes

	// incoming is where files are until they are whole. Its dot keeps it apart
	// from the projects' directories.
	incoming = ".incoming"

	// abandoned is the age at which an incoming file cannot be another
	// process's work any more.
	abandoned = 24 * time.Hour
)

// ErrTooLarge refuses a file of more than Options.MaxBytes.
var ErrTooLarge = errors.New("the media file is too large")

// Options configures a Store.
type Options struct {
	Dir       string        // made when missing; several processes may share it
	Bucket    *Bucket       // where whole files are kept; nil means in Dir
	PublicURL string        // how the world reaches Handler's /media/; without it addresses are paths
	Key       []byte        // signs addresses; at least 16 bytes, a new one ends all addresses given out
	MaxBytes  int64         // of one file; 0 means 100 MiB
	Lifetime  time.Duration // of an address, at least; 0 means 7 days
	Now       func() time.Time
	Logger    *slog.Logger
}

// A depot keeps whole files under names of the form project/id.
type depot interface {
	// keep takes an incoming file. It returns once the file would survive a
	// power cut; on any error nothing new is there.
	keep(ctx context.Context, name, temp string, a *about) error
	// open returns a file, or fs.ErrNotExist.
	open(ctx context.Context, name string) (io.ReadSeekCloser, *about, error)
	// has reports whether there is a file of the name.
	has(ctx context.Context, name string) bool
	// remove removes a file, if it is there.
	remove(ctx context.Context, name string) error
}

// A Store keeps media files, by project and id, in a directory or in a bucket.
// It is safe for concurrent use.
type Store struct {
	root     *directory // where files arrive
	depot    depot      // where whole files are kept
	public   string
	key      []byte
	maxBytes int64
	lifetime time.Duration
	now      func() time.Time
	log      *slog.Logger
	flight   singleflight.Group
}

// New opens the store and clears what a crash left half-written.
func New(o Options) (*Store, error) {
	if len(o.Key) < minKey {
		return nil, fmt.Errorf("open media: the key is shorter than %d bytes", minKey)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open media: %w", err)
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open media: %w", err)
	}
	dir := &directory{root: root, now: o.Now}
	s := &Store{
		root:     dir,
		depot:    dir,
		public:   strings.TrimRight(o.PublicURL, "/"),
		key:      o.Key,
		maxBytes: o.MaxBytes,
		lifetime: o.Lifetime,
		now:      o.Now,
		log:      o.Logger,
	}
	if o.Bucket != nil {
		s.depot = o.Bucket.depot(dir)
	}
	if s.maxBytes == 0 {
		s.maxBytes = defaultMaxBytes
	}
	if s.lifetime == 0 {
		s.lifetime = defaultLifetime
	}
	if err := dir.clear(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("open media: %w", err)
	}
	return s, nil
}

// Close gives the directory back. Files being served are served to the end.
func (s *Store) Close() error { return s.root.root.Close() }

// about is what is known of a stored file. It is written after the file, so a
// file without it is not stored.
type about struct {
	ContentType string    `json:"content_type"`
	Filename    string    `json:"filename"` // for a download whose address has no better one
	Size        int64     `json:"size"`
	SavedAt     time.Time `json:"saved_at"`
}

// Save stores a file, in place of an earlier one of the same id. It returns
// once the file would survive a power cut; on any error nothing new is there.
// A file over the limit is an ErrTooLarge. Closing m.Body stays with the
// caller.
func (s *Store) Save(ctx context.Context, projectID, id string, m channel.Media) error {
	if !valid(projectID) || !valid(id) {
		return parley.Errorf(parley.CodeInvalidArgument, "not a media id")
	}
	if m.Size > s.maxBytes {
		return s.tooLarge()
	}
	a := about{SavedAt: s.now().UTC()}
	temp, err := s.root.write(func(f *os.File) error {
		head, n, err := s.receive(f, &contextReader{ctx: ctx, r: m.Body})
		if err != nil {
			return err
		}
		contentType, extension := sniff(head, m.MIME)
		a.ContentType, a.Filename, a.Size = contentType, id+extension, n
		return nil
	})
	if err != nil {
		return fmt.Errorf("save media: %w", err)
	}
	if err := s.depot.keep(ctx, projectID+"/"+id, temp, &a); err != nil {
		return fmt.Errorf("save media: %w", errors.Join(err, s.root.discard(temp)))
	}
	return nil
}

// Remove removes a stored file, if it is there. Who is reading it may read on.
func (s *Store) Remove(ctx context.Context, projectID, id string) error {
	if !valid(projectID) || !valid(id) {
		return nil // it cannot have been stored
	}
	if err := s.depot.remove(ctx, path.Join(projectID, id)); err != nil {
		return fmt.Errorf("remove media: %w", err)
	}
	return nil
}

// Kept is how long after a file's address was first given out the file can be
// asked for: addresses are given out once, so after that nobody can.
func (s *Store) Kept() time.Duration { return s.lifetime + bucket }

// receive copies the body and returns its first bytes and its size.
func (s *Store) receive(w io.Writer, body io.Reader) (head []byte, n int64, err error) {
	head = make([]byte, sniffLen)
	got, err := io.ReadFull(body, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, 0, err
	}
	head = head[:got]
	if _, err := w.Write(head); err != nil {
		return nil, 0, err
	}
	n = int64(got)
	if got == sniffLen {
		// One byte more than allowed tells too large from just full.
		rest, err := io.Copy(w, io.LimitReader(body, max(s.maxBytes-n, 0)+1))
		if err != nil {
			return nil, 0, err
		}
		n += rest
	}
	if n > s.maxBytes {
		return nil, 0, s.tooLarge()
	}
	return head, n, nil
}

func (s *Store) tooLarge() error {
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, s.maxBytes)
}

// valid reports whether s can be a project or media id: 1 to 64 of
// [A-Za-z0-9_-]. Without dots and slashes a name can neither lead elsewhere
// nor be taken for one of our own.
func valid(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// contextReader stops reading when its context ends, whatever the reader
// makes of it.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
