package email

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // what letters may be written in
	"github.com/emersion/go-message/mail"

	"github.com/parley-im/parley/internal/channel"
)

// The limits of what is taken in. They are ours: a letter is held in memory.
const (
	maxLetter  = 15 << 20 // bytes as sent: a file of 10 MB and the rest
	maxHeader  = 256 << 10
	maxParts   = 100
	maxNesting = 10
	maxNote    = 64 << 10 // of a report's machine-readable part
	maxName    = 255      // bytes of a file's name
)

// An incoming is a letter taken apart.
type incoming struct {
	head   mail.Header
	words  string
	files  []channel.MediaRef
	report *report // nil: it is none
	parts  int
}

// errLimit: the letter has more parts, or deeper ones, than are taken.
var errLimit = errors.New("the letter has too many parts")

// parse takes a letter apart. What cannot be read of its body is left out.
func parse(raw []byte) (*incoming, error) {
	e, err := message.ReadWithOptions(bytes.NewReader(raw), &message.ReadOptions{MaxHeaderBytes: maxHeader})
	if e == nil {
		return nil, fmt.Errorf("read the letter's header: %w", err)
	}
	m := &incoming{head: mail.Header{Header: e.Header}}
	if kind, params := contentType(e); kind == "multipart/report" {
		m.report = newReport(params["report-type"])
	}
	w, err := m.walk(e, 0)
	if err != nil {
		return nil, err
	}
	m.words = w.text
	return m, nil
}

// words is text, and whether somebody wrote it as such.
type wording struct {
	text  string
	plain bool
}

func (m *incoming) walk(e *message.Entity, depth int) (wording, error) {
	if m.parts++; m.parts > maxParts || depth > maxNesting {
		return wording{}, errLimit
	}
	kind, params := contentType(e)
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		return m.multipart(e, kind == "multipart/alternative", depth)
	}
	body, err := io.ReadAll(e.Body)
	if err != nil && len(body) == 0 {
		return wording{}, nil // what is broken says nothing
	}
	if m.report != nil && m.report.take(kind, body) {
		return wording{}, nil
	}
	name := fileNameOf(e)
	disposition, _, _ := e.Header.ContentDisposition()
	if disposition != "attachment" && name == "" {
		switch kind {
		case "text/plain":
			return wording{plainText(body, params), true}, nil
		case "text/html":
			return wording{htmlText(body), false}, nil
		}
	}
	if len(body) > 0 && !isSignature(kind) {
		m.files = append(m.files, channel.MediaRef{MIME: kind, Filename: name, Data: body})
	}
	return wording{}, nil
}

// multipart reads parts that say one thing each, or all the same.
func (m *incoming) multipart(e *message.Entity, alternative bool, depth int) (wording, error) {
	var all []string
	best := wording{}
	r := e.MultipartReader()
	for {
		p, err := r.NextPart()
		if p == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
			break // the end, or as far as it can be read
		}
		w, err := m.walk(p, depth+1)
		if err != nil {
			return wording{}, err
		}
		if w.text == "" {
			continue
		}
		all = append(all, w.text)
		if best.text == "" || w.plain && !best.plain {
			best = w
		}
	}
	if alternative {
		return best, nil
	}
	return wording{strings.Join(all, "\n\n"), best.plain}, nil
}

// contentType is the part's media type in lower case. What cannot be read is
// bytes.
func contentType(e *message.Entity) (kind string, params map[string]string) {
	kind, params, err := e.Header.ContentType()
	if err != nil && kind == "" || !strings.Contains(kind, "/") {
		return "application/octet-stream", nil
	}
	return strings.ToLower(kind), params
}

// isSignature reports whether a part only vouches for the others.
func isSignature(kind string) bool {
	return kind == "application/pgp-signature" || kind == "application/pkcs7-signature" || kind == "application/x-pkcs7-signature"
}

// fileNameOf is what a part is called: no path, nothing that cannot be shown.
func fileNameOf(e *message.Entity) string {
	h := mail.AttachmentHeader{Header: e.Header}
	name, err := h.Filename()
	if err != nil || name == "" {
		return ""
	}
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == "/" {
		return "file"
	}
	for len(name) > maxName {
		name = name[:len(name)-1]
	}
	return strings.ToValidUTF8(name, "")
}
