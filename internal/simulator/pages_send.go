package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of the Send API (Messenger Platform reference: Send API, Quick
// Replies, Button Template, Generic Template).
const (
	pageRequestMost  = 1 << 20
	pageRepliesMost  = 13
	pageTitleMost    = 20
	pagePayloadMost  = 1000
	pageButtonsMost  = 3
	pageTemplateMost = 640
	pageElementsMost = 10
	pageHeadlineMost = 80
	pageMetadataMost = 1000
)

// pageTyping is how long typing_on shows.
const pageTyping = 20 * time.Second

// pageRequest is the body of POST /messages.
type pageRequest struct {
	Recipient        *pageRecipient  `json:"recipient"`
	MessagingType    string          `json:"messaging_type"`
	Tag              string          `json:"tag"`
	NotificationType string          `json:"notification_type"`
	SenderAction     string          `json:"sender_action"`
	Message          json.RawMessage `json:"message"`
	ReplyTo          *pageReplyTo    `json:"reply_to"`
}

type pageRecipient struct {
	ID        string `json:"id"`
	CommentID string `json:"comment_id"`
}

type pageReplyTo struct {
	MID string `json:"mid"`
}

type pageMessage struct {
	Text         string           `json:"text"`
	Metadata     string           `json:"metadata"`
	Attachment   *pageAttachment  `json:"attachment"`
	QuickReplies []pageQuickReply `json:"quick_replies"`
}

type pageAttachment struct {
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

type pageQuickReply struct {
	ContentType string `json:"content_type"`
	Title       string `json:"title"`
	Payload     string `json:"payload"`
	ImageURL    string `json:"image_url"`
}

type pageTemplate struct {
	Type     string        `json:"template_type"`
	Text     string        `json:"text"`
	Buttons  []pageButton  `json:"buttons"`
	Elements []pageElement `json:"elements"`
}

type pageElement struct {
	Title    string       `json:"title"`
	Subtitle string       `json:"subtitle"`
	ImageURL string       `json:"image_url"`
	Default  *pageButton  `json:"default_action"`
	Buttons  []pageButton `json:"buttons"`
}

type pageButton struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	URL     string `json:"url"`
	Payload string `json:"payload"`
	Webview string `json:"webview_height_ratio"`
}

type pageAcceptance struct {
	Recipient string `json:"recipient_id"`
	Message   string `json:"message_id,omitempty"`
}

// messages is POST /{id}/messages.
func (p *pages) messages(r *http.Request, account string) (any, error) {
	if err := p.owned(r, account); err != nil {
		return nil, err
	}
	native, err := io.ReadAll(io.LimitReader(r.Body, pageRequestMost))
	if err != nil {
		return nil, pageError(100, 0, "The request body could not be read")
	}
	var in pageRequest
	if err := strict("request", native, &in); err != nil {
		return nil, err
	}
	if in.Recipient == nil || in.Recipient.ID == "" && in.Recipient.CommentID == "" {
		return nil, pageError(100, 0, "The parameter recipient is required")
	}
	phone, err := p.recipient(account, in.Recipient)
	if err != nil {
		p.sim.stats.refused(p.provider)
		return nil, err
	}
	if in.SenderAction != "" {
		return p.action(account, phone, &in)
	}
	it := Item{Account: account, Provider: p.provider, Native: native}
	if err := p.read(&in, phone, &it); err != nil {
		p.sim.stats.refused(p.provider)
		return nil, err
	}
	return p.send(&in, phone, it)
}

var pageUser = regexp.MustCompile(`^[0-9]{1,32}$`)

// recipient finds who is meant: by the scoped id, or by the comment written.
// Who never wrote is nobody the account knows.
func (p *pages) recipient(account string, to *pageRecipient) (key, error) {
	if to.CommentID != "" {
		phone, ok := p.commenter(account, to.CommentID)
		if !ok {
			return key{}, unknownObject(to.CommentID)
		}
		return phone, nil
	}
	if !pageUser.MatchString(to.ID) {
		return key{}, pageError(100, 2018001, "No matching user found")
	}
	return newKey(p.of, to.ID), nil
}

// commenter returns who wrote a comment.
func (p *pages) commenter(account, comment string) (key, bool) {
	for _, h := range p.sim.Handsets() {
		if h.Channel != p.of {
			continue
		}
		phone := newKey(h.Channel, h.Identity)
		if it, ok := p.byMID(phone, account, comment); ok && it.Type == "comment" {
			return phone, true
		}
	}
	return key{}, false
}

// action shows that the account types or has read.
func (p *pages) action(account string, phone key, in *pageRequest) (any, error) {
	if len(in.Message) > 0 {
		return nil, pageError(100, 2018034, "Cannot send both message and state at the same time")
	}
	switch in.SenderAction {
	case "typing_on":
		p.sim.phones.typing(phone, pageTyping)
	case "typing_off":
		p.sim.phones.typing(phone, 0)
	case "mark_seen":
		last, ok := p.sim.phones.last(phone, func(it *Item) bool { return it.Direction == Out && it.Account == account })
		if ok {
			p.sim.phones.seen(phone, account, last.ID)
		}
	default:
		return nil, pageError(100, 0, "Param sender_action must be one of {MARK_SEEN, TYPING_ON, TYPING_OFF}")
	}
	return pageAcceptance{Recipient: phone.identity}, nil
}

// read checks a message for a phone and says how that shows it.
func (p *pages) read(in *pageRequest, phone key, it *Item) error {
	switch {
	case !slices.Contains([]string{"", "RESPONSE", "UPDATE", "MESSAGE_TAG", "UTILITY"}, in.MessagingType):
		return pageError(100, 0, "Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG, UTILITY}")
	case (in.MessagingType == "MESSAGE_TAG") != (in.Tag != ""):
		return pageError(100, 2018034, "A tag and the messaging type MESSAGE_TAG go together")
	case !slices.Contains([]string{"", "REGULAR", "SILENT_PUSH", "NO_PUSH"}, in.NotificationType):
		return pageError(100, 0, "Param notification_type must be one of {REGULAR, SILENT_PUSH, NO_PUSH}")
	}
	var m pageMessage
	if err := strict("message", in.Message, &m); err != nil {
		return err
	}
	it.Reference = m.Metadata
	if in.ReplyTo != nil {
		if q, ok := p.byMID(phone, it.Account, in.ReplyTo.MID); ok {
			it.ReplyTo = q.ID
		}
	}
	switch {
	case len(m.Metadata) > pageMetadataMost:
		return pageTooLong("message[metadata]", pageMetadataMost)
	case (m.Text == "") == (m.Attachment == nil):
		return pageError(100, 0, "Exactly one of message[text] and message[attachment] is required")
	case m.Attachment == nil:
		it.Type, it.Text = "text", m.Text
		if n := p.length(m.Text); n > p.textMost {
			return pageTooLong("message[text]", p.textMost)
		}
	default:
		if err := p.attachment(m.Attachment, it); err != nil {
			return err
		}
	}
	return quickReplies(m.QuickReplies, it)
}

func (p *pages) length(text string) int {
	if p.textBytes {
		return len(text)
	}
	return utf8.RuneCountInString(text)
}

func pageTooLong(what string, most int) *graphError {
	return pageError(100, 0, fmt.Sprintf("Length of param %s must be less than or equal to %d", what, most))
}

// attachment shows a file or a template.
func (p *pages) attachment(in *pageAttachment, it *Item) error {
	it.Type = in.Type
	if in.Type == "template" {
		return p.template(in.Payload, it)
	}
	if !slices.Contains(p.kinds, in.Type) {
		return pageError(100, 0, "Param message[attachment][type] must be one of "+"{"+strings.ToUpper(strings.Join(p.kinds, ", "))+"}")
	}
	var file struct {
		URL      string `json:"url"`
		Reusable bool   `json:"is_reusable"`
	}
	if err := strict("payload", in.Payload, &file); err != nil {
		return err
	}
	u, err := url.Parse(file.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return pageError(100, 2018008, "Failed to fetch the file from the url")
	}
	it.Media = []Media{{Kind: strings.Replace(in.Type, "file", "document", 1), URL: file.URL, MIME: mimeOf(file.URL)}}
	return nil
}

func (p *pages) template(raw json.RawMessage, it *Item) error {
	var in pageTemplate
	if err := strict("payload", raw, &in); err != nil {
		return err
	}
	switch in.Type {
	case "button":
		if n := utf8.RuneCountInString(in.Text); n == 0 || n > pageTemplateMost {
			return pageTooLong("payload[text]", pageTemplateMost)
		}
		if len(in.Buttons) == 0 {
			return pageError(100, 0, "The parameter payload[buttons] is required")
		}
		it.Type, it.Text = "button_template", in.Text
		return p.buttons(in.Buttons, 0, it)
	case "generic":
		it.Type = "generic_template"
		return p.elements(in.Elements, it)
	}
	return pageError(100, 0, "Param payload[template_type] must be one of {BUTTON, GENERIC}")
}

func (p *pages) elements(in []pageElement, it *Item) error {
	if len(in) == 0 || len(in) > pageElementsMost {
		return pageError(100, 0, "Param payload[elements] must have 1 to 10 elements")
	}
	var words []string
	for i, e := range in {
		switch {
		case e.Title == "" || utf8.RuneCountInString(e.Title) > pageHeadlineMost:
			return pageTooLong("elements[title]", pageHeadlineMost)
		case utf8.RuneCountInString(e.Subtitle) > pageHeadlineMost:
			return pageTooLong("elements[subtitle]", pageHeadlineMost)
		case e.Subtitle == "" && e.ImageURL == "" && len(e.Buttons) == 0 && e.Default == nil:
			return pageError(100, 0, "An element needs one more property besides its title")
		}
		card := Card{Index: i + 1, Title: e.Title, Text: e.Subtitle}
		if e.ImageURL != "" {
			card.Media = []Media{{Kind: "image", URL: e.ImageURL, MIME: mimeOf(e.ImageURL)}}
			it.Media = append(it.Media, card.Media...)
		}
		words = append(words, e.Title, e.Subtitle)
		it.Cards = append(it.Cards, card)
		if err := p.buttons(e.Buttons, card.Index, it); err != nil {
			return err
		}
	}
	it.Text = lines(words...)
	return nil
}

// buttons adds those of a template to the choices.
func (p *pages) buttons(in []pageButton, card int, it *Item) error {
	if len(in) > pageButtonsMost {
		return pageError(100, 0, "Param buttons must have at most 3 elements")
	}
	for _, b := range in {
		c := Choice{Index: len(it.Choices) + 1, Title: b.Title, Card: card}
		if n := utf8.RuneCountInString(b.Title); n == 0 || n > pageTitleMost {
			return pageTooLong("buttons[title]", pageTitleMost)
		}
		switch {
		case b.Type == "postback" && b.Payload != "" && len(b.Payload) <= pagePayloadMost:
			c.Kind, c.Payload = "postback", b.Payload
		case b.Type == "web_url" && strings.HasPrefix(b.URL, "http"):
			c.Kind, c.URL = "url", b.URL
		case b.Type == "phone_number" && p.calls && pageNumber.MatchString(b.Payload):
			c.Kind, c.Phone = "call", b.Payload
		default:
			return pageError(100, 0, "Param buttons has a button of type "+b.Type+" that is not valid")
		}
		it.Choices = append(it.Choices, c)
	}
	return nil
}

var pageNumber = regexp.MustCompile(`^\+[0-9]{3,20}$`)

// quickReplies adds them to the choices.
func quickReplies(in []pageQuickReply, it *Item) error {
	if len(in) > pageRepliesMost {
		return pageError(100, 0, "Param message[quick_replies] must have at most 13 elements")
	}
	for _, q := range in {
		n := utf8.RuneCountInString(q.Title)
		if q.ContentType != "text" || n == 0 || n > pageTitleMost || q.Payload == "" || len(q.Payload) > pagePayloadMost {
			return pageError(100, 0, "Param message[quick_replies] has a reply that is not valid")
		}
		it.Choices = append(it.Choices, Choice{
			Index: len(it.Choices) + 1, Title: q.Title, Kind: "quick_reply", Payload: q.Payload,
		})
	}
	return nil
}

// send puts a message on the phone.
func (p *pages) send(in *pageRequest, phone key, it Item) (any, error) {
	it.ProviderID, it.report = p.newMID(), p.report
	arriving := incoming{phone: phone, item: it, refuse: p.refusal, reads: true, windowCode: "10", leftCode: "551"}
	if in.Tag != "" {
		arriving.windowCode = ""
	}
	it, err := p.sim.accept(arriving)
	if err != nil {
		return nil, err
	}
	p.echo(phone, it)
	return pageAcceptance{Recipient: phone.identity, Message: it.ProviderID}, nil
}

// refusal is the error a phone's behaviour makes of a send, or nil: there is no
// report of failure, so that what is rejected is refused, too.
func (p *pages) refusal(b Behaviour, blocked bool) error {
	switch code := b.FailCode.or(""); {
	case b.Deliver == DeliverRateLimit:
		return pageError(atoi(orElse(code, "613"), 613), 0, "Calls to this api have exceeded the rate limit.")
	case b.Deliver != DeliverRefuse && b.Deliver != DeliverReject:
		return nil
	case blocked, code == "", code == "551":
		return pageError(551, 1545041, "This person isn't available right now.")
	case code == "10":
		return pageError(10, p.windowSub, "This message is sent outside of allowed window.")
	default:
		return pageError(atoi(code, 100), 0, "The message was refused")
	}
}
