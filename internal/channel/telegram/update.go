package telegram

import (
	"encoding/json"
	"strconv"
	"strings"
)

// allowedUpdates are the updates Receive understands. Reactions must be asked
// for by name (core.telegram.org/bots/api#setwebhook).
var allowedUpdates = []string{"message", "edited_message", "callback_query", "message_reaction", "my_chat_member"}

// An update is one thing Telegram tells a bot, as far as the channel reads
// it. At most one member but the id is set.
type update struct {
	ID            int64          `json:"update_id"`
	Message       *message       `json:"message"`
	EditedMessage *message       `json:"edited_message"`
	CallbackQuery *callbackQuery `json:"callback_query"`
	Reaction      *reactions     `json:"message_reaction"`
	MyChatMember  *memberUpdate  `json:"my_chat_member"`
}

type user struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

func (u *user) name() string { return strings.TrimSpace(u.FirstName + " " + u.LastName) }

type chat struct {
	ID   int64  `json:"id"`
	Type string `json:"type"`
	user        // a private chat has the names of the other one
}

// private reports whether the chat is with one person. Groups and channels
// are not conversations with a contact.
func (c *chat) private() bool { return c != nil && c.Type == "private" && c.ID != 0 }

func (c *chat) identity() string { return strconv.FormatInt(c.ID, 10) }

type message struct {
	MessageID int64 `json:"message_id"`
	From      *user `json:"from"`
	Date      int64 `json:"date"`
	Chat      *chat `json:"chat"`
	ReplyTo   *struct {
		MessageID int64 `json:"message_id"`
	} `json:"reply_to_message"`

	Text    string `json:"text"`
	Caption string `json:"caption"`

	Photo     []file `json:"photo"`
	Animation *file  `json:"animation"`
	Video     *file  `json:"video"`
	VideoNote *file  `json:"video_note"`
	Audio     *file  `json:"audio"`
	Voice     *file  `json:"voice"`
	Sticker   *file  `json:"sticker"`
	Document  *file  `json:"document"`

	Location *point `json:"location"`
	Venue    *struct {
		Location point  `json:"location"`
		Title    string `json:"title"`
		Address  string `json:"address"`
	} `json:"venue"`

	// What a contact can send and the API has no message for.
	Contact    json.RawMessage `json:"contact"`
	Poll       json.RawMessage `json:"poll"`
	Dice       json.RawMessage `json:"dice"`
	Game       json.RawMessage `json:"game"`
	Invoice    json.RawMessage `json:"invoice"`
	Story      json.RawMessage `json:"story"`
	Checklist  json.RawMessage `json:"checklist"`
	PaidMedia  json.RawMessage `json:"paid_media"`
	WebAppData json.RawMessage `json:"web_app_data"`
	Shared     json.RawMessage `json:"users_shared"`
}

type file struct {
	FileID     string `json:"file_id"`
	FileName   string `json:"file_name"`
	MIMEType   string `json:"mime_type"`
	Width      int64  `json:"width"`
	Height     int64  `json:"height"`
	IsAnimated bool   `json:"is_animated"` // of stickers, as IsVideo
	IsVideo    bool   `json:"is_video"`
}

type point struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type callbackQuery struct {
	ID      string   `json:"id"`
	From    user     `json:"from"`
	Message *message `json:"message"`
	Data    string   `json:"data"`
}

type reactions struct {
	Chat      *chat      `json:"chat"`
	MessageID int64      `json:"message_id"`
	User      *user      `json:"user"`
	Date      int64      `json:"date"`
	Old       []reaction `json:"old_reaction"`
	New       []reaction `json:"new_reaction"`
}

type reaction struct {
	Type  string `json:"type"` // emoji, custom_emoji or paid
	Emoji string `json:"emoji"`
}

type memberUpdate struct {
	Chat *chat `json:"chat"`
	From user  `json:"from"`
	Date int64 `json:"date"`
	New  struct {
		Status string `json:"status"`
	} `json:"new_chat_member"`
}
