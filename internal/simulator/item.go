package simulator

import (
	"encoding/json"
	"time"
)

// The directions of an Item, as seen from the phone.
const (
	In  = "in"  // from an account to the phone
	Out = "out" // from the phone to an account
)

// The statuses of an Item. One that came in goes from accepted through sent
// and delivered to read, or ends as failed, cancelled or deleted; one that
// went out is pending until the server under test took it, then accepted, or
// failed when it never did. WHATSAPP messages that went out become read.
const (
	StatusPending   = "pending"
	StatusAccepted  = "accepted"
	StatusSent      = "sent"
	StatusDelivered = "delivered"
	StatusRead      = "read"
	StatusFailed    = "failed"
	StatusCancelled = "cancelled"
	StatusDeleted   = "deleted"
)

// An Item is one message in a handset's thread.
type Item struct {
	ID         string    `json:"id"` // decimal, increasing over all handsets
	Direction  string    `json:"direction"`
	At         time.Time `json:"at"`
	Account    string    `json:"account"`             // token, phone number id, plan or system id
	Provider   string    `json:"provider"`            // ProviderTelegram and so on
	ProviderID string    `json:"provider_id"`         // as the provider's API names the message
	Type       string    `json:"type"`                // text, image, location, ... : the provider's word for it
	Text       string    `json:"text"`                // all words the phone shows, apart from choices
	Subject    string    `json:"subject,omitempty"`   // EMAIL and MMS
	HTML       string    `json:"html,omitempty"`      // EMAIL: Text with its formatting
	Media      []Media   `json:"media,omitempty"`     // of EMAIL the attachments
	Cards      []Card    `json:"cards,omitempty"`     // of a carousel; of MMS the slides
	Choices    []Choice  `json:"choices,omitempty"`   // all there are, those of cards too
	ReplyTo    string    `json:"reply_to,omitempty"`  // id of the item quoted or answered
	Reference  string    `json:"reference,omitempty"` // what the sender attached for itself
	Sender     string    `json:"sender,omitempty"`    // SMS and MMS: the number or name shown; EMAIL: the From
	Parts      int       `json:"parts,omitempty"`     // SMS: segments it took
	Flash      bool      `json:"flash,omitempty"`     // SMS: shown at once, not stored
	Reaction   string    `json:"reaction,omitempty"`  // emoji the account put on it
	Notice     string    `json:"notice,omitempty"`    // what the account answered to a tap
	Status     string    `json:"status"`
	Code       string    `json:"code,omitempty"` // provider's code when failed
	// Native is what the server under test sent, or got, as JSON; what is not
	// JSON, such as XML, is a string.
	Native json.RawMessage `json:"native"`

	seq int64
	raw any // what the provider keeps with the message
	// report tells the account that the item, which came in, reached its
	// Status; nil with providers that report nothing of the kind.
	report func(phone key, it Item)
}

// Media is a file shown with an Item.
type Media struct {
	Kind string `json:"kind"` // image, video, audio, voice, document, sticker, animation
	URL  string `json:"url"`  // where it is, or a path on the simulator if it was uploaded
	MIME string `json:"mime,omitempty"`
	Name string `json:"name,omitempty"`
}

// A Card is one of several things side by side in an Item.
type Card struct {
	Index int     `json:"index"` // from 1
	Title string  `json:"title,omitempty"`
	Text  string  `json:"text,omitempty"`
	Media []Media `json:"media,omitempty"`
}

// A Choice is something to tap under an Item. What it opens is in at most one
// of URL, Phone, Location and Calendar.
type Choice struct {
	Index int    `json:"index"` // from 1
	Title string `json:"title"`
	// Kind says what tapping does: callback, reply, row, quick_reply, keyboard
	// and postback send it; location and contact send those of the phone; url,
	// call, map and calendar open something; text does nothing but be typed.
	// Providers may have kinds of their own.
	Kind     string    `json:"kind"`
	Payload  string    `json:"payload,omitempty"`  // what is sent back
	URL      string    `json:"url,omitempty"`      // address to open
	Phone    string    `json:"phone,omitempty"`    // number to call
	Location *Location `json:"location,omitempty"` // place to show on a map
	Calendar *Calendar `json:"calendar,omitempty"` // appointment to save
	// Reports says that the account is told of the tap although it opens
	// something.
	Reports bool   `json:"reports,omitempty"`
	Card    int    `json:"card,omitempty"`    // the Card it is on
	Section string `json:"section,omitempty"` // the part of a list it is in
	Detail  string `json:"detail,omitempty"`  // description of a list row
}

// Calendar is an appointment.
type Calendar struct {
	Title       string    `json:"title"`
	Description string    `json:"description,omitempty"`
	Start       time.Time `json:"start"`
	End         time.Time `json:"end"`
}

// Opens is the address of what tapping c opens, or "".
func (c Choice) Opens() string {
	switch {
	case c.Phone != "":
		return "tel:" + c.Phone
	case c.Location != nil:
		return "geo:" + c.Location.coordinates()
	case c.Calendar != nil:
		const basic = "20060102T150405Z"
		return "calendar:" + c.Calendar.Start.UTC().Format(basic) + "/" + c.Calendar.End.UTC().Format(basic)
	}
	return c.URL
}

// native is what an Item shows of bytes sent or posted.
func native(b []byte) json.RawMessage {
	if len(b) == 0 || json.Valid(b) {
		return b
	}
	text, err := encode(string(b))
	if err != nil {
		return nil // a string always encodes
	}
	return text
}
