package media_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/media"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	project = "e2df3a34-a71b-4448-9db5-a8d2baad28e4"
	id      = "01FJA8B466Y0R2GNXD78MD9SM1"
)

var start = time.Date(2026, 11, 2, 10, 20, 30, 0, time.UTC)

// A clock stands still until it is moved.
type clock struct{ nanos atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(0, c.nanos.Load()).UTC() }

func (c *clock) add(d time.Duration) { c.nanos.Add(int64(d)) }

// fixture is a store in a directory of its own.
type fixture struct {
	*media.Store
	dir   string
	clock *clock
	log   *bytes.Buffer
}

func newFixture(t *testing.T, o media.Options) *fixture {
	t.Helper()
	f := &fixture{dir: t.TempDir(), clock: new(clock), log: new(bytes.Buffer)}
	f.clock.nanos.Store(start.UnixNano())
	o.Dir = f.dir
	o.Key = bytes.Repeat([]byte{7}, 32)
	o.Now = f.clock.now
	o.Logger = slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := media.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f.Store = s
	return f
}

// files lists what lies in the store.
func (f *fixture) files(t *testing.T) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(f.dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func content(s, mime string) channel.Media {
	return channel.Media{Body: io.NopCloser(strings.NewReader(s)), MIME: mime, Size: -1}
}

// brokenReader gives some bytes and then an error.
type brokenReader struct {
	r   io.Reader
	err error
}

func (b brokenReader) Read(p []byte) (int, error) {
	if n, err := b.r.Read(p); err == nil {
		return n, nil
	}
	return 0, b.err
}

func TestSaveKeepsAFileAndWhatIsKnownOfIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{})
	for range 2 { // a repeat replaces
		if err := f.Save(t.Context(), project, id, content("GIF89a...", "image/png")); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{project + "/" + id, project + "/" + id + ".json"}, f.files(t)); d != "" {
		t.Error(d)
	}
	doc, err := os.ReadFile(filepath.Join(f.dir, project, id+".json"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		for range 2 { // the second time it is not there
			if err := f.Remove(t.Context(), project, id); err != nil {
				t.Error(err)
			}
		}
		if left := f.files(t); len(left) > 0 {
			t.Errorf("left after it was removed: %v", left)
		}
	}()
	want := `{"content_type":"image/gif","filename":"` + id + `.gif","size":9,"saved_at":"2026-11-02T10:20:30Z"}`
	if d := cmp.Diff(want, string(doc)); d != "" {
		t.Error(d)
	}
}

func TestWhatIsTooLargeLeavesNoFile(t *testing.T) {
	t.Parallel()
	const limit = 10_000
	f := newFixture(t, media.Options{MaxBytes: limit})
	for name, m := range map[string]channel.Media{
		"declared":    {Body: io.NopCloser(strings.NewReader("x")), Size: limit + 1},
		"one over":    content(strings.Repeat("x", limit+1), ""),
		"far over":    content(strings.Repeat("x", 10*limit), ""),
		"understated": {Body: io.NopCloser(strings.NewReader(strings.Repeat("x", limit+1))), Size: 5},
	} {
		if err := f.Save(t.Context(), project, id, m); !errors.Is(err, media.ErrTooLarge) {
			t.Errorf("%s: got %v, want ErrTooLarge", name, err)
		}
	}
	if got := f.files(t); got != nil {
		t.Errorf("left behind: %v", got)
	}
	if err := f.Save(t.Context(), project, id, content(strings.Repeat("x", limit), "")); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
	small := newFixture(t, media.Options{MaxBytes: 10})
	if err := small.Save(t.Context(), project, id, content("12345678901", "")); !errors.Is(err, media.ErrTooLarge) {
		t.Errorf("less than is sniffed: got %v, want ErrTooLarge", err)
	}
}

func TestAnInterruptedSaveLeavesNoFile(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{})
	lost := errors.New("connection lost")
	for name, sent := range map[string]int{"at once": 0, "early": 100, "late": 100_000} {
		body := io.NopCloser(brokenReader{strings.NewReader(strings.Repeat("x", sent)), lost})
		if err := f.Save(t.Context(), project, id, channel.Media{Body: body}); !errors.Is(err, lost) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Save(ctx, project, id, content("x", "")); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
	if got := f.files(t); got != nil {
		t.Errorf("left behind: %v", got)
	}
}

func TestSaveTakesNoPathForAnID(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{})
	for _, bad := range []string{"", ".", "..", "a/b", "../a", `a\b`, ".incoming", "a.json", "a b", "ä", "a\x00", "a:b", strings.Repeat("a", 65)} {
		for _, ids := range [][2]string{{bad, id}, {project, bad}} {
			if err := f.Save(t.Context(), ids[0], ids[1], content("x", "")); parley.CodeOf(err) != parley.CodeInvalidArgument {
				t.Errorf("%q: got %v", ids, err)
			}
		}
	}
	if got := f.files(t); got != nil {
		t.Errorf("left behind: %v", got)
	}
}

// A link planted in the directory is not followed out of it.
func TestLinksLeadNowhere(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	f := newFixture(t, media.Options{})
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(f.dir, project)); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(t.Context(), project, id, content("x", "")); err == nil {
		t.Error("saved through a link")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside: %v %v", entries, err)
	}
}

func TestOnlyAbandonedFilesAreClearedAtStart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, media.Options{})
	for name, age := range map[string]time.Duration{"old": 25 * time.Hour, "new": time.Hour} {
		path := filepath.Join(f.dir, ".incoming", name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, start.Add(-age), start.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	again, err := media.New(media.Options{Dir: f.dir, Key: make([]byte, 32), Now: f.clock.now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if d := cmp.Diff([]string{".incoming/new"}, f.files(t)); d != "" {
		t.Error(d)
	}
}

func TestAShortKeyIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := media.New(media.Options{Dir: t.TempDir(), Key: []byte("short")}); err == nil {
		t.Error("accepted")
	}
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// Not parallel: it counts what the whole process allocates.
func TestSaveNeverHoldsAFileInMemory(t *testing.T) {
	f := newFixture(t, media.Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const size = 48 << 20
	if err := f.Save(t.Context(), project, id, channel.Media{Body: io.NopCloser(io.LimitReader(zeros{}, size)), Size: size}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 {
		t.Errorf("allocated %d bytes for a file of %d", got, size)
	}
}
