package simulator

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of message bodies (Meta's OpenAPI v23.0 and the Cloud API messages
// reference, read 2026-11-22).
const (
	waTextMost    = 4096
	waCaptionMost = 1024
	waContactMost = 5
)

// content checks what the type carries and fills what the phone shows.
func (wa *whatsapp) content(in *waRequest, a *WhatsAppAccount, it *Item) error {
	it.Type = in.Type
	if it.Type == "" {
		it.Type = "text" // the default of the API
	}
	switch it.Type {
	case "text":
		return waText(in.Text, it)
	case "image":
		return wa.file(it, in.Image)
	case "video":
		return wa.file(it, in.Video)
	case "audio":
		return wa.file(it, in.Audio)
	case "document":
		return wa.file(it, in.Document)
	case "sticker":
		return wa.file(it, in.Sticker)
	case "location":
		return waLocation(in.Location, it)
	case "contacts":
		return waContacts(in.Contacts, it)
	case "interactive":
		return wa.interactive(in.Interactive, it)
	case "template":
		return waTemplate(in.Template, a, it)
	case "reaction":
		return wa.reaction(in.Reaction, it)
	}
	return waParam(`Param type must be one of {AUDIO, CONTACTS, DOCUMENT, IMAGE, INTERACTIVE, LOCATION, REACTION, ` +
		`STICKER, TEMPLATE, TEXT, VIDEO} - got "` + it.Type + `".`)
}

func waText(raw json.RawMessage, it *Item) error {
	var in struct {
		Body    *string `json:"body"`
		Preview bool    `json:"preview_url"`
	}
	if err := strict("text", raw, &in); err != nil {
		return err
	}
	if in.Body == nil || *in.Body == "" {
		return waRequired("text['body']")
	}
	if utf8.RuneCountInString(*in.Body) > waTextMost {
		return waParam("Param text['body'] must be at most 4096 characters long.")
	}
	it.Text = *in.Body
	return nil
}

type waMedia struct {
	ID       string `json:"id"`
	Link     string `json:"link"`
	Caption  string `json:"caption"`
	Filename string `json:"filename"`
	Voice    bool   `json:"voice"`
}

// file is a picture, film, sound, document or sticker.
func (wa *whatsapp) file(it *Item, raw json.RawMessage) error {
	var in waMedia
	if err := strict(it.Type, raw, &in); err != nil {
		return err
	}
	if in.Caption != "" && (it.Type == "audio" || it.Type == "sticker") {
		return waParam(`Unexpected key "caption" on param "` + it.Type + `".`)
	}
	if in.Filename != "" && it.Type != "document" {
		return waParam(`Unexpected key "filename" on param "` + it.Type + `".`)
	}
	if utf8.RuneCountInString(in.Caption) > waCaptionMost {
		return waParam("Param " + it.Type + "['caption'] must be at most 1024 characters long.")
	}
	m, err := wa.shown(it.Type, it.Type, in)
	if err != nil {
		return err
	}
	it.Text, it.Media = in.Caption, []Media{m}
	return nil
}

// shown checks where a file comes from.
func (wa *whatsapp) shown(param, kind string, in waMedia) (Media, error) {
	switch {
	case in.ID == "" && in.Link == "", in.ID != "" && in.Link != "":
		return Media{}, waParam("Param " + param + " must have exactly one of id and link.")
	case in.ID != "":
		f := wa.sim.media.get(in.ID)
		if f == nil {
			return Media{}, waInvalid("Media ID " + in.ID + " does not exist")
		}
		m := f.shown(kind)
		m.Name = orElse(in.Filename, m.Name)
		return m, nil
	}
	u, err := url.Parse(in.Link)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Media{}, waParam("Param " + param + "['link'] is not a valid URI.")
	}
	return Media{Kind: kind, URL: in.Link, MIME: mimeOf(in.Link), Name: in.Filename}, nil
}

// flexFloat is a number that may be written as a string.
type flexFloat float64

func (f *flexFloat) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil {
		return fmt.Errorf("read coordinate: %w", err)
	}
	*f = flexFloat(v)
	return nil
}

func waLocation(raw json.RawMessage, it *Item) error {
	var in struct {
		Latitude  *flexFloat `json:"latitude"`
		Longitude *flexFloat `json:"longitude"`
		Name      string     `json:"name"`
		Address   string     `json:"address"`
	}
	if err := strict("location", raw, &in); err != nil {
		return err
	}
	switch {
	case in.Latitude == nil:
		return waRequired("location['latitude']")
	case in.Longitude == nil:
		return waRequired("location['longitude']")
	case *in.Latitude < -90 || *in.Latitude > 90 || *in.Longitude < -180 || *in.Longitude > 180:
		return waInvalid("location: latitude or longitude out of range")
	}
	it.Text = Location{
		Latitude: float64(*in.Latitude), Longitude: float64(*in.Longitude), Title: in.Name, Address: in.Address,
	}.text()
	return nil
}

func waContacts(raw json.RawMessage, it *Item) error {
	var in []struct {
		Name struct {
			Formatted string `json:"formatted_name"`
			First     string `json:"first_name"`
			Last      string `json:"last_name"`
			Middle    string `json:"middle_name"`
			Prefix    string `json:"prefix"`
			Suffix    string `json:"suffix"`
		} `json:"name"`
		Birthday string `json:"birthday"`
		Phones   []struct {
			Phone string `json:"phone"`
			Type  string `json:"type"`
			WAID  string `json:"wa_id"`
		} `json:"phones"`
		Emails []struct {
			Email string `json:"email"`
			Type  string `json:"type"`
		} `json:"emails"`
		URLs []struct {
			URL  string `json:"url"`
			Type string `json:"type"`
		} `json:"urls"`
		Org       map[string]string   `json:"org"`
		Addresses []map[string]string `json:"addresses"`
	}
	if err := strict("contacts", raw, &in); err != nil {
		return err
	}
	if len(in) == 0 {
		return waRequired("contacts")
	}
	if len(in) > waContactMost {
		return waInvalid("contacts: too many")
	}
	var cards []string
	for i, c := range in {
		if c.Name.Formatted == "" {
			return waRequired(fmt.Sprintf("contacts[%d]['name']['formatted_name']", i))
		}
		if c.Name.First+c.Name.Last+c.Name.Middle+c.Name.Prefix+c.Name.Suffix == "" {
			return waInvalid(fmt.Sprintf("contacts[%d]['name']: at least one name besides formatted_name is needed", i))
		}
		card := []string{c.Name.Formatted}
		for _, p := range c.Phones {
			card = append(card, p.Phone)
		}
		for _, e := range c.Emails {
			card = append(card, e.Email)
		}
		for _, u := range c.URLs {
			card = append(card, u.URL)
		}
		cards = append(cards, strings.Join(card, "\n"))
	}
	it.Text = strings.Join(cards, "\n\n")
	return nil
}

func (wa *whatsapp) reaction(raw json.RawMessage, it *Item) error {
	var in struct {
		MessageID string  `json:"message_id"`
		Emoji     *string `json:"emoji"`
	}
	if err := strict("reaction", raw, &in); err != nil {
		return err
	}
	if in.MessageID == "" {
		return waRequired("reaction['message_id']")
	}
	if in.Emoji == nil {
		return waRequired("reaction['emoji']")
	}
	_, on, ok := wa.byWAMID(it.Account, in.MessageID)
	if !ok {
		return waInvalid("reaction['message_id']: no such message")
	}
	it.Text, it.ReplyTo = *in.Emoji, on.ID
	return nil
}

// waTemplate checks a template against those of the account, if it has any.
func waTemplate(raw json.RawMessage, a *WhatsAppAccount, it *Item) error {
	var in struct {
		Name     string `json:"name"`
		Language struct {
			Code   string `json:"code"`
			Policy string `json:"policy"`
		} `json:"language"`
		Namespace  string `json:"namespace"`
		Components []struct {
			Type       string                `json:"type"`
			SubType    string                `json:"sub_type"`
			Index      json.RawMessage       `json:"index"`
			Parameters []waTemplateParameter `json:"parameters"`
			Cards      json.RawMessage       `json:"cards"`
		} `json:"components"`
	}
	if err := strict("template", raw, &in); err != nil {
		return err
	}
	switch {
	case in.Name == "":
		return waRequired("template['name']")
	case in.Language.Code == "":
		return waRequired("template['language']['code']")
	case in.Language.Policy != "" && in.Language.Policy != "deterministic":
		return waParam("Param template['language']['policy'] must be one of {DETERMINISTIC}.")
	}
	known := WhatsAppTemplate{Name: in.Name, Language: in.Language.Code}
	i := slices.IndexFunc(a.Templates, func(t WhatsAppTemplate) bool { return t.Name == in.Name && t.Language == in.Language.Code })
	if len(a.Templates) > 0 && i < 0 {
		return waError(132001, "template name ("+in.Name+") does not exist in "+in.Language.Code)
	}
	if i >= 0 {
		known = a.Templates[i]
	}
	var body []waTemplateParameter
	for n, c := range in.Components {
		switch strings.ToLower(c.Type) {
		case "body":
			body = c.Parameters
		case "button":
			if c.SubType == "" {
				return waRequired(fmt.Sprintf("template['components'][%d]['sub_type']", n))
			}
			it.addTemplateButton(c.SubType, strings.Trim(string(c.Index), `"`), c.Parameters)
		case "header":
			for _, p := range c.Parameters {
				it.Text = lines(it.Text, p.shown())
			}
		case "carousel", "limited_time_offer":
		default:
			return waParam(fmt.Sprintf("Param template['components'][%d]['type'] must be one of {HEADER, BODY, BUTTON, CAROUSEL, LIMITED_TIME_OFFER}.", n))
		}
	}
	text, err := known.fill(body)
	if err != nil {
		return err
	}
	it.Text = lines(it.Text, text)
	return nil
}

type waTemplateParameter struct {
	Type       string          `json:"type"`
	Name       string          `json:"parameter_name"`
	Text       string          `json:"text"`
	Payload    string          `json:"payload"`
	Image      *waMedia        `json:"image"`
	Video      *waMedia        `json:"video"`
	Document   *waMedia        `json:"document"`
	Currency   *waFallback     `json:"currency"`
	DateTime   *waFallback     `json:"date_time"`
	Location   json.RawMessage `json:"location"`
	Action     json.RawMessage `json:"action"`
	CouponCode string          `json:"coupon_code"`
}

// waFallback is what is shown of an amount or a date: the text the sender
// gave for phones that cannot word it themselves.
type waFallback string

func (f *waFallback) UnmarshalJSON(b []byte) error {
	var in struct {
		Value string `json:"fallback_value"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("read fallback_value: %w", err)
	}
	*f = waFallback(in.Value)
	return nil
}

func (p waTemplateParameter) shown() string {
	switch {
	case p.Currency != nil:
		return string(*p.Currency)
	case p.DateTime != nil:
		return string(*p.DateTime)
	}
	for _, m := range []*waMedia{p.Image, p.Video, p.Document} {
		if m != nil {
			return "[" + p.Type + "] " + orElse(m.Link, m.ID)
		}
	}
	return orElse(p.Text, p.Payload)
}

// addTemplateButton makes a button tappable. Its words are in the template
// Meta keeps; the simulator shows its number.
func (it *Item) addTemplateButton(kind, index string, params []waTemplateParameter) {
	c := Choice{Index: len(it.Choices) + 1, Title: "Button " + orElse(index, "0"), Kind: strings.ToLower(kind)}
	if len(params) > 0 {
		c.Payload = params[0].shown()
	}
	if c.Kind == "url" {
		c.URL = c.Payload
	}
	it.Choices = append(it.Choices, c)
}

// fill puts the parameters into the body. A template whose body is not known
// shows its name and the parameters.
func (t WhatsAppTemplate) fill(params []waTemplateParameter) (string, error) {
	if t.Body == "" {
		out := []string{"[template " + t.Name + " " + t.Language + "]"}
		for _, p := range params {
			out = append(out, p.shown())
		}
		return strings.Join(out, "\n"), nil
	}
	if want := strings.Count(t.Body, "{{"); want != len(params) {
		return "", waError(132000, fmt.Sprintf("body: number of localizable_params (%d) does not match the expected number of params (%d)", len(params), want))
	}
	text := t.Body
	for i, p := range params {
		text = strings.Replace(text, "{{"+orElse(p.Name, strconv.Itoa(i+1))+"}}", p.shown(), 1)
	}
	if strings.Contains(text, "{{") {
		return "", waError(132000, "body: a named parameter is missing")
	}
	return text, nil
}
