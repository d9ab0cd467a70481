package simulator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley/internal/simulator/smswire"
)

// smppPart is a part of a message: its PDU and its id.
type smppPart struct {
	native json.RawMessage
	id     string
}

// arrive puts a message on the phone when it is complete and plans the
// receipt of this part.
func (y *smppSystem) arrive(phone key, p *smswire.PDU, m segment, id uint64, b Behaviour) {
	shown := strings.ToUpper(strconv.FormatUint(id, 16))
	if w := y.parts.add(p.SM.Source.Addr, p.SM.Dest.Addr, m, smppPart{nativePDU(p), shown}); w != nil {
		natives := make([]json.RawMessage, len(w.came))
		for i, part := range w.came {
			natives[i] = part.native
		}
		native, err := encode(natives)
		if err != nil {
			native = nil
		}
		it := y.smsc.sim.phones.add(phone, Item{
			Direction: In, Account: y.id, Provider: ProviderSMPP, ProviderID: w.came[0].id, Type: "text",
			Text: w.words(), Sender: p.SM.Source.Addr, Parts: m.total, Flash: m.flash,
			Status: StatusSent, Native: native,
		})
		if b.Deliver != DeliverNever {
			y.smsc.sim.timers.after(time.Duration(b.DeliveredAfter), func() {
				y.smsc.sim.phones.edit(phone, it.ID, func(it *Item) {
					it.Status = StatusDelivered
					if b.Deliver == DeliverReject {
						it.Status, it.Code = StatusFailed, b.FailCode.or("UNDELIV")
					}
				})
			})
		}
	}
	if b.Deliver == DeliverNever {
		return
	}
	at := y.smsc.sim.now()
	y.smsc.sim.timers.after(time.Duration(b.DeliveredAfter), func() { y.receipt(p, m, id, at, b) })
}

// smppStates are the words and numbers of message_state (SMPP 3.4, 5.2.28).
func smppState(stat string) byte {
	switch stat {
	case "ENROUTE":
		return 1
	case "DELIVRD":
		return 2
	case "EXPIRED":
		return 3
	case "DELETED":
		return 4
	case "UNDELIV":
		return 5
	case "ACCEPTD":
		return 6
	case "REJECTD":
		return 8
	}
	return 7 // UNKNOWN
}

// receipt tells the system what became of a part, if it asked
// (registered_delivery: 1 always, 2 failures only).
func (y *smppSystem) receipt(p *smswire.PDU, m segment, id uint64, submitted time.Time, b Behaviour) {
	stat, code := "DELIVRD", "000"
	if b.Deliver == DeliverReject {
		stat, code = undelivered(b.FailCode)
	}
	asked := p.SM.Registered & 0x03
	if asked == 0 || asked == 2 && stat == "DELIVRD" {
		return
	}
	y.mu.Lock()
	a := y.account
	y.mu.Unlock()
	name := strings.ToUpper(strconv.FormatUint(id, 16))
	if a.ReceiptIDs == "decimal" {
		name = strconv.FormatUint(id, 10)
	}
	out := &smswire.PDU{ID: smswire.DeliverSM, SM: &smswire.SM{
		Source: p.SM.Dest, Dest: p.SM.Source, ESMClass: 0x04,
	}}
	if a.Receipts != "tlv" {
		out.SM.Short = []byte(receiptText(name, stat, code, m.text, submitted, y.smsc.sim.now()))
	}
	if a.Receipts != "text" {
		out.TLVs = []smswire.TLV{
			{Tag: smswire.TagReceiptedMessageID, Value: append([]byte(name), 0)},
			{Tag: smswire.TagMessageState, Value: []byte{smppState(stat)}},
		}
		if n, err := strconv.ParseUint(code, 10, 16); err == nil && n > 0 {
			out.TLVs = append(out.TLVs, smswire.TLV{Tag: smswire.TagNetworkError, Value: []byte{3, byte(n >> 8), byte(n & 0xff)}})
		}
	}
	y.deliver(&smppDelivery{pdu: out})
}

// undelivered reads the code of a message that is not delivered: a state, an
// error, or both as in "REJECTD:015".
func undelivered(f FailCode) (stat, code string) {
	stat, code = "UNDELIV", "027"
	if want, err, ok := strings.Cut(f.or(stat), ":"); ok {
		stat, code = want, err
	} else if _, err := strconv.Atoi(want); err == nil {
		code = want
	} else {
		stat = want
	}
	return stat, code
}

// receiptText is a receipt as text (SMPP 3.4, appendix B).
func receiptText(id, stat, code, text string, submitted, done time.Time) string {
	const minute = "0601021504" // YYMMDDhhmm
	delivered := 0
	if stat == "DELIVRD" {
		delivered = 1
	}
	return fmt.Sprintf("id:%s sub:001 dlvrd:%03d submit date:%s done date:%s stat:%s err:%s text:%s",
		id, delivered, submitted.UTC().Format(minute), done.UTC().Format(minute), stat, code, excerpt(text))
}

// excerpt is the start of a text as receipts quote it, in characters that
// have the same code in GSM-7 and ASCII.
func excerpt(text string) string {
	var b strings.Builder
	for _, r := range text {
		if b.Len() == 20 {
			break
		}
		if r < ' ' || r > 'z' || strings.ContainsRune("$@[\\]^_`", r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
