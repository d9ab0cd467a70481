package instagram

import (
	"cmp"
	"path"
	"regexp"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/graph"
	"github.com/parley-im/parley/internal/channel/sendapi"
)

const provider = "meta"

// A login is one of the two ways to an account, which differ in their host and
// in whose token is used.
type login struct {
	host     string
	fields   string // of the node that the token is of
	webhooks string // fields of webhooks that the channel reads
}

// logins returns the ways by their name in the settings: Instagram's own, with
// a token of the account, and Facebook's, with one of the page it is linked to.
func logins(name string) (login, bool) {
	switch name {
	case "instagram":
		return login{
			"https://graph.instagram.com", "user_id,username",
			"messages,messaging_postbacks,messaging_seen,message_reactions,messaging_referral,messaging_optins,comments,live_comments",
		}, true
	case "facebook":
		return login{
			"https://graph.facebook.com", "id,name",
			"messages,messaging_postbacks,message_reactions,messaging_referrals,messaging_optins,feed",
		}, true
	}
	return login{}, false
}

// settings is provider_settings.
type settings struct {
	graph.Settings
	Login  string `json:"login"`   // instagram or facebook
	PageID string `json:"page_id"` // with Facebook's login, where the token is not the page's own
}

// idForm is what the ids of accounts and pages look like.
var idForm = regexp.MustCompile(`^[0-9]{1,32}$`)

// account is a credential taken apart.
type account struct {
	sendapi.Account
	login login
}

// Check validates the credential's provider and its settings.
func (Channel) Check(c *parley.ChannelCredential) error {
	_, err := readAccount(c)
	return err
}

func readAccount(c *parley.ChannelCredential) (*account, error) {
	if channel.Provider(c, provider) != provider {
		return nil, parley.Invalid("provider", "is %q; channel INSTAGRAM has only meta", c.Provider)
	}
	if c == nil || c.Instagram == nil {
		return nil, parley.Invalid("instagram_credentials", "is required for channel INSTAGRAM")
	}
	own := c.Instagram
	if !graph.IsLine(own.Token) {
		return nil, parley.Invalid("instagram_credentials.token", "must be without line breaks")
	}
	if own.BusinessAccountID != "" && !idForm.MatchString(own.BusinessAccountID) {
		return nil, parley.Invalid("instagram_credentials.business_account_id", "must be digits")
	}
	s := settings{Login: "instagram", Settings: graph.Defaults()}
	if err := channel.DecodeSettings(c.ProviderSettings, "provider "+provider, &s); err != nil {
		return nil, err
	}
	by, ok := logins(s.Login)
	switch {
	case !ok:
		return nil, channel.Setting("login", "must be instagram or facebook")
	case s.PageID != "" && s.Login != "facebook":
		return nil, channel.Setting("page_id", "goes with login facebook")
	case s.PageID != "" && !idForm.MatchString(s.PageID):
		return nil, channel.Setting("page_id", "must be digits")
	}
	acc, err := s.Account(c, by.host, own.Token)
	if err != nil {
		return nil, err
	}
	return &account{login: by, Account: sendapi.Account{
		Node: cmp.Or(s.PageID, "me"), ID: own.BusinessAccountID, Account: acc,
	}}, nil
}

// open returns the account of a connection, whose credential passed Check when
// it was saved.
func open(c *channel.Conn) (*account, error) {
	acc, err := readAccount(c.Credential)
	if err != nil {
		return nil, channel.BadCredential(err)
	}
	return acc, nil
}

// propertyTag is the channel property of INSTAGRAM.
const propertyTag = "INSTAGRAM_MESSAGE_TAG"

// frame returns what the channel property asks for. Which tags there are is
// Meta's to say.
func frame(properties map[string]string) (sendapi.Frame, error) {
	tag := properties[propertyTag]
	switch {
	case tag == "":
		return sendapi.Frame{}, nil
	case !sendapi.IsTag(tag):
		return sendapi.Frame{}, sendapi.BadProperty(propertyTag, "a tag such as HUMAN_AGENT")
	}
	return sendapi.Frame{MessagingType: sendapi.MessageTag, Tag: tag}, nil
}

// kind guesses from the name of a file what shows it (Instagram messaging,
// Send a message); all else is a link.
func kind(m *parley.MediaMessage) string {
	switch strings.ToLower(path.Ext(sendapi.FileName(m))) {
	case ".jpg", ".jpeg", ".png", ".gif", ".ico", ".bmp":
		return "image"
	case ".mp4", ".ogg", ".avi", ".mov", ".webm":
		return "video"
	case ".aac", ".m4a", ".wav":
		return "audio"
	case ".pdf":
		return "file"
	default:
		return ""
	}
}
