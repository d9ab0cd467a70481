package sendapi

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A comment is the value of a change about one: of the field comments or
// live_comments (Instagram), or feed (a page).
type comment struct {
	ID   string `json:"id"`
	Text string `json:"text"`
	From struct {
		ID       string `json:"id"`
		Username string `json:"username"`
		Name     string `json:"name"`
	} `json:"from"`
	Media struct {
		ID string `json:"id"`
	} `json:"media"`

	// Of a page's feed, which has other news, too.
	Item      string `json:"item"`
	Verb      string `json:"verb"`
	CommentID string `json:"comment_id"`
	PostID    string `json:"post_id"`
	Message   string `json:"message"`
}

// digest is an id for what Meta gives none: a repeat has the same time and
// words.
func digest(e *entry, kind string, body raw) channel.ProviderID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%s\n%s", e.ID, e.Time.UnixMilli(), kind, body))
	return channel.ProviderID(kind + ":" + hex.EncodeToString(sum[:16]))
}

// change reads a change: a comment is an event of its writer, all else an
// event of the channel.
func (r *reader) change(e *entry, c *change) {
	kind := "FEED"
	switch c.Field {
	case "messages", "messaging_postbacks", "messaging_seen", "message_reactions", "messaging_referral", "messaging_optins":
		r.happening(e, c.Value) // Instagram tells some in this form
		return
	case "standby", "messaging_handover":
		r.ignore(c.Field, "it is for an app that is not in control")
		return
	case "live_comments":
		kind = "LIVE"
	case "comments", "feed":
	default:
		r.add(channel.Inbound{
			ID: digest(e, c.Field, c.Value), At: e.Time.Time,
			ChannelEvent: &parley.ChannelEvent{
				Channel: r.d.Channel, EventType: string(r.d.Channel) + "_" + strings.ToUpper(c.Field), AdditionalData: c.Value,
			},
		})
		return
	}
	var v comment
	if err := json.Unmarshal(c.Value, &v); err != nil {
		r.ignore(c.Field, "it cannot be read")
		return
	}
	if c.Field == "feed" && (v.Item != "comment" || v.Verb != "add") {
		r.ignore(c.Field, "it is not a new comment")
		return
	}
	id, text := cmp.Or(v.CommentID, v.ID), cmp.Or(v.Message, v.Text)
	name := cmp.Or(v.From.Username, v.From.Name)
	if id == "" || v.From.ID == "" || v.From.ID == r.account {
		r.ignore(c.Field, "it is not from a contact")
		return
	}
	r.add(channel.Inbound{
		ID: channel.ProviderID(id), At: e.Time.Time, From: channel.Address{Identity: v.From.ID, Name: name}, To: r.account,
		Event: &parley.ContactEvent{Comment: &parley.CommentEvent{
			ID: id, Text: text, CommentType: kind, CommentedOn: cmp.Or(v.Media.ID, v.PostID), User: name,
		}},
	})
}
