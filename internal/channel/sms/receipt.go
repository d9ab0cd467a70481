package sms

import (
	"bytes"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// esm_class bits of a deliver_sm (SMPP 3.4, section 5.2.12).
const (
	esmTypeMask     = 0x3C
	esmReceipt      = 0x04
	esmUserAck      = 0x08
	esmManualAck    = 0x10
	esmIntermediate = 0x20
	esmHeader       = 0x40 // the data starts with a user data header
)

// A messageState is where the SMSC says a message is (5.2.28).
type messageState byte

const (
	stateEnroute       messageState = 1
	stateDelivered     messageState = 2
	stateExpired       messageState = 3
	stateDeleted       messageState = 4
	stateUndeliverable messageState = 5
	stateAccepted      messageState = 6
	stateUnknown       messageState = 7
	stateRejected      messageState = 8
)

// statesByText is the stat: field of a receipt's text (appendix B).
// BUFFERED is not in SMPP; gateways with an HTTP past write it.
var statesByText = map[string]messageState{
	"ENROUTE": stateEnroute, "BUFFERED": stateEnroute,
	"DELIVRD": stateDelivered, "DELIVERED": stateDelivered,
	"EXPIRED": stateExpired, "DELETED": stateDeleted,
	"UNDELIV": stateUndeliverable, "UNDELIVERABLE": stateUndeliverable,
	"ACCEPTD": stateAccepted, "ACCEPTED": stateAccepted,
	"UNKNOWN": stateUnknown,
	"REJECTD": stateRejected, "REJECTED": stateRejected,
}

// A receipt is what a delivery receipt says.
type receipt struct {
	messageID    string // in the form submit_sm_resp had it
	state        messageState
	errorCode    string // the err: field or network_error_code, may be empty
	intermediate bool   // the message is still under way
}

// receiptField finds the fields of appendix B, which every SMSC writes a little
// differently.
var receiptField = regexp.MustCompile(`(?i)\b(id|stat|err):\s*([^\s]*)`)

// receiptText ends the fields: what follows is the start of the message.
var receiptText = regexp.MustCompile(`(?i)\btext:`)

// parseReceipt reads a delivery receipt, from its optional parameters or else
// from its text. It is false for anything that is not a receipt.
func parseReceipt(m *messageBody, ids idForm) (receipt, bool) {
	kind := m.esmClass & esmTypeMask
	if kind != esmReceipt && kind != esmIntermediate {
		return receipt{}, false
	}
	r := receipt{intermediate: kind == esmIntermediate}
	r.readText(string(m.data()))
	if id, ok := m.optional.find(tagReceiptedMessageID); ok {
		if id, _, _ = bytes.Cut(id, []byte{0}); len(id) > 0 {
			r.messageID = string(id)
		}
	}
	if n, ok := m.optional.number(tagMessageState); ok && n <= uint32(stateRejected) {
		r.state = messageState(n)
	}
	if code, ok := m.optional.find(tagNetworkErrorCode); ok && len(code) == 3 {
		r.errorCode = strconv.Itoa(int(code[1])<<8 | int(code[2]))
	}
	r.messageID = ids.inReceipt(r.messageID)
	return r, r.messageID != "" && r.state != 0
}

// readText reads the fields of a receipt's text.
func (r *receipt) readText(text string) {
	if end := receiptText.FindStringIndex(text); end != nil {
		text = text[:end[0]]
	}
	for _, field := range receiptField.FindAllStringSubmatch(text, -1) {
		switch strings.ToLower(field[1]) {
		case "id":
			r.messageID = field[2]
		case "stat":
			r.state = statesByText[strings.ToUpper(field[2])]
		case "err":
			r.errorCode = field[2]
		}
	}
}

// An idForm says how the SMSC writes message ids. The numbers are those of
// Kannel's msg-id-type: bit 0 for hexadecimal in submit_sm_resp, bit 1 for
// hexadecimal in receipts. idVerbatim compares the strings.
type idForm int

const (
	idVerbatim idForm = -1
	idHexResp  idForm = 1
	idHexDLR   idForm = 2
)

func (f idForm) inResponse(id string) string { return f.normal(id, idHexResp) }
func (f idForm) inReceipt(id string) string  { return f.normal(id, idHexDLR) }

// normal writes id as a decimal number without leading zeros; what is not a
// number stays as it is.
func (f idForm) normal(id string, hexBit idForm) string {
	if f == idVerbatim {
		return id
	}
	base := 10
	if f&hexBit != 0 {
		base = 16
	}
	if n, ok := new(big.Int).SetString(id, base); ok && len(id) <= 64 {
		return n.String()
	}
	return id
}
