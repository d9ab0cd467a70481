package parley

import (
	"bytes"
	"encoding/json"
	"time"
)

// A Conversation is what one app and one contact say to each other. At most
// one is active for each pair.
type Conversation struct {
	ID            string          `json:"id"`
	AppID         string          `json:"app_id"`
	ContactID     string          `json:"contact_id"`
	LastReceived  time.Time       `json:"last_received"` // the epoch while nothing was received
	ActiveChannel Channel         `json:"active_channel"`
	Active        bool            `json:"active"`
	Metadata      string          `json:"metadata"`
	MetadataJSON  json.RawMessage `json:"metadata_json"`
	CorrelationID string          `json:"correlation_id"`
}

// Limits of what sticks to a conversation.
const (
	MaxMetadataJSON  = 2048 // bytes of the serialised object
	MaxCorrelationID = 128  // characters
)

// Epoch is the time of something that has not happened yet.
func Epoch() time.Time { return time.Unix(0, 0).UTC() }

// SetDefaults fills in what the caller left out.
func (c *Conversation) SetDefaults() {
	if c.LastReceived.IsZero() {
		c.LastReceived = Epoch()
	}
	if c.ActiveChannel == "" {
		c.ActiveChannel = ChannelUnspecified
	}
	if len(c.MetadataJSON) == 0 || bytes.Equal(c.MetadataJSON, []byte("null")) {
		c.MetadataJSON = json.RawMessage("{}")
	}
}

// metadataObject checks a JSON object that sticks to a conversation.
func metadataObject(p path, raw json.RawMessage) error {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	if raw[0] != '{' {
		return invalid(p, "must be a JSON object")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return invalid(p, "must be a JSON object")
	}
	if compact.Len() > MaxMetadataJSON {
		return invalid(p, "must have at most %d bytes", MaxMetadataJSON)
	}
	return nil
}

// MergePatch applies an RFC 7386 merge patch to a JSON object.
func MergePatch(object, change json.RawMessage) (json.RawMessage, error) {
	var dst, src map[string]json.RawMessage
	if err := objectMember(object, &dst); err != nil {
		return nil, err
	}
	if err := objectMember(change, &src); err != nil {
		return nil, err
	}
	for name, value := range src {
		switch {
		case bytes.Equal(value, []byte("null")):
			delete(dst, name)
		case len(value) > 0 && value[0] == '{':
			inner := dst[name]
			if len(inner) == 0 || inner[0] != '{' {
				inner = json.RawMessage("{}")
			}
			merged, err := MergePatch(inner, value)
			if err != nil {
				return nil, err
			}
			dst[name] = merged
		default:
			dst[name] = value
		}
	}
	return Marshal(dst)
}
