package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Limits of the media store. The oldest files make room for new ones.
const (
	mediaFileLimit  = 100 << 20
	mediaTotalLimit = 256 << 20
	mediaFiles      = 20_000
)

// file is a picture, sound or document in the simulator. One that is only
// known by its link is fetched when somebody asks for its bytes.
type file struct {
	id     string
	name   string
	mime   string
	link   string
	data   []byte
	sha256 string
}

// kind is what a phone makes of the file.
func (f *file) kind() string {
	switch {
	case f.mime == "image/webp":
		return "sticker"
	case f.mime == "image/gif":
		return "animation"
	case strings.HasPrefix(f.mime, "image/"):
		return "image"
	case strings.HasPrefix(f.mime, "video/"):
		return "video"
	case strings.HasPrefix(f.mime, "audio/ogg"):
		return "voice"
	case strings.HasPrefix(f.mime, "audio/"):
		return "audio"
	}
	return "document"
}

// shown is the file as a handset lists it.
func (f *file) shown(kind string) Media {
	u := f.link
	if u == "" {
		u = "/media/" + f.id
	}
	return Media{Kind: kind, URL: u, MIME: f.mime, Name: f.name}
}

// mediaStore keeps the files of all accounts.
type mediaStore struct {
	client *http.Client

	mu    sync.Mutex
	seq   int64
	bytes int
	order []string // oldest first
	files map[string]*file
}

func newMediaStore(client *http.Client) *mediaStore {
	return &mediaStore{client: client, files: map[string]*file{}}
}

// put keeps bytes, link keeps an address.
func (m *mediaStore) put(data []byte, mime, name string) *file {
	sum := sha256.Sum256(data)
	return m.add(&file{mime: mime, name: name, data: data, sha256: hex.EncodeToString(sum[:])})
}

func (m *mediaStore) link(u, mime, name string) *file {
	if mime == "" {
		mime = mimeOf(u)
	}
	return m.add(&file{link: u, mime: mime, name: name})
}

func (m *mediaStore) add(f *file) *file {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	f.id = strconv.FormatInt(1_000_000_000+m.seq, 10)
	m.files[f.id] = f
	m.order = append(m.order, f.id)
	m.bytes += len(f.data)
	for len(m.order) > mediaFiles || m.bytes > mediaTotalLimit && len(m.order) > 1 {
		if old := m.files[m.order[0]]; old != nil {
			m.bytes -= len(old.data)
		}
		delete(m.files, m.order[0])
		m.order = m.order[1:]
	}
	return f
}

// get returns the file of that id, or nil.
func (m *mediaStore) get(id string) *file {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files[id]
}

// remove forgets a file and reports whether there was one.
func (m *mediaStore) remove(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.files[id]
	if f == nil {
		return false
	}
	m.bytes -= len(f.data)
	delete(m.files, id)
	return true
}

// bring makes a file of what a media_url of the control API names: a data
// URL, a file of this simulator or an address, which is fetched.
func (m *mediaStore) bring(ctx context.Context, u, mime string) (*file, error) {
	if rest, ok := strings.CutPrefix(u, "data:"); ok {
		data, typ, err := dataURL(rest)
		if err != nil {
			return nil, err
		}
		return m.put(data, orElse(mime, typ), ""), nil
	}
	if id, ok := strings.CutPrefix(u, "/media/"); ok {
		if id == sampleName {
			return m.put(samplePicture(), "image/png", sampleName), nil
		}
		if f := m.get(id); f != nil {
			return f, nil
		}
		return nil, fmt.Errorf("media %w", errNotFound)
	}
	f := &file{link: u, mime: mime, name: path.Base(pathOf(u))}
	data, typ, err := m.bytesOf(ctx, f)
	if err != nil {
		return nil, err
	}
	kept := m.put(data, orElse(mime, typ), f.name)
	kept.link = u
	return kept, nil
}

// bytesOf returns the content and type of a file, fetching it if need be.
func (m *mediaStore) bytesOf(ctx context.Context, f *file) ([]byte, string, error) {
	if f.data != nil || f.link == "" {
		return f.data, f.mime, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.link, http.NoBody) //nolint:gosec // fetching what it is told is what it is for
	if err != nil {
		return nil, "", fmt.Errorf("fetch media: %w", err)
	}
	resp, err := m.client.Do(req) //nolint:gosec // as above
	if err != nil {
		return nil, "", fmt.Errorf("fetch media: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("fetch media: answered %d", resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, mediaFileLimit+1))
	if err != nil {
		return nil, "", fmt.Errorf("fetch media: %w", err)
	}
	if len(data) > mediaFileLimit {
		return nil, "", errors.New("fetch media: too large")
	}
	typ, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	return data, orElse(typ, mimeOf(f.link)), nil
}

// routes serves files to the simulated phones' owners and takes uploads.
func (m *mediaStore) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /media/"+sampleName, func(w http.ResponseWriter, _ *http.Request) {
		serveFile(w, samplePicture(), "image/png")
	})
	mux.HandleFunc("GET /media/{id}", func(w http.ResponseWriter, r *http.Request) {
		f := m.get(r.PathValue("id"))
		if f == nil {
			writeError(w, fmt.Errorf("media %w", errNotFound))
			return
		}
		data, typ, err := m.bytesOf(r.Context(), f)
		if err != nil {
			writeError(w, err)
			return
		}
		serveFile(w, data, typ)
	})
	mux.HandleFunc("POST /media", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mediaFileLimit))
		if err != nil {
			writeError(w, fmt.Errorf("read media: %w", err))
			return
		}
		f := m.put(data, r.Header.Get("Content-Type"), r.URL.Query().Get("name"))
		writeJSON(w, http.StatusCreated, map[string]string{"id": f.id, "url": "/media/" + f.id})
	})
}

func serveFile(w http.ResponseWriter, data []byte, mime string) {
	w.Header().Set("Content-Type", orElse(mime, "application/octet-stream"))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) //nolint:gosec // a file, never sniffed; a phone that hangs up is no error
}

func dataURL(rest string) (data []byte, mime string, err error) {
	meta, body, ok := strings.Cut(rest, ",")
	if !ok {
		return nil, "", errors.New("media_url: data URL without comma")
	}
	if typ, ok := strings.CutSuffix(meta, ";base64"); ok {
		data, err = base64.StdEncoding.DecodeString(body)
		if err != nil {
			return nil, "", fmt.Errorf("media_url: %w", err)
		}
		return data, typ, nil
	}
	text, err := url.PathUnescape(body)
	if err != nil {
		return nil, "", fmt.Errorf("media_url: %w", err)
	}
	return []byte(text), orElse(meta, "text/plain"), nil
}

// sampleName is a picture the simulator always has, to answer with where
// there is no network.
const sampleName = "sample.png"

func samplePicture() []byte {
	const size = 96
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			img.Set(x, y, color.RGBA{R: uint8(2 * x), G: uint8(2 * y), B: 160, A: 255})
		}
	}
	var b strings.Builder
	if err := png.Encode(&b, img); err != nil {
		return nil // an RGBA picture in memory always encodes
	}
	return []byte(b.String())
}

// mimeOf guesses a type from the name in an address; the system's table is
// left alone so that every machine guesses the same.
func mimeOf(u string) string {
	switch strings.ToLower(path.Ext(pathOf(u))) {
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".png":
		return "image/png"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".mp4":
		return "video/mp4"
	case ".3gp":
		return "video/3gpp"
	case ".mp3":
		return "audio/mpeg"
	case ".m4a":
		return "audio/mp4"
	case ".ogg", ".oga", ".opus":
		return "audio/ogg"
	case ".pdf":
		return "application/pdf"
	case ".vcf":
		return "text/vcard"
	}
	return "application/octet-stream"
}

func pathOf(u string) string {
	p, err := url.Parse(u)
	if err != nil {
		return ""
	}
	return p.Path
}

func orElse(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
