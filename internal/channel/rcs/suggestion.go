package rcs

import (
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// webviewMode is the channel property that opens URLs within the conversation.
const webviewMode = "RCS_WEBVIEW_MODE"

// suggestions returns what stands for the choices. There is none, and ok is
// false, where one of them has a URL that is too long to be tapped, or a number
// the provider calls nobody by.
func (r *renderer) suggestions(choices []parley.Choice) (out []suggestion, ok bool) {
	for i := range choices {
		s, ok := r.suggestion(&choices[i], i)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// suggestion returns the i-th choice of a message as a chip or a button.
func (r *renderer) suggestion(c *parley.Choice, i int) (suggestion, bool) {
	label, data := cut(c.Title(), maxLabel), r.postback(c.Title(), c.PostbackData, i)
	a := &suggestedAction{Text: label, Postback: data}
	switch v := c.Content().(type) {
	case *parley.TextMessage:
		return suggestion{Reply: &suggestedReply{Text: label, Postback: data}}, true
	case *parley.URLMessage:
		a.FallbackURL = v.URL
		a.OpenURL = &openURL{URL: v.URL}
		if mode := r.webview(); mode != "" {
			a.OpenURL.Application, a.OpenURL.ViewMode = "WEBVIEW", mode
			a.OpenURL.Description = label // required with a web view
		}
	case *parley.CallMessage:
		if r.limits.number != nil && !r.limits.number.MatchString(v.PhoneNumber) {
			return suggestion{}, false
		}
		a.Dial = &dial{PhoneNumber: v.PhoneNumber}
	case *parley.LocationMessage:
		a.FallbackURL = transcode.MapsURL(v.Coordinates)
		a.ViewLocation = place(v)
	case *parley.CalendarMessage:
		a.FallbackURL = v.FallbackURL
		a.Calendar = &calendarEvent{
			Start: v.EventStart.UTC(), End: v.EventEnd.UTC(),
			Title: cut(v.EventTitle, r.limits.eventTitle), Description: cut(v.EventDescription, r.limits.eventText),
		}
	case *parley.ShareLocationMessage:
		a.FallbackURL = v.FallbackURL
		a.ShareLocation = &struct{}{}
	case nil:
		return suggestion{}, false
	}
	return suggestion{Action: a}, len(a.FallbackURL) <= maxURL
}

func place(l *parley.LocationMessage) *viewLocation {
	return &viewLocation{
		LatLong: latLong{Latitude: l.Coordinates.Latitude, Longitude: l.Coordinates.Longitude},
		Label:   l.Label,
	}
}

// postback returns what comes back when the i-th choice is tapped. A message
// that is sent carries tokens for postback data; one that only shows what would
// be sent may carry more than the provider takes.
func (r *renderer) postback(title, data string, i int) string {
	value := channel.Postback{Title: title, Data: &data}.Value(r.o.MessageID)
	if len(value) <= r.limits.postback {
		return value
	}
	return channel.Token(r.o.MessageID, i)
}

// webview returns how much of the screen URLs open on, or "" for the browser.
func (r *renderer) webview() string {
	switch mode := strings.ToUpper(r.o.Properties[webviewMode]); mode {
	case "FULL", "HALF", "TALL":
		return mode
	default:
		return ""
	}
}

func cut(text string, limit int) string {
	return transcode.Truncate(text, limit, channel.Characters)
}
