package simulator

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// vonageMessage is what is sent to a phone.
type vonageMessage struct {
	Channel     string      `json:"channel"`
	From        string      `json:"from"`
	To          string      `json:"to"`
	MessageType string      `json:"message_type"`
	ClientRef   string      `json:"client_ref"`
	WebhookURL  string      `json:"webhook_url"`
	Text        string      `json:"text"`
	Image       *vonageFile `json:"image"`
	Video       *vonageFile `json:"video"`
	File        *vonageFile `json:"file"`
	Service     struct {
		Category string `json:"category"`
		TTL      *int   `json:"ttl"`
		Action   *struct {
			URL  string `json:"url"`
			Text string `json:"text"`
		} `json:"action"`
	} `json:"viber_service"`
}

type vonageFile struct {
	URL      string `json:"url"`
	Caption  string `json:"caption"`
	Name     string `json:"name"`
	ThumbURL string `json:"thumb_url"`
}

// What Viber takes (Sinch, Viber Business Messages; Vonage, Messages API).
var (
	viberNumber    = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)
	viberImages    = strings.Fields(".jpg .jpeg .png")
	viberDocuments = strings.Fields(".doc .docx .rtf .dot .dotx .odt .odf .fodt .txt .info .pdf .xps .pdax .eps " +
		".xls .xlsx .ods .fods .csv .xlsm .xltx")
)

// check names the parameter that Vonage or Viber would not take.
func (m *vonageMessage) check() error {
	switch {
	case m.Channel != "viber_service":
		return errors.New("channel: want viber_service")
	case m.From == "":
		return errors.New("from: is required")
	case !viberNumber.MatchString(m.To):
		return errors.New("to: want a number in E.164 without +")
	case len(m.ClientRef) > 100:
		return errors.New("client_ref: at most 100 characters")
	case m.Service.TTL != nil && (*m.Service.TTL < 30 || *m.Service.TTL > 259_200):
		return errors.New("viber_service.ttl: want 30 to 259200")
	case !slices.Contains([]string{"", "transaction", "promotion"}, m.Service.Category):
		return errors.New("viber_service.category: want transaction or promotion")
	case m.Service.Category != "promotion" && (m.MessageType != "text" || m.Service.Action != nil):
		return errors.New("viber_service.category: a transactional message is words alone")
	}
	if a := m.Service.Action; a != nil && (a.URL == "" || a.Text == "" || utf8.RuneCountInString(a.Text) > 30) {
		return errors.New("viber_service.action: want a url and a text of at most 30 characters")
	}
	return m.checkContent()
}

func (m *vonageMessage) checkContent() error {
	ext := func(f *vonageFile) string { return strings.ToLower(path.Ext(pathOf(f.URL))) }
	switch m.MessageType {
	case "text":
		if n := utf8.RuneCountInString(m.Text); n == 0 || n > 1000 {
			return errors.New("text: want 1 to 1000 characters")
		}
	case "image":
		if m.Image == nil || !slices.Contains(viberImages, ext(m.Image)) || utf8.RuneCountInString(m.Image.Caption) > 1000 {
			return errors.New("image: want the url of a .jpg, .jpeg or .png, and a caption of at most 1000 characters")
		}
	case "video":
		if m.Video == nil || m.Video.URL == "" || m.Video.ThumbURL == "" {
			return errors.New("video: want url and thumb_url")
		}
	case "file":
		if m.File == nil || !slices.Contains(viberDocuments, ext(m.File)) || utf8.RuneCountInString(m.File.Name) > 25 {
			return errors.New("file: want the url of a document, and a name of at most 25 characters")
		}
	default:
		return fmt.Errorf("message_type: %q is not supported", m.MessageType)
	}
	return nil
}

// item is the message as the phone shows it.
func (m *vonageMessage) item() Item {
	it := Item{Type: m.MessageType, Text: m.Text, Sender: m.From, Reference: m.ClientRef}
	file, kind := m.Image, "image"
	switch {
	case m.Video != nil:
		file, kind = m.Video, "video"
	case m.File != nil:
		file, kind = m.File, "document"
	}
	if file != nil {
		it.Text = lines(m.Text, file.Caption)
		it.Media = []Media{{Kind: kind, URL: file.URL, MIME: mimeOf(file.URL), Name: file.Name}}
	}
	if a := m.Service.Action; a != nil {
		it.Choices = []Choice{viberButton(1, a.Text, a.URL)}
	}
	return it
}

// viberButton is a button as the phone shows it: it opens an address or the
// keypad.
func viberButton(index int, title, address string) Choice {
	if number, ok := strings.CutPrefix(address, "tel:"); ok {
		return Choice{Index: index, Title: title, Kind: "call", Phone: number}
	}
	return Choice{Index: index, Title: title, Kind: "url", URL: address}
}
