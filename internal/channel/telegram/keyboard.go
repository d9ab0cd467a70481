package telegram

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A markup is the buttons of a message: either an inline keyboard below it or
// a reply keyboard in the place of the phone's own.
type markup struct {
	Inline  [][]button `json:"inline_keyboard,omitempty"`
	Reply   [][]button `json:"keyboard,omitempty"`
	Resize  bool       `json:"resize_keyboard,omitempty"`
	OneTime bool       `json:"one_time_keyboard,omitempty"`
}

type button struct {
	Text            string `json:"text"`
	CallbackData    string `json:"callback_data,omitempty"`
	URL             string `json:"url,omitempty"`
	RequestLocation bool   `json:"request_location,omitempty"`
}

// postback adds a button that tells us it was tapped.
func (m *markup) postback(title, data string) error {
	if data == "" {
		data = title
	}
	if len(data) > maxCallbackData {
		return channel.Refuse(parley.ReasonBadRequest, "postback data of more than 64 bytes does not fit a TELEGRAM button")
	}
	m.Inline = append(m.Inline, []button{{Text: title, CallbackData: data}})
	return nil
}

// keyboard makes one button a row of the choices and a line of text of those
// that Telegram has no button for. The markup is nil when there is no button.
//
// Only a reply keyboard can ask for the location, and it cannot open
// addresses or carry postback data: beside a share-location choice, links are
// written as text, and a tapped text choice comes back as its own words.
func keyboard(choices []parley.Choice) (*markup, []string, error) {
	asks := false
	for i := range choices {
		asks = asks || choices[i].ShareLocation != nil
	}
	keys := &markup{Resize: asks, OneTime: asks}
	var lines []string
	for i := range choices {
		c := &choices[i]
		switch address := opens(c); {
		case c.ShareLocation != nil:
			keys.Reply = append(keys.Reply, []button{{Text: c.Title(), RequestLocation: true}})
		case c.Text != nil && asks:
			keys.Reply = append(keys.Reply, []button{{Text: c.Title()}})
		case c.Text != nil:
			if err := keys.postback(c.Title(), c.PostbackData); err != nil {
				return nil, nil, err
			}
		case address != "" && !asks:
			keys.Inline = append(keys.Inline, []button{{Text: c.Title(), URL: address}})
		default:
			lines = append(lines, transcode.ChoiceLine(c, style))
		}
	}
	if keys.Inline == nil && keys.Reply == nil {
		return nil, lines, nil
	}
	return keys, lines, nil
}

// opens returns the address a choice opens, or "" when a button cannot:
// Telegram refuses the whole message for the address of a button that is
// neither http(s) to an IP address or a name with a top-level domain nor of
// its own tg scheme. A call is none, because tel is no such scheme; a phone
// number in a text becomes a link.
func opens(c *parley.Choice) string {
	address := ""
	switch v := c.Content().(type) {
	case *parley.URLMessage:
		address = v.URL
	case *parley.LocationMessage:
		address = transcode.MapsURL(v.Coordinates)
	case *parley.CalendarMessage:
		address = v.FallbackURL
	case *parley.TextMessage, *parley.CallMessage, *parley.ShareLocationMessage, nil:
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	switch strings.ToLower(u.Scheme) {
	case "tg":
		return address
	case "http", "https":
		host := u.Hostname()
		if _, err := netip.ParseAddr(host); err == nil || strings.Contains(strings.Trim(host, "."), ".") {
			return address
		}
	}
	return ""
}
