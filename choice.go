package parley

import "time"

// A Choice is something the contact can tap. Exactly one of its kinds is set;
// Content returns it.
type Choice struct {
	Text          *TextMessage          `json:"text_message,omitempty"`
	URL           *URLMessage           `json:"url_message,omitempty"`
	Call          *CallMessage          `json:"call_message,omitempty"`
	Location      *LocationMessage      `json:"location_message,omitempty"`
	Calendar      *CalendarMessage      `json:"calendar_message,omitempty"`
	ShareLocation *ShareLocationMessage `json:"share_location_message,omitempty"`

	// PostbackData comes back when the choice is tapped; by default
	// "<message id>_<text or title>".
	PostbackData string `json:"postback_data,omitempty"`
	DisplayMode  string `json:"display_mode,omitempty"` // DISPLAY_MODE_UNSPECIFIED or PERSISTENT; RCS only
}

// ChoiceContent is the one kind a Choice carries.
//
//sumtype:decl
type ChoiceContent interface{ isChoiceContent() }

func (*TextMessage) isChoiceContent()          {}
func (*URLMessage) isChoiceContent()           {}
func (*CallMessage) isChoiceContent()          {}
func (*LocationMessage) isChoiceContent()      {}
func (*CalendarMessage) isChoiceContent()      {}
func (*ShareLocationMessage) isChoiceContent() {}

// Content returns the kind that is set, or nil when there is none.
func (c *Choice) Content() ChoiceContent {
	switch {
	case c.Text != nil:
		return c.Text
	case c.URL != nil:
		return c.URL
	case c.Call != nil:
		return c.Call
	case c.Location != nil:
		return c.Location
	case c.Calendar != nil:
		return c.Calendar
	case c.ShareLocation != nil:
		return c.ShareLocation
	}
	return nil
}

// Title returns the words on the button.
func (c *Choice) Title() string {
	switch v := c.Content().(type) {
	case *TextMessage:
		return v.Text
	case *URLMessage:
		return v.Title
	case *CallMessage:
		return v.Title
	case *LocationMessage:
		return v.Title
	case *CalendarMessage:
		return v.Title
	case *ShareLocationMessage:
		return v.Title
	case nil:
		return ""
	}
	return ""
}

// A URLMessage opens a web page.
type URLMessage struct {
	Title string `json:"title"`
	URL   string `json:"url"`
}

// A CallMessage dials a number (E.164 with +).
type CallMessage struct {
	Title       string `json:"title"`
	PhoneNumber string `json:"phone_number"`
}

// A CalendarMessage adds an appointment; channels that cannot open FallbackURL.
type CalendarMessage struct {
	Title            string    `json:"title"`
	EventStart       time.Time `json:"event_start"`
	EventEnd         time.Time `json:"event_end"`
	EventTitle       string    `json:"event_title"`
	EventDescription string    `json:"event_description,omitempty"`
	FallbackURL      string    `json:"fallback_url"`
}

// A ShareLocationMessage asks for the contact's location; channels that cannot
// open FallbackURL.
type ShareLocationMessage struct {
	Title       string `json:"title"`
	FallbackURL string `json:"fallback_url"`
}
