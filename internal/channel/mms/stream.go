package mms

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"strings"
	"sync"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A file is open media on its way into a submission.
type file struct {
	id, name, mime string
	size           int64  // -1 when unknown
	left           *int64 // bytes it may still have; shared by those of unknown size
	body           io.ReadCloser
}

// tag is the element of a layout that shows the file.
func (f *file) tag() string {
	family, _, _ := strings.Cut(f.mime, "/")
	switch family {
	case "image":
		return "img"
	case "audio", "video":
		return family
	}
	return "ref"
}

// openAll opens the media of a slide and checks what is known of them before
// anything is sent. limit is in bytes and for all of them together.
func openAll(ctx context.Context, c *channel.Conn, s *slide, limit int64) (files []*file, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	for i := range s.Media {
		m, err := c.OpenMedia(ctx, s.Media[i].URL)
		if err != nil {
			return files, err
		}
		f := &file{id: fmt.Sprintf("media%d", i+1), size: m.Size, body: m.Body}
		files = append(files, f)
		f.name = s.Media[i].name(f.id)
		f.mime = typeOf(m.MIME, f.name)
		if s.Strict && !strict(f.mime) {
			return files, channel.Refuse(parley.ReasonMediaTypeUnsupported, "not all networks take media of this type")
		}
		f.left = &limit
		if m.Size >= 0 {
			limit -= m.Size
			f.left = new(m.Size)
		}
		if limit < 0 {
			return files, tooLarge()
		}
	}
	return files, nil
}

func tooLarge() *channel.Error {
	return channel.Refuse(parley.ReasonMediaTooLarge, "the media are larger than the account allows")
}

func closeAll(files []*file) {
	for _, f := range files {
		_ = f.body.Close() // it was only read
	}
}

func strict(mimeType string) bool {
	for _, t := range strictTypes() {
		if t.Matches(mimeType) {
			return true
		}
	}
	return false
}

// typeOf returns a media type without parameters, guessed from the name where
// the server did not say. Phones go by it alone.
func typeOf(said, name string) string {
	said, _, _ = strings.Cut(said, ";")
	said = strings.ToLower(strings.TrimSpace(said))
	if strings.Count(said, "/") == 1 && said != "application/octet-stream" && !strings.ContainsAny(said, "\r\n\" ") {
		return said
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".vcf":
		return "text/x-vcard"
	case ".ics":
		return "text/calendar"
	case ".3gp":
		return "video/3gpp"
	case ".amr":
		return "audio/amr"
	}
	guess, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(name)), ";")
	if guess == "" {
		return "application/octet-stream"
	}
	return guess
}

// A stream is the body of a submission. It reads the files as it is read and
// remembers why one of them failed.
type stream struct {
	readers []io.Reader
	reader  io.Reader
	files   []*file
	size    int64 // -1 when unknown

	mu    sync.Mutex // the transport may read on after it answered
	fault *channel.Error
}

func newStream(files []*file) *stream { return &stream{files: files} }

// part begins a part of a multipart body.
func (b *stream) part(boundary, contentType, id, location, encoding string) {
	head := "--" + boundary + "\r\nContent-Type: " + contentType + "\r\nContent-ID: <" + id + ">\r\n"
	if len(b.readers) > 0 {
		head = "\r\n" + head
	}
	if location != "" {
		head += "Content-Location: " + location + "\r\n"
	}
	if encoding != "" {
		head += "Content-Transfer-Encoding: " + encoding + "\r\n"
	}
	b.text(head + "\r\n")
}

func (b *stream) text(s string) {
	b.readers = append(b.readers, strings.NewReader(s))
	b.grow(int64(len(s)))
}

func (b *stream) file(f *file, encode bool) {
	var r io.Reader = &guarded{f: f, in: b}
	size := f.size
	if encode {
		r = &base64Reader{r: r}
		if size >= 0 {
			size = encodedSize(size)
		}
	}
	b.readers = append(b.readers, r)
	b.grow(size)
}

// grow adds to the size, which stays unknown once something is.
func (b *stream) grow(n int64) {
	if n < 0 || b.size < 0 {
		b.size = -1
		return
	}
	b.size += n
}

// Read implements io.Reader.
func (b *stream) Read(p []byte) (int, error) { return b.reader.Read(p) }

// Close implements io.Closer.
func (b *stream) Close() error {
	closeAll(b.files)
	return nil
}

func (b *stream) fail(e *channel.Error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fault == nil {
		b.fault = e
	}
}

// failure returns why a file could not be read to its end, or nil.
func (b *stream) failure() *channel.Error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fault
}

// guarded reads a file to its promised or allowed size.
type guarded struct {
	f  *file
	in *stream
}

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.f.body.Read(p)
	*g.f.left -= int64(n)
	switch {
	case *g.f.left < 0:
		return 0, g.fail(tooLarge())
	case err == nil || errors.Is(err, io.EOF) && (g.f.size < 0 || *g.f.left == 0):
		return n, err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return n, err // the attempt as a whole ran out of time
	}
	return n, g.fail(&channel.Error{
		Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the media could not be read to the end"),
		Outcome: channel.TryAgain,
	})
}

func (g *guarded) fail(e *channel.Error) error {
	g.in.fail(e)
	return e
}

// base64Line is how many bytes make a line of 76 characters (RFC 2045, 6.8).
const base64Line = 57

// encodedSize is how long n bytes are as lines of base64.
func encodedSize(n int64) int64 {
	const lineEnd = 2
	lines := (n + base64Line - 1) / base64Line
	return (n+2)/3*4 + lines*lineEnd
}

// base64Reader encodes what it reads, line by line.
type base64Reader struct {
	r    io.Reader
	line []byte // encoded and not yet read
	err  error
}

func (e *base64Reader) Read(p []byte) (int, error) {
	if len(e.line) == 0 && e.err == nil {
		var raw [base64Line]byte
		n, err := io.ReadFull(e.r, raw[:])
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		e.err = err
		if n > 0 {
			e.line = append(base64.StdEncoding.AppendEncode(e.line, raw[:n]), "\r\n"...)
		}
	}
	if len(e.line) == 0 {
		return 0, e.err
	}
	n := copy(p, e.line)
	e.line = e.line[n:]
	return n, nil
}
