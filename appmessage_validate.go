package parley

import (
	"math"
	"time"
)

// Validate checks a message as a client may send it.
func (m *AppMessage) Validate() error { return m.validate("message") }

func (m *AppMessage) validate(p path) error {
	bodies := m.bodies()
	overrides := len(m.ExplicitChannel) + len(m.ExplicitChannelOmni) + len(m.ChannelSpecific)
	if len(bodies) != 0 || overrides == 0 {
		if err := exactlyOne(p, "message body", bodies); err != nil {
			return err
		}
	}
	if err := validateContent(m.Content(), p); err != nil {
		return err
	}
	if err := m.validateOverrides(p); err != nil {
		return err
	}
	if m.Agent != nil {
		if err := m.Agent.validate(p.field("agent")); err != nil {
			return err
		}
	}
	if m.ReplyTo != nil {
		return appID(p.field("reply_to").field("message_id"), m.ReplyTo.MessageID)
	}
	return nil
}

func (a *Agent) validate(p path) error {
	return oneOf(p.field("type"), a.Type, "", "UNKNOWN_AGENT_TYPE", "HUMAN", "BOT")
}

// bodies names the bodies that are set.
func (m *AppMessage) bodies() []string {
	var set []string
	add := func(present bool, name string) {
		if present {
			set = append(set, name)
		}
	}
	add(m.Text != nil, "text_message")
	add(m.Media != nil, "media_message")
	add(m.Card != nil, "card_message")
	add(m.Carousel != nil, "carousel_message")
	add(m.Choice != nil, "choice_message")
	add(m.Location != nil, "location_message")
	add(m.Template != nil, "template_message")
	add(m.List != nil, "list_message")
	add(m.ContactInfo != nil, "contact_info_message")
	return set
}

func (m *AppMessage) validateOverrides(p path) error {
	for c, value := range m.ExplicitChannel {
		q := p.field("explicit_channel_message").field(string(c))
		if err := first(c.validate(q), required(q, value)); err != nil {
			return err
		}
	}
	for c, o := range m.ExplicitChannelOmni {
		q := p.field("explicit_channel_omni_message").field(string(c))
		if err := c.validate(q); err != nil {
			return err
		}
		if o == nil {
			return missing(q)
		}
		inner := o.AppMessage()
		if err := exactlyOne(q, "message body", inner.bodies()); err != nil {
			return err
		}
		if o.TemplateRef != nil {
			if err := o.TemplateRef.validate(q.field("template_reference"), true); err != nil {
				return err
			}
			continue
		}
		if err := validateContent(inner.Content(), q); err != nil {
			return err
		}
	}
	for c, s := range m.ChannelSpecific {
		q := p.field("channel_specific_message").field(string(c))
		if err := first(c.validate(q), required(q.field("message_type"), s.MessageType)); err != nil {
			return err
		}
		if err := object(q.field("message"), s.Message); err != nil {
			return err
		}
	}
	return nil
}

// validateContent checks a body under its own wire name.
func validateContent(c Content, p path) error {
	switch v := c.(type) {
	case *TextMessage:
		return v.validate(p.field("text_message"))
	case *MediaMessage:
		return v.validate(p.field("media_message"))
	case *CardMessage:
		return v.validate(p.field("card_message"))
	case *CarouselMessage:
		return v.validate(p.field("carousel_message"))
	case *ChoiceMessage:
		return v.validate(p.field("choice_message"))
	case *LocationMessage:
		return v.validate(p.field("location_message"))
	case *TemplateMessage:
		return v.validate(p.field("template_message"))
	case *ListMessage:
		return v.validate(p.field("list_message"))
	case *ContactInfoMessage:
		return v.validate(p.field("contact_info_message"))
	case nil:
		return nil
	}
	return nil
}

func (m *TextMessage) validate(p path) error { return required(p.field("text"), m.Text) }

func (m *MediaMessage) validate(p path) error {
	if err := absoluteURL(p.field("url"), m.URL); err != nil {
		return err
	}
	if m.ThumbnailURL != "" {
		return absoluteURL(p.field("thumbnail_url"), m.ThumbnailURL)
	}
	return nil
}

func (m *CardMessage) validate(p path) error {
	if m.Title == "" && m.Description == "" && m.Media == nil {
		return invalid(p, "needs a title, a description or a media_message")
	}
	if m.Media != nil {
		if err := m.Media.validate(p.field("media_message")); err != nil {
			return err
		}
	}
	if m.Height != "" {
		if err := oneOf(p.field("height"), m.Height, "UNSPECIFIED_HEIGHT", "SHORT", "MEDIUM", "TALL"); err != nil {
			return err
		}
	}
	return validateChoices(p.field("choices"), m.Choices, MaxChoices)
}

func (m *CarouselMessage) validate(p path) error {
	if n := len(m.Cards); n == 0 || n > MaxCards {
		return invalid(p.field("cards"), "must have 1 to %d cards", MaxCards)
	}
	if err := each(p.field("cards"), m.Cards, (*CardMessage).validate); err != nil {
		return err
	}
	for i := range m.Choices {
		if m.Choices[i].DisplayMode != "" {
			return invalid(p.field("choices").index(i).field("display_mode"), "is not allowed on a carousel's outer choices")
		}
	}
	return validateChoices(p.field("choices"), m.Choices, MaxOuterChoices)
}

func (m *ChoiceMessage) validate(p path) error {
	if m.Text != nil {
		if err := m.Text.validate(p.field("text_message")); err != nil {
			return err
		}
	}
	if len(m.Choices) == 0 {
		return missing(p.field("choices"))
	}
	return validateChoices(p.field("choices"), m.Choices, MaxChoices)
}

func (m *LocationMessage) validate(p path) error {
	if err := required(p.field("title"), m.Title); err != nil {
		return err
	}
	return m.Coordinates.validate(p.field("coordinates"))
}

func (c *Coordinates) validate(p path) error {
	switch lat, long := c.Latitude, c.Longitude; {
	case math.IsNaN(lat) && math.IsNaN(long):
		return missing(p)
	case math.IsNaN(lat):
		return missing(p.field("latitude"))
	case math.IsNaN(long):
		return missing(p.field("longitude"))
	case lat < -90 || lat > 90:
		return invalid(p.field("latitude"), "must be -90 to 90 degrees")
	case long < -180 || long > 180:
		return invalid(p.field("longitude"), "must be -180 to 180 degrees")
	}
	return nil
}

func (m *TemplateMessage) validate(p path) error {
	if len(m.ChannelTemplate) == 0 && m.OmniTemplate == nil {
		return invalid(p, "needs a channel_template or an omni_template")
	}
	for c, ref := range m.ChannelTemplate {
		q := p.field("channel_template").field(string(c))
		if err := first(c.validate(q), ref.validate(q, false)); err != nil {
			return err
		}
	}
	if m.OmniTemplate != nil {
		return m.OmniTemplate.validate(p.field("omni_template"), true)
	}
	return nil
}

func (r *TemplateReference) validate(p path, omni bool) error {
	if err := required(p.field("template_id"), r.TemplateID); err != nil {
		return err
	}
	if omni {
		return required(p.field("version"), r.Version)
	}
	return nil
}

func (m *ListMessage) validate(p path) error {
	if err := required(p.field("title"), m.Title); err != nil {
		return err
	}
	if m.Media != nil {
		if err := m.Media.validate(p.field("media")); err != nil {
			return err
		}
	}
	if len(m.Sections) == 0 {
		return missing(p.field("sections"))
	}
	products, choices := 0, 0
	for i := range m.Sections {
		q := p.field("sections").index(i)
		if len(m.Sections[i].Items) == 0 {
			return missing(q.field("items"))
		}
		if err := each(q.field("items"), m.Sections[i].Items, (*ListItem).validate); err != nil {
			return err
		}
		for _, item := range m.Sections[i].Items {
			if item.Product != nil {
				products++
			} else {
				choices++
			}
		}
	}
	if products > 0 && choices > 0 {
		return invalid(p.field("sections"), "must hold choices or products, not both")
	}
	if products > 0 && (m.Properties == nil || m.Properties.CatalogID == "") {
		return missing(p.field("message_properties").field("catalog_id"))
	}
	return nil
}

func (i *ListItem) validate(p path) error {
	switch {
	case i.Choice != nil && i.Product != nil:
		return invalid(p, "has more than one kind of item: choice and product")
	case i.Choice != nil:
		q := p.field("choice")
		if err := required(q.field("title"), i.Choice.Title); err != nil {
			return err
		}
		if i.Choice.Media != nil {
			return i.Choice.Media.validate(q.field("media"))
		}
		return nil
	case i.Product != nil:
		return i.Product.validate(p.field("product"))
	}
	return invalid(p, "needs a choice or a product")
}

func (m *ListProduct) validate(p path) error {
	return first(required(p.field("id"), m.ID), required(p.field("marketplace"), m.Marketplace))
}

func (m *ContactInfoMessage) validate(p path) error {
	if err := required(p.field("name").field("full_name"), m.Name.FullName); err != nil {
		return err
	}
	if len(m.PhoneNumbers) == 0 {
		return missing(p.field("phone_numbers"))
	}
	for i, n := range m.PhoneNumbers {
		if err := required(p.field("phone_numbers").index(i).field("phone_number"), n.PhoneNumber); err != nil {
			return err
		}
	}
	for i, e := range m.EmailAddresses {
		if err := required(p.field("email_addresses").index(i).field("email_address"), e.EmailAddress); err != nil {
			return err
		}
	}
	for i, u := range m.URLs {
		if err := required(p.field("urls").index(i).field("url"), u.URL); err != nil {
			return err
		}
	}
	if m.Birthday != "" {
		if _, err := time.Parse(time.DateOnly, m.Birthday); err != nil {
			return invalid(p.field("birthday"), "must be a date such as 1990-12-31")
		}
	}
	return nil
}

func validateChoices(p path, choices []Choice, most int) error {
	if len(choices) > most {
		return invalid(p, "must have at most %d choices", most)
	}
	return each(p, choices, (*Choice).validate)
}

func (c *Choice) validate(p path) error {
	if err := exactlyOne(p, "kind of choice", c.kinds()); err != nil {
		return err
	}
	if c.DisplayMode != "" {
		if err := oneOf(p.field("display_mode"), c.DisplayMode, "DISPLAY_MODE_UNSPECIFIED", "PERSISTENT"); err != nil {
			return err
		}
	}
	switch v := c.Content().(type) {
	case *TextMessage:
		return v.validate(p.field("text_message"))
	case *URLMessage:
		q := p.field("url_message")
		return first(required(q.field("title"), v.Title), absoluteURL(q.field("url"), v.URL))
	case *CallMessage:
		q := p.field("call_message")
		return first(required(q.field("title"), v.Title), required(q.field("phone_number"), v.PhoneNumber))
	case *LocationMessage:
		return v.validate(p.field("location_message"))
	case *CalendarMessage:
		q := p.field("calendar_message")
		if v.EventStart.IsZero() {
			return missing(q.field("event_start"))
		}
		if v.EventEnd.IsZero() {
			return missing(q.field("event_end"))
		}
		return first(required(q.field("title"), v.Title), required(q.field("event_title"), v.EventTitle),
			absoluteURL(q.field("fallback_url"), v.FallbackURL))
	case *ShareLocationMessage:
		q := p.field("share_location_message")
		return first(required(q.field("title"), v.Title), absoluteURL(q.field("fallback_url"), v.FallbackURL))
	case nil:
		return nil
	}
	return nil
}

// kinds names the kinds that are set.
func (c *Choice) kinds() []string {
	var set []string
	add := func(present bool, name string) {
		if present {
			set = append(set, name)
		}
	}
	add(c.Text != nil, "text_message")
	add(c.URL != nil, "url_message")
	add(c.Call != nil, "call_message")
	add(c.Location != nil, "location_message")
	add(c.Calendar != nil, "calendar_message")
	add(c.ShareLocation != nil, "share_location_message")
	return set
}
