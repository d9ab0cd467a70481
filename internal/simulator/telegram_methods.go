package simulator

import (
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

func (t *telegram) getMe(c *tgCall) (any, error) {
	u := c.bot.profile()
	return map[string]any{
		"id": u.ID, "is_bot": true, "first_name": u.FirstName, "username": u.Username,
		"can_join_groups": false, "can_read_all_group_messages": false, "supports_inline_queries": false,
		"can_connect_to_business": false, "has_main_web_app": false,
	}, nil
}

func (t *telegram) getChat(c *tgCall) (any, error) {
	phone, chat, err := c.chat()
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"id": chat, "type": "private", "first_name": t.nameOf(phone),
		"accent_color_id": 0, "max_reaction_count": 11,
		"accepted_gift_types": map[string]bool{
			"unlimited_gifts": true, "limited_gifts": true, "unique_gifts": true,
			"premium_subscription": true, "gifts_from_channels": true,
		},
	}, nil
}

func tgActions() []string {
	return []string{
		"typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice",
		"upload_document", "choose_sticker", "find_location", "record_video_note", "upload_video_note",
	}
}

// sendChatAction shows the bot as typing for five seconds.
func (t *telegram) sendChatAction(c *tgCall) (any, error) {
	phone, _, err := c.chat()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(tgActions(), c.params["action"]) {
		return nil, tgBad("wrong parameter action in request")
	}
	blocked := false
	t.sim.phones.locked(phone, func(h *handset) {
		if blocked = h.blocked; blocked {
			return
		}
		h.typing = t.sim.now().Add(5 * time.Second)
		h.wake()
	})
	if blocked {
		return nil, tgRefusal(Behaviour{}, true)
	}
	return true, nil
}

// ownMessage finds the message a call wants to change.
func (c *tgCall) ownMessage(missing string) (key, Item, *tgMessage, error) {
	phone, _, err := c.chat()
	if err != nil {
		return key{}, Item{}, nil, err
	}
	it, ok := c.t.message(c.bot.token, phone, c.integer("message_id"))
	m, isMessage := it.raw.(*tgMessage)
	if !ok || !isMessage {
		return key{}, Item{}, nil, tgBad(missing)
	}
	return phone, it, m, nil
}

func (t *telegram) setMessageReaction(c *tgCall) (any, error) {
	phone, it, _, err := c.ownMessage("message to react not found")
	if err != nil {
		return nil, err
	}
	var reaction []tgEmojiSet
	if err := c.object("reaction", &reaction); err != nil {
		return nil, err
	}
	if len(reaction) > 1 {
		return nil, tgBad("REACTIONS_TOO_MANY")
	}
	emoji := ""
	if len(reaction) == 1 {
		if emoji = reaction[0].Emoji; emoji == "" {
			return nil, tgBad("REACTION_INVALID")
		}
	}
	t.sim.phones.edit(phone, it.ID, func(it *Item) { it.Reaction = emoji })
	return true, nil
}

func (t *telegram) editMessageText(c *tgCall) (any, error) {
	phone, it, m, err := c.ownMessage("message to edit not found")
	if err != nil {
		return nil, err
	}
	if it.Direction != In {
		return nil, tgBad("message can't be edited")
	}
	if m.Text == "" {
		return nil, tgBad("there is no text in the message to edit")
	}
	edited, shown := *m, Item{}
	edited.ReplyMarkup = nil
	if err := tgText(c, &edited, &shown); err != nil {
		return nil, err
	}
	if err := c.markup(&edited, &shown); err != nil {
		return nil, err
	}
	if edited.Text == m.Text && string(edited.ReplyMarkup) == string(m.ReplyMarkup) {
		return nil, tgBad("message is not modified: specified new message content and reply markup are exactly " +
			"the same as a current content and reply markup of the message")
	}
	edited.EditDate = t.sim.now().Unix()
	t.sim.phones.edit(phone, it.ID, func(it *Item) { it.Text, it.Choices, it.raw = shown.Text, shown.Choices, &edited })
	return &edited, nil
}

func (t *telegram) editMessageReplyMarkup(c *tgCall) (any, error) {
	phone, it, m, err := c.ownMessage("message to edit not found")
	if err != nil {
		return nil, err
	}
	edited, shown := *m, Item{}
	edited.ReplyMarkup = nil
	if err := c.markup(&edited, &shown); err != nil {
		return nil, err
	}
	edited.EditDate = t.sim.now().Unix()
	t.sim.phones.edit(phone, it.ID, func(it *Item) { it.Choices, it.raw = shown.Choices, &edited })
	return &edited, nil
}

func (t *telegram) deleteMessage(c *tgCall) (any, error) {
	phone, it, _, err := c.ownMessage("message to delete not found")
	if err != nil {
		return nil, err
	}
	t.sim.phones.edit(phone, it.ID, func(it *Item) {
		it.Status, it.Text, it.Choices, it.Media = StatusDeleted, "", nil, nil
	})
	return true, nil
}

// getFile makes a file available for download.
func (t *telegram) getFile(c *tgCall) (any, error) {
	id, ok := strings.CutPrefix(c.params["file_id"], "SIM")
	f := t.sim.media.get(id)
	if !ok || f == nil {
		return nil, tgBad("wrong file_id or the file is temporarily unavailable")
	}
	if len(f.data) > tgDownloadMost {
		return nil, tgBad("file is too big")
	}
	out := newTgFile("file", f)
	return tgFile{
		FileID: out.FileID, FileUniqueID: out.FileUniqueID, FileSize: out.FileSize,
		FilePath: "files/file_" + f.id + extension(f.mime),
	}, nil
}

// serveFile is the download address of getFile.
func (t *telegram) serveFile(w http.ResponseWriter, r *http.Request) {
	if _, err := t.bot(r.PathValue("bot")); err != nil {
		writeTelegram(w, nil, err)
		return
	}
	id, ok := strings.CutPrefix(path.Base(r.PathValue("path")), "file_")
	id, _, _ = strings.Cut(id, ".")
	f := t.sim.media.get(id)
	if !ok || f == nil {
		writeTelegram(w, nil, &tgError{Code: http.StatusNotFound, Description: "Not Found"})
		return
	}
	data, _, err := t.sim.media.bytesOf(r.Context(), f)
	if err != nil {
		writeTelegram(w, nil, err)
		return
	}
	// Telegram does not tell the type of a file here.
	serveFile(w, data, "application/octet-stream")
}

// extension is the usual file name ending of a type.
func extension(mime string) string {
	switch mime {
	case "image/jpeg":
		return ".jpg"
	case "image/png":
		return ".png"
	case "image/webp":
		return ".webp"
	case "video/mp4", "image/gif":
		return ".mp4"
	case "audio/mpeg":
		return ".mp3"
	case "audio/ogg":
		return ".oga"
	case "application/pdf":
		return ".pdf"
	}
	return ""
}
