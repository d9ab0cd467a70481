package messenger

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
	"github.com/parley-im/parley/internal/channel/sendapi"
)

const (
	provider = "meta"
	graphURL = "https://graph.facebook.com"
)

// settings is provider_settings.
type settings struct {
	graph.Settings
	PageID string `json:"page_id"` // whose webhooks are taken; without, those of all pages
}

// pageForm is what a page's id looks like.
var pageForm = regexp.MustCompile(`^[0-9]{1,32}$`)

// Check validates the credential's provider and its settings.
func (Channel) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

func readAccount(c *parley.ChannelCredential) (*sendapi.Account, error) {
	if channel.Provider(c, provider) != provider {
		return nil, parley.Invalid("provider", "is %q; channel MESSENGER has only meta", c.Provider)
	}
	if c == nil || c.StaticToken == nil {
		return nil, parley.Invalid("static_token", "is required for channel MESSENGER")
	}
	if !graph.IsLine(c.StaticToken.Token) {
		return nil, parley.Invalid("static_token.token", "must be without line breaks")
	}
	s := settings{Settings: graph.Defaults()}
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+provider, &s); err != nil {
		return nil, err
	}
	if s.PageID != "" && !pageForm.MatchString(s.PageID) {
		return nil, channel.Setting("page_id", "must be digits")
	}
	own, err := s.Account(c, graphURL, c.StaticToken.Token)
	if err != nil {
		return nil, err
	}
	return &sendapi.Account{Node: cmp.Or(s.PageID, "me"), ID: s.PageID, Account: own}, nil
}

// open returns the account of a connection, whose credential passed Check when
// it was saved.
func open(c *channel.Conn) (*sendapi.Account, error) {
	acc, err := readAccount(c.Credential)
	if err != nil {
		return nil, channel.BadCredential(err)
	}
	return acc, nil
}

// The channel properties of MESSENGER.
const (
	propertyType         = "MESSENGER_MESSAGING_TYPE"
	propertyTag          = "MESSENGER_MESSAGE_TAG"
	propertyNotification = "MESSENGER_NOTIFICATION_TYPE"
)

// frame returns what the channel properties ask for. Which tags there are is
// Meta's to say: it has been retiring them.
func frame(properties map[string]string) (sendapi.Frame, error) {
	f := sendapi.Frame{
		MessagingType:    properties[propertyType],
		Tag:              properties[propertyTag],
		NotificationType: properties[propertyNotification],
	}
	if f.MessagingType == "" {
		f.MessagingType = "RESPONSE"
		if f.Tag != "" {
			f.MessagingType = sendapi.MessageTag
		}
	}
	switch {
	case !slices.Contains([]string{"RESPONSE", "UPDATE", sendapi.MessageTag}, f.MessagingType):
		return f, sendapi.BadProperty(propertyType, "RESPONSE, UPDATE or MESSAGE_TAG")
	case f.Tag != "" && !sendapi.IsTag(f.Tag):
		return f, sendapi.BadProperty(propertyTag, "a tag such as HUMAN_AGENT")
	case f.MessagingType == sendapi.MessageTag && f.Tag == "":
		return f, sendapi.BadProperty(propertyType, "to be used with "+propertyTag)
	case !slices.Contains([]string{"", "REGULAR", "SILENT_PUSH", "NO_PUSH"}, f.NotificationType):
		return f, sendapi.BadProperty(propertyNotification, "REGULAR, SILENT_PUSH or NO_PUSH")
	}
	return f, nil
}

// kind guesses from the name of a file what shows it; what Messenger cannot
// play or does not know is a file, which may be anything.
func kind(m *parley.MediaMessage) string {
	switch strings.ToLower(path.Ext(sendapi.FileName(m))) {
	case ".jpg", ".jpeg", ".png", ".gif", ".webp":
		return "image"
	case ".mp4", ".mov", ".m4v", ".webm", ".3gp":
		return "video"
	case ".aac", ".m4a", ".mp3", ".ogg", ".opus", ".wav", ".amr":
		return "audio"
	default:
		return "file"
	}
}
