package parley

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Limits of the Batch API.
const (
	MaxBatch      = 1000 // recipients, contacts or consent records of a request
	MaxBatchAhead = 7 * 24 * time.Hour
	// MaxIdentification is in characters, and a guess.
	MaxIdentification = 512

	batchExact = time.Minute     // a send_after no farther ahead is kept as it is
	batchRound = 5 * time.Minute // others are rounded up to the next multiple
)

// BatchIDKey is the reserved member of metadata that names a message's batch.
const BatchIDKey = "_batch_id"

// A BatchStatus says how far a batch of messages has come.
type BatchStatus string

// The statuses of a batch.
const (
	BatchReady     BatchStatus = "READY"
	BatchScheduled BatchStatus = "SCHEDULED"
	BatchProcessed BatchStatus = "PROCESSED"
	BatchCancelled BatchStatus = "CANCELLED"
)

// A SendBatchRequest asks for one message to be sent to many recipients, with
// ${name} in every string of it replaced by each recipient's parameters.
type SendBatchRequest struct {
	AppID                string              `json:"app_id"`
	Message              json.RawMessage     `json:"message"` // an AppMessage once its parameters are filled in
	RecipientAndParams   []RecipientAndParam `json:"recipient_and_params"`
	BatchMetadata        json.RawMessage     `json:"batch_metadata,omitempty"`
	MessageMetadata      json.RawMessage     `json:"message_metadata,omitempty"`
	ConversationMetadata json.RawMessage     `json:"conversation_metadata,omitempty"`
	SendAfter            *time.Time          `json:"send_after,omitempty"`
	CallbackURL          string              `json:"callback_url,omitempty"`
	ChannelPriorityOrder []Channel           `json:"channel_priority_order,omitempty"`
	ChannelProperties    map[string]string   `json:"channel_properties,omitempty"`
	TTL                  Seconds             `json:"ttl,omitempty"`
	ProcessingStrategy   string              `json:"processing_strategy,omitempty"`
	CorrelationID        string              `json:"correlation_id,omitempty"`
}

// A RecipientAndParam is one recipient of a batch. Its metadata wins over the
// batch's, member by member.
type RecipientAndParam struct {
	Recipient            *Recipient        `json:"recipient"`
	Parameters           map[string]string `json:"parameters,omitempty"`
	MessageMetadata      json.RawMessage   `json:"message_metadata,omitempty"`
	ConversationMetadata json.RawMessage   `json:"conversation_metadata,omitempty"`
}

// A SendBatchResponse says that a batch was accepted. SendAfter is the time it
// is scheduled for, which may be later than the one asked for.
type SendBatchResponse struct {
	BatchID   string     `json:"batch_id"`
	SendAfter *time.Time `json:"send_after,omitempty"`
}

// A Batch is a batch of messages as it is shown.
type Batch struct {
	BatchID   string          `json:"batch_id"`
	MetaData  json.RawMessage `json:"meta_data"`
	Status    BatchStatus     `json:"status"`
	SendAfter *time.Time      `json:"send_after,omitempty"`
}

// A CancelBatchRequest names the scheduled batches to cancel: one by its id, or
// all with a member in their metadata.
type CancelBatchRequest struct {
	BatchID       string `json:"batch_id,omitempty"`
	MetadataKey   string `json:"metadata_key,omitempty"`
	MetadataValue string `json:"metadata_value,omitempty"`
}

// UnmarshalJSON also takes the spelling of the query by metadata, because the
// description leaves the names open.
func (r *CancelBatchRequest) UnmarshalJSON(b []byte) error {
	type plain CancelBatchRequest
	both := struct {
		*plain
		Key   string `json:"metadataKey"`
		Value string `json:"metadataValue"`
	}{plain: (*plain)(r)}
	if err := json.Unmarshal(b, &both); err != nil {
		return err
	}
	r.MetadataKey, r.MetadataValue = cmp.Or(r.MetadataKey, both.Key), cmp.Or(r.MetadataValue, both.Value)
	return nil
}

// A CreateContactsRequest asks for contacts to be created one after the other.
type CreateContactsRequest struct {
	Contacts []Contact `json:"contacts"`
}

// A DeleteContactsRequest asks for contacts to be deleted one after the other.
type DeleteContactsRequest struct {
	ContactIDs []string `json:"contact_ids"`
}

// An InsertConsentsRequest asks for people to be put on an app's lists of whom
// it must not write to.
type InsertConsentsRequest struct {
	AppID          string          `json:"app_id"`
	ConsentRecords []ConsentRecord `json:"consent_records"`
}

// A ConsentRecord puts one identity, of any channel, on a list.
type ConsentRecord struct {
	Identification string      `json:"identification"`
	ConsentType    ConsentList `json:"consent_type"`
}

// An InsertConsentsResponse says that the records were inserted.
type InsertConsentsResponse struct {
	BatchID string `json:"batch_id"`
}

// BatchStatusUpdate is the payload of BATCH_STATUS_UPDATE. Its shape is not in
// the published description; see docs/quirks.md.
type BatchStatusUpdate struct {
	BatchID        string                 `json:"batch_id"`
	BatchStatus    string                 `json:"batch_status"` // BATCH_STATUS_ and a BatchStatus
	BatchType      string                 `json:"batch_type"`
	AdditionalData *BatchStatusUpdateData `json:"additional_data,omitempty"`
}

// The words of a BatchStatusUpdate.
const (
	BatchStatusPrefix = "BATCH_STATUS_"
	BatchTypeMessages = "BATCH_TYPE_MESSAGES"
)

// BatchStatusUpdateData is what else is told of a batch.
type BatchStatusUpdateData struct {
	MessageBatchData *MessageBatchData `json:"message_batch_data,omitempty"`
}

// MessageBatchData is what is told of a batch of messages.
type MessageBatchData struct {
	SendAfter     *time.Time      `json:"send_after,omitempty"`
	BatchMetadata json.RawMessage `json:"batch_metadata,omitempty"`
}

// BatchTime returns when a batch is sent that was asked for at now: times more
// than a minute ahead are rounded up to five minutes.
func BatchTime(sendAfter, now time.Time) time.Time {
	if sendAfter.Sub(now) <= batchExact {
		return sendAfter
	}
	if t := sendAfter.Truncate(batchRound); t.Before(sendAfter) {
		return t.Add(batchRound)
	}
	return sendAfter
}

// Validate checks everything that can be checked without the app, the message
// of each recipient included.
func (r *SendBatchRequest) Validate() error {
	if err := appID("app_id", r.AppID); err != nil {
		return err
	}
	if absent(r.Message) {
		return missing("message")
	}
	if err := count("recipient_and_params", len(r.RecipientAndParams)); err != nil {
		return err
	}
	if err := metadataObject("batch_metadata", r.BatchMetadata); err != nil {
		return err
	}
	for i := range r.RecipientAndParams {
		to := path("recipient_and_params").index(i)
		if err := r.RecipientAndParams[i].Recipient.validate(to.field("recipient")); err != nil {
			return err
		}
		m, err := r.For(i, strings.Repeat("0", IDLen))
		if err != nil {
			return err
		}
		if err := m.Validate(); err != nil {
			return inRecipient(to, r, err)
		}
	}
	return nil
}

// inRecipient says of an error in one recipient's message where it comes from:
// from the batch when all recipients share that member, else from the
// recipient.
func inRecipient(to path, r *SendBatchRequest, err error) error {
	e, ok := err.(*Error) //nolint:errorlint // Validate returns it unwrapped
	if !ok {
		return err
	}
	what := strings.TrimPrefix(e.Message, e.Field+": ")
	top, _, _ := strings.Cut(e.Field, ".")
	switch {
	case top == "message" && strings.Contains(string(r.Message), "${"):
		return invalid(path(e.Field), "%s (with the parameters of %s)", what, to)
	case top == "message_metadata", top == "conversation_metadata":
		return invalid(to.field(top), "%s, together with the batch's and %q", what, BatchIDKey)
	}
	return err
}

// For returns the request to send the message to the i-th recipient.
func (r *SendBatchRequest) For(i int, batchID string) (*SendMessageRequest, error) {
	p := &r.RecipientAndParams[i]
	to := path("recipient_and_params").index(i)
	m := &SendMessageRequest{
		AppID: r.AppID, Recipient: p.Recipient, CallbackURL: r.CallbackURL, ChannelPriorityOrder: r.ChannelPriorityOrder,
		ChannelProperties: r.ChannelProperties, TTL: r.TTL, ProcessingStrategy: r.ProcessingStrategy, CorrelationID: r.CorrelationID,
		Message: new(AppMessage),
	}
	filled, err := substitute(r.Message, p.Parameters, to.field("parameters"))
	if err != nil {
		return nil, err
	}
	if err := Decode(filled, m.Message); err != nil {
		if e, ok := err.(*Error); ok && e.Field != "" { //nolint:errorlint // Decode returns it unwrapped
			return nil, invalid(path("message").field(e.Field), "%s", strings.TrimPrefix(e.Message, e.Field+": "))
		}
		return nil, invalid("message", "must be a JSON object")
	}
	meta, err := mergeMetadata("message_metadata", to, r.MessageMetadata, p.MessageMetadata, batchID)
	if err != nil {
		return nil, err
	}
	m.MessageMetadata = string(meta)
	m.ConversationMetadata, err = mergeMetadata("conversation_metadata", to, r.ConversationMetadata, p.ConversationMetadata, batchID)
	return m, err
}

// absent reports whether a member of any type was left out.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// count checks the length of a list of a batch request.
func count(p path, n int) error {
	switch {
	case n == 0:
		return missing(p)
	case n > MaxBatch:
		return invalid(p, "must have at most %d elements", MaxBatch)
	}
	return nil
}

// Validate checks which batches a request to cancel names.
func (r *CancelBatchRequest) Validate() error {
	switch {
	case r.BatchID == "" && r.MetadataKey == "":
		return missing("batch_id")
	case r.BatchID != "" && r.MetadataKey != "":
		return Invalid("metadata_key", "cannot be combined with batch_id")
	}
	return nil
}

// Validate brings the contacts into their stored form and checks them.
func (r *CreateContactsRequest) Validate() error {
	if err := count("contacts", len(r.Contacts)); err != nil {
		return err
	}
	for i := range r.Contacts {
		c := &r.Contacts[i]
		c.SetDefaults()
		if err := c.Validate(); err != nil {
			return Within("contacts["+strconv.Itoa(i)+"]", err)
		}
	}
	return nil
}

// Validate checks the ids.
func (r *DeleteContactsRequest) Validate() error {
	if err := count("contact_ids", len(r.ContactIDs)); err != nil {
		return err
	}
	for i, id := range r.ContactIDs {
		if !IsID(id) {
			return invalid(path("contact_ids").index(i), "is not an id of %d characters", IDLen)
		}
	}
	return nil
}

// Validate checks the records.
func (r *InsertConsentsRequest) Validate() error {
	if err := first(appID("app_id", r.AppID), count("consent_records", len(r.ConsentRecords))); err != nil {
		return err
	}
	return each("consent_records", r.ConsentRecords, func(c *ConsentRecord, p path) error {
		return first(
			required(p.field("identification"), c.Identification),
			atMost(p.field("identification"), c.Identification, MaxIdentification),
			oneOf(p.field("consent_type"), c.ConsentType, ConsentLists()...),
		)
	})
}

// Within puts the place of a member before the field an error names.
func Within(place string, err error) error {
	e, ok := err.(*Error) //nolint:errorlint // the errors of Validate are not wrapped
	if !ok || e.Code != CodeInvalidArgument {
		return err
	}
	if e.Field == "" {
		return Invalid(place, "%s", e.Message)
	}
	return Invalid(place+"."+e.Field, "%s", strings.TrimPrefix(e.Message, e.Field+": "))
}

// MetadataIndex returns the members of a batch's metadata as they are searched
// for: strings as they are, other values as compact JSON.
func MetadataIndex(raw json.RawMessage) (map[string]string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(orNull(raw), &members); err != nil {
		return nil, invalid("batch_metadata", "must be a JSON object")
	}
	out := make(map[string]string, len(members))
	for name, v := range members {
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		out[name] = s
	}
	return out, nil
}

// FailedMetadata is the metadata of the report about a recipient for whom no
// message could be made: it says which recipient it was.
func (r *SendBatchRequest) FailedMetadata(i int, batchID string) (string, error) {
	to := path("recipient_and_params").index(i)
	raw, err := mergeMetadata("message_metadata", to, r.MessageMetadata, r.RecipientAndParams[i].MessageMetadata, batchID)
	if err != nil {
		return "", err
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &members); err != nil {
		return "", err
	}
	members["batch_id"] = members[BatchIDKey]
	members["message_index"] = json.RawMessage(strconv.Itoa(i))
	raw, err = Marshal(members)
	return string(raw), err
}
