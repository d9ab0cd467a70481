package sms

import (
	"errors"
	"fmt"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// A verdict is what a refused submit_sm means.
type verdict struct {
	name    string
	reason  parley.ReasonCode
	outcome channel.Outcome
}

// submitVerdicts is what the command_status of submit_sm_resp means. The rest
// is CHANNEL_FAILURE: vendors use the range from 0x400 for refusals of their
// own.
var submitVerdicts = map[commandStatus]verdict{
	statusThrottled:   {"ESME_RTHROTTLED", parley.ReasonRateLimited, channel.TryAgain},
	statusMsgQFul:     {"ESME_RMSGQFUL", parley.ReasonRateLimited, channel.TryAgain},
	statusSysErr:      {"ESME_RSYSERR", parley.ReasonChannelFailure, channel.TryAgain},
	statusTempAppErr:  {"ESME_RX_T_APPN", parley.ReasonChannelFailure, channel.TryAgain},
	statusSubmitFail:  {"ESME_RSUBMITFAIL", parley.ReasonChannelFailure, channel.TryAgain},
	statusDeliveryErr: {"ESME_RDELIVERYFAILURE", parley.ReasonChannelFailure, channel.TryAgain},
	statusInvBndSts:   {"ESME_RINVBNDSTS", parley.ReasonChannelBadConfiguration, channel.TryAgain},
	statusAlyBnd:      {"ESME_RALYBND", parley.ReasonChannelFailure, channel.TryAgain},
	statusInvDstAdr:   {"ESME_RINVDSTADR", parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent},
	statusInvDstTON:   {"ESME_RINVDSTTON", parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent},
	statusInvDstNPI:   {"ESME_RINVDSTNPI", parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent},
	statusInvSrcAdr:   {"ESME_RINVSRCADR", parley.ReasonChannelBadConfiguration, channel.NotSent},
	statusInvSrcTON:   {"ESME_RINVSRCTON", parley.ReasonChannelBadConfiguration, channel.NotSent},
	statusInvSrcNPI:   {"ESME_RINVSRCNPI", parley.ReasonChannelBadConfiguration, channel.NotSent},
	statusBindFail:    {"ESME_RBINDFAIL", parley.ReasonChannelBadConfiguration, channel.NotSent},
	statusInvPaswd:    {"ESME_RINVPASWD", parley.ReasonChannelBadConfiguration, channel.NotSent},
	statusInvSysID:    {"ESME_RINVSYSID", parley.ReasonChannelBadConfiguration, channel.NotSent},
	statusInvSysTyp:   {"ESME_RINVSYSTYP", parley.ReasonChannelBadConfiguration, channel.NotSent},
	statusInvMsgLen:   {"ESME_RINVMSGLEN", parley.ReasonBadRequest, channel.NotSent},
	statusInvCmdLen:   {"ESME_RINVCMDLEN", parley.ReasonBadRequest, channel.NotSent},
	statusInvCmdID:    {"ESME_RINVCMDID", parley.ReasonBadRequest, channel.NotSent},
	statusInvEsmClass: {"ESME_RINVESMCLASS", parley.ReasonBadRequest, channel.NotSent},
	statusInvSched:    {"ESME_RINVSCHED", parley.ReasonBadRequest, channel.NotSent},
	statusInvExpiry:   {"ESME_RINVEXPIRY", parley.ReasonBadRequest, channel.NotSent},
	statusPermAppErr:  {"ESME_RX_P_APPN", parley.ReasonChannelReject, channel.NotSent},
	statusRejAppErr:   {"ESME_RX_R_APPN", parley.ReasonChannelReject, channel.NotSent},
	statusInvOptPar:   {"ESME_RINVOPTPARSTREAM", parley.ReasonBadRequest, channel.NotSent},
	statusOptParNot:   {"ESME_ROPTPARNOTALLWD", parley.ReasonBadRequest, channel.NotSent},
	statusInvParLen:   {"ESME_RINVPARLEN", parley.ReasonBadRequest, channel.NotSent},
	statusMissingTLV:  {"ESME_RMISSINGOPTPARAM", parley.ReasonBadRequest, channel.NotSent},
	statusInvTLVValue: {"ESME_RINVOPTPARAMVAL", parley.ReasonBadRequest, channel.NotSent},
}

// How long to leave an SMSC alone.
const (
	throttledPause = time.Second     // it said we send too fast
	reconnectPause = 2 * time.Second // there is no session at the moment
	refusedPause   = 5 * time.Minute // it will not have us; somebody has to act
)

// submitError is a failed submit as the engine wants it.
func submitError(err error, onUnknown string) *channel.Error {
	if refused, ok := errors.AsType[*statusError](err); ok {
		return statusFailure(refused.status)
	}
	e := &channel.Error{
		Reason:  parley.NewReason(parley.ReasonChannelFailure, "the channel could not be reached"),
		Outcome: channel.TryAgain,
		After:   reconnectPause,
		Err:     err,
	}
	if errors.Is(err, errUnknownOutcome) && onUnknown != onUnknownResend {
		e.Outcome, e.After = channel.Unknown, 0
	}
	return e
}

func statusFailure(status commandStatus) *channel.Error {
	v := status.verdict()
	e := &channel.Error{
		Reason:  parley.ChannelReason(v.reason, status.words()),
		Outcome: v.outcome,
		Err:     &statusError{status: status},
	}
	if v.outcome == channel.TryAgain && v.reason == parley.ReasonRateLimited {
		e.After = throttledPause
	}
	return e
}

func (s commandStatus) verdict() verdict {
	if v, ok := submitVerdicts[s]; ok {
		return v
	}
	return verdict{"command_status", parley.ReasonChannelFailure, channel.NotSent}
}

func (s commandStatus) words() string { return fmt.Sprintf("%s (0x%02X)", s.verdict().name, uint32(s)) }

// linkError is why Listen ended. A refused bind is NotSent, so that its caller
// waits much longer before the next one than after a lost link.
func linkError(err error) error {
	refused, ok := errors.AsType[*statusError](err)
	if !ok {
		return &channel.Error{
			Reason:  parley.NewReason(parley.ReasonChannelFailure, "the SMPP session was lost"),
			Outcome: channel.TryAgain,
			Err:     err,
		}
	}
	e := statusFailure(refused.status)
	if refused.status.refusesBind() {
		e.Reason.Code = parley.ReasonChannelBadConfiguration
		e.Outcome, e.After = channel.NotSent, refusedPause
	} else {
		e.Outcome = channel.TryAgain
	}
	return e
}

// stateMeanings is what the final or passing state of a receipt means.
var stateMeanings = map[messageState]struct {
	name   string
	status parley.DeliveryStatus
	reason parley.ReasonCode // of a failure
}{
	stateEnroute:       {name: "ENROUTE", status: parley.StatusQueuedOnChannel},
	stateAccepted:      {name: "ACCEPTED", status: parley.StatusQueuedOnChannel},
	stateDelivered:     {name: "DELIVERED", status: parley.StatusDelivered},
	stateExpired:       {"EXPIRED", parley.StatusFailed, parley.ReasonDeliveryTimedOut},
	stateDeleted:       {"DELETED", parley.StatusFailed, parley.ReasonRecipientNotReachable},
	stateUndeliverable: {"UNDELIVERABLE", parley.StatusFailed, parley.ReasonRecipientNotReachable},
	stateRejected:      {"REJECTED", parley.StatusFailed, parley.ReasonChannelReject},
	stateUnknown:       {"UNKNOWN", parley.StatusFailed, parley.ReasonUnknown},
}

// meaning is r as the engine wants it.
func (r *receipt) meaning() *channel.Receipt {
	m := stateMeanings[r.state]
	out := &channel.Receipt{ID: channel.ProviderID(r.messageID), Status: m.status}
	if r.intermediate && m.status == parley.StatusFailed {
		out.Status = parley.StatusQueuedOnChannel // it is still being tried
	}
	if out.Status == parley.StatusFailed {
		reason := parley.ChannelReason(m.reason, r.words())
		out.Reason = &reason
	}
	return out
}

// words says the state and the error.
func (r *receipt) words() string {
	words := stateMeanings[r.state].name
	if r.errorCode != "" {
		words += ", error " + r.errorCode
	}
	return words
}
