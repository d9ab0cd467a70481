package applebc

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// maxInflated bounds a body once it is decompressed, in bytes.
const maxInflated = 4 << 20

// An arrival is one message of Apple's, as far as the channel reads it.
type arrival struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	SourceID    string          `json:"sourceId"`
	Destination string          `json:"destinationId"`
	Body        string          `json:"body"`
	Locale      string          `json:"locale"`
	Group       string          `json:"group"`
	Intent      string          `json:"intent"`
	Attachments []attached      `json:"attachments"`
	Interactive json.RawMessage `json:"interactiveData"`
	Reference   *reference      `json:"interactiveDataRef"` // in the place of Interactive
}

// Receive reads one message, which Apple posts compressed to /message below
// our address.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	acc, err := readAccount(c.Credential)
	if err != nil || !acc.genuine(r.Header.Get("Authorization")) {
		return channel.Received{}, channel.ErrForged
	}
	if rest := r.PathValue("rest"); rest != "" && rest != "message" {
		return channel.Received{}, fmt.Errorf("%w: nothing is received there", channel.ErrMalformed)
	}
	raw, err := inflate(body)
	if err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	var m arrival
	if err := json.Unmarshal(raw, &m); err != nil {
		return channel.Received{}, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	m.ID = cmp.Or(m.ID, r.Header.Get("Id"))
	m.SourceID = cmp.Or(m.SourceID, r.Header.Get("Source-Id"))
	m.Destination = cmp.Or(m.Destination, r.Header.Get("Destination-Id"))
	switch {
	case m.Type == "" || m.SourceID == "":
		return channel.Received{}, fmt.Errorf("%w: no type or no source", channel.ErrMalformed)
	case m.Destination != acc.business: // of another business of the MSP's
		return channel.Received{}, fmt.Errorf("%w: not for this account", channel.ErrForged)
	}
	if m.Type == typeInteractive && len(m.Interactive) == 0 && m.Reference != nil {
		if m.Interactive, err = acc.resolve(r.Context(), c, m.Reference); err != nil {
			// The message is passed on as it is.
			c.Log.LogAttrs(r.Context(), slog.LevelWarn, "the data of an interactive message cannot be had",
				slog.String("error", err.Error()))
		}
	}
	return channel.Received{Inbound: m.inbound(raw, m.metadata(r.Header.Get("Capability-List")))}, nil
}

// inflate decompresses a body that is compressed.
func inflate(body []byte) ([]byte, error) {
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return body, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(z, maxInflated+1))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	if len(raw) > maxInflated {
		return nil, fmt.Errorf("decompress: more than %d bytes", maxInflated)
	}
	return raw, nil
}

// metadata is what Apple tells of where the contact comes from and of what
// their device shows, such as QUICK and LIST.
func (m *arrival) metadata(capabilities string) string {
	members := map[string]string{}
	for name, value := range map[string]string{
		"group": m.Group, "intent": m.Intent, "locale": m.Locale, "capabilities": capabilities,
	} {
		if value != "" {
			members[name] = value
		}
	}
	raw, err := channel.Encode(members)
	if err != nil || len(members) == 0 {
		return ""
	}
	return string(raw)
}

// inbound says what a message means.
func (m *arrival) inbound(raw []byte, metadata string) []channel.Inbound {
	in := channel.Inbound{
		ID: channel.ProviderID(m.ID), From: channel.Address{Identity: m.SourceID}, To: m.Destination, Metadata: metadata,
	}
	switch m.Type {
	case typeText:
		if all := m.said(in); len(all) > 0 {
			return all
		}
		in.Unsupported = string(raw)
	case typeInteractive:
		in.Message = answer(m.Interactive, raw)
	case typingStart:
		in.Event = &parley.ContactEvent{Composing: &parley.Empty{}}
	case typingEnd:
		in.Event = &parley.ContactEvent{ComposingEnd: &parley.Empty{}}
	case typeClose:
		in.OptOut = true
	default:
		in.Unsupported = string(raw)
	}
	return []channel.Inbound{in}
}

// said makes messages of a text and its attachments, each of which the text
// has a placeholder for. The first has the words.
func (m *arrival) said(in channel.Inbound) []channel.Inbound {
	words := strings.TrimSpace(strings.ReplaceAll(m.Body, placeholder, ""))
	if len(m.Attachments) == 0 {
		if words == "" {
			return nil
		}
		in.Message = &parley.ContactMessage{Text: &parley.TextMessage{Text: words}}
		return []channel.Inbound{in}
	}
	var all []channel.Inbound
	for i, f := range m.Attachments {
		ref, err := channel.Encode(f)
		if err != nil {
			continue // strings always encode
		}
		one := in
		one.Media = &channel.MediaRef{Ref: string(ref), MIME: f.MIMEType, Filename: f.Name}
		one.Message = &parley.ContactMessage{Media: &parley.MediaMessage{}}
		if i == 0 && words != "" {
			one.Message = &parley.ContactMessage{MediaCard: &parley.MediaCardMessage{Caption: words}}
		}
		if i > 0 && one.ID != "" {
			one.ID += channel.ProviderID("." + strconv.Itoa(i))
		}
		all = append(all, one)
	}
	return all
}

// answer is what an interactive message chose, by the identifier it was given;
// of other answers all there is.
func answer(data json.RawMessage, raw []byte) *parley.ContactMessage {
	var m struct {
		Data struct {
			QuickReply struct {
				Selected string `json:"selectedIdentifier"`
			} `json:"quick-reply"`
			ListPicker struct {
				Sections []struct {
					Items []struct {
						Identifier string `json:"identifier"`
					} `json:"items"`
				} `json:"sections"`
			} `json:"listPicker"`
			Event struct {
				Timeslots []struct {
					Identifier string `json:"identifier"`
				} `json:"timeslots"`
			} `json:"event"`
		} `json:"data"`
	}
	chosen := ""
	if json.Unmarshal(data, &m) == nil {
		chosen = m.Data.QuickReply.Selected
		for _, s := range m.Data.ListPicker.Sections {
			for _, it := range s.Items {
				chosen = cmp.Or(chosen, it.Identifier)
			}
		}
		for _, slot := range m.Data.Event.Timeslots {
			chosen = cmp.Or(chosen, slot.Identifier)
		}
	}
	if chosen == "" {
		return &parley.ContactMessage{Fallback: &parley.FallbackMessage{RawMessage: string(raw)}}
	}
	return &parley.ContactMessage{ChoiceResponse: &parley.ChoiceResponseMessage{PostbackData: chosen}}
}
