package whatsapp

import (
	"net/url"
	"path"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// The types of media messages.
const (
	typeImage    = "image"
	typeVideo    = "video"
	typeAudio    = "audio"
	typeSticker  = "sticker"
	typeDocument = "document"
)

// mediaType guesses from the name of a file what WhatsApp would take it for.
// What it cannot play or does not know is a document, which may be anything.
func mediaType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png":
		return typeImage
	case ".mp4", ".3gp":
		return typeVideo
	case ".aac", ".amr", ".mp3", ".m4a", ".ogg", ".opus":
		return typeAudio
	case ".webp":
		return typeSticker
	default:
		return typeDocument
	}
}

// filename returns the name of the file: the one the app chose, else the end
// of the URL's path, else "".
func filename(m *parley.MediaMessage) string {
	if m.FilenameOverride != "" {
		return m.FilenameOverride
	}
	u, err := url.Parse(m.URL)
	if err != nil {
		return ""
	}
	if name := path.Base(u.Path); name != "." && name != "/" {
		return name
	}
	return ""
}

// media shows media with a caption. A caption that WhatsApp has no place for
// follows as text.
func (r *renderer) media(m *parley.MediaMessage, caption string) {
	shown := &media{Link: m.URL}
	out := message{Type: kindOf(m)}
	captioned := true
	switch out.Type {
	case typeImage:
		out.Image = shown
	case typeVideo:
		out.Video = shown
	case typeAudio:
		out.Audio, captioned = shown, false
	case typeSticker:
		out.Sticker, captioned = shown, false
	default:
		out.Document = shown
		shown.Filename = filename(m)
	}
	captioned = captioned && transcode.Length(caption, channel.Characters) <= maxCaption
	if captioned {
		shown.Caption = caption
	}
	r.add(out)
	if !captioned {
		r.text(caption)
	}
}

// kindOf returns the type of the message that shows m. The URL decides where
// it ends in a known extension; the name the app chose where it does not.
func kindOf(m *parley.MediaMessage) string {
	kind := mediaType(filename(&parley.MediaMessage{URL: m.URL}))
	if kind == typeDocument {
		kind = mediaType(m.FilenameOverride)
	}
	return kind
}

// mediaHeader returns the header that shows m above buttons, or nil when there
// is none for its kind.
func mediaHeader(m *parley.MediaMessage) *header {
	shown := &media{Link: m.URL}
	switch kind := kindOf(m); kind {
	case typeImage:
		return &header{Type: kind, Image: shown}
	case typeVideo:
		return &header{Type: kind, Video: shown}
	case typeDocument:
		shown.Filename = filename(m)
		return &header{Type: kind, Document: shown}
	default:
		return nil
	}
}
