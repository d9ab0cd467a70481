package sms

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// cmpPDU lets cmp look into the unexported PDU types.
var cmpPDU = cmp.AllowUnexported(pdu{}, bareBody{}, bindBody{}, bindRespBody{}, messageBody{}, messageIDBody{},
	dataBody{}, multiBody{}, multiDest{}, multiRespBody{}, multiFailure{}, queryBody{}, queryRespBody{},
	cancelBody{}, replaceBody{}, outbindBody{}, alertBody{}, address{}, tlv{})

type pduVector struct {
	Name    string
	Command string
	Fields  map[string]any
	Hex     string
}

func pduVectors(tb testing.TB) map[string][]byte {
	tb.Helper()
	var file struct{ Vectors []pduVector }
	readVectors(tb, "smpp-vectors.json", &file)
	out := make(map[string][]byte)
	for _, v := range file.Vectors {
		b, err := hex.DecodeString(v.Hex)
		if err != nil {
			tb.Fatalf("%s: %v", v.Name, err)
		}
		out[v.Name] = b
	}
	return out
}

func submitFrom1000(sequence uint32, dest address, b messageBody) pdu {
	b.id, b.source, b.dest = submitSM, address{addr: "1000"}, dest
	return pdu{sequence: sequence, body: &b}
}

func wantVectors() map[string]pdu {
	msisdn := address{ton: 1, npi: 1, addr: "46700000000"}
	short := address{addr: "4670"}
	receipt := func(sequence uint32, text string, optional tlvs) pdu {
		return pdu{sequence: sequence, body: &messageBody{
			id: deliverSM, source: address{addr: "46700000000"}, dest: address{addr: "1000"}, esmClass: 4,
			dataCoding: 1, shortMessage: []byte(text), optional: optional,
		}}
	}
	return map[string]pdu{
		"bind_transceiver": {sequence: 1, body: &bindBody{
			id: bindTransceiver, systemID: "user", password: "pass", interfaceVersion: 0x34,
		}},
		"bind_transceiver_resp+sc_if": {sequence: 1, body: &bindRespBody{
			id: bindTransceiver.response(), systemID: "SMSC", optional: tlvs{{0x0210, []byte{0x34}}},
		}},
		"bind_resp_fail": {status: statusInvPaswd, sequence: 1, body: &bindRespBody{id: bindTransceiver.response()}},
		"enquire_link":   {sequence: 7, body: &bareBody{id: enquireLink}},
		"submit_ascii": {sequence: 2, body: &messageBody{
			id: submitSM, source: address{ton: 5, addr: "Shop"}, dest: msisdn, registeredDelivery: 1,
			shortMessage: []byte("Hello"),
		}},
		"submit_gsm_euro": submitFrom1000(3, msisdn, messageBody{shortMessage: mustGSM7("@£$ €{}[]~\\^|")}),
		"submit_ucs2":     submitFrom1000(4, msisdn, messageBody{dataCoding: 8, shortMessage: encodeUCS2("Привет 😀")}),
		"submit_latin1":   submitFrom1000(5, short, messageBody{dataCoding: 3, shortMessage: []byte("caf\xe9")}),
		"submit_concat_udh8": submitFrom1000(6, short, messageBody{
			esmClass:     0x40,
			shortMessage: append(concatenation{reference: 0xAB, total: 2, number: 1}.header(), "part one"...),
		}),
		"submit_sar_tlv": submitFrom1000(8, short, messageBody{dataCoding: 1, shortMessage: []byte("part"), optional: tlvs{
			{tagSarMsgRefNum, []byte{1, 2}}, {tagSarTotalSegments, []byte{3}}, {tagSarSegmentSeqnum, []byte{2}},
		}}),
		"submit_message_payload": submitFrom1000(9, short, messageBody{
			dataCoding: 1, optional: tlvs{{tagMessagePayload, []byte("long text in payload")}},
		}),
		"submit_resp":           {sequence: 2, body: &messageIDBody{id: submitSM.response(), messageID: "abc123"}},
		"submit_resp_throttled": {status: statusThrottled, sequence: 2, body: &messageIDBody{id: submitSM.response()}},
		"deliver_mo": {sequence: 20, body: &messageBody{
			id: deliverSM, source: msisdn, dest: address{addr: "1000"}, dataCoding: 1, shortMessage: []byte("MO text"),
		}},
		"deliver_dlr": receipt(21,
			"id:abc123 sub:001 dlvrd:001 submit date:2611220000 done date:2611220001 stat:DELIVRD err:000 text:Hello",
			tlvs{{tagReceiptedMessageID, []byte("abc123\x00")}, {tagMessageState, []byte{2}}}),
		"deliver_dlr_undeliv": receipt(22,
			"id:abc124 sub:001 dlvrd:000 submit date:2611220000 done date:2611220001 stat:UNDELIV err:027 text:",
			tlvs{
				{tagReceiptedMessageID, []byte("abc124\x00")},
				{tagMessageState, []byte{5}},
				{tagNetworkErrorCode, []byte{3, 0, 27}},
			}),
		"deliver_resp": {sequence: 20, body: &messageIDBody{id: deliverSM.response()}},
		"unbind":       {sequence: 30, body: &bareBody{id: unbind}},
		"unbind_resp":  {sequence: 30, body: &bareBody{id: unbind.response()}},
		"generic_nack": {status: statusInvCmdID, sequence: 31, body: &bareBody{id: genericNack}},
	}
}

func mustGSM7(s string) []byte {
	b, ok := encodeGSM7(s)
	if !ok {
		panic("not GSM-7: " + s)
	}
	return b
}

// TestPDUVectors holds the codec against octets that node-smpp made.
func TestPDUVectors(t *testing.T) {
	t.Parallel()
	vectors, want := pduVectors(t), wantVectors()
	for name := range vectors {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: no expectation", name)
		}
	}
	for name, p := range want {
		octets, ok := vectors[name]
		if !ok {
			t.Errorf("%s: no vector", name)
			continue
		}
		got, err := decodePDU(octets)
		if err != nil {
			t.Errorf("%s: decode: %v", name, err)
		}
		if diff := cmp.Diff(p, got, cmpPDU); diff != "" {
			t.Errorf("%s: decoded (-want +got):\n%s", name, diff)
		}
		encoded, err := p.encode()
		if err != nil {
			t.Errorf("%s: encode: %v", name, err)
		}
		if !bytes.Equal(encoded, octets) {
			t.Errorf("%s: encoded\n%x, want\n%x", name, encoded, octets)
		}
	}
}

// TestPDURoundTrip covers the bodies that no vector has.
func TestPDURoundTrip(t *testing.T) {
	t.Parallel()
	a := address{ton: 1, npi: 1, addr: "46700000000"}
	for _, b := range []body{
		&bindBody{id: bindReceiver, systemID: "u", addressRange: "^467", addrTON: 1, addrNPI: 1, systemType: "x"},
		&dataBody{source: a, dest: a, esmClass: 4, optional: tlvs{{tagMessagePayload, []byte("x")}}},
		&multiBody{dests: []multiDest{{address: a}, {list: "friends"}}, message: messageBody{shortMessage: []byte("x")}},
		&multiRespBody{messageID: "1", unsuccess: []multiFailure{{address: a, status: 11}}},
		&queryBody{messageID: "1", source: a},
		&queryRespBody{messageID: "1", finalDate: "261122000000000+", state: 2},
		&cancelBody{messageID: "1", source: a, dest: a},
		&replaceBody{messageID: "1", source: a, shortMessage: []byte("new")},
		&outbindBody{systemID: "smsc", password: "pw"},
		&alertBody{source: a, esme: a},
	} {
		want := pdu{sequence: 1, body: b}
		octets, err := want.encode()
		if err != nil {
			t.Fatalf("%T: encode: %v", b, err)
		}
		got, err := decodePDU(octets)
		if err != nil {
			t.Fatalf("%T: decode: %v", b, err)
		}
		if diff := cmp.Diff(want, got, cmpPDU); diff != "" {
			t.Errorf("%T (-want +got):\n%s", b, diff)
		}
	}
}

func TestDecodeToleratesBarePeers(t *testing.T) {
	t.Parallel()
	header := func(id commandID, status commandStatus, rest ...byte) []byte {
		b := []byte{0, 0, 0, byte(16 + len(rest)), byte(id >> 24), 0, byte(id >> 8), byte(id), 0, 0, 0, byte(status), 0, 0, 0, 1}
		return append(b, rest...)
	}
	for name, b := range map[string][]byte{
		"submit_sm_resp without body":            header(submitSM.response(), statusOK),
		"deliver_sm_resp without body":           header(deliverSM.response(), statusOK),
		"error response with unterminated id":    header(submitSM.response(), statusSysErr, 'x'),
		"error response with broken parameters":  header(submitSM.response(), statusSysErr, 0, 1, 2),
		"enquire_link with octets nobody needs":  header(enquireLink, statusOK, 1, 2, 3),
		"bind_resp without optional parameters ": header(bindTransceiver.response(), statusOK, 'a', 0),
	} {
		if _, err := decodePDU(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	mo := pduVectors(t)["deliver_mo"]
	short, long := slices.Clone(mo), slices.Clone(mo)
	short[3], long[0] = 15, 0x7F
	for name, tt := range map[string]struct {
		in   []byte
		want error
	}{
		"nothing":         {nil, errBadLength},
		"length below 16": {short, errBadLength},
		"length 2 GB":     {long, errBadLength},
		"length mismatch": {mo[:40], errBadLength},
		"unknown command": {[]byte{0, 0, 0, 16, 0, 0, 9, 9, 0, 0, 0, 0, 0, 0, 0, 5}, errUnknownCommand},
	} {
		if _, err := decodePDU(tt.in); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
	}
	p, err := decodePDU([]byte{0, 0, 0, 18, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9, 'a', 'b'})
	if err == nil || p.sequence != 9 || p.body.command() != deliverSM {
		t.Errorf("broken deliver_sm: %+v, %v; want the header and an error", p, err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]body{
		"long password":      &bindBody{id: bindTransceiver, password: "123456789"},
		"NUL in system_id":   &bindBody{id: bindTransceiver, systemID: "a\x00b"},
		"long address":       &messageBody{id: submitSM, dest: address{addr: "123456789012345678901"}},
		"long short_message": &messageBody{id: submitSM, shortMessage: make([]byte, 255)},
		"long payload":       &messageBody{id: submitSM, optional: tlvs{{tagMessagePayload, make([]byte, 65536)}}},
		"many destinations":  &multiBody{dests: make([]multiDest, 255)},
	} {
		if _, err := (pdu{sequence: 1, body: b}).encode(); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func FuzzDecodePDU(f *testing.F) {
	for _, b := range pduVectors(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePDU(b)
		if err != nil {
			return
		}
		octets, err := p.encode()
		if err != nil {
			return // longer than we would write
		}
		again, err := decodePDU(octets)
		if err != nil {
			t.Fatalf("decode of own octets: %v", err)
		}
		if p.status == statusOK && !cmp.Equal(p, again, cmpPDU, cmpopts.EquateEmpty()) {
			t.Fatal(cmp.Diff(p, again, cmpPDU, cmpopts.EquateEmpty()))
		}
	})
}
