package simulator

import "encoding/json"

// The objects of the Bot API, as far as the simulator speaks of them. Their
// JSON is the published one.

type tgUser struct {
	ID        int64  `json:"id"`
	IsBot     bool   `json:"is_bot"`
	FirstName string `json:"first_name"`
	Username  string `json:"username,omitempty"`
	Language  string `json:"language_code,omitempty"`
}

type tgChat struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"`
	FirstName string `json:"first_name,omitempty"`
}

type tgMessage struct {
	MessageID       int64           `json:"message_id"`
	From            *tgUser         `json:"from,omitempty"`
	Date            int64           `json:"date"`
	EditDate        int64           `json:"edit_date,omitempty"`
	Chat            tgChat          `json:"chat"`
	MediaGroupID    string          `json:"media_group_id,omitempty"`
	ReplyToMessage  *tgMessage      `json:"reply_to_message,omitempty"`
	Text            string          `json:"text,omitempty"`
	Entities        []tgEntity      `json:"entities,omitempty"`
	Photo           []tgFile        `json:"photo,omitempty"`
	Video           *tgFile         `json:"video,omitempty"`
	Audio           *tgFile         `json:"audio,omitempty"`
	Voice           *tgFile         `json:"voice,omitempty"`
	Document        *tgFile         `json:"document,omitempty"`
	Animation       *tgFile         `json:"animation,omitempty"`
	Sticker         *tgFile         `json:"sticker,omitempty"`
	Caption         string          `json:"caption,omitempty"`
	CaptionEntities []tgEntity      `json:"caption_entities,omitempty"`
	Location        *tgPlace        `json:"location,omitempty"`
	Venue           *tgVenue        `json:"venue,omitempty"`
	Contact         *tgContact      `json:"contact,omitempty"`
	ReplyMarkup     json.RawMessage `json:"reply_markup,omitempty"`
}

// quote is m as a reply shows it: without what it was itself a reply to.
func (m *tgMessage) quote() *tgMessage {
	q := *m
	q.ReplyToMessage = nil
	return &q
}

type tgEntity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"` // in UTF-16 code units, as Length
	Length int    `json:"length"`
	URL    string `json:"url,omitempty"`
}

// tgFile is PhotoSize, Video, Audio, Voice, Document, Animation and Sticker:
// they differ in which fields they have.
type tgFile struct {
	FileID       string `json:"file_id"`
	FileUniqueID string `json:"file_unique_id"`
	Type         string `json:"type,omitempty"`
	Width        *int   `json:"width,omitempty"`
	Height       *int   `json:"height,omitempty"`
	Duration     *int   `json:"duration,omitempty"`
	IsAnimated   *bool  `json:"is_animated,omitempty"`
	IsVideo      *bool  `json:"is_video,omitempty"`
	FileName     string `json:"file_name,omitempty"`
	MIMEType     string `json:"mime_type,omitempty"`
	FileSize     int    `json:"file_size,omitempty"`
	FilePath     string `json:"file_path,omitempty"`
}

type tgPlace struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type tgVenue struct {
	Location tgPlace `json:"location"`
	Title    string  `json:"title"`
	Address  string  `json:"address"`
}

type tgContact struct {
	PhoneNumber string `json:"phone_number"`
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name,omitempty"`
	UserID      int64  `json:"user_id,omitempty"`
	VCard       string `json:"vcard,omitempty"`
}

type tgUpdate struct {
	UpdateID        int64            `json:"update_id"`
	Message         *tgMessage       `json:"message,omitempty"`
	CallbackQuery   *tgCallbackQuery `json:"callback_query,omitempty"`
	MyChatMember    *tgMemberUpdate  `json:"my_chat_member,omitempty"`
	MessageReaction *tgReaction      `json:"message_reaction,omitempty"`
}

// kind is the name of the update in allowed_updates.
func (u *tgUpdate) kind() string {
	switch {
	case u.CallbackQuery != nil:
		return "callback_query"
	case u.MyChatMember != nil:
		return "my_chat_member"
	case u.MessageReaction != nil:
		return "message_reaction"
	}
	return "message"
}

type tgCallbackQuery struct {
	ID           string     `json:"id"`
	From         tgUser     `json:"from"`
	Message      *tgMessage `json:"message,omitempty"`
	ChatInstance string     `json:"chat_instance"`
	Data         string     `json:"data,omitempty"`
}

type tgMemberUpdate struct {
	Chat          tgChat   `json:"chat"`
	From          tgUser   `json:"from"`
	Date          int64    `json:"date"`
	OldChatMember tgMember `json:"old_chat_member"`
	NewChatMember tgMember `json:"new_chat_member"`
}

type tgMember struct {
	Status    string `json:"status"`
	User      tgUser `json:"user"`
	UntilDate *int64 `json:"until_date,omitempty"` // only of a kicked member; 0 is for ever
}

type tgReaction struct {
	Chat        tgChat       `json:"chat"`
	MessageID   int64        `json:"message_id"`
	User        *tgUser      `json:"user,omitempty"`
	Date        int64        `json:"date"`
	OldReaction []tgEmojiSet `json:"old_reaction"`
	NewReaction []tgEmojiSet `json:"new_reaction"`
}

type tgEmojiSet struct {
	Type  string `json:"type"`
	Emoji string `json:"emoji"`
}

// newTgFile describes a file the way the given kind of message does. Sizes
// and durations are made up: the simulator does not look inside.
func newTgFile(kind string, f *file) tgFile {
	out := tgFile{
		FileID: "SIM" + f.id, FileUniqueID: "U" + f.id, FileSize: len(f.data),
	}
	switch kind {
	case "photo":
		out.Width, out.Height = new(640), new(480)
	case "video", "animation":
		out.Width, out.Height, out.Duration = new(640), new(480), new(5)
		out.MIMEType, out.FileName = f.mime, f.name
	case "audio":
		out.Duration, out.MIMEType, out.FileName = new(5), f.mime, f.name
	case "voice":
		out.Duration, out.MIMEType = new(5), f.mime
	case "sticker":
		out.Type, out.Width, out.Height = "regular", new(512), new(512)
		out.IsAnimated, out.IsVideo = new(false), new(false)
	default:
		out.MIMEType, out.FileName = f.mime, f.name
	}
	return out
}

// setFile puts a file into the field of m for its kind.
func (m *tgMessage) setFile(kind string, f tgFile) {
	switch kind {
	case "photo":
		m.Photo = []tgFile{f}
	case "video":
		m.Video = &f
	case "audio":
		m.Audio = &f
	case "voice":
		m.Voice = &f
	case "sticker":
		m.Sticker = &f
	case "animation":
		m.Animation = &f
		m.Document = &tgFile{
			FileID: f.FileID, FileUniqueID: f.FileUniqueID,
			MIMEType: f.MIMEType, FileName: f.FileName, FileSize: f.FileSize,
		} // kept by Telegram for older clients
	default:
		m.Document = &f
	}
}
