package parley

// validate checks a message that a client injects.
func (m *ContactMessage) validate(p path) error {
	var set []string
	for _, b := range []struct {
		name string
		set  bool
	}{
		{"text_message", m.Text != nil},
		{"media_message", m.Media != nil},
		{"location_message", m.Location != nil},
		{"choice_response_message", m.ChoiceResponse != nil},
		{"media_card_message", m.MediaCard != nil},
		{"fallback_message", m.Fallback != nil},
		{"product_response_message", m.ProductResponse != nil},
		{"channel_specific_message", m.ChannelSpecific != nil},
	} {
		if b.set {
			set = append(set, b.name)
		}
	}
	if err := exactlyOne(p, "message body", set); err != nil {
		return err
	}
	return validateContactContent(m.Content(), p.field(set[0]))
}

// validateContactContent checks a body. Channels bring places without a title
// and texts without words, so that neither is required.
func validateContactContent(c ContactContent, p path) error {
	switch v := c.(type) {
	case *TextMessage, *FallbackMessage, nil:
		return nil
	case *MediaMessage:
		return v.validate(p)
	case *LocationMessage:
		return v.Coordinates.validate(p.field("coordinates"))
	case *ChoiceResponseMessage:
		return first(required(p.field("message_id"), v.MessageID), required(p.field("postback_data"), v.PostbackData))
	case *MediaCardMessage:
		return absoluteURL(p.field("url"), v.URL)
	case *ProductResponseMessage:
		if len(v.Products) == 0 {
			return missing(p.field("products"))
		}
		return each(p.field("products"), v.Products, (*ListProduct).validate)
	case *ContactChannelSpecificMessage:
		return first(required(p.field("message_type"), v.MessageType), object(p.field("message"), v.Message))
	}
	return nil
}

// validate checks an event as a client may send or inject it.
func (e *AppEvent) validate(p path) error {
	set := e.kinds()
	if err := exactlyOne(p, "event", set); err != nil {
		return err
	}
	p = p.field(set[0])
	switch {
	case e.CommentReply != nil:
		return required(p.field("text"), e.CommentReply.Text)
	case e.AgentJoined != nil:
		return e.AgentJoined.validate(p)
	case e.AgentLeft != nil:
		return e.AgentLeft.validate(p)
	case e.Generic != nil:
		return object(p.field("payload"), e.Generic.Payload)
	}
	return nil
}

func (e *AgentEvent) validate(p path) error {
	if e.Agent == (Agent{}) {
		return missing(p.field("agent"))
	}
	return e.Agent.validate(p.field("agent"))
}
