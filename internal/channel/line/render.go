package line

import (
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// A push is one request: all of its messages are sent, in this order, or none.
type push struct {
	To       string    `json:"to"`
	Messages []message `json:"messages"`
}

// A message is a message object of any type.
type message struct {
	Type string `json:"type"`

	Text       string `json:"text,omitempty"`
	QuoteToken string `json:"quoteToken,omitempty"`

	ContentURL string `json:"originalContentUrl,omitempty"`
	PreviewURL string `json:"previewImageUrl,omitempty"`
	TrackingID string `json:"trackingId,omitempty"`
	Duration   int    `json:"duration,omitempty"` // milliseconds

	Title     string      `json:"title,omitempty"`
	Address   string      `json:"address,omitempty"`
	Latitude  json.Number `json:"latitude,omitempty"`
	Longitude json.Number `json:"longitude,omitempty"`

	AltText  string    `json:"altText,omitempty"` // what notifications show
	Template *template `json:"template,omitempty"`
	Contents any       `json:"contents,omitempty"`

	QuickReply *quickReply `json:"quickReply,omitempty"`
}

// Render returns one payload for most messages: what belongs together is one
// push, which LINE also counts as one message.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	payloads, err := render(o)
	if o.Message.ChannelSpecific != nil || hashedPhone.MatchString(recipient(o.To.Identity)) {
		// Notification messages have no retry key.
		for i := range payloads {
			payloads[i].Once = true
		}
	}
	return payloads, err
}

func render(o *channel.Outgoing) ([]channel.Payload, error) {
	if m, ok := o.Message.ChannelSpecific[parley.ChannelLINE]; ok {
		return specific(m, o.To.Identity)
	}
	if raw, ok := o.Message.ExplicitChannel[parley.ChannelLINE]; ok {
		return explicit(raw, recipient(o.To.Identity))
	}
	r := &renderer{to: recipient(o.To.Identity), trackingID: o.Properties["LINE_VIDEO_TRACKING_ID"]}
	if err := r.content(o.Message); err != nil {
		return nil, err
	}
	return r.payloads(o.ReplyTo)
}

// explicit completes a request the app wrote itself: the body of a push or a
// single message. It goes to the recipient, whatever it says.
func explicit(raw, to string) ([]channel.Payload, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &members); err != nil || members == nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit LINE message is not a JSON object")
	}
	all := map[string]any{}
	if _, whole := members["messages"]; whole {
		for name, value := range members {
			all[name] = value
		}
	} else {
		all["messages"] = []json.RawMessage{json.RawMessage(raw)}
	}
	all["to"] = to
	body, err := channel.Encode(all)
	if err != nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit LINE message cannot be encoded")
	}
	return []channel.Payload{{Body: body}}, nil
}

// A renderer collects the message objects that say one message.
type renderer struct {
	to         string
	trackingID string
	out        []message
}

// payloads encodes the messages in as few pushes as they need. The first
// message quotes the one replied to, if it can: texts alone do.
func (r *renderer) payloads(replyTo channel.ProviderID) ([]channel.Payload, error) {
	if _, token, ok := strings.Cut(string(replyTo), ":"); ok && len(r.out) > 0 && r.out[0].Type == "text" {
		r.out[0].QuoteToken = token
	}
	var all []channel.Payload
	for some := range slices.Chunk(r.out, maxMessages) {
		body, err := channel.Encode(push{To: r.to, Messages: some})
		if err != nil {
			return nil, channel.Refuse(parley.ReasonInternalError, "the message cannot be encoded")
		}
		all = append(all, channel.Payload{Body: body})
	}
	return all, nil
}

func (r *renderer) content(m *parley.AppMessage) error {
	switch v := m.Content().(type) {
	case *parley.TextMessage:
		r.text(v.Text, nil)
	case *parley.MediaMessage:
		r.media(v)
	case *parley.ChoiceMessage:
		return r.choice(v)
	case *parley.CardMessage:
		return r.card(v)
	case *parley.CarouselMessage:
		return r.carousel(v)
	case *parley.ListMessage:
		return r.list(v)
	case *parley.LocationMessage:
		r.location(v)
	case *parley.ContactInfoMessage:
		r.text(transcode.Text(m, style), nil)
	case *parley.TemplateMessage:
		return channel.Refuse(parley.ReasonTemplateNotFound, "LINE has no templates of its own")
	case nil:
		return channel.Refuse(parley.ReasonBadRequest, "the message has no body for LINE")
	}
	return nil
}

func (r *renderer) add(m message) { r.out = append(r.out, m) }

// noWords stands where LINE wants a text and the message has none; an empty
// one is refused.
const noWords = "…"

// text sends words, in as many messages as they need; quick replies belong to
// the last.
func (r *renderer) text(words string, quick *quickReply) {
	if words == "" {
		words = noWords
	}
	for _, piece := range transcode.Split(words, maxText, channel.UTF16) {
		r.add(message{Type: "text", Text: piece})
	}
	r.out[len(r.out)-1].QuickReply = quick
}

// audioDuration is the length of every sound: LINE requires one and shows it,
// and nobody knows it. It plays to the end all the same.
const audioDuration = 60_000 // milliseconds

// media sends a file by its address. LINE takes pictures, videos with a
// picture to show before they play, and sounds; all else is an address in a
// text.
func (r *renderer) media(m *parley.MediaMessage) {
	ext := extension(m)
	thumbnail := secure(m.ThumbnailURL, maxURL)
	switch {
	case !secure(m.URL, maxURL):
	case isPicture(ext):
		preview := m.URL
		if thumbnail {
			preview = m.ThumbnailURL
		}
		r.add(message{Type: "image", ContentURL: m.URL, PreviewURL: preview})
		return
	case ext == ".mp4" && thumbnail:
		r.add(message{Type: "video", ContentURL: m.URL, PreviewURL: m.ThumbnailURL, TrackingID: r.trackingID})
		return
	case ext == ".m4a", ext == ".mp3":
		r.add(message{Type: "audio", ContentURL: m.URL, Duration: audioDuration})
		return
	}
	r.text(m.URL, nil)
}

// picture returns the address of the image that a card shows, or "" when the
// media is none.
func picture(m *parley.MediaMessage) string {
	if m == nil || !isPicture(extension(m)) || !secure(m.URL, maxImageURL) {
		return ""
	}
	return m.URL
}

func isPicture(ext string) bool { return ext == ".jpg" || ext == ".jpeg" || ext == ".png" }

// secure reports whether LINE takes an address: https, and not too long.
func secure(address string, limit int) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != "" && len(address) <= limit
}

// extension returns that of the file name, or else of the address, in lower
// case.
func extension(m *parley.MediaMessage) string {
	name := m.FilenameOverride
	if path.Ext(name) == "" {
		if u, err := url.Parse(m.URL); err == nil {
			name = u.Path
		}
	}
	return strings.ToLower(path.Ext(name))
}

// location shows a place, which LINE wants with a title and an address. Words
// that do not fit go ahead.
func (r *renderer) location(m *parley.LocationMessage) {
	lat, long := transcode.Coordinate(m.Coordinates.Latitude), transcode.Coordinate(m.Coordinates.Longitude)
	address := m.Label
	if address == "" {
		address = lat + ", " + long
	}
	title := m.Title
	if title == "" {
		title = address
	}
	if transcode.Length(title, channel.UTF16) > maxLocation || transcode.Length(address, channel.UTF16) > maxLocation {
		r.text(transcode.Join("\n", m.Title, m.Label), nil)
	}
	r.add(message{
		Type:     "location",
		Title:    transcode.Truncate(title, maxLocation, channel.UTF16),
		Address:  transcode.Truncate(address, maxLocation, channel.UTF16),
		Latitude: json.Number(lat), Longitude: json.Number(long),
	})
}
