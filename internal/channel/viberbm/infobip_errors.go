package viberbm

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// An infobipStatus is what became of a message, in answers and in reports.
type infobipStatus struct {
	Group       string `json:"groupName"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// An infobipError is why, in reports.
type infobipError struct {
	ID          int    `json:"id"` // 0 is none
	Name        string `json:"name"`
	Description string `json:"description"`
}

// infobipGroups is what the groups of statuses stand for (www.infobip.com/
// docs/essentials/api-essentials/response-status-and-error-codes).
var infobipGroups = map[string]parley.DeliveryStatus{
	"PENDING": parley.StatusQueuedOnChannel, "DELIVERED": parley.StatusDelivered,
	"UNDELIVERABLE": parley.StatusFailed, "EXPIRED": parley.StatusFailed, "REJECTED": parley.StatusFailed,
}

// infobipToOperator is in the group of the delivered ones, but on the way yet
// (www.infobip.com/docs/developer-resources/api-fundamentals/
// message-status-codes).
const infobipToOperator = "DELIVERED_TO_OPERATOR"

// infobipDuplicate is the status of a message whose id was used before: the
// attempt that was lost sight of had arrived.
const infobipDuplicate = "REJECTED_DUPLICATE_MESSAGE_ID"

// status returns what s says, or "" if that is of no consequence.
func (s *infobipStatus) status() parley.DeliveryStatus {
	if s.Name == infobipToOperator {
		return parley.StatusQueuedOnChannel
	}
	return infobipGroups[s.Group]
}

func (s *infobipStatus) failed() bool { return s.status() == parley.StatusFailed }

// infobipMeanings is what names of errors and statuses stand for (www.infobip.
// com/docs/essentials/api-essentials/response-status-and-error-codes; the
// names that begin with SRVC_ are Viber's own, www.alibabacloud.com/help/en/
// chatapp/developer-reference/viber-api-error-codes). A refused message is not
// tried again: it has used up its id.
var infobipMeanings = map[string]parley.ReasonCode{
	// Statuses.
	"UNDELIVERABLE_REJECTED_OPERATOR":     parley.ReasonChannelReject,
	"UNDELIVERABLE_NOT_DELIVERED":         parley.ReasonRecipientNotReachable,
	"UNDELIVERABLE_NOT_SENT":              parley.ReasonChannelFailure,
	"UNDELIVERABLE_REJECTED_PLATFORM":     parley.ReasonChannelReject,
	"EXPIRED_EXPIRED":                     parley.ReasonDeliveryTimedOut,
	"EXPIRED_DLR_UNKNOWN":                 parley.ReasonDeliveryTimedOut,
	"REJECTED_NETWORK":                    parley.ReasonChannelBadConfiguration, // not set up for the account
	"REJECTED_PREFIX_MISSING":             parley.ReasonRecipientInvalidChannelIdentity,
	"REJECTED_DND":                        parley.ReasonRecipientNotOptedIn,
	"REJECTED_SOURCE":                     parley.ReasonChannelBadConfiguration,
	"REJECTED_NOT_ENOUGH_CREDITS":         parley.ReasonChannelBadConfiguration,
	"REJECTED_SENDER":                     parley.ReasonChannelBadConfiguration,
	"REJECTED_DESTINATION_BLOCKLISTED":    parley.ReasonChannelReject,
	"REJECTED_PREPAID_PACKAGE_EXPIRED":    parley.ReasonChannelBadConfiguration,
	"REJECTED_DESTINATION_NOT_REGISTERED": parley.ReasonChannelReject, // not the number of the trial
	"REJECTED_ROUTE_NOT_AVAILABLE":        parley.ReasonChannelBadConfiguration,
	"REJECTED_FLOODING_FILTER":            parley.ReasonRateLimited,
	"REJECTED_SYSTEM_ERROR":               parley.ReasonChannelFailure,
	"REJECTED_MESSAGE_TOO_LONG":           parley.ReasonBadRequest,
	"MISSING_TO":                          parley.ReasonRecipientInvalidChannelIdentity,
	"REJECTED_DESTINATION":                parley.ReasonRecipientInvalidChannelIdentity,
	"SIGNALS_BLOCKED":                     parley.ReasonDeliveryRejectedDueToPolicy,

	// Errors.
	"EC_UNKNOWN_SUBSCRIBER":                  parley.ReasonRecipientNotReachable,
	"EC_ABSENT_SUBSCRIBER":                   parley.ReasonRecipientNotReachable,
	"EC_DEACTIVATED_LIST":                    parley.ReasonRecipientNotReachable,
	"EC_INVALID_DESTINATION_ADDRESS":         parley.ReasonRecipientInvalidChannelIdentity,
	"EC_INVALID_REQUEST_DESTINATION":         parley.ReasonRecipientInvalidChannelIdentity,
	"EC_MSG_TEXT_TOO_LONG":                   parley.ReasonBadRequest,
	"EC_INVALID_REQUEST_TYPE":                parley.ReasonBadRequest,
	"EC_INVALID_SOURCE_ADDRESS":              parley.ReasonChannelBadConfiguration,
	"EC_ACCOUNT_ACCESS_DENIED":               parley.ReasonChannelBadConfiguration,
	"EC_ACCOUNT_NOT_PROVISIONED_FOR_CHANNEL": parley.ReasonChannelBadConfiguration,
	"EC_MONTHLY_LIMIT_REACHED":               parley.ReasonChannelBadConfiguration,
	"EC_BLACKLISTED_SENDERADDRESS":           parley.ReasonChannelBadConfiguration,
	"EC_BLACKLISTED_DESTINATIONADDRESS":      parley.ReasonChannelReject,
	"EC_DUPLICATE_MESSAGE":                   parley.ReasonChannelReject,
	"EC_DEST_ADDRESS_BLACKLISTED":            parley.ReasonRecipientNotOptedIn,
	"EC_CONTENT_BLOCKED":                     parley.ReasonRecipientNotOptedIn, // said STOP
	"EC_REJECTED_SPAM_BY_OPERATOR":           parley.ReasonDeliveryRejectedDueToPolicy,
	"EC_SIGNALS_BLOCKED":                     parley.ReasonDeliveryRejectedDueToPolicy,
	"EC_LIMIT_REACHED":                       parley.ReasonRateLimited,
	"EC_QUOTA_REACHED":                       parley.ReasonRateLimited,
	"EC_DESTINATION_FLOODING":                parley.ReasonRateLimited,
	"EC_DESTINATION_TXT_FLOODING":            parley.ReasonRateLimited,
	"EC_MESSAGE_CANCELED":                    parley.ReasonDeliveryTimedOut,
	"EC_MESSAGE_EXPIRED":                     parley.ReasonDeliveryTimedOut,
	"EC_VALIDITY_EXPIRED":                    parley.ReasonDeliveryTimedOut,
	"EC_VP_EXPIRED":                          parley.ReasonDeliveryTimedOut,
	"EC_SYSTEM_FAILURE":                      parley.ReasonChannelFailure,
	"EC_TIME_OUT":                            parley.ReasonChannelFailure,

	// Viber's.
	"SRVC_USER_BLOCKED":           parley.ReasonRecipientNotOptedIn,
	"SRVC_NOT_VIBER_USER":         parley.ReasonRecipientNotReachable,
	"SRVC_NO_SUITABLE_DEVICE":     parley.ReasonRecipientNotReachable,
	"SRVC_BAD_DATA":               parley.ReasonBadRequest,
	"SRVC_BAD_PARAMETERS":         parley.ReasonBadRequest,
	"SRVC_BAD_MESSAGE_TYPE":       parley.ReasonBadRequest,
	"SRVC_BAD_LABEL":              parley.ReasonBadRequest,
	"SRVC_INVALID_TTL":            parley.ReasonBadRequest,
	"SRVC_BAD_FILE_NAME_LENGTH":   parley.ReasonBadRequest,
	"SRVC_UNAUTHORIZED_IP":        parley.ReasonChannelBadConfiguration,
	"SRVC_BAD_SERVICE_ID":         parley.ReasonChannelBadConfiguration,
	"SRVC_NOT_PERMITTED":          parley.ReasonChannelBadConfiguration,
	"SRVC_WAIT_FOR_USER_RESPONSE": parley.ReasonOutsideAllowedSendingWindow,
	"SRVC_FILE_NOT_PERMITTED":     parley.ReasonMediaTypeUnsupported,
	"SRVC_BAD_THUMBNAIL":          parley.ReasonMediaTypeUnsupported,
	"SRVC_BAD_DURATION":           parley.ReasonMediaTypeUnsupported,
	"SRVC_BAD_FILE_SIZE":          parley.ReasonMediaTooLarge,
	"SRVC_INTERNAL_FAILURE":       parley.ReasonChannelFailure,
	"SRVC_TIMEOUT":                parley.ReasonChannelFailure,

	// The groups, for statuses that are new.
	"UNDELIVERABLE": parley.ReasonRecipientNotReachable,
	"EXPIRED":       parley.ReasonDeliveryTimedOut,
	"REJECTED":      parley.ReasonChannelReject,
}

// undeliveredInfobip is the reason of a message that did not arrive. The error
// says more than the status where it is one that is known.
func undeliveredInfobip(s *infobipStatus, e *infobipError) *parley.Reason {
	words, code := strings.TrimSpace(s.Name+": "+s.Description), s.Name
	meaning := cmp.Or(infobipMeanings[s.Name], infobipMeanings[s.Group], parley.ReasonChannelFailure)
	if e != nil && e.ID != 0 && e.Name != "" {
		words, code = words+", "+e.Name+": "+e.Description, e.Name
		meaning = cmp.Or(infobipMeanings[e.Name], meaning)
	}
	reason := parley.ChannelReason(meaning, words)
	reason.ChannelCode = code
	return &reason
}

// refusalInfobip reads an answer that is an error: an ApiError or, from older
// parts of Infobip, an ApiException (Infobip OpenAPI Specification). Which
// part of the request it is about is told without what was there.
func refusalInfobip(answer *channel.Answer) *channel.Error {
	var f struct {
		Code        string `json:"errorCode"`
		Description string `json:"description"`
		Violations  []struct {
			Property string `json:"property"`
		} `json:"violations"`
		RequestError struct {
			Exception struct {
				ID   string `json:"messageId"`
				Text string `json:"text"`
			} `json:"serviceException"`
		} `json:"requestError"`
	}
	_ = json.Unmarshal(answer.Body, &f) // what is no JSON is told by its HTTP status
	code := cmp.Or(f.Code, f.RequestError.Exception.ID)
	words := cmp.Or(f.Description, f.RequestError.Exception.Text)
	for _, v := range f.Violations {
		words += " [" + v.Property + "]"
	}
	if code != "" {
		words = code + ": " + words
	}
	e := channel.Verdict(answer, words)
	e.Reason.ChannelCode = code
	if answer.Status == http.StatusNotFound { // not the address of an account
		e.Reason.Code = parley.ReasonChannelBadConfiguration
	}
	return e
}
