package email

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

const (
	// propertySubject is the channel property with the subject.
	propertySubject = "EMAIL_SUBJECT"
	// maxSubject is the length of a header line that every reader shows
	// (RFC 5322, 2.1.1).
	maxSubject = 78
)

// A letter is a message as it is kept until the server has it: everything but
// its sender, its id and the bytes of its file.
type letter struct {
	To        string `json:"to"`
	Subject   string `json:"subject"`
	Text      string `json:"text"`
	HTML      string `json:"html,omitempty"`
	File      *file  `json:"file,omitempty"`
	InReplyTo string `json:"in_reply_to,omitempty"`
}

// A file is attached when the letter is sent.
type file struct {
	URL  string `json:"url"`
	Name string `json:"name"`
}

// Render returns the letter that says o.Message.
func (Channel) Render(o *channel.Outgoing) ([]channel.Payload, error) {
	l, err := compose(o.Message)
	if err != nil {
		return nil, err
	}
	l.To = o.To.Identity
	if ids := messageIDs(string(o.ReplyTo)); len(ids) > 0 {
		l.InReplyTo = string(ids[0]) // a letter's, without the number of its file
	}
	if subject := oneLine(o.Properties[propertySubject]); subject != "" {
		l.Subject = subject
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	return []channel.Payload{{Body: bytes.TrimSpace(b.Bytes())}}, nil
}

func compose(m *parley.AppMessage) (*letter, error) {
	if specific, ok := m.ChannelSpecific[parley.ChannelEmail]; ok {
		return nil, channel.Refuse(parley.ReasonBadRequest, "EMAIL has no channel specific message "+strconv.Quote(specific.MessageType))
	}
	if raw, ok := m.ExplicitChannel[parley.ChannelEmail]; ok {
		return explicit(raw)
	}
	l := &letter{Text: transcode.Text(m, channel.Style{BlankBefore: true}), HTML: page(m)}
	if v := m.Media; v != nil {
		l.File = &file{URL: v.URL, Name: fileName(v)}
		l.Text, l.HTML, l.Subject = l.File.Name, "", l.File.Name
	}
	if l.Text == "" {
		return nil, channel.Refuse(parley.ReasonUnsupportedOperation, "EMAIL cannot show the message")
	}
	l.Subject = cmp.Or(l.Subject, subjectOf(l.Text))
	return l, nil
}

// explicit is a letter the app wrote itself: an object with subject, text and
// html.
func explicit(raw string) (*letter, error) {
	var given struct {
		Subject string `json:"subject"`
		Text    string `json:"text"`
		HTML    string `json:"html"`
	}
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(&given) != nil || given.Text == "" {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the explicit EMAIL message must be an object with text, and maybe subject and html")
	}
	subject := cmp.Or(oneLine(given.Subject), subjectOf(given.Text))
	return &letter{Subject: subject, Text: given.Text, HTML: given.HTML}, nil
}

// subjectOf is the first line that says something.
func subjectOf(text string) string {
	for line := range strings.Lines(text) {
		if s := oneLine(line); s != "" {
			return transcode.Truncate(s, maxSubject, channel.Characters)
		}
	}
	return ""
}

// oneLine is text fit for a header.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// fileName is what an attachment is called.
func fileName(m *parley.MediaMessage) string {
	if name := oneLine(m.FilenameOverride); name != "" {
		return name
	}
	if u, err := url.Parse(m.URL); err == nil {
		if name := path.Base(u.Path); name != "." && name != "/" {
			return name
		}
	}
	return "file"
}
