// Package media keeps the pictures, sounds and documents contacts send, and
// serves them to apps under signed addresses that expire.
//
// Files are streamed: none is ever held in memory. What is not stored yet is
// fetched when somebody first asks for it. The package does not know channels
// and credentials: how to fetch is the caller's, and so is when to delete.
package media

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"runtime"
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
	PublicURL string        // how the world reaches Handler's /media/; without it addresses are paths
	Key       []byte        // signs addresses; at least 16 bytes, a new one ends all addresses given out
	MaxBytes  int64         // of one file; 0 means 100 MiB
	Lifetime  time.Duration // of an address, at least; 0 means 7 days
	Now       func() time.Time
	Logger    *slog.Logger
}

// A Store is a directory of media files, by project and id. It is safe for
// concurrent use.
type Store struct {
	root     *os.Root // no name can lead out of it
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
	s := &Store{
		root:     root,
		public:   strings.TrimRight(o.PublicURL, "/"),
		key:      o.Key,
		maxBytes: o.MaxBytes,
		lifetime: o.Lifetime,
		now:      o.Now,
		log:      o.Logger,
	}
	if s.maxBytes == 0 {
		s.maxBytes = defaultMaxBytes
	}
	if s.lifetime == 0 {
		s.lifetime = defaultLifetime
	}
	if err := s.clear(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("open media: %w", err)
	}
	return s, nil
}

// clear makes the incoming directory and removes abandoned files from it.
func (s *Store) clear() error {
	if err := s.root.MkdirAll(incoming, 0o700); err != nil {
		return err
	}
	entries, err := fs.ReadDir(s.root.FS(), incoming)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || s.now().Sub(info.ModTime()) < abandoned {
			continue
		}
		if err := s.root.Remove(path.Join(incoming, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Close gives the directory back. Files being served are served to the end.
func (s *Store) Close() error { return s.root.Close() }

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
	temp, err := s.write(func(f *os.File) error {
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
	if err := s.commit(projectID, id, temp, &a); err != nil {
		return fmt.Errorf("save media: %w", err)
	}
	return nil
}

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

// write makes an incoming file, has it filled and puts it on the disk.
func (s *Store) write(fill func(*os.File) error) (name string, err error) {
	name = path.Join(incoming, rand.Text())
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return "", errors.Join(err, s.root.Remove(name))
	}
	return name, nil
}

// commit moves a whole file to its place and then says so beside it. What a
// provider keeps under an id does not change, so a crash between the two
// leaves at worst a file that is not known of, and is fetched again.
func (s *Store) commit(projectID, id, temp string, a *about) error {
	doc, err := json.Marshal(a)
	if err != nil {
		return errors.Join(err, s.root.Remove(temp))
	}
	note, err := s.write(func(f *os.File) error {
		_, err := f.Write(doc)
		return err
	})
	if err != nil {
		return errors.Join(err, s.root.Remove(temp))
	}
	err = s.root.MkdirAll(projectID, 0o700)
	if err == nil {
		err = s.root.Rename(temp, dataPath(projectID, id))
	}
	if err != nil {
		return errors.Join(err, s.root.Remove(temp), s.root.Remove(note))
	}
	if err := s.root.Rename(note, aboutPath(projectID, id)); err != nil {
		return errors.Join(err, s.root.Remove(note))
	}
	return errors.Join(s.syncDir(projectID), s.syncDir("."))
}

// syncDir makes renames in a directory durable.
func (s *Store) syncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // it has no such call; NTFS keeps its own journal
	}
	d, err := s.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// open returns a stored file, or fs.ErrNotExist.
func (s *Store) open(projectID, id string) (*os.File, *about, error) {
	doc, err := s.root.ReadFile(aboutPath(projectID, id))
	if err != nil {
		return nil, nil, err
	}
	a := new(about)
	if err := json.Unmarshal(doc, a); err != nil {
		return nil, nil, fmt.Errorf("read what is known of a file: %w", err)
	}
	f, err := s.root.Open(dataPath(projectID, id))
	if err != nil {
		return nil, nil, err
	}
	return f, a, nil
}

func dataPath(projectID, id string) string  { return projectID + "/" + id }
func aboutPath(projectID, id string) string { return projectID + "/" + id + ".json" }

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
