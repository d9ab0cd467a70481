package simulator

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// kakaoChatMessage is what is sent to a phone, by any of the methods.
type kakaoChatMessage struct {
	UserKey     string `json:"user_key"`
	SenderKey   string `json:"sender_key"`
	Serial      string `json:"serial_number"`
	BubbleType  string `json:"chat_bubble_type"`
	MessageType string `json:"message_type"`
	Message     string `json:"message"`
	FileURL     string `json:"file_url"`
	FileName    string `json:"file_name"`
	FileSize    int    `json:"file_size"`
	Attachment  struct {
		Image *struct {
			URL string `json:"img_url"`
		} `json:"image"`
		Buttons []struct {
			Name          string `json:"name"`
			Type          string `json:"type"`
			URLMobile     string `json:"url_mobile"`
			SchemeAndroid string `json:"scheme_android"`
		} `json:"buttons"`
	} `json:"attachment"`
}

// check names what the provider would not take from the method; uploads is
// where the files are that Kakao has.
func (m *kakaoChatMessage) check(method, uploads string) error {
	switch {
	case m.UserKey == "" || len(m.UserKey) > 20:
		return &kakaoChatError{200, "-503", ""}
	case m.Serial == "" || len(m.Serial) > 30:
		return kakaoChatBad("serial_number: want 1 to 30 characters")
	case utf8.RuneCountInString(m.Message) > 1000:
		return kakaoChatBad("message: want at most 1000 characters")
	case method != "rich" && len(m.Attachment.Buttons) > 0:
		return kakaoChatBad("attachment.buttons: go with rich messages")
	}
	if method == "write" {
		if m.MessageType == "FI" && strings.HasPrefix(m.FileURL, uploads) && m.FileName != "" && m.FileSize > 0 {
			return nil
		}
		if m.MessageType == "TX" && m.Message != "" {
			return nil
		}
		return kakaoChatBad("message_type: want TX with message, or FI with an uploaded file")
	}
	switch {
	case m.BubbleType == "TEXT" && m.Message == "":
		return kakaoChatBad("message: is required")
	case m.BubbleType == "IMAGE" && (m.Attachment.Image == nil || !strings.HasPrefix(m.Attachment.Image.URL, uploads)):
		return kakaoChatBad("attachment.image.img_url: want an uploaded picture")
	case m.BubbleType != "TEXT" && m.BubbleType != "IMAGE":
		return kakaoChatBad(fmt.Sprintf("chat_bubble_type: %q is not played", m.BubbleType))
	}
	return m.checkButtons()
}

func (m *kakaoChatMessage) checkButtons() error {
	if len(m.Attachment.Buttons) > 5 {
		return kakaoChatBad("attachment.buttons: want at most 5")
	}
	for _, b := range m.Attachment.Buttons {
		n := utf8.RuneCountInString(b.Name)
		good := b.Type == "BK" || b.Type == "WL" && b.URLMobile != "" || b.Type == "AL" && b.SchemeAndroid != ""
		if !good || n == 0 || n > 14 {
			return kakaoChatBad("attachment.buttons: a button of type " + b.Type + " is not complete")
		}
	}
	return nil
}

// item is the message as the phone shows it.
func (m *kakaoChatMessage) item() Item {
	it := Item{Type: "text", Text: m.Message, Reference: m.Serial}
	switch {
	case m.Attachment.Image != nil:
		it.Type = "image"
		it.Media = []Media{{Kind: "image", URL: m.Attachment.Image.URL}}
	case m.FileURL != "":
		it.Type = "file"
		it.Media = []Media{{Kind: "document", URL: m.FileURL, Name: m.FileName, MIME: mimeOf(m.FileName)}}
	}
	for i, b := range m.Attachment.Buttons {
		c := Choice{Index: i + 1, Title: b.Name, Kind: "keyboard"}
		switch b.Type {
		case "WL":
			c.Kind, c.URL = "url", b.URLMobile
		case "AL":
			c.Kind, c.URL = "url", b.SchemeAndroid
			if number, ok := strings.CutPrefix(b.SchemeAndroid, "tel:"); ok {
				c.Kind, c.URL, c.Phone = "call", "", number
			}
		}
		it.Choices = append(it.Choices, c)
	}
	return it
}
