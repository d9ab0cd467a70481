package parley

// A CapabilityStatus says whether a channel reaches somebody.
type CapabilityStatus string

// The answers to a capability query.
const (
	CapabilityUnknown CapabilityStatus = "CAPABILITY_UNKNOWN" // the channel does not tell
	CapabilityFull    CapabilityStatus = "CAPABILITY_FULL"
	CapabilityPartial CapabilityStatus = "CAPABILITY_PARTIAL" // with what is in channel_capabilities
	CapabilityNone    CapabilityStatus = "NO_CAPABILITY"
)

// A QueryCapabilityRequest asks on which channels somebody can be reached. The
// answer, which comes by callbacks, carries RequestID.
type QueryCapabilityRequest struct {
	AppID     string     `json:"app_id"`
	Recipient *Recipient `json:"recipient"`
	RequestID string     `json:"request_id,omitempty"`
}

// Validate checks everything that can be checked without the app.
func (r *QueryCapabilityRequest) Validate() error {
	return first(
		appID("app_id", r.AppID), r.Recipient.validate("recipient"), atMost("request_id", r.RequestID, MaxRequestID),
	)
}
