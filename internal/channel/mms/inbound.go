package mms

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"path"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// The bounds of a relay's request.
const (
	maxParts   = 100
	maxNesting = 4
)

// A message is a relay's request taken apart.
type message struct {
	envelope []byte
	texts    []string
	files    []attachment
	parts    int
}

// An attachment is a file that came with a message.
type attachment struct {
	mime, name string
	data       []byte
}

var errMIME = errors.New("not a MIME message")

// readMIME takes a request apart: an envelope alone, or multipart/related with
// the envelope first and the content in parts of any nesting after it.
func readMIME(contentType string, body []byte) (*message, error) {
	m := new(message)
	if err := m.add(textproto.MIMEHeader{"Content-Type": {contentType}}, body, 0); err != nil {
		return nil, err
	}
	if m.envelope == nil {
		return nil, fmt.Errorf("%w: no envelope", errMIME)
	}
	return m, nil
}

// add files a part, or the parts of which it consists.
func (m *message) add(header textproto.MIMEHeader, body []byte, depth int) error {
	kind, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		// Reports come without a useful type, and so do text parts.
		kind, parameters = "text/plain", nil
	}
	m.parts++
	if m.parts > maxParts {
		return fmt.Errorf("%w: too many parts", errMIME)
	}
	if strings.HasPrefix(kind, "multipart/") {
		return m.addParts(parameters["boundary"], body, depth)
	}
	body = decoded(header.Get("Content-Transfer-Encoding"), body)
	switch {
	case m.envelope == nil:
		m.envelope = body
	case kind == "application/smil", kind == "application/smil+xml":
	case kind == "text/plain":
		if text := strings.TrimSpace(plain(parameters["charset"], body)); text != "" {
			m.texts = append(m.texts, text)
		}
	case len(body) > 0:
		m.files = append(m.files, attachment{mime: kind, name: fileName(header, parameters), data: body})
	}
	return nil
}

func (m *message) addParts(boundary string, body []byte, depth int) error {
	if depth >= maxNesting || boundary == "" {
		return fmt.Errorf("%w: nested too deeply, or without a boundary", errMIME)
	}
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errMIME, err)
		}
		content, err := io.ReadAll(part) // no longer than the body
		if err != nil {
			return fmt.Errorf("%w: %w", errMIME, err)
		}
		if err := m.add(part.Header, content, depth+1); err != nil {
			return err
		}
	}
}

// decoded undoes a transfer encoding. What claims one and does not have it is
// taken as it is.
func decoded(encoding string, body []byte) []byte {
	if !strings.EqualFold(encoding, encodingBase64) {
		return body
	}
	compact := bytes.Join(bytes.Fields(body), nil)
	out := make([]byte, base64.StdEncoding.DecodedLen(len(compact)))
	n, err := base64.StdEncoding.Decode(out, compact)
	if err != nil {
		return body
	}
	return out[:n]
}

// plain returns text as UTF-8, which it is unless it says ISO 8859-1.
func plain(charset string, body []byte) string {
	if !strings.EqualFold(charset, "iso-8859-1") {
		return strings.ReplaceAll(strings.ToValidUTF8(string(body), "\uFFFD"), "\x00", "")
	}
	runes := make([]rune, len(body))
	for i, b := range body {
		runes[i] = rune(b)
	}
	return string(runes)
}

// fileName is what a part is called, or "".
func fileName(header textproto.MIMEHeader, parameters map[string]string) string {
	name := header.Get("Content-Location")
	if name == "" {
		name = parameters["name"]
	}
	if _, disposition, err := mime.ParseMediaType(header.Get("Content-Disposition")); name == "" && err == nil {
		name = disposition["filename"]
	}
	name = (&media{Filename: path.Base(strings.ReplaceAll(name, `\`, "/"))}).name("")
	return name
}

// inlinePrefix marks a reference that holds the media itself: MM7 brings them
// with the message, and has no place to fetch them from later.
const inlinePrefix = "inline:"

func (a *attachment) ref() *channel.MediaRef {
	return &channel.MediaRef{Ref: inlinePrefix + base64.RawStdEncoding.EncodeToString(a.data), MIME: a.mime, Filename: a.name}
}

// inlineMedia opens the media in a reference.
func inlineMedia(ref string) (channel.Media, error) {
	encoded, ok := strings.CutPrefix(ref, inlinePrefix)
	if !ok {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "the reference holds no media")
	}
	return channel.Media{
		Body: io.NopCloser(base64.NewDecoder(base64.RawStdEncoding, strings.NewReader(encoded))),
		Size: int64(base64.RawStdEncoding.DecodedLen(len(encoded))),
	}, nil
}
