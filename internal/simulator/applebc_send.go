package simulator

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// appleMessage is the body of a message to a phone.
type appleMessage struct {
	V             int
	ID            string
	SourceID      string `json:"sourceId"`
	DestinationID string `json:"destinationId"`
	Type, Body    string
	Attachments   []appleFile
	Interactive   *struct {
		BID  string
		Data struct {
			Version    string
			Request    string `json:"requestIdentifier"`
			QuickReply *struct {
				Summary string `json:"summaryText"`
				Items   []appleItem
			} `json:"quick-reply"`
			Images []struct {
				Identifier, Data string
			}
			ListPicker *struct {
				Sections []struct {
					Title string
					Items []appleItem
				}
			} `json:"listPicker"`
			Event *struct {
				Identifier, Title string
				Timeslots         []struct {
					Identifier string
					Start      string `json:"startTime"`
					Duration   int64
				}
			}
		}
		Received *appleBubble `json:"receivedMessage"`
		Reply    *appleBubble `json:"replyMessage"`
	} `json:"interactiveData"`
	RichLink *struct {
		URL, Title string
		Assets     struct {
			Image struct{ Data, MIMEType string }
		}
	} `json:"richLinkData"`
}

type appleItem struct {
	Identifier, Title, Subtitle string
	Image                       string `json:"imageIdentifier"`
}

type appleBubble struct{ Title, Subtitle, Style string }

var appleUUID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// message shows a message on a phone, once for each id.
func (a *applebc) message(business string, r *http.Request) (any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	var m appleMessage
	if err != nil || json.Unmarshal(body, &m) != nil || !m.agrees(r.Header) {
		return nil, a.bad()
	}
	phone := newKey(ChannelAppleBC, m.DestinationID)
	switch m.Type {
	case "typing_start":
		a.sim.phones.typing(phone, time.Minute)
		return nil, nil
	case "typing_end":
		a.sim.phones.typing(phone, 0)
		return nil, nil
	}
	mine := func(it *Item) bool { return it.Direction == In && it.ProviderID == m.ID }
	if _, taken := a.sim.phones.last(phone, mine); taken {
		return nil, nil
	}
	it := Item{Account: business, Provider: ProviderAppleBC, ProviderID: m.ID, Type: m.Type, Native: body}
	if !a.read(&m, &it) {
		return nil, a.bad()
	}
	_, err = a.sim.accept(incoming{phone: phone, item: it, refuse: a.refuse, leftCode: "404"})
	return nil, err
}

func (a *applebc) bad() error {
	a.sim.stats.refused(ProviderAppleBC)
	return appleError(http.StatusBadRequest)
}

// agrees checks that headers and body say the same.
func (m *appleMessage) agrees(h http.Header) bool {
	return m.V == 1 && appleUUID.MatchString(m.ID) && h.Get("Id") == m.ID && m.DestinationID != "" &&
		h.Get("Source-Id") == m.SourceID && h.Get("Destination-Id") == m.DestinationID
}

// refuse words what is not taken: nothing is reported later.
func (a *applebc) refuse(b Behaviour, blocked bool) error {
	status, err := strconv.Atoi(b.FailCode.or("404"))
	if err != nil || status < 400 || status > 599 {
		status = http.StatusBadRequest
	}
	switch {
	case blocked:
		return appleError(http.StatusGone)
	case b.Deliver == DeliverRateLimit:
		return appleError(http.StatusTooManyRequests)
	case b.Deliver == DeliverRefuse || b.Deliver == DeliverReject:
		return appleError(status)
	}
	return nil
}

// read makes the item of a message; false if Apple would refuse it.
func (a *applebc) read(m *appleMessage, it *Item) bool {
	switch m.Type {
	case "text":
		return a.readText(m, it)
	case "richLink":
		if m.RichLink == nil || m.RichLink.URL == "" || m.RichLink.Title == "" {
			return false
		}
		image, err := base64.StdEncoding.DecodeString(m.RichLink.Assets.Image.Data)
		if err != nil || len(image) == 0 || len(image) > 200<<10 {
			return false
		}
		it.Text = m.RichLink.Title
		it.Media = []Media{a.sim.media.put(image, m.RichLink.Assets.Image.MIMEType, "").shown("image")}
		it.Choices = []Choice{{Index: 1, Title: m.RichLink.Title, Kind: "url", URL: m.RichLink.URL}}
		return true
	case "interactive":
		return a.readInteractive(m, it)
	}
	return false
}

func (a *applebc) readText(m *appleMessage, it *Item) bool {
	if m.Body == "" || utf8.RuneCountInString(m.Body) > 3000 || strings.Count(m.Body, "\ufffc") != len(m.Attachments) {
		return false
	}
	it.Text = strings.ReplaceAll(m.Body, "\ufffc", "")
	for _, f := range m.Attachments {
		opened := a.open(f)
		if opened == nil || f.Name == "" {
			return false
		}
		it.Media = append(it.Media, opened.shown(opened.kind()))
	}
	return true
}

func (a *applebc) readInteractive(m *appleMessage, it *Item) bool {
	in := m.Interactive
	if in == nil || !strings.HasSuffix(in.BID, ":com.apple.icloud.apps.messages.business.extension") ||
		in.Data.Version != "1.0" || in.Data.Request == "" {
		return false
	}
	d := in.Data
	if q := d.QuickReply; q != nil {
		it.Text = q.Summary
		if q.Summary == "" || len(q.Items) < 2 || len(q.Items) > 5 {
			return false
		}
		return it.offer("", "quick_reply", q.Items)
	}
	if in.Received == nil || in.Reply == nil || in.Received.Title == "" {
		return false
	}
	it.Text = lines(in.Received.Title, in.Received.Subtitle)
	for _, image := range d.Images {
		data, err := base64.StdEncoding.DecodeString(image.Data)
		if err != nil || len(data) == 0 || image.Identifier == "" {
			return false
		}
		it.Media = append(it.Media, a.sim.media.put(data, "image/png", image.Identifier).shown("image"))
	}
	switch {
	case d.ListPicker != nil:
		for _, s := range d.ListPicker.Sections {
			if !it.offer(s.Title, "row", s.Items) {
				return false
			}
		}
	case d.Event != nil:
		for _, slot := range d.Event.Timeslots {
			start, err := time.Parse("2006-01-02T15:04-0700", slot.Start)
			if err != nil || slot.Duration < 0 ||
				!it.offer(d.Event.Title, "timeslot", []appleItem{{Identifier: slot.Identifier, Title: start.Format(time.RFC3339)}}) {
				return false
			}
		}
	}
	return len(it.Choices) > 0
}

// offer adds what can be chosen; false if something is missing.
func (it *Item) offer(section, kind string, items []appleItem) bool {
	for _, one := range items {
		if one.Identifier == "" || one.Title == "" {
			return false
		}
		it.Choices = append(it.Choices, Choice{
			Index: len(it.Choices) + 1, Title: one.Title, Kind: kind, Payload: one.Identifier, Section: section, Detail: one.Subtitle,
		})
	}
	return len(items) > 0
}
