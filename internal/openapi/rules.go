package openapi

import (
	"encoding/json"
	"reflect"
	"strconv"

	"github.com/invopop/jsonschema"

	"github.com/parley-im/parley"
)

// A rule adds to the schema of a member what its type does not say.
type rule func(*jsonschema.Schema)

// rules are by type.member. The limits are those that the vocabulary's
// validation has constants for.
func rules() map[string]rule {
	return map[string]rule{
		"App.conversation_metadata_report_view": values(parley.ReportViewNone, parley.ReportViewFull),
		"App.id":                                readOnly,
		"App.rate_limits":                       readOnly,
		"App.queue_stats":                       readOnly,
		"App.persist_message_status":            readOnly,
		"App.message_search":                    readOnly,
		"RetentionPolicy.retention_type": values(
			parley.RetentionMessageExpire, parley.RetentionConversationExpire, parley.RetentionPersist),
		"RetentionPolicy.ttl_days":                                 between(0, parley.MaxRetentionDays),
		"MessageRetrySettings.retry_duration":                      between(parley.MinRetrySeconds, parley.DefaultRetrySeconds),
		"DeliveryReportBasedFallback.delivery_report_waiting_time": between(0, parley.MaxFallbackSeconds),

		"ChannelCredential.state":                     readOnly,
		"ChannelCredential.channel_known_id":          readOnly,
		"ChannelCredential.credential_ordinal_number": between(0, 255),
		"ChannelCredential.provider":                  addition,
		"ChannelCredential.provider_settings":         both(object, addition),
		"CredentialState.status":                      values(parley.CredentialPending, parley.CredentialActive, parley.CredentialFailing),

		"Webhook.id":          readOnly,
		"Webhook.target":      both(url, atMost(parley.MaxTarget)),
		"Webhook.target_type": values(parley.TargetHTTP, parley.TargetDismiss),

		"Contact.id":               readOnly,
		"Contact.language":         values(parley.Languages()...),
		"Contact.metadata":         atMost(parley.MaxMetadata),
		"ChannelIdentity.identity": atMost(parley.MaxIdentity),

		"Conversation.id":             readOnly,
		"Conversation.metadata":       atMost(parley.MaxMetadata),
		"Conversation.metadata_json":  object,
		"Conversation.correlation_id": atMost(parley.MaxCorrelationID),

		"SendMessageRequest.channel_properties":                    eachAtMost(parley.MaxChannelProperty),
		"SendMessageRequest.callback_url":                          url,
		"SendMessageRequest.message_metadata":                      atMost(parley.MaxMetadata),
		"SendMessageRequest.conversation_metadata":                 object,
		"SendMessageRequest.conversation_metadata_update_strategy": values(parley.UpdateReplace, parley.UpdateMergePatch),
		"SendMessageRequest.queue":                                 values(parley.QueueNormal, parley.QueueHigh),
		"SendMessageRequest.processing_strategy":                   values(parley.StrategyDefault, parley.StrategyDispatch),
		"SendMessageRequest.correlation_id":                        atMost(parley.MaxCorrelationID),
		"SendMessageRequest.message_content_type":                  values(parley.ContentUnknown, parley.ContentMarketing, parley.ContentNotification),
		"SendMessageRequest.send_at":                               addition,

		"SendBatchRequest.message":               body("AppMessage"),
		"SendBatchRequest.recipient_and_params":  elements(1, parley.MaxBatch),
		"SendBatchRequest.batch_metadata":        object,
		"SendBatchRequest.message_metadata":      object,
		"SendBatchRequest.conversation_metadata": object,
		"SendBatchRequest.callback_url":          url,
		"SendBatchRequest.processing_strategy":   values(parley.StrategyDefault, parley.StrategyDispatch),
		"SendBatchRequest.correlation_id":        atMost(parley.MaxCorrelationID),

		"RecipientAndParam.message_metadata":      object,
		"RecipientAndParam.conversation_metadata": object,
		"CreateContactsRequest.contacts":          elements(1, parley.MaxBatch),
		"DeleteContactsRequest.contact_ids":       elements(1, parley.MaxBatch),
		"InsertConsentsRequest.consent_records":   elements(1, parley.MaxBatch),
		"ConsentRecord.identification":            atMost(parley.MaxIdentification),

		"Agent.type":                            values("UNKNOWN_AGENT_TYPE", "HUMAN", "BOT"),
		"MediaMessage.url":                      url,
		"MediaMessage.thumbnail_url":            url,
		"CardMessage.height":                    values("UNSPECIFIED_HEIGHT", "SHORT", "MEDIUM", "TALL"),
		"CardMessage.choices":                   elements(0, parley.MaxChoices),
		"CarouselMessage.cards":                 elements(1, parley.MaxCards),
		"CarouselMessage.choices":               elements(0, parley.MaxOuterChoices),
		"ChoiceMessage.choices":                 elements(1, parley.MaxChoices),
		"ListMessage.sections":                  elements(1, 0),
		"ListSection.items":                     elements(1, 0),
		"ContactInfoMessage.phone_numbers":      elements(1, 0),
		"Coordinates.latitude":                  between(-90, 90),
		"Coordinates.longitude":                 between(-180, 180),
		"Choice.display_mode":                   values("DISPLAY_MODE_UNSPECIFIED", "PERSISTENT"),
		"URLMessage.url":                        url,
		"CalendarMessage.fallback_url":          url,
		"ShareLocationMessage.fallback_url":     url,
		"ChannelSpecificMessage.message":        object,
		"ContactChannelSpecificMessage.message": object,
		"GenericEvent.payload":                  object,

		"MessageDelivery.status":          reported,
		"EventDelivery.status":            reported,
		"OptNotification.status":          values(parley.OptInSucceeded, parley.OptInFailed, parley.OptOutSucceeded, parley.OptOutFailed),
		"BatchStatusUpdate.batch_status":  batchStatuses,
		"BatchStatusUpdate.batch_type":    values(parley.BatchTypeMessages),
		"MessageBatchData.batch_metadata": object,

		"FetchLastRequest.channel_identities": elements(0, parley.MaxFetchLast),
		"FetchLastRequest.contact_ids":        elements(0, parley.MaxFetchLast),
		"FetchLastRequest.messages_source":    values(parley.SourceConversation, parley.SourceDispatch),
		"FetchLastRequest.view":               values(parley.ViewWithMetadata, parley.ViewWithoutMetadata),
		"FetchLastRequest.page_size":          between(0, 0),

		"Template.id":                         atMost(parley.MaxTemplateID),
		"TemplateV1.id":                       atMost(parley.MaxTemplateID),
		"Template.version":                    example(1), // a change must name the one it knows
		"TemplateTranslation.language_code":   atMost(parley.MaxLanguageCode),
		"TemplateTranslation.version":         atMost(parley.MaxTranslationVersion),
		"TemplateV1Translation.language_code": atMost(parley.MaxLanguageCode),
		"TemplateV1Translation.version":       atMost(parley.MaxTranslationVersion),
		"TemplateV1.channel":                  templateChannels,
		"TemplateVariable.key":                atMost(parley.MaxVariable),

		"MessagePatch.metadata": atMost(parley.MaxMetadata),
	}
}

// neededFor returns the members that a request with a resource must have.
// Where there is no entry those are needed that are always in an answer, as
// the tags of the type say.
func neededFor(t reflect.Type) (members []string, ok bool) {
	switch t {
	case reflect.TypeFor[parley.App]():
		return []string{"display_name", "channel_credentials"}, true
	case reflect.TypeFor[parley.ChannelCredential]():
		return []string{"channel"}, true
	case reflect.TypeFor[parley.Webhook]():
		return []string{"app_id", "target"}, true
	case reflect.TypeFor[parley.Contact]():
		return []string{"channel_identities"}, true
	case reflect.TypeFor[parley.ChannelIdentity]():
		return []string{"channel", "identity"}, true
	case reflect.TypeFor[parley.Conversation]():
		return []string{"app_id", "contact_id"}, true
	case reflect.TypeFor[parley.Template](), reflect.TypeFor[parley.TemplateV1]():
		return []string{"default_translation", "translations"}, true
	case reflect.TypeFor[parley.TemplateTranslation]():
		return []string{"language_code"}, true
	case reflect.TypeFor[parley.TemplateV1Translation]():
		return []string{"language_code", "content"}, true
	case reflect.TypeFor[parley.TemplateVariable]():
		return []string{"key"}, true
	case reflect.TypeFor[parley.InjectEventRequest]():
		return []string{"app_event", "accept_time"}, true
	case reflect.TypeFor[parley.MessageRetrySettings]():
		return []string{"retry_duration"}, true
	case reflect.TypeFor[parley.ProjectSettings](), reflect.TypeFor[parley.ContactSettings](), reflect.TypeFor[parley.ContactMessage](), reflect.TypeFor[parley.Toggle](), reflect.TypeFor[parley.RetentionPolicy](),
		reflect.TypeFor[parley.RateLimits](), reflect.TypeFor[parley.QueueStats](), reflect.TypeFor[parley.CallbackSettings](),
		reflect.TypeFor[parley.DeliveryReportBasedFallback](), reflect.TypeFor[parley.CredentialState]():
		return nil, true
	}
	return nil, false
}

// shownNull reports whether an optional member is null in some answers: the
// picture of a choice of a list in a template is, and so is an agent that was
// sent as null, which the hosted API shows always.
func shownNull(owner, member string) bool {
	return owner == "ListChoice" && member == "media" || owner == "AppMessage" && member == "agent"
}

// neverNull reports whether a member that a type could have as null is always
// there.
func neverNull(owner, member string) bool {
	return owner == "MessageInbound" && member == "contact_message" || owner == "MessageSubmit" && member == "submitted_message"
}

func values[T ~string](allowed ...T) rule {
	return func(s *jsonschema.Schema) {
		for _, v := range allowed {
			s.Enum = append(s.Enum, string(v))
		}
	}
}

// templateChannels are those that may be written; all are shown as the first.
func templateChannels(s *jsonschema.Schema) { values(parley.TemplateChannels()...)(s) }

// reported are the statuses there are callbacks about.
func reported(s *jsonschema.Schema) {
	values(parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead, parley.StatusFailed, parley.StatusSwitchingChannel)(s)
}

func batchStatuses(s *jsonschema.Schema) {
	for _, v := range []parley.BatchStatus{parley.BatchReady, parley.BatchScheduled, parley.BatchProcessed, parley.BatchCancelled} {
		s.Enum = append(s.Enum, parley.BatchStatusPrefix+string(v))
	}
}

func atMost(characters uint64) rule {
	return func(s *jsonschema.Schema) { s.MaxLength = &characters }
}

func eachAtMost(characters uint64) rule {
	return func(s *jsonschema.Schema) { atMost(characters)(s.AdditionalProperties) }
}

// elements bounds a list; no bound at the top is 0.
func elements(least, most uint64) rule {
	return func(s *jsonschema.Schema) {
		if least > 0 {
			s.MinItems = &least
		}
		if most > 0 {
			s.MaxItems = &most
		}
	}
}

// between bounds a number; no bound at the top is one that is not above the
// other.
func between(least, most int) rule {
	return func(s *jsonschema.Schema) {
		s.Minimum = json.Number(strconv.Itoa(least))
		if most > least {
			s.Maximum = json.Number(strconv.Itoa(most))
		}
	}
}

func example(v any) rule {
	return func(s *jsonschema.Schema) { s.Examples = []any{v} }
}

func both(rules ...rule) rule {
	return func(s *jsonschema.Schema) {
		for _, r := range rules {
			r(s)
		}
	}
}

func url(s *jsonschema.Schema)      { s.Format = "uri" }
func object(s *jsonschema.Schema)   { s.Type = "object" }
func readOnly(s *jsonschema.Schema) { s.ReadOnly = true }

// body makes a member that is kept as JSON text an object of a type.
func body(name string) rule {
	return func(s *jsonschema.Schema) { s.Ref = reflected + name }
}

// addition marks a member that the hosted API does not have.
func addition(s *jsonschema.Schema) {
	if s.Extras == nil {
		s.Extras = map[string]any{}
	}
	s.Extras["x-parley-addition"] = true
}
