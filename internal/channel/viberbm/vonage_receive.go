package viberbm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A vonageWebhook is a message or, where it has a status, a report on one of ours
// (developer.vonage.com/api/messages, Webhooks).
type vonageWebhook struct {
	Channel   string    `json:"channel"`
	UUID      string    `json:"message_uuid"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Timestamp time.Time `json:"timestamp"`

	Status    string       `json:"status"`
	ClientRef string       `json:"client_ref"`
	Error     *vonageFault `json:"error"`

	MessageType string       `json:"message_type"`
	Text        string       `json:"text"`
	Image       *vonageMedia `json:"image"`
	Video       *vonageMedia `json:"video"`
	Audio       *vonageMedia `json:"audio"`
	File        *vonageMedia `json:"file"`
	Location    *vonagePlace `json:"location"`
	Context     struct {
		UUID string `json:"message_uuid"`
	} `json:"context"`
	Profile struct {
		Name string `json:"name"`
	} `json:"profile"`
}

// vonageMedia is a file in a webhook.
type vonageMedia struct {
	URL     string `json:"url"`
	Name    string `json:"name"`
	Caption string `json:"caption"`
}

type vonagePlace struct {
	Latitude  *float64 `json:"lat"`
	Longitude *float64 `json:"long"`
	Name      string   `json:"name"`
}

// vonageStatuses is what a report says (developer.vonage.com, Messages API Status
// Callbacks).
var vonageStatuses = map[string]parley.DeliveryStatus{
	"submitted": parley.StatusQueuedOnChannel, "delivered": parley.StatusDelivered, "read": parley.StatusRead,
	"rejected": parley.StatusFailed, "undeliverable": parley.StatusFailed,
}

func receiveVonage(_ *account, c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	var none channel.Received
	if !genuineVonage(c.Credential.CallbackSecret, r.Header.Get("Authorization"), body) {
		return none, channel.ErrForged
	}
	var w vonageWebhook
	if err := json.Unmarshal(body, &w); err != nil {
		return none, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	switch {
	case w.Channel != "" && w.Channel != viberService:
		return none, nil // a Vonage application has one webhook for all its channels
	case w.UUID == "":
		return none, fmt.Errorf("%w: no message_uuid", channel.ErrMalformed)
	case w.Status != "":
		return w.report()
	case phone(w.From) == "":
		return none, fmt.Errorf("%w: no from", channel.ErrMalformed)
	}
	return channel.Received{Inbound: []channel.Inbound{w.message(body)}}, nil
}

func (w *vonageWebhook) report() (channel.Received, error) {
	status, ok := vonageStatuses[w.Status]
	if !ok {
		return channel.Received{}, nil // of no consequence, such as a new stage
	}
	in := channel.Inbound{
		ID: channel.ProviderID(w.UUID + "/" + w.Status), At: w.Timestamp, From: channel.Address{Identity: phone(w.To)},
		Receipt: &channel.Receipt{ID: channel.ProviderID(w.UUID), Key: w.ClientRef, Status: status},
	}
	if status == parley.StatusFailed {
		in.Receipt.Reason = undeliveredVonage(w.Status, w.Error)
	}
	return channel.Received{Inbound: []channel.Inbound{in}}, nil
}

func (w *vonageWebhook) message(body []byte) channel.Inbound {
	in := channel.Inbound{
		ID: channel.ProviderID(w.UUID), At: w.Timestamp, To: w.To,
		From: channel.Address{Identity: phone(w.From), Name: w.Profile.Name}, ReplyTo: channel.ProviderID(w.Context.UUID),
	}
	f := cmp.Or(w.Image, w.Video, w.Audio, w.File)
	switch {
	case w.MessageType == "text" && w.Text != "":
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: w.Text}}
	case f != nil && f.URL != "":
		in.Media = &channel.MediaRef{Ref: f.URL, Filename: f.Name}
		in.Message = &parley.ContactMessage{Media: &parley.MediaMessage{}}
		if words := cmp.Or(f.Caption, w.Text); words != "" {
			in.Message = &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{Caption: words}}
		}
	case w.Location != nil && w.Location.Latitude != nil && w.Location.Longitude != nil:
		in.Message = &parley.ContactMessage{Location: &parley.LocationMessage{
			Title: w.Location.Name, Coordinates: parley.Coordinates{Latitude: *w.Location.Latitude, Longitude: *w.Location.Longitude},
		}}
	default:
		in.Unsupported = string(body)
	}
	return in
}
