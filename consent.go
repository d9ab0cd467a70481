package parley

import (
	"slices"
	"strings"
	"time"
)

// A ConsentList is one of an app's lists of whom it must not write to. A list
// holds identities without their channel: a number on it is one on SMS and on
// every other channel that knows people by their number.
type ConsentList string

// The consent lists of an app.
const (
	OptOutAll          ConsentList = "OPT_OUT_ALL"
	OptOutMarketing    ConsentList = "OPT_OUT_MARKETING"
	OptOutNotification ConsentList = "OPT_OUT_NOTIFICATION"
)

// ConsentLists lists every consent list there is.
func ConsentLists() []ConsentList {
	return []ConsentList{OptOutAll, OptOutMarketing, OptOutNotification}
}

// Known reports whether there is such a list.
func (l ConsentList) Known() bool { return slices.Contains(ConsentLists(), l) }

// BlockingLists returns the lists that keep a message of a content type from
// whoever is on one of them.
func BlockingLists(contentType string) []ConsentList {
	switch contentType {
	case ContentMarketing:
		return []ConsentList{OptOutAll, OptOutMarketing}
	case ContentNotification:
		return []ConsentList{OptOutAll, OptOutNotification}
	}
	return []ConsentList{OptOutAll}
}

// A ConsentOrigin says who changed a consent list.
type ConsentOrigin string

// The origins of a change: a client of the API, or a contact's own message.
const (
	OriginAPI ConsentOrigin = "ORIGIN_API"
	OriginMO  ConsentOrigin = "ORIGIN_MO"
)

// A ConsentOperation says how a consent list was changed.
type ConsentOperation string

// The operations of an audit record.
const (
	ConsentInsert ConsentOperation = "OPERATION_INSERT"
	ConsentUpdate ConsentOperation = "OPERATION_UPDATE"
	ConsentDelete ConsentOperation = "OPERATION_DELETE"
)

// A ConsentIdentity is an entry of a consent list.
type ConsentIdentity struct {
	Identity string `json:"identity"`
}

// An AuditRecord is one change of a consent list.
type AuditRecord struct {
	Origin    ConsentOrigin    `json:"origin"`
	Operation ConsentOperation `json:"operation"`
	ListType  ConsentList      `json:"list_type"`
	ProjectID string           `json:"project_id"`
	AppID     string           `json:"app_id"`
	Datetime  time.Time        `json:"datetime"`
}

// NormalizeConsent returns an identity as the consent lists hold it. No
// channel says what it is, so what looks like a phone number is taken for one.
func NormalizeConsent(identity string) string {
	identity = strings.TrimSpace(identity)
	if digits, ok := strings.CutPrefix(identity, "+"); ok && strings.Trim(digits, "0123456789") == "" {
		return digits
	}
	return identity
}

// An OptRequest asks for somebody to be opted in or out on channels (the API
// of 2021).
type OptRequest struct {
	AppID     string     `json:"app_id"`
	Channels  []Channel  `json:"channels"`
	Recipient *Recipient `json:"recipient"`
}

// MaxRequestID is the longest request id a client may choose, in characters.
const MaxRequestID = 128

// Validate checks everything that can be checked without the app.
func (r *OptRequest) Validate() error {
	if err := first(appID("app_id", r.AppID), r.Recipient.validate("recipient")); err != nil {
		return err
	}
	if len(r.Channels) == 0 {
		return missing("channels")
	}
	for i, c := range r.Channels {
		if err := c.validate(path("channels").index(i)); err != nil {
			return err
		}
	}
	return nil
}

// An OptResponse echoes a registered opt-in or opt-out. Exactly one of OptIn
// and OptOut is set.
type OptResponse struct {
	OptIn     *OptRequest `json:"opt_in,omitempty"`
	OptOut    *OptRequest `json:"opt_out,omitempty"`
	RequestID string      `json:"request_id"`
}
