package line

import (
	"net/url"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// An action is what a tap does.
type action struct {
	Type        string `json:"type"` // postback, uri or location
	Label       string `json:"label"`
	Data        string `json:"data,omitempty"`        // of a postback
	DisplayText string `json:"displayText,omitempty"` // what the contact is seen to say
	URI         string `json:"uri,omitempty"`
}

// A quickReply is the buttons above the input field, which are there until
// the next message.
type quickReply struct {
	Items []quickItem `json:"items"`
}

type quickItem struct {
	Type   string `json:"type"`
	Action action `json:"action"`
}

// quick makes quick replies of actions; nil when there are none.
func quick(actions []action) *quickReply {
	if len(actions) == 0 {
		return nil
	}
	q := &quickReply{}
	for _, a := range actions[:min(len(actions), maxQuickReplies)] {
		q.Items = append(q.Items, quickItem{"action", a})
	}
	return q
}

// taps is what choices become: buttons; actions that LINE has for quick
// replies alone; and lines of text for what no button can say.
type taps struct {
	buttons []action
	quick   []action
	lines   []string
}

// tapsOf sorts choices. Only a quick reply can ask for the location.
func tapsOf(choices []parley.Choice) (taps, error) {
	var t taps
	for i := range choices {
		c := &choices[i]
		switch address := opens(c); {
		case c.ShareLocation != nil:
			t.quick = append(t.quick, action{Type: "location", Label: transcode.Truncate(c.Title(), maxLabel, channel.UTF16)})
			t.long(c.Title(), maxLabel)
		case c.Text != nil:
			a, err := postback(c.Title(), c.PostbackData)
			if err != nil {
				return t, err
			}
			t.buttons = append(t.buttons, a)
			t.long(c.Title(), maxFlexLabel)
		case address != "":
			t.buttons = append(t.buttons, action{Type: "uri", Label: label(c.Title()), URI: address})
			t.long(c.Title(), maxFlexLabel)
		default:
			t.lines = append(t.lines, transcode.ChoiceLine(c, style))
		}
	}
	return t, nil
}

// long writes out a title that a button cuts off.
func (t *taps) long(title string, limit int) {
	if transcode.Length(title, channel.UTF16) > limit {
		t.lines = append(t.lines, "> "+title)
	}
}

// postback is a button that tells us it was tapped.
func postback(title, data string) (action, error) {
	if data == "" {
		data = title
	}
	if transcode.Length(data, channel.UTF16) > maxData {
		return action{}, channel.Refuse(parley.ReasonBadRequest, "postback data of more than 300 characters does not fit a LINE button")
	}
	return action{
		Type: "postback", Label: label(title), Data: data,
		DisplayText: transcode.Truncate(title, maxData, channel.UTF16),
	}, nil
}

// label is a title as a flex button takes it; an empty one is refused.
func label(title string) string {
	if title == "" {
		return noWords
	}
	return transcode.Truncate(title, maxFlexLabel, channel.UTF16)
}

// short reports whether all labels fit templates and quick replies.
func short(actions []action) bool {
	for _, a := range actions {
		if transcode.Length(a.Label, channel.UTF16) > maxLabel {
			return false
		}
	}
	return true
}

// opens returns the address a choice opens, or "" when a button cannot.
func opens(c *parley.Choice) string {
	address := ""
	switch v := c.Content().(type) {
	case *parley.URLMessage:
		address = v.URL
	case *parley.CallMessage:
		address = "tel:" + strings.ReplaceAll(v.PhoneNumber, " ", "")
	case *parley.LocationMessage:
		address = transcode.MapsURL(v.Coordinates)
	case *parley.CalendarMessage:
		address = v.FallbackURL
	case *parley.TextMessage, *parley.ShareLocationMessage, nil:
	}
	u, err := url.Parse(address)
	if err != nil || transcode.Length(address, channel.UTF16) > maxURI {
		return ""
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		if u.Host != "" {
			return address
		}
	case "line", "tel":
		return address
	}
	return ""
}
