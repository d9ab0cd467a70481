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

// A RecentConversation is a conversation and the newest message in it.
type RecentConversation struct {
	Conversation *Conversation `json:"conversation"`
	LastMessage  *Message      `json:"last_message"`
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

// Validate checks a conversation as a client may write it.
func (c *Conversation) Validate() error {
	if err := first(appID("app_id", c.AppID), appID("contact_id", c.ContactID)); err != nil {
		return err
	}
	if c.ActiveChannel != ChannelUnspecified {
		if err := c.ActiveChannel.validate("active_channel"); err != nil {
			return err
		}
	}
	return first(
		atMost("metadata", c.Metadata, MaxMetadata),
		metadataObject("metadata_json", c.MetadataJSON),
		atMost("correlation_id", c.CorrelationID, MaxCorrelationID),
	)
}

// Patch returns the conversation with the members of body named by mask
// changed. With merge, metadata_json is not replaced but patched as RFC 7386
// says.
func (c *Conversation) Patch(body []byte, mask []string, merge bool) (*Conversation, error) {
	if merge {
		merged, err := c.merged(body)
		if err != nil {
			return nil, err
		}
		body = merged
	}
	return patch(c, body, mask, map[string]bool{
		"app_id": true, "contact_id": true, "active": true, "active_channel": true, "metadata": true,
		"metadata_json": true, "correlation_id": true,
	})
}

// merged returns body with what its metadata_json makes of the conversation's.
func (c *Conversation) merged(body []byte) ([]byte, error) {
	const member = "metadata_json"
	var change map[string]json.RawMessage
	if err := decodeObject(body, &change); err != nil {
		return nil, err
	}
	raw := change[member]
	if bytes.Equal(raw, []byte("null")) {
		return body, nil // it clears, as it does in a patch
	}
	if err := metadataObject(member, raw); err != nil {
		return nil, err
	}
	merged, err := MergePatch(c.MetadataJSON, raw)
	if err != nil {
		return nil, err
	}
	change[member] = merged
	return Marshal(change)
}

// StickyMetadata returns an object that is to stick to a conversation in its
// stored form, without white space, or nil when there is none.
func StickyMetadata(raw json.RawMessage) json.RawMessage {
	var compact bytes.Buffer
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) || json.Compact(&compact, raw) != nil {
		return nil
	}
	return compact.Bytes()
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
