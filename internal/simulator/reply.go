package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Reply is what the owner of a phone sends: exactly one of Text, MediaURL,
// Location, Contact and Reaction.
type Reply struct {
	Text     *string `json:"text,omitempty"`
	MediaURL string  `json:"media_url,omitempty"` // http(s), data: or /media/ of the simulator
	Caption  string  `json:"caption,omitempty"`
	MIME     string  `json:"mime,omitempty"`
	// MoreMedia are further files with MediaURL, where the channel takes them.
	MoreMedia []string  `json:"more_media,omitempty"`
	Subject   string    `json:"subject,omitempty"` // EMAIL, MMS and the MMS of SMS
	HTML      string    `json:"html,omitempty"`    // EMAIL: Text with formatting
	Location  *Location `json:"location,omitempty"`
	Contact   *Contact  `json:"contact,omitempty"`
	// Reaction is an emoji on ReplyTo; empty takes it back.
	Reaction *string `json:"reaction,omitempty"`
	// Account is who to write to; by default who wrote last.
	Account string `json:"account,omitempty"`
	// ReplyTo is the id of the item quoted.
	ReplyTo string `json:"reply_to,omitempty"`

	file   *file   // MediaURL, fetched
	files  []*file // MediaURL and MoreMedia
	quoted *Item   // ReplyTo
}

// Location is a place a phone shares.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Title     string  `json:"title,omitempty"`
	Address   string  `json:"address,omitempty"`
}

func (l Location) text() string { return lines(l.Title, l.Address, l.coordinates()) }

func (l Location) coordinates() string {
	return strconv.FormatFloat(l.Latitude, 'f', -1, 64) + "," + strconv.FormatFloat(l.Longitude, 'f', -1, 64)
}

// Contact is a contact card a phone shares.
type Contact struct {
	Name  string `json:"name"`
	Phone string `json:"phone"`
	Email string `json:"email,omitempty"`
}

func (c Contact) text() string { return lines(c.Name, c.Phone, c.Email) }

// lines joins what is not empty, one a line.
func lines(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, "\n")
}

// validate checks what can be told without the account.
func (r Reply) validate(channel string) error {
	n := 0
	for _, set := range []bool{
		r.Text != nil, r.MediaURL != "", r.Location != nil, r.Contact != nil, r.Reaction != nil,
	} {
		if set {
			n++
		}
	}
	if n != 1 {
		return errors.New("want exactly one of text, media_url, location, contact and reaction")
	}
	if len(r.MoreMedia) > 0 && (r.MediaURL == "" || !takesFiles(channel)) {
		return errors.New("more_media: goes with media_url, and not on " + channel)
	}
	if r.Subject != "" && !plainWords(channel) || r.HTML != "" && (channel != ChannelEmail || r.Text == nil) {
		return errors.New("subject, html: not on " + channel)
	}
	if r.Reaction != nil && r.ReplyTo == "" {
		return errors.New("reaction: want reply_to")
	}
	if r.Contact != nil && (r.Contact.Name == "" || r.Contact.Phone == "") {
		return errors.New("contact: want name and phone")
	}
	return nil
}

// item is the reply as the phone itself shows it.
func (r Reply) item(account, provider string) Item {
	it := Item{Direction: Out, Account: account, Provider: provider, Status: StatusPending, ReplyTo: r.ReplyTo, Subject: r.Subject, HTML: r.HTML}
	switch {
	case r.Text != nil:
		it.Type, it.Text = "text", *r.Text
	case r.file != nil:
		it.Type, it.Text = r.file.kind(), r.Caption
		for _, f := range r.files {
			it.Media = append(it.Media, f.shown(f.kind()))
		}
	case r.Location != nil:
		it.Type, it.Text = "location", r.Location.text()
	case r.Contact != nil:
		it.Type, it.Text = "contact", r.Contact.text()
	case r.Reaction != nil:
		it.Type, it.Text = "reaction", *r.Reaction
	}
	return it
}

// fileURL is where the server under test can fetch a file.
func (s *Simulator) fileURL(f *file) string {
	if f.link != "" {
		return f.link
	}
	return s.base() + "/media/" + f.id
}

// phoneNumber is a sender that can be written to; names cannot.
var phoneNumber = regexp.MustCompile(`^\+?[0-9]{3,20}$`)

// senderOf is the number an account wrote to the phone from, last or in the
// item replyTo; "" if there is none that can be answered.
func (s *Simulator) senderOf(phone key, account, replyTo string) string {
	last, ok := s.phones.last(phone, func(it *Item) bool {
		return it.Direction == In && it.Account == account && (replyTo == "" || it.ID == replyTo)
	})
	if !ok || !phoneNumber.MatchString(last.Sender) {
		return ""
	}
	return last.Sender
}

// Reply sends what the owner of the handset wrote and returns it as it stands
// in the thread, still pending.
func (s *Simulator) Reply(ctx context.Context, channel, identity string, r Reply) (Item, error) {
	if err := r.validate(channel); err != nil {
		return Item{}, err
	}
	k := newKey(channel, identity)
	if r.ReplyTo != "" {
		it, ok := s.phones.item(k, r.ReplyTo)
		if !ok {
			return Item{}, fmt.Errorf("reply_to: item %w", errNotFound)
		}
		r.quoted = &it
		r.Account = orElse(r.Account, it.Account)
	}
	p, account, err := s.route(k, r.Account)
	if err != nil {
		return Item{}, err
	}
	if r.MediaURL != "" {
		if r.file, err = s.media.bring(ctx, r.MediaURL, r.MIME); err != nil {
			return Item{}, err
		}
		r.files = []*file{r.file}
	}
	for _, u := range r.MoreMedia {
		f, err := s.media.bring(ctx, u, "")
		if err != nil {
			return Item{}, err
		}
		r.files = append(r.files, f)
	}
	return p.reply(account, k, r)
}

// A Tap chooses something under a message.
type Tap struct {
	Item   string    `json:"item,omitempty"` // id; default the newest that has the choice
	Choice ChoiceRef `json:"choice"`
}

// ChoiceRef is the index of a choice, from 1, or its title.
type ChoiceRef string

// UnmarshalJSON accepts a number or a string.
func (c *ChoiceRef) UnmarshalJSON(b []byte) error {
	var n int
	if err := json.Unmarshal(b, &n); err == nil {
		*c = ChoiceRef(strconv.Itoa(n))
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("read choice: %w", err)
	}
	*c = ChoiceRef(s)
	return nil
}

func (c ChoiceRef) find(choices []Choice) (Choice, bool) {
	if ch, ok := c.titled(choices); ok {
		return ch, true
	}
	for _, ch := range choices {
		if strconv.Itoa(ch.Index) == string(c) {
			return ch, true
		}
	}
	return Choice{}, false
}

// titled returns the choice with that title.
func (c ChoiceRef) titled(choices []Choice) (Choice, bool) {
	for _, ch := range choices {
		if strings.EqualFold(ch.Title, string(c)) {
			return ch, true
		}
	}
	return Choice{}, false
}

// Tapped is what a tap did: Sent is the message or event it sent, Opened what
// Choice.Opens says.
type Tapped struct {
	Choice Choice `json:"choice"`
	Sent   *Item  `json:"sent,omitempty"`
	Opened string `json:"opened,omitempty"`
}

// Tap chooses something on the handset: under the message named, else under
// the newest with choices or, by its title, under the newest that has it.
func (s *Simulator) Tap(channel, identity string, t Tap) (Tapped, error) {
	k := newKey(channel, identity)
	named := func(it *Item) bool { return it.Direction == In && (t.Item == "" || it.ID == t.Item) }
	it, offered := s.phones.last(k, func(it *Item) bool { return named(it) && len(it.Choices) > 0 })
	c, ok := t.Choice.find(it.Choices)
	if !ok {
		it, ok = s.phones.last(k, func(it *Item) (has bool) {
			if named(it) {
				c, has = t.Choice.titled(it.Choices)
			}
			return has
		})
	}
	if !ok && plainWords(channel) && t.Choice != "" {
		c = Choice{Title: string(t.Choice), Kind: "text"}
		it, ok = s.phones.last(k, named)
	}
	switch {
	case !ok && !offered:
		return Tapped{}, fmt.Errorf("message with choices %w", errNotFound)
	case !ok:
		return Tapped{}, fmt.Errorf("choice %w", errNotFound)
	}
	opened := c.Opens()
	if opened != "" && !c.Reports {
		return Tapped{Choice: c, Opened: opened}, nil
	}
	sent, err := s.provider(it.Provider).tap(it.Account, k, it, c)
	if err != nil {
		return Tapped{}, err
	}
	return Tapped{Choice: c, Sent: &sent, Opened: opened}, nil
}

// plainWords tells whether choices are plain words on the channel: what is
// tapped is typed.
func plainWords(channel string) bool {
	return channel == ChannelSMS || channel == ChannelMMS || channel == ChannelEmail || channel == ChannelViberBM
}

// takesFiles tells whether a message of a phone may have several files.
func takesFiles(channel string) bool {
	switch channel {
	case ChannelSMS, ChannelMMS, ChannelEmail, ChannelMessenger, ChannelInstagram, ChannelAppleBC:
		return true
	}
	return false
}

// writeOut puts what the phone sends in its thread and queues the post that
// tells the account. build makes the post from the item with its id and sets
// what the provider knows of it: ProviderID, Native and raw. A nil post means
// that build saw to it itself.
func (s *Simulator) writeOut(k key, it Item, build func(it *Item) (*post, error)) (Item, error) {
	it = s.phones.add(k, it)
	s.phones.locked(k, func(h *handset) { h.behaviour.WindowClosed, h.left = false, false })
	s.stats.inbound(it.Provider)
	j, err := build(&it)
	if err != nil {
		return Item{}, err
	}
	s.phones.edit(k, it.ID, func(kept *Item) {
		it.Native = native(it.Native)
		kept.Native, kept.ProviderID, kept.raw = it.Native, it.ProviderID, it.raw
	})
	if j == nil {
		return it, nil
	}
	id := it.ID
	j.done = func(err error, last bool) { s.phones.edit(k, id, outStatus(err, last)) }
	s.poster.send(j)
	return it, nil
}

// outStatus is what a webhook's answer makes of a message that went out.
func outStatus(err error, last bool) func(*Item) {
	return func(it *Item) {
		switch {
		case err == nil && it.Status == StatusPending:
			it.Status = StatusAccepted
		case err != nil && last:
			it.Status = StatusFailed
		}
	}
}
