package smswire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The commands of SMPP 3.4 (section 5.1.2.1). A response has the same number
// with the highest bit set.
const (
	GenericNack     uint32 = 0x80000000
	BindReceiver    uint32 = 0x00000001
	BindTransmitter uint32 = 0x00000002
	QuerySM         uint32 = 0x00000003
	SubmitSM        uint32 = 0x00000004
	DeliverSM       uint32 = 0x00000005
	Unbind          uint32 = 0x00000006
	BindTransceiver uint32 = 0x00000009
	EnquireLink     uint32 = 0x00000015
	DataSM          uint32 = 0x00000103
	Resp            uint32 = 0x80000000 // added to a command for its response
)

// The command statuses the simulator answers with (section 5.1.3).
const (
	StatusOK        uint32 = 0x00
	StatusInvMsgLen uint32 = 0x01
	StatusInvCmdLen uint32 = 0x02
	StatusInvCmdID  uint32 = 0x03
	StatusInvBnd    uint32 = 0x04
	StatusAlyBnd    uint32 = 0x05
	StatusSysErr    uint32 = 0x08
	StatusInvSrcAdr uint32 = 0x0A
	StatusInvDstAdr uint32 = 0x0B
	StatusInvMsgID  uint32 = 0x0C
	StatusBindFail  uint32 = 0x0D
	StatusInvPaswd  uint32 = 0x0E
	StatusInvSysID  uint32 = 0x0F
	StatusMsgQFul   uint32 = 0x14
	StatusInvEsmCls uint32 = 0x43
	StatusThrottled uint32 = 0x58
	StatusInvOptPar uint32 = 0xC0
	StatusInvParLen uint32 = 0xC2
)

// The optional parameters the simulator reads or writes (section 5.3.2).
const (
	TagReceiptedMessageID uint16 = 0x001E
	TagSARRef             uint16 = 0x020C
	TagSARTotal           uint16 = 0x020E
	TagSARSeq             uint16 = 0x020F
	TagInterfaceVersion   uint16 = 0x0210
	TagNetworkError       uint16 = 0x0423
	TagMessagePayload     uint16 = 0x0424
	TagMessageState       uint16 = 0x0427
)

// The lengths a PDU may have; longer ones end the session.
const (
	headerLen = 16
	MaxPDU    = 64 << 10
)

// A PDU is one command or response. Which fields are used depends on ID.
type PDU struct {
	ID     uint32
	Status uint32
	Seq    uint32

	Bind      *Bind  // bind_* commands
	SM        *SM    // submit_sm, deliver_sm and data_sm
	SystemID  string // bind_*_resp
	MessageID string // submit_sm_resp, deliver_sm_resp, data_sm_resp, query_sm
	TLVs      []TLV
}

// Bind is what an ESME says of itself.
type Bind struct {
	SystemID, Password, SystemType string
	Version, TON, NPI              byte
	Range                          string
}

// Address is a number or name with its type.
type Address struct {
	TON, NPI byte
	Addr     string
}

// SM is a short message and how to handle it.
type SM struct {
	ServiceType        string
	Source, Dest       Address
	ESMClass           byte
	Protocol, Priority byte
	Schedule, Validity string
	Registered         byte
	Replace            byte
	Coding             byte
	DefaultMsg         byte
	Short              []byte
}

// TLV is an optional parameter.
type TLV struct {
	Tag   uint16
	Value []byte
}

// TLV returns the value of an optional parameter, or nil.
func (p *PDU) TLV(tag uint16) []byte {
	for _, t := range p.TLVs {
		if t.Tag == tag {
			return t.Value
		}
	}
	return nil
}

// Uint is the value of an optional parameter that is a number; 0 if absent.
func (p *PDU) Uint(tag uint16) int {
	n := 0
	for _, b := range p.TLV(tag) {
		n = n<<8 | int(b)
	}
	return n
}

// A FormatError is a PDU that cannot be read; Status is what to answer.
type FormatError struct {
	Status uint32
	ID     uint32
	Seq    uint32
	Text   string
}

func (e *FormatError) Error() string { return "read PDU: " + e.Text }

// Read takes one PDU from r. After a *FormatError the next one can be read if
// its Status is not StatusInvCmdLen; after any other error it cannot.
func Read(r io.Reader) (*PDU, error) {
	var h [headerLen]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, fmt.Errorf("read PDU: %w", err)
	}
	n := binary.BigEndian.Uint32(h[:])
	if n < headerLen || n > MaxPDU {
		return nil, &FormatError{Status: StatusInvCmdLen, Text: "length out of range"}
	}
	b := make([]byte, n)
	copy(b, h[:])
	if _, err := io.ReadFull(r, b[headerLen:]); err != nil {
		return nil, fmt.Errorf("read PDU: %w", err)
	}
	return Decode(b)
}

// Decode reads a whole PDU.
func Decode(b []byte) (*PDU, error) {
	if len(b) < headerLen || binary.BigEndian.Uint32(b) != uint32(len(b)) { //nolint:gosec // below MaxPDU
		return nil, &FormatError{Status: StatusInvCmdLen, Text: "length does not match"}
	}
	p := &PDU{
		ID: binary.BigEndian.Uint32(b[4:]), Status: binary.BigEndian.Uint32(b[8:]), Seq: binary.BigEndian.Uint32(b[12:]),
	}
	r := &reader{b: b[headerLen:]}
	p.body(r)
	if r.err == nil && len(r.b) > 0 {
		p.tlvs(r)
	}
	if r.err != nil {
		return nil, &FormatError{Status: r.status, ID: p.ID, Seq: p.Seq, Text: r.err.Error()}
	}
	return p, nil
}

// body reads the mandatory parameters.
func (p *PDU) body(r *reader) {
	switch p.ID {
	case BindReceiver, BindTransmitter, BindTransceiver:
		p.Bind = &Bind{
			SystemID: r.str(16), Password: r.str(9), SystemType: r.str(13),
			Version: r.byte(), TON: r.byte(), NPI: r.byte(), Range: r.str(41),
		}
	case BindReceiver | Resp, BindTransmitter | Resp, BindTransceiver | Resp:
		if len(r.b) > 0 { // an error needs no body
			p.SystemID = r.str(16)
		}
	case SubmitSM, DeliverSM:
		p.SM = r.sm()
	case DataSM:
		p.SM = &SM{
			ServiceType: r.str(6), Source: r.address(65), Dest: r.address(65),
			ESMClass: r.byte(), Registered: r.byte(), Coding: r.byte(),
		}
	case SubmitSM | Resp, DeliverSM | Resp, DataSM | Resp:
		if len(r.b) > 0 {
			p.MessageID = r.str(65)
		}
	case QuerySM:
		p.MessageID = r.str(65)
		r.address(21)
	case Unbind, Unbind | Resp, EnquireLink, EnquireLink | Resp, GenericNack:
	default:
		r.b = nil // what is in an unknown command is not ours to judge
	}
}

func (p *PDU) tlvs(r *reader) {
	for len(r.b) > 0 && r.err == nil {
		if len(r.b) < 4 {
			r.fail(StatusInvOptPar, "optional parameter cut short")
			return
		}
		tag, n := binary.BigEndian.Uint16(r.b), int(binary.BigEndian.Uint16(r.b[2:]))
		r.b = r.b[4:]
		p.TLVs = append(p.TLVs, TLV{tag, r.bytes(n, StatusInvParLen)})
	}
}

// reader takes fields off the front of a body; after an error it returns
// zeroes.
type reader struct {
	b      []byte
	err    error
	status uint32
}

func (r *reader) fail(status uint32, text string) {
	if r.err == nil {
		r.err, r.status, r.b = errors.New(text), status, nil
	}
}

// str reads a C-octet string of at most most octets, the final NUL included.
func (r *reader) str(most int) string {
	i := bytes.IndexByte(r.b, 0)
	if i < 0 || i >= most {
		r.fail(StatusInvMsgLen, "string too long or without end")
		return ""
	}
	s := string(r.b[:i])
	r.b = r.b[i+1:]
	return s
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail(StatusInvMsgLen, "field missing")
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) bytes(n int, status uint32) []byte {
	if n > len(r.b) {
		r.fail(status, "field longer than the PDU")
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) address(most int) Address {
	return Address{TON: r.byte(), NPI: r.byte(), Addr: r.str(most)}
}

func (r *reader) sm() *SM {
	sm := &SM{
		ServiceType: r.str(6), Source: r.address(21), Dest: r.address(21),
		ESMClass: r.byte(), Protocol: r.byte(), Priority: r.byte(),
		Schedule: r.str(17), Validity: r.str(17), Registered: r.byte(),
		Replace: r.byte(), Coding: r.byte(), DefaultMsg: r.byte(),
	}
	sm.Short = r.bytes(int(r.byte()), StatusInvMsgLen)
	return sm
}

// Encode writes a whole PDU. Strings longer than their field are a mistake of
// the caller and not checked.
func (p *PDU) Encode() []byte {
	w := &writer{b: make([]byte, headerLen, 128)}
	switch {
	case p.Bind != nil:
		w.str(p.Bind.SystemID, p.Bind.Password, p.Bind.SystemType)
		w.byte(p.Bind.Version, p.Bind.TON, p.Bind.NPI)
		w.str(p.Bind.Range)
	case p.SM != nil && p.ID == DataSM:
		w.str(p.SM.ServiceType)
		w.address(p.SM.Source, p.SM.Dest)
		w.byte(p.SM.ESMClass, p.SM.Registered, p.SM.Coding)
	case p.SM != nil:
		w.sm(p.SM)
	case p.Status != StatusOK: // a response with an error has no body
	case p.ID == SubmitSM|Resp, p.ID == DeliverSM|Resp, p.ID == DataSM|Resp:
		w.str(p.MessageID)
	case p.ID == BindReceiver|Resp, p.ID == BindTransmitter|Resp, p.ID == BindTransceiver|Resp:
		w.str(p.SystemID)
	}
	for _, t := range p.TLVs {
		w.b = binary.BigEndian.AppendUint16(w.b, t.Tag)
		w.b = binary.BigEndian.AppendUint16(w.b, uint16(len(t.Value))) //nolint:gosec // below MaxPDU
		w.b = append(w.b, t.Value...)
	}
	binary.BigEndian.PutUint32(w.b, uint32(len(w.b))) //nolint:gosec // below MaxPDU
	binary.BigEndian.PutUint32(w.b[4:], p.ID)
	binary.BigEndian.PutUint32(w.b[8:], p.Status)
	binary.BigEndian.PutUint32(w.b[12:], p.Seq)
	return w.b
}

type writer struct{ b []byte }

func (w *writer) str(ss ...string) {
	for _, s := range ss {
		w.b = append(append(w.b, s...), 0)
	}
}

func (w *writer) byte(c ...byte) { w.b = append(w.b, c...) }

func (w *writer) address(as ...Address) {
	for _, a := range as {
		w.byte(a.TON, a.NPI)
		w.str(a.Addr)
	}
}

func (w *writer) sm(m *SM) {
	w.str(m.ServiceType)
	w.address(m.Source, m.Dest)
	w.byte(m.ESMClass, m.Protocol, m.Priority)
	w.str(m.Schedule, m.Validity)
	w.byte(m.Registered, m.Replace, m.Coding, m.DefaultMsg, byte(len(m.Short))) //nolint:gosec // callers keep it below 255
	w.b = append(w.b, m.Short...)
}
