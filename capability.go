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
