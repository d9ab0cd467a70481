package rcs

import "time"

// Google's AgentMessage, as far as the channel writes it
// (developers.google.com, RCS for Business: phones.agentMessages).

type agentMessage struct {
	Content content `json:"contentMessage"`
}

// content is exactly one of text, file and card, and what can be tapped below.
type content struct {
	Text        string       `json:"text,omitempty"`
	File        *contentInfo `json:"contentInfo,omitempty"`
	Card        *richCard    `json:"richCard,omitempty"`
	Suggestions []suggestion `json:"suggestions,omitempty"`
}

type contentInfo struct {
	FileURL      string `json:"fileUrl"`
	ThumbnailURL string `json:"thumbnailUrl,omitempty"`

	name string // the file's, for Sinch; Google takes it from the address
}

type richCard struct {
	Standalone *standaloneCard `json:"standaloneCard,omitempty"`
	Carousel   *carouselCard   `json:"carouselCard,omitempty"`
}

type standaloneCard struct {
	Orientation string `json:"cardOrientation"`
	Alignment   string `json:"thumbnailImageAlignment,omitempty"` // horizontal cards
	Content     card   `json:"cardContent"`
}

type carouselCard struct {
	Width    string `json:"cardWidth"`
	Contents []card `json:"cardContents"`
}

type card struct {
	Title       string       `json:"title,omitempty"`
	Description string       `json:"description,omitempty"`
	Media       *cardMedia   `json:"media,omitempty"`
	Suggestions []suggestion `json:"suggestions,omitempty"`
}

type cardMedia struct {
	Height string      `json:"height"`
	File   contentInfo `json:"contentInfo"`
}

// suggestion is a reply or an action.
type suggestion struct {
	Reply  *suggestedReply  `json:"reply,omitempty"`
	Action *suggestedAction `json:"action,omitempty"`
}

// label returns what is written on it.
func (s *suggestion) label() string {
	if s.Reply != nil {
		return s.Reply.Text
	}
	return s.Action.Text
}

type suggestedReply struct {
	Text     string `json:"text"`
	Postback string `json:"postbackData"`
}

type suggestedAction struct {
	Text          string         `json:"text"`
	Postback      string         `json:"postbackData"`
	FallbackURL   string         `json:"fallbackUrl,omitempty"`
	OpenURL       *openURL       `json:"openUrlAction,omitempty"`
	Dial          *dial          `json:"dialAction,omitempty"`
	ViewLocation  *viewLocation  `json:"viewLocationAction,omitempty"`
	ShareLocation *struct{}      `json:"shareLocationAction,omitempty"`
	Calendar      *calendarEvent `json:"createCalendarEventAction,omitempty"`
}

type openURL struct {
	URL         string `json:"url"`
	Application string `json:"application,omitempty"`
	ViewMode    string `json:"webviewViewMode,omitempty"`
	Description string `json:"description,omitempty"`
}

type dial struct {
	PhoneNumber string `json:"phoneNumber"`
}

type viewLocation struct {
	LatLong latLong `json:"latLong"`
	Label   string  `json:"label,omitempty"`
}

type latLong struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type calendarEvent struct {
	Start       time.Time `json:"startTime"`
	End         time.Time `json:"endTime"`
	Title       string    `json:"title"`
	Description string    `json:"description,omitempty"`
}
