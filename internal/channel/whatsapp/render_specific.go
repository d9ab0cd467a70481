package whatsapp

import (
	"cmp"
	"encoding/json"
	"errors"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// specificPath is where a channel-specific message is on the wire.
const specificPath = "channel_specific_message.WHATSAPP.message"

// specific shows a message that exists on WhatsApp alone.
func (r *renderer) specific(m parley.ChannelSpecificMessage) error {
	var in *interactive
	var err error
	switch m.MessageType {
	case "FLOWS":
		in, err = flow(m.Message)
	case "ORDER_DETAILS":
		in, err = orderDetails(m.Message)
	case "ORDER_STATUS":
		in, err = orderStatus(m.Message)
	default:
		return channel.Refuse(parley.ReasonBadRequest, "WHATSAPP has no message_type "+m.MessageType)
	}
	if err != nil {
		return err
	}
	r.add(message{Type: "interactive", Interactive: in})
	return nil
}

// frame is what the channel-specific messages have in common. Their headers
// are written as WhatsApp writes them.
type frame struct {
	Header *header `json:"header"`
	Body   *words  `json:"body"`
	Footer *words  `json:"footer"`
}

func (f *frame) interactive(kind string, a action) (*interactive, error) {
	if f.Body == nil || f.Body.Text == "" {
		return nil, lacks("body.text")
	}
	if !fits(f.Body.Text, maxBody) {
		return nil, tooLong("body.text", "1024")
	}
	if f.Footer != nil && !fits(f.Footer.Text, maxFooter) {
		return nil, tooLong("footer.text", "60")
	}
	if f.Footer != nil && f.Footer.Text == "" {
		f.Footer = nil
	}
	return &interactive{Type: kind, Header: f.Header, Body: f.Body, Footer: f.Footer, Action: a}, nil
}

// flowParameters is the action of a flow message.
type flowParameters struct {
	Version string `json:"flow_message_version"`
	Token   string `json:"flow_token,omitempty"`
	ID      string `json:"flow_id"`
	CTA     string `json:"flow_cta"`
	Mode    string `json:"mode"`
	Action  string `json:"flow_action"`
	Payload raw    `json:"flow_action_payload,omitempty"`
}

func flow(body raw) (*interactive, error) {
	var m struct {
		frame
		ID      string `json:"flow_id"`
		CTA     string `json:"flow_cta"`
		Token   string `json:"flow_token"`
		Mode    string `json:"flow_mode"`
		Action  string `json:"flow_action"`
		Payload raw    `json:"flow_action_payload"`
	}
	if err := decode(body, &m); err != nil {
		return nil, err
	}
	switch {
	case m.ID == "":
		return nil, lacks("flow_id")
	case m.CTA == "":
		return nil, lacks("flow_cta")
	case !fits(m.CTA, maxFlowButton):
		return nil, tooLong("flow_cta", "30")
	}
	p := flowParameters{
		Version: "3", Token: m.Token, ID: m.ID, CTA: m.CTA,
		Mode: cmp.Or(m.Mode, "published"), Action: cmp.Or(m.Action, "navigate"),
	}
	if string(m.Payload) != "null" {
		p.Payload = m.Payload
	}
	return m.interactive(typeFlow, action{Name: "flow", Parameters: p})
}

func orderStatus(body raw) (*interactive, error) {
	type order struct {
		Status      string `json:"status"`
		Description string `json:"description,omitempty"`
	}
	type payment struct {
		ReferenceID string `json:"reference_id"`
		Order       order  `json:"order"`
	}
	var m struct {
		frame
		Payment payment `json:"payment"`
	}
	if err := decode(body, &m); err != nil {
		return nil, err
	}
	switch {
	case m.Payment.ReferenceID == "":
		return nil, lacks("payment.reference_id")
	case m.Payment.Order.Status == "":
		return nil, lacks("payment.order.status")
	}
	return m.interactive(typeOrderStatus, action{Name: "review_order", Parameters: m.Payment})
}

// decode reads a channel-specific message, which the API keeps unread.
func decode(body raw, v any) error {
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return channel.Refuse(parley.ReasonBadRequest, specificPath+"."+e.Field+" must not be a JSON "+e.Value)
	}
	return channel.Refuse(parley.ReasonBadRequest, specificPath+" is not valid JSON")
}

func lacks(field string) error {
	return channel.Refuse(parley.ReasonBadRequest, specificPath+"."+field+" is required")
}

func tooLong(field, limit string) error {
	return channel.Refuse(parley.ReasonBadRequest, specificPath+"."+field+" has more than "+limit+" characters")
}
