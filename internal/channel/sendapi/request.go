package sendapi

// A Request is the body of a request to send.
type Request struct {
	Recipient recipient `json:"recipient"`
	Frame
	SenderAction string   `json:"sender_action,omitempty"`
	Message      *Message `json:"message,omitempty"`
	ReplyTo      *replyTo `json:"reply_to,omitempty"`
}

// A Frame is what stands around a message.
type Frame struct {
	MessagingType    string `json:"messaging_type,omitempty"`
	Tag              string `json:"tag,omitempty"`
	NotificationType string `json:"notification_type,omitempty"`
}

type recipient struct {
	ID        string `json:"id,omitempty"`
	CommentID string `json:"comment_id,omitempty"` // who wrote that comment
}

type replyTo struct {
	MID string `json:"mid"`
}

// A Message is what is shown.
type Message struct {
	Text         string       `json:"text,omitempty"`
	Attachment   *attachment  `json:"attachment,omitempty"`
	QuickReplies []quickReply `json:"quick_replies,omitempty"`
}

type quickReply struct {
	ContentType string `json:"content_type"`
	Title       string `json:"title"`
	Payload     string `json:"payload"`
}

type attachment struct {
	Type    string  `json:"type"`
	Payload payload `json:"payload"`
}

type payload struct {
	URL          string    `json:"url,omitempty"` // of a file
	TemplateType string    `json:"template_type,omitempty"`
	Text         string    `json:"text,omitempty"`
	Buttons      []button  `json:"buttons,omitempty"`
	Elements     []element `json:"elements,omitempty"`
}

type element struct {
	Title    string   `json:"title"`
	Subtitle string   `json:"subtitle,omitempty"`
	ImageURL string   `json:"image_url,omitempty"`
	Buttons  []button `json:"buttons,omitempty"`
}

type button struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	URL     string `json:"url,omitempty"`
	Payload string `json:"payload,omitempty"`
}
