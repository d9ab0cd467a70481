package sms

import "fmt"

// A commandStatus is how a peer judged a request (SMPP 3.4, section 5.1.3).
type commandStatus uint32

const (
	statusOK          commandStatus = 0x00
	statusInvMsgLen   commandStatus = 0x01
	statusInvCmdLen   commandStatus = 0x02
	statusInvCmdID    commandStatus = 0x03
	statusInvBndSts   commandStatus = 0x04
	statusAlyBnd      commandStatus = 0x05
	statusSysErr      commandStatus = 0x08
	statusInvSrcAdr   commandStatus = 0x0A
	statusInvDstAdr   commandStatus = 0x0B
	statusBindFail    commandStatus = 0x0D
	statusInvPaswd    commandStatus = 0x0E
	statusInvSysID    commandStatus = 0x0F
	statusMsgQFul     commandStatus = 0x14
	statusInvEsmClass commandStatus = 0x43
	statusSubmitFail  commandStatus = 0x45
	statusInvSrcTON   commandStatus = 0x48
	statusInvSrcNPI   commandStatus = 0x49
	statusInvDstTON   commandStatus = 0x50
	statusInvDstNPI   commandStatus = 0x51
	statusInvSysTyp   commandStatus = 0x53
	statusThrottled   commandStatus = 0x58
	statusInvSched    commandStatus = 0x61
	statusInvExpiry   commandStatus = 0x62
	statusTempAppErr  commandStatus = 0x64
	statusPermAppErr  commandStatus = 0x65
	statusRejAppErr   commandStatus = 0x66
	statusInvOptPar   commandStatus = 0xC0
	statusOptParNot   commandStatus = 0xC1
	statusInvParLen   commandStatus = 0xC2
	statusMissingTLV  commandStatus = 0xC3
	statusInvTLVValue commandStatus = 0xC4
	statusDeliveryErr commandStatus = 0xFE
)

// refusesBind reports whether a bind answered with s cannot work until
// somebody changes the account's settings. ESME_RALYBND is not one: an SMSC
// says so while it has not noticed yet that the last session is gone.
func (s commandStatus) refusesBind() bool {
	switch s { //nolint:exhaustive // the rest are passing conditions
	case statusBindFail, statusInvPaswd, statusInvSysID, statusInvSysTyp, statusInvBndSts:
		return true
	default:
		return false
	}
}

// A statusError is a request the SMSC answered with an error: it did not
// accept it.
type statusError struct{ status commandStatus }

func (e *statusError) Error() string {
	return fmt.Sprintf("command_status 0x%08x", uint32(e.status))
}
