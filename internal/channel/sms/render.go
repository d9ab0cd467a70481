package sms

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// options is what the channel properties of a send ask for.
type options struct {
	flash    bool // class 0: shown at once and not kept
	maxParts int  // 0: no limit
}

func readOptions(properties map[string]string) (options, error) {
	var o options
	if v := properties["SMS_FLASH_MESSAGE"]; v != "" {
		flash, err := strconv.ParseBool(v)
		if err != nil {
			return o, channel.Refuse(parley.ReasonBadRequest, "SMS_FLASH_MESSAGE must be true or false")
		}
		o.flash = flash
	}
	if v := properties["SMS_MAX_NUMBER_OF_MESSAGE_PARTS"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return o, channel.Refuse(parley.ReasonBadRequest, "SMS_MAX_NUMBER_OF_MESSAGE_PARTS must be a positive number")
		}
		o.maxParts = n
	}
	return o, nil
}

// checkParts refuses a text of more segments than the app or the format allows.
func (o options) checkParts(parts int) error {
	limit := maxSegments
	if o.maxParts > 0 {
		limit = min(limit, o.maxParts)
	}
	if parts > limit {
		return channel.Refuse(parley.ReasonMessageSplitRequired,
			fmt.Sprintf("the text takes %d message parts and at most %d are allowed", parts, limit))
	}
	return nil
}

// textOf returns the text o says. An explicit message is its own text, unless
// it is a JSON object: then it is a batch of the Sinch SMS API, SMS's native
// format here, and its body is the text.
func textOf(o *channel.Outgoing) (string, error) {
	m := o.Message
	if specific, ok := m.ChannelSpecific[parley.ChannelSMS]; ok {
		return "", channel.Refuse(parley.ReasonBadRequest,
			"SMS has no channel specific message "+strconv.Quote(specific.MessageType))
	}
	if raw, ok := m.ExplicitChannel[parley.ChannelSMS]; ok {
		members, ok := explicitBatch(raw)
		if !ok {
			return raw, nil
		}
		var text string
		if err := json.Unmarshal(members["body"], &text); err != nil {
			return "", channel.Refuse(parley.ReasonBadRequest, "the explicit SMS message has no body that is text")
		}
		return text, nil
	}
	if m.Text == nil {
		return "", channel.Refuse(parley.ReasonUnsupportedOperation, "SMS carries text only")
	}
	return m.Text.Text, nil
}

// explicitBatch returns the members of an explicit message that is a JSON
// object.
func explicitBatch(raw string) (map[string]json.RawMessage, bool) {
	var members map[string]json.RawMessage
	err := json.Unmarshal([]byte(raw), &members)
	return members, err == nil && members != nil
}

// A batch is a message to the Sinch SMS API (developers.sinch.com, Send), but
// for the members that only Send knows.
type batch struct {
	From           string   `json:"from,omitempty"`
	To             []string `json:"to"`
	Body           string   `json:"body"`
	Type           string   `json:"type"`
	DeliveryReport string   `json:"delivery_report"`
	Flash          bool     `json:"flash_message,omitempty"`
	MaxParts       int      `json:"max_number_of_message_parts,omitempty"`
}

func renderSinch(o *channel.Outgoing) ([]channel.Payload, error) {
	s, err := readSinchSettings(o.Credential)
	if err != nil {
		return nil, badSettings(err)
	}
	if members, ok := explicitBatch(o.Message.ExplicitChannel[parley.ChannelSMS]); ok {
		return passOn(members, o, s.DefaultSender)
	}
	m, err := draftOf(o, s.DefaultSender, s.SmartEncoding)
	if err != nil {
		return nil, err
	}
	if err := m.checkParts(countSegments(m.text)); err != nil {
		return nil, err
	}
	return payloads(&batch{
		From: m.from, To: []string{m.to}, Body: m.text, Type: "mt_text", DeliveryReport: "per_recipient",
		Flash: m.flash, MaxParts: m.maxParts,
	})
}

// passOn completes a batch the app wrote itself. The recipient is always the
// message's, and without its receipts a message would never end.
func passOn(members map[string]json.RawMessage, o *channel.Outgoing, defaultSender string) ([]channel.Payload, error) {
	to, err := recipient(o.To)
	if err != nil {
		return nil, err
	}
	from, err := senderOf(o, defaultSender)
	if err != nil {
		return nil, err
	}
	all := map[string]any{"type": "mt_text"}
	if from != "" {
		all["from"] = from
	}
	for name, value := range members {
		all[name] = value
	}
	all["to"], all["delivery_report"] = []string{to}, "per_recipient"
	return payloads(&all)
}

// A draft is what both providers need to know of a message.
type draft struct {
	options
	from, to, text string
}

func draftOf(o *channel.Outgoing, defaultSender string, smart bool) (d draft, err error) {
	if d.to, err = recipient(o.To); err != nil {
		return d, err
	}
	if d.from, err = senderOf(o, defaultSender); err != nil {
		return d, err
	}
	if d.options, err = readOptions(o.Properties); err != nil {
		return d, err
	}
	d.text, err = textOf(o)
	if smart {
		d.text = simplifyTypography(d.text)
	}
	return d, err
}

// A segment is one submit_sm as it is kept until the SMSC has it: readable,
// with every decision made but the octets.
type segment struct {
	Source     wireAddress `json:"source"`
	Dest       wireAddress `json:"destination"`
	Service    string      `json:"service_type,omitempty"`
	Text       string      `json:"text"`
	Alphabet   alphabet    `json:"alphabet"` // alphabetUCS2 included
	DataCoding byte        `json:"data_coding"`
	Receipt    bool        `json:"receipt"`
	Part       *partOf     `json:"part,omitempty"`
	Payload    bool        `json:"message_payload,omitempty"`
}

// partOf places a segment in a long message.
type partOf struct {
	Mode      longMode `json:"mode"` // udh, udh16 or sar
	Reference uint16   `json:"reference"`
	Number    byte     `json:"number"`
	Total     byte     `json:"total"`
}

// wireAddress is an address as SMPP writes it.
type wireAddress struct {
	TON  byte   `json:"ton"`
	NPI  byte   `json:"npi"`
	Addr string `json:"addr"`
}

func renderSMPP(o *channel.Outgoing) ([]channel.Payload, error) {
	s, err := readSMPPSettings(o.Credential)
	if err != nil {
		return nil, badSettings(err)
	}
	d, err := draftOf(o, s.DefaultSender, s.SmartEncoding)
	if err != nil {
		return nil, err
	}
	e := s.encodingOf(d.text)
	wide := s.LongMessageMode == longUDH16
	texts := splitSegments(d.text, e, wide)
	if err := d.checkParts(len(texts)); err != nil {
		return nil, err
	}
	whole := segment{
		Source: s.sourceAddress(d.from), Dest: wireAddress{TON: s.DestTON, NPI: s.DestNPI, Addr: d.to},
		Service: s.ServiceType, Text: d.text, Receipt: s.Receipts,
	}
	whole.Alphabet, whole.DataCoding = s.coding(e, d.flash)
	if s.LongMessageMode == longPayload {
		whole.Payload = len(texts) > 1
		return payloads(&whole)
	}
	segments := make([]*segment, len(texts))
	// The text, too: a long message may come here as several, with one id.
	reference := referenceFor(o.MessageID+d.text, wide)
	for i, text := range texts {
		one := whole
		one.Text = text
		if len(texts) > 1 {
			one.Part = &partOf{
				Mode: s.LongMessageMode, Reference: reference,
				Number: byte(i + 1), Total: byte(len(texts)), //nolint:gosec // checkParts: at most 255
			}
		}
		segments[i] = &one
	}
	return payloads(segments...)
}

// encodingOf is GSM-7 only if the account's default alphabet can write it.
func (s *smppSettings) encodingOf(text string) encoding {
	if encodingOf(text) == ucs2 {
		return ucs2
	}
	if _, ok := s.DefaultAlphabet.encode(text, 0); !ok {
		return ucs2
	}
	return gsm7
}

// coding is how text in e is written and announced.
func (s *smppSettings) coding(e encoding, flash bool) (alphabet, byte) {
	switch {
	case e == ucs2 && flash:
		return alphabetUCS2, codingFlashUCS2
	case e == ucs2:
		return alphabetUCS2, s.UCS2DataCoding
	case flash:
		return s.DefaultAlphabet, codingFlashGSM7
	default:
		return s.DefaultAlphabet, s.GSM7DataCoding
	}
}

// message is the submit_sm that says s.
func (s *segment) message() (*messageBody, error) {
	m := &messageBody{
		id: submitSM, serviceType: s.Service, source: s.Source.address(), dest: s.Dest.address(),
		dataCoding: s.DataCoding,
	}
	if s.Receipt {
		m.registeredDelivery = 1
	}
	var header []byte
	if p := s.Part; p != nil {
		c := concatenation{reference: p.Reference, wide: p.Mode == longUDH16, total: p.Total, number: p.Number}
		if p.Mode == longSAR {
			m.optional = c.parameters()
		} else {
			m.esmClass |= esmHeader
			header = c.header()
		}
	}
	data, ok := s.Alphabet.encode(s.Text, len(header))
	if !ok {
		return nil, fmt.Errorf("text does not fit alphabet %s", s.Alphabet)
	}
	data = append(header, data...)
	if s.Payload || len(data) > maxShortMessage {
		m.optional = append(m.optional, tlv{tagMessagePayload, data})
	} else {
		m.shortMessage = data
	}
	return m, nil
}

// maxShortMessage is the longest short_message in octets (SMPP 3.4, 5.2.22).
const maxShortMessage = 254

func (a wireAddress) address() address { return address{ton: a.TON, npi: a.NPI, addr: a.Addr} }

func payloads[T any](bodies ...*T) ([]channel.Payload, error) {
	out := make([]channel.Payload, len(bodies))
	for i, b := range bodies {
		raw, err := encodeJSON(b)
		if err != nil {
			return nil, fmt.Errorf("encode payload: %w", err)
		}
		out[i].Body = raw
	}
	return out, nil
}

// encodeJSON encodes v as providers and people like to read it, without
// HTML's escapes.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// badSettings is the failure of a credential that Check would refuse.
func badSettings(err error) *channel.Error {
	e := channel.Refuse(parley.ReasonChannelBadConfiguration, "the channel credential is not valid: "+err.Error())
	e.Err = err
	return e
}
