package sms

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes of an SMPP PDU in octets. The protocol sets no upper limit; 64 KiB is
// what the largest message_payload needs.
const (
	pduHeaderSize = 16
	pduMaxSize    = 64<<10 + 512
)

// A commandID says what a PDU is (SMPP 3.4, section 5.1.2.1).
type commandID uint32

const (
	bindReceiver      commandID = 0x01
	bindTransmitter   commandID = 0x02
	querySM           commandID = 0x03
	submitSM          commandID = 0x04
	deliverSM         commandID = 0x05
	unbind            commandID = 0x06
	replaceSM         commandID = 0x07
	cancelSM          commandID = 0x08
	bindTransceiver   commandID = 0x09
	outbind           commandID = 0x0B
	enquireLink       commandID = 0x15
	submitMulti       commandID = 0x21
	alertNotification commandID = 0x102
	dataSM            commandID = 0x103
	genericNack       commandID = 0x80000000

	responseBit commandID = 0x80000000
)

// response is the command that answers c.
func (c commandID) response() commandID { return c | responseBit }

func (c commandID) isResponse() bool { return c&responseBit != 0 }

// A pdu is one protocol data unit.
type pdu struct {
	status   commandStatus
	sequence uint32 // 1 to 0x7FFFFFFF
	body     body
}

// A body is what follows the header of a PDU.
type body interface {
	command() commandID
	// fields passes each field in wire order to c, which reads or writes it.
	fields(c *codec)
}

var (
	errUnknownCommand = errors.New("unknown command_id")
	errBadLength      = errors.New("command_length out of range")
)

// encode returns the octets of p.
func (p pdu) encode() ([]byte, error) {
	c := &codec{buf: make([]byte, pduHeaderSize, 128), writing: true}
	// SMPP 3.4 sections 4.1.2 and 4.4.2: no body when the status is an error.
	// deliver_sm_resp has no such exception (4.6.2).
	id := p.body.command()
	if p.status == statusOK || id == deliverSM.response() || !id.isResponse() {
		p.body.fields(c)
	}
	if c.err != nil {
		return nil, c.err
	}
	if len(c.buf) > pduMaxSize {
		return nil, errBadLength
	}
	binary.BigEndian.PutUint32(c.buf[0:], uint32(len(c.buf))) //nolint:gosec // at most pduMaxSize
	binary.BigEndian.PutUint32(c.buf[4:], uint32(id))
	binary.BigEndian.PutUint32(c.buf[8:], uint32(p.status))
	binary.BigEndian.PutUint32(c.buf[12:], p.sequence)
	return c.buf, nil
}

// pduLength checks the command_length a PDU starts with. After an error the
// stream cannot be followed any further.
func pduLength(header []byte) (int, error) {
	n := binary.BigEndian.Uint32(header)
	if n < pduHeaderSize || n > pduMaxSize {
		return 0, fmt.Errorf("%w: %d", errBadLength, n)
	}
	return int(n), nil
}

// decodePDU reads the PDU that b is. On errUnknownCommand and on a broken body
// the header is in the result, so that the PDU can be answered. A response may
// lack its body or the end of it, as those with an error status often do.
func decodePDU(b []byte) (pdu, error) {
	if len(b) < pduHeaderSize {
		return pdu{}, errBadLength
	}
	n, err := pduLength(b)
	if err != nil {
		return pdu{}, err
	}
	if n != len(b) {
		return pdu{}, fmt.Errorf("%w: %d for %d octets", errBadLength, n, len(b))
	}
	id := commandID(binary.BigEndian.Uint32(b[4:]))
	p := pdu{
		status:   commandStatus(binary.BigEndian.Uint32(b[8:])),
		sequence: binary.BigEndian.Uint32(b[12:]),
	}
	var known bool
	if p.body, known = newBody(id); !known {
		return p, fmt.Errorf("%w 0x%08x", errUnknownCommand, uint32(id))
	}
	if len(b) == pduHeaderSize && id.isResponse() {
		return p, nil
	}
	c := &codec{buf: b[pduHeaderSize:]}
	p.body.fields(c)
	if c.err != nil && id.isResponse() && p.status != statusOK {
		c.err = nil
	}
	return p, c.err
}

// newBody returns an empty body for id. That of an unknown command is bare.
func newBody(id commandID) (b body, known bool) {
	switch id {
	case bindReceiver, bindTransmitter, bindTransceiver:
		return &bindBody{id: id}, true
	case bindReceiver.response(), bindTransmitter.response(), bindTransceiver.response():
		return &bindRespBody{id: id}, true
	case submitSM, deliverSM:
		return &messageBody{id: id}, true
	case submitSM.response(), deliverSM.response(), dataSM.response():
		return &messageIDBody{id: id}, true
	case dataSM:
		return &dataBody{}, true
	case submitMulti:
		return &multiBody{}, true
	case submitMulti.response():
		return &multiRespBody{}, true
	case querySM:
		return &queryBody{}, true
	case querySM.response():
		return &queryRespBody{}, true
	case cancelSM:
		return &cancelBody{}, true
	case replaceSM:
		return &replaceBody{}, true
	case outbind:
		return &outbindBody{}, true
	case alertNotification:
		return &alertBody{}, true
	case unbind, unbind.response(), enquireLink, enquireLink.response(),
		cancelSM.response(), replaceSM.response(), genericNack:
		return &bareBody{id: id}, true
	default:
		return &bareBody{id: id}, false
	}
}
