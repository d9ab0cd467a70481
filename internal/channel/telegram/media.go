package telegram

import (
	"net/url"
	"path"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A mediaKind is what Telegram is told an address holds; it checks, and
// refuses the message when it was told wrong.
type mediaKind int

const (
	// mediaLink is what Telegram fetches for nobody: it is sent as an address
	// in a text.
	mediaLink mediaKind = iota
	mediaPhoto
	mediaVideo
	mediaAnimation
	mediaAudio
	mediaVoice
	mediaDocument
	mediaSticker
)

// kindOf guesses the kind from the extension of the file name, or else of the
// address. It names only what Telegram promises to fetch: of documents PDF and
// ZIP, of voice notes Ogg, of music MP3 and M4A, of videos MP4, of stickers
// WebP (core.telegram.org/bots/api#sending-files, #sendsticker).
func kindOf(m *parley.MediaMessage) mediaKind {
	name := m.FilenameOverride
	if path.Ext(name) == "" {
		if u, err := url.Parse(m.URL); err == nil {
			name = u.Path
		}
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".jpg", ".jpeg", ".png":
		return mediaPhoto
	case ".mp4":
		return mediaVideo
	case ".gif":
		return mediaAnimation
	case ".mp3", ".m4a":
		return mediaAudio
	case ".ogg", ".oga":
		return mediaVoice
	case ".pdf", ".zip":
		return mediaDocument
	case ".webp":
		return mediaSticker
	}
	return mediaLink
}

// media sends a file with words beside it. Words too long for a caption, or
// beside a sticker, which has none, follow as a text, with the buttons.
func (r *renderer) media(m *parley.MediaMessage, words string, keys *markup) {
	kind := kindOf(m)
	if kind == mediaLink {
		r.text(transcode.Join("\n", words, m.URL), keys)
		return
	}
	req := r.add("")
	req.setMedia(kind, m.URL)
	if words != "" && (kind == mediaSticker || transcode.Length(words, channel.UTF16) > maxCaption) {
		r.text(words, keys)
		return
	}
	req.Caption, req.Markup = words, keys
}

// setMedia names the method of the kind and its parameter.
func (q *request) setMedia(kind mediaKind, address string) {
	switch kind {
	case mediaPhoto:
		q.Method, q.Photo = "sendPhoto", address
	case mediaVideo:
		q.Method, q.Video = "sendVideo", address
	case mediaAnimation:
		q.Method, q.Animation = "sendAnimation", address
	case mediaAudio:
		q.Method, q.Audio = "sendAudio", address
	case mediaVoice:
		q.Method, q.Voice = "sendVoice", address
	case mediaDocument:
		q.Method, q.Document = "sendDocument", address
	case mediaSticker:
		q.Method, q.Sticker = "sendSticker", address
	case mediaLink:
		q.Method, q.Text = "sendMessage", address
	}
}
