package parley

import (
	"net/url"
	"slices"
	"strings"
)

// A Trigger is something callbacks are made for.
type Trigger string

// The triggers of the API.
const (
	TriggerMessageInbound               Trigger = "MESSAGE_INBOUND"                              // A contact wrote a message.
	TriggerMessageInboundRedaction      Trigger = "MESSAGE_INBOUND_SMART_CONVERSATION_REDACTION" // Never: Parley analyses no messages.
	TriggerMessageSubmit                Trigger = "MESSAGE_SUBMIT"                               // A channel is handed an app's message; again for each channel it is switched to.
	TriggerMessageDelivery              Trigger = "MESSAGE_DELIVERY"                             // The status of an app's message changed.
	TriggerEventInbound                 Trigger = "EVENT_INBOUND"                                // A contact did something other than write a message.
	TriggerEventDelivery                Trigger = "EVENT_DELIVERY"                               // The status of an app's event changed.
	TriggerConversationStart            Trigger = "CONVERSATION_START"                           // A conversation became active.
	TriggerConversationStop             Trigger = "CONVERSATION_STOP"                            // A conversation was stopped.
	TriggerConversationDelete           Trigger = "CONVERSATION_DELETE"                          // A conversation was deleted.
	TriggerContactCreate                Trigger = "CONTACT_CREATE"                               // A contact was created, by a client or by a message.
	TriggerContactDelete                Trigger = "CONTACT_DELETE"                               // A contact was deleted; it is shown as it was.
	TriggerContactUpdate                Trigger = "CONTACT_UPDATE"                               // A contact was changed.
	TriggerContactMerge                 Trigger = "CONTACT_MERGE"                                // A contact was merged into another.
	TriggerContactIdentitiesDuplication Trigger = "CONTACT_IDENTITIES_DUPLICATION"               // Somebody is addressed or writes by an identity that several contacts have.
	TriggerCapability                   Trigger = "CAPABILITY"                                   // The answer to a capability query, for one identity.
	TriggerOptIn                        Trigger = "OPT_IN"                                       // A person allowed being written to.
	TriggerOptOut                       Trigger = "OPT_OUT"                                      // A person forbade being written to.
	TriggerChannelEvent                 Trigger = "CHANNEL_EVENT"                                // A provider has news of the account on a channel.
	TriggerUnsupported                  Trigger = "UNSUPPORTED"                                  // A provider told something that the API has no words for.
	TriggerSmartConversation            Trigger = "SMART_CONVERSATION"                           // Never: Parley analyses no messages.
	TriggerSmartConversations           Trigger = "SMART_CONVERSATIONS"                          // The Node SDK's spelling. Never.
	TriggerRecordNotification           Trigger = "RECORD_NOTIFICATION"                          // Never: Parley has no archive.
	TriggerBatchStatusUpdate            Trigger = "BATCH_STATUS_UPDATE"                          // The status of a batch of messages changed.
)

// Triggers lists every trigger a webhook can have.
func Triggers() []Trigger {
	return []Trigger{
		TriggerMessageInbound, TriggerMessageInboundRedaction, TriggerMessageSubmit, TriggerMessageDelivery,
		TriggerEventInbound, TriggerEventDelivery, TriggerConversationStart, TriggerConversationStop,
		TriggerConversationDelete, TriggerContactCreate, TriggerContactDelete, TriggerContactUpdate,
		TriggerContactMerge, TriggerContactIdentitiesDuplication, TriggerCapability, TriggerOptIn, TriggerOptOut,
		TriggerChannelEvent, TriggerUnsupported, TriggerSmartConversation, TriggerSmartConversations,
		TriggerRecordNotification, TriggerBatchStatusUpdate,
	}
}

// The target types of a webhook: DISMISS subscribes but never sends.
const (
	TargetHTTP    = "HTTP"
	TargetDismiss = "DISMISS"
)

// A Webhook is where an app's callbacks go, and which ones.
type Webhook struct {
	ID                string             `json:"id"`
	AppID             string             `json:"app_id"`
	Target            string             `json:"target"`
	TargetType        string             `json:"target_type"`
	Secret            string             `json:"secret"` // signs the callbacks; "" leaves them unsigned
	Triggers          []Trigger          `json:"triggers"`
	ClientCredentials *ClientCredentials `json:"client_credentials"`
}

// ClientCredentials make a webhook's callbacks carry an OAuth2 bearer token.
type ClientCredentials struct {
	ClientID         string `json:"client_id"`
	ClientSecret     string `json:"client_secret"`
	Endpoint         string `json:"endpoint"`
	Scope            string `json:"scope,omitempty"`
	ResponseType     string `json:"response_type,omitempty"`
	TokenRequestType string `json:"token_request_type,omitempty"` // BASIC (default) or FORM
}

// MaxTarget is the longest target of a webhook, in characters.
const MaxTarget = 742

// SetDefaults fills in what the caller left out.
func (w *Webhook) SetDefaults() {
	if w.TargetType == "" {
		w.TargetType = TargetHTTP
	}
	if w.Triggers == nil {
		w.Triggers = []Trigger{}
	}
}

// Validate checks a webhook as a client may write it.
func (w *Webhook) Validate() error {
	if err := first(
		appID("app_id", w.AppID),
		absoluteURL("target", w.Target),
		atMost("target", w.Target, MaxTarget),
		oneOf("target_type", w.TargetType, TargetHTTP, TargetDismiss),
		atMost("secret", w.Secret, 1024),
	); err != nil {
		return err
	}
	if u, err := url.Parse(w.Target); err == nil && hosted(u.Hostname()) {
		return Invalid("target", "must not be a host of the hosted API")
	}
	seen := map[Trigger]bool{}
	for i, t := range w.Triggers {
		p := path("triggers").index(i)
		if !slices.Contains(Triggers(), t) {
			return invalid(p, "unknown trigger %q", t)
		}
		if seen[t] {
			return invalid(p, "%s is listed twice", t)
		}
		seen[t] = true
	}
	return w.ClientCredentials.validate("client_credentials")
}

func hosted(host string) bool {
	return strings.HasPrefix(host, "conversation-api.") && strings.HasSuffix(host, ".sinch.com")
}

func (c *ClientCredentials) validate(p path) error {
	if c == nil {
		return nil
	}
	if c.TokenRequestType != "" {
		if err := oneOf(p.field("token_request_type"), c.TokenRequestType, "BASIC", "FORM"); err != nil {
			return err
		}
	}
	return first(
		required(p.field("client_id"), c.ClientID),
		required(p.field("client_secret"), c.ClientSecret),
		absoluteURL(p.field("endpoint"), c.Endpoint),
		atMost(p.field("scope"), c.Scope, 1024),
		atMost(p.field("response_type"), c.ResponseType, 64),
	)
}

// Patch returns the webhook with the members of body named by mask changed.
func (w *Webhook) Patch(body []byte, mask []string) (*Webhook, error) {
	return patch(w, body, mask, map[string]bool{
		"app_id": true, "target": true, "target_type": true, "secret": true, "triggers": true, "client_credentials": true,
	})
}

// appID checks the shape of a required app id.
func appID(p path, id string) error {
	if id == "" {
		return missing(p)
	}
	if !IsID(id) {
		return invalid(p, "is not an id of 26 characters")
	}
	return nil
}
