package simulator

import (
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley/internal/simulator/smswire"
)

// submit takes one submit_sm or data_sm and reports whether the session goes
// on.
func (s *smppSession) submit(p *smswire.PDU) bool {
	if s.system == nil || !s.sends {
		s.answer(p, smswire.StatusInvBnd)
		return true
	}
	stats := s.smsc.sim.stats
	phone := newKey(ChannelSMS, p.SM.Dest.Addr)
	m, status := s.system.segment(p)
	if status != smswire.StatusOK {
		stats.refused(ProviderSMPP)
		s.answer(p, status)
		return true
	}
	b, blocked := s.smsc.sim.phones.decide(phone)
	if blocked {
		b.Deliver = DeliverReject
	}
	switch {
	case b.Hang == HangBefore:
		stats.cut(ProviderSMPP)
		s.cut(b)
		return false
	case b.Deliver == DeliverRateLimit:
		status = smswire.StatusThrottled
	case b.Deliver == DeliverRefuse:
		const submitFailed = "0x45"
		n, err := strconv.ParseUint(b.FailCode.or(submitFailed), 0, 32)
		if err != nil {
			n = uint64(smswire.StatusSysErr)
		}
		status = uint32(n)
	}
	if status != smswire.StatusOK {
		stats.refused(ProviderSMPP)
		s.answer(p, status)
		return true
	}
	id := s.smsc.nextID()
	stats.accepted(ProviderSMPP)
	if b.Hang == HangAfter {
		s.system.mute(s) // the receipt must not come over the line that is cut
	} else {
		s.write(&smswire.PDU{ID: p.ID | smswire.Resp, Seq: p.Seq, MessageID: strings.ToUpper(strconv.FormatUint(id, 16))})
	}
	s.system.arrive(phone, p, m, id, b)
	if b.Hang == HangAfter {
		stats.cut(ProviderSMPP)
		s.cut(b)
		return false
	}
	return true
}

// cut keeps silent as long as the behaviour says and ends the connection.
func (s *smppSession) cut(b Behaviour) {
	t := time.NewTimer(time.Duration(b.HangFor))
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.done:
	}
	s.finish()
}

// segment is what one submit_sm carries: a message, or a part of one.
type segment struct {
	text       string
	flash      bool
	ref        int
	total, seq int // 1, 1 for a message of its own
}

var (
	smppNumber = regexp.MustCompile(`^\+?[0-9]{3,20}$`)
	smppDigits = regexp.MustCompile(`^[0-9]*$`)
)

// The octets of an SMS, and the septets, with what a header takes of them.
const (
	smsOctets  = 140
	smsSeptets = 160
)

// segment reads the text of a message and its place in a longer one. The
// status is what to answer if there is something wrong.
func (y *smppSystem) segment(p *smswire.PDU) (segment, uint32) {
	sm := p.SM
	if !smppNumber.MatchString(sm.Dest.Addr) {
		return segment{}, smswire.StatusInvDstAdr
	}
	if sm.Source.TON == 5 && len(sm.Source.Addr) > 11 || sm.Source.TON == 1 && !smppDigits.MatchString(sm.Source.Addr) {
		return segment{}, smswire.StatusInvSrcAdr
	}
	out := segment{total: 1, seq: 1}
	data, payload, header := sm.Short, p.TLV(smswire.TagMessagePayload), 0
	if payload != nil {
		if len(data) > 0 {
			return segment{}, smswire.StatusInvMsgLen
		}
		data = payload
	}
	if sm.ESMClass&0x40 != 0 {
		if len(data) == 0 || int(data[0]) >= len(data) {
			return segment{}, smswire.StatusInvEsmCls
		}
		header = int(data[0]) + 1
		out.readHeader(data[1:header])
		data = data[header:]
	} else if p.TLV(smswire.TagSARTotal) != nil {
		out.ref, out.total, out.seq = p.Uint(smswire.TagSARRef), p.Uint(smswire.TagSARTotal), p.Uint(smswire.TagSARSeq)
		header = 6 // the SMS centre makes one
	}
	if out.total < 1 || out.seq < 1 || out.seq > out.total {
		return segment{}, smswire.StatusInvEsmCls
	}
	y.mu.Lock()
	charset := y.account.Charset
	y.mu.Unlock()
	coding := codingOf(sm.Coding, charset)
	if payload == nil && !fits(coding, len(data), header) {
		return segment{}, smswire.StatusInvMsgLen
	}
	out.text, out.flash = coding.decode(data), coding.flash
	return out, smswire.StatusOK
}

// readHeader looks for a concatenation element (3GPP TS 23.040, 9.2.3.24.1
// and .8); others do not matter to a text.
func (m *segment) readHeader(h []byte) {
	for len(h) >= 2 && len(h) >= 2+int(h[1]) {
		v := h[2 : 2+int(h[1])]
		switch {
		case h[0] == 0x00 && len(v) == 3:
			m.ref, m.total, m.seq = int(v[0]), int(v[1]), int(v[2])
		case h[0] == 0x08 && len(v) == 4:
			m.ref, m.total, m.seq = int(v[0])<<8|int(v[1]), int(v[2]), int(v[3])
		}
		h = h[2+len(v):]
	}
}

// coding is an alphabet and whether the phone shows the message at once.
type coding struct {
	alphabet string // gsm7, latin1, ucs2 or binary
	flash    bool
}

// codingOf reads data_coding (SMPP 3.4, 5.2.19, and 3GPP TS 23.038, 4).
func codingOf(dc byte, charset string) coding {
	switch {
	case dc == 0:
		return coding{alphabet: orElse(charset, "gsm7")}
	case dc == 1 || dc == 3:
		return coding{alphabet: "latin1"}
	case dc == 2 || dc == 4:
		return coding{alphabet: "binary"}
	case dc == 8:
		return coding{alphabet: "ucs2"}
	case dc&0xF0 == 0xF0: // data coding/message class
		alphabet := "gsm7"
		if dc&0x04 != 0 {
			alphabet = "binary"
		}
		return coding{alphabet, dc&0x03 == 0}
	case dc&0xF0 == 0x10: // general, with message class
		return coding{[]string{"gsm7", "binary", "ucs2", "binary"}[dc>>2&3], dc&0x03 == 0}
	}
	return coding{alphabet: "binary"}
}

func (c coding) decode(b []byte) string {
	switch c.alphabet {
	case "gsm7":
		return smswire.DecodeGSM7(b)
	case "latin1":
		return smswire.DecodeLatin1(b)
	case "ucs2":
		return smswire.DecodeUCS2(b)
	}
	return "[binary] " + hex.EncodeToString(b)
}

// fits tells whether n octets of data and a header of that many fit one SMS.
// One octet of GSM-7, and of Latin-1, which is sent as such, is a septet.
func fits(c coding, n, header int) bool {
	if c.alphabet == "gsm7" || c.alphabet == "latin1" {
		return n <= smsSeptets-(header*8+6)/7
	}
	return n <= smsOctets-header
}

// nativePDU shows a PDU in JSON.
func nativePDU(p *smswire.PDU) json.RawMessage {
	v := map[string]any{
		"command_id": p.ID, "source_addr": p.SM.Source.Addr, "source_addr_ton": p.SM.Source.TON,
		"source_addr_npi": p.SM.Source.NPI, "destination_addr": p.SM.Dest.Addr, "dest_addr_ton": p.SM.Dest.TON,
		"dest_addr_npi": p.SM.Dest.NPI, "esm_class": p.SM.ESMClass, "registered_delivery": p.SM.Registered,
		"data_coding": p.SM.Coding, "validity_period": p.SM.Validity, "short_message": hex.EncodeToString(p.SM.Short),
		"pdu": hex.EncodeToString(p.Encode()),
	}
	b, err := encode(v)
	if err != nil {
		return nil // numbers and strings always encode
	}
	return b
}
