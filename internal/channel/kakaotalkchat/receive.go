package kakaotalkchat

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A notice is what the provider posts below the address it was given: message,
// reference before the first one, and expired_session.
type notice struct {
	UserKey    string          `json:"user_key"`
	SenderKey  string          `json:"sender_key"`
	Time       int64           `json:"time"` // Unix milliseconds
	Type       string          `json:"type"`
	Contents   json.RawMessage `json:"contents"` // text, an address, or a list of addresses
	Attachment struct {
		URL  string `json:"url"`
		Name string `json:"name"`
	} `json:"attachment"`
}

// Receive reads a webhook.
func (Channel) Receive(c *channel.Conn, r *http.Request, body []byte) (channel.Received, error) {
	none := channel.Received{}
	a, err := readAccount(c.Credential)
	rest := strings.Trim(r.PathValue("rest"), "/")
	if err != nil || !genuine(c.Credential.CallbackSecret, rest) {
		return none, channel.ErrForged
	}
	var n notice
	if err := json.Unmarshal(body, &n); err != nil {
		return none, fmt.Errorf("%w: %w", channel.ErrMalformed, err)
	}
	switch {
	case n.UserKey == "":
		return none, fmt.Errorf("%w: no user_key", channel.ErrMalformed)
	case n.SenderKey != "" && n.SenderKey != a.SenderKey:
		return none, channel.ErrForged
	}
	got := channel.Received{Reply: channel.Reply{ContentType: "application/json", Body: []byte(`{"code":0}`)}}
	for i, in := range n.inbound(path.Base(rest), body) {
		in.From.Identity = n.UserKey
		if n.Time > 0 {
			in.At = channel.Instant(n.Time)
			in.ID = idOf(rest, body, i)
		}
		got.Inbound = append(got.Inbound, in)
	}
	return got, nil
}

// genuine reports whether the address that was called is the one that was
// given out: the provider signs nothing, so the secret is a part of it, ahead
// of the kind of notice.
func genuine(secret, rest string) bool {
	given, _, _ := strings.Cut(rest, "/")
	return secret == "" || subtle.ConstantTimeCompare([]byte(given), []byte(secret)) == 1
}

// idOf is an id for a notice, which has none, for dropping repeats: with the
// time in it no two are the same.
func idOf(rest string, body []byte, i int) channel.ProviderID {
	sum := sha256.Sum256(append([]byte(path.Base(rest)+"\n"), body...))
	return channel.ProviderID(hex.EncodeToString(sum[:12]) + "." + strconv.Itoa(i))
}

// inbound says what a notice means. The addresses of files are short-lived.
func (n *notice) inbound(kind string, raw []byte) []channel.Inbound {
	switch kind {
	case "message":
	case "reference", "expired_session":
		payload, err := json.Marshal(map[string]json.RawMessage{kind: bytes.Clone(raw)})
		if err == nil {
			return []channel.Inbound{{Event: &parley.ContactEvent{Generic: &parley.GenericEvent{Payload: payload}}}}
		}
	default:
		return []channel.Inbound{{Unsupported: string(raw)}}
	}
	var text string
	var list []string
	if json.Unmarshal(n.Contents, &text) == nil && text != "" {
		list = []string{text}
	} else {
		_ = json.Unmarshal(n.Contents, &list) // anything else is as good as nothing
	}
	switch n.Type {
	case "text", "":
		if text != "" {
			return []channel.Inbound{{Message: &parley.ContactMessage{Text: &parley.TextMessage{Text: text}}}}
		}
	case "photo", "video", "audio", "file":
		if n.Attachment.URL != "" {
			list = []string{n.Attachment.URL}
		}
		var all []channel.Inbound
		for _, address := range list {
			if address != "" {
				all = append(all, channel.Inbound{
					Message: &parley.ContactMessage{Media: &parley.MediaMessage{FilenameOverride: n.Attachment.Name}},
					Media:   &channel.MediaRef{Ref: address, Filename: n.Attachment.Name},
				})
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	return []channel.Inbound{{Unsupported: string(raw)}}
}
