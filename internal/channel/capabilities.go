package channel

import (
	"strings"

	"github.com/parley-im/parley"
)

// Support says how well a channel can show a kind of message.
type Support int

// The levels of Support. Nothing is ever dropped in silence: what a channel
// cannot show in its own form is written out as text (Degraded) or refused
// with a reason (Rejected).
const (
	Rejected Support = iota
	Degraded
	Native
)

func (s Support) String() string {
	switch s {
	case Native:
		return "native"
	case Degraded:
		return "degraded"
	case Rejected:
		return "rejected"
	}
	return "rejected"
}

// A Unit is what a provider counts text in.
type Unit int

// The units of text length.
const (
	Characters Unit = iota // Unicode code points
	Bytes                  // UTF-8
	UTF16                  // UTF-16 code units
)

// A ChoiceKind is a kind of choice, by its wire name without "_message".
type ChoiceKind string

// The kinds of choices.
const (
	ChoiceText          ChoiceKind = "text"
	ChoiceURL           ChoiceKind = "url"
	ChoiceCall          ChoiceKind = "call"
	ChoiceLocation      ChoiceKind = "location"
	ChoiceCalendar      ChoiceKind = "calendar"
	ChoiceShareLocation ChoiceKind = "share_location"
)

// Capabilities is what a channel can show and promise. A zero limit means
// none.
type Capabilities struct {
	MaxText       int  // of a text message, in Unit; longer text becomes several messages
	Unit          Unit // also of the limits below
	MaxCaption    int  // of the text beside media; longer text follows the media
	MaxChoiceText int  // of the text above choices, where tighter than MaxText; longer text goes ahead of them

	Text        Support
	Media       Support
	Card        Support
	Carousel    Support
	Choice      Support
	List        Support
	Location    Support
	ContactInfo Support
	Template    Support // of the channel's own templates

	// MediaTypes are the files the channel takes where Media is native, the
	// narrower type first; none means any. A file of another type fails the
	// message on the channel, so a channel that writes out other files as
	// links ends its list with */*.
	MediaTypes []MediaType

	Choices    []ChoiceKind // kinds that can be tapped; a message with any other is degraded
	MaxChoices int          // that can be tapped in one message; a message with more is degraded
	MaxCards   int          // of a carousel; one with more becomes cards
	MaxItems   int          // of a list, over all sections; one with more is degraded

	Style Style // how degraded text is written

	// TypedChoices says that contacts answer choices by typing them, because
	// they see them as text.
	TypedChoices bool

	Events     []string                // the app events the channel can show, by wire name
	Receipts   []parley.DeliveryStatus // which ones can arrive; none: no delivery report is ever waited for
	Idempotent bool                    // the provider drops a repeated Attempt.Key
}

// A MediaType is a kind of file a channel takes.
type MediaType struct {
	Type     string // such as image/png, image/* or */*
	MaxBytes int64  // 0 means no limit
}

// Matches reports whether a media type without parameters is of this kind.
func (m MediaType) Matches(mime string) bool {
	if m.Type == "*/*" || strings.EqualFold(m.Type, mime) {
		return true
	}
	family, ok := strings.CutSuffix(m.Type, "*")
	return ok && len(mime) > len(family) && strings.EqualFold(mime[:len(family)], family)
}

// A Style says how what a channel cannot show natively is written as text.
type Style struct {
	Bullet      string // before a choice; "" means "> "
	Bold        string // around titles, such as "*"; "" means none
	Italic      string // around descriptions, such as "_"; "" means none
	BlankBefore bool   // a blank line before the choices of a card
	Unnumbered  bool   // the cards of a carousel carry no number
	OneText     bool   // a carousel is one text even where cards are native
}
