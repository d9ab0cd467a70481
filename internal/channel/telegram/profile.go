package telegram

import (
	"context"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// Profile asks for the chat (core.telegram.org/bots/api: getChat). The hosted
// API offers no profiles on TELEGRAM; a bot may always ask for those who wrote
// to it.
func (Channel) Profile(ctx context.Context, c *channel.Conn, of channel.Address) (channel.Profile, error) {
	var chat struct {
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
		Title     string `json:"title"`
		Username  string `json:"username"`
	}
	err := ask(ctx, c, "getChat", map[string]any{"chat_id": chatID(of.Identity)}, &chat)
	if err != nil {
		if e := channel.AsError(err); e.Reason.Code == parley.ReasonRecipientInvalidChannelIdentity {
			e.Reason.Code = parley.ReasonNoProfileAvailable
			return channel.Profile{}, e
		}
		return channel.Profile{}, err
	}
	for _, name := range []string{strings.TrimSpace(chat.FirstName + " " + chat.LastName), chat.Title, chat.Username} {
		if name != "" {
			return channel.Profile{Name: name}, nil
		}
	}
	return channel.Profile{}, channel.Refuse(parley.ReasonNoProfileAvailable, "the chat has no name")
}
