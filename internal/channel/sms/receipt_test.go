package sms

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseReceipt(t *testing.T) {
	t.Parallel()
	text := func(s string) *messageBody {
		return &messageBody{id: deliverSM, esmClass: esmReceipt, shortMessage: []byte(s)}
	}
	for name, tt := range map[string]struct {
		in   *messageBody
		ids  idForm
		want receipt
		ok   bool
	}{
		"text": {
			text("id:abc123 sub:001 dlvrd:001 submit date:2611220000 done date:2611220001 stat:DELIVRD err:000 text:Hello"),
			idVerbatim,
			receipt{messageID: "abc123", state: stateDelivered, errorCode: "000"},
			true,
		},
		"upper case, spaces, text that looks like fields": {
			text("ID: 42 SUB:001 STAT: undeliv ERR: 27 TEXT:id:9 stat:DELIVRD"),
			idVerbatim,
			receipt{messageID: "42", state: stateUndeliverable, errorCode: "27"},
			true,
		},
		"parameters without text": {
			&messageBody{id: deliverSM, esmClass: esmReceipt, optional: tlvs{
				{tagReceiptedMessageID, []byte("x1\x00")},
				{tagMessageState, []byte{8}},
				{tagNetworkErrorCode, []byte{3, 1, 2}},
			}},
			idVerbatim,
			receipt{messageID: "x1", state: stateRejected, errorCode: "258"},
			true,
		},
		"parameters before text": {
			&messageBody{
				id: deliverSM, esmClass: esmReceipt, shortMessage: []byte("id:9 stat:UNKNOWN"),
				optional: tlvs{{tagReceiptedMessageID, []byte("10")}, {tagMessageState, []byte{2}}},
			},
			idVerbatim,
			receipt{messageID: "10", state: stateDelivered},
			true,
		},
		"intermediate": {
			&messageBody{id: deliverSM, esmClass: esmIntermediate, shortMessage: []byte("id:1 stat:BUFFERED")},
			idVerbatim,
			receipt{messageID: "1", state: stateEnroute, intermediate: true},
			true,
		},
		"hexadecimal receipt": {text("id:00FF stat:EXPIRED"), 2, receipt{messageID: "255", state: stateExpired}, true},
		"leading zeros":       {text("id:0000000255 stat:DELETED"), 1, receipt{messageID: "255", state: stateDeleted}, true},
		"not a number":        {text("id:a-b stat:ACCEPTD"), 3, receipt{messageID: "a-b", state: stateAccepted}, true},
		"no id":               {text("stat:DELIVRD"), idVerbatim, receipt{state: stateDelivered}, false},
		"unheard-of state":    {text("id:1 stat:GONE"), idVerbatim, receipt{messageID: "1"}, false},
		"a message": {
			&messageBody{id: deliverSM, shortMessage: []byte("id:1 stat:DELIVRD")}, idVerbatim, receipt{}, false,
		},
	} {
		got, ok := parseReceipt(tt.in, tt.ids)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(receipt{})); diff != "" || ok != tt.ok {
			t.Errorf("%s: ok %t, want %t (-want +got):\n%s", name, ok, tt.ok, diff)
		}
	}
}

func TestIDFormsMeet(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		form           idForm
		response, rcpt string
	}{
		{idVerbatim, "0a", "0a"},
		{0, "0010", "10"},
		{1, "1F", "31"},
		{2, "31", "0000001f"},
		{3, "1f", "001F"},
	} {
		if r, d := tt.form.inResponse(tt.response), tt.form.inReceipt(tt.rcpt); r != d {
			t.Errorf("form %d: %q is %q but %q is %q", tt.form, tt.response, r, tt.rcpt, d)
		}
	}
}

func TestCodings(t *testing.T) {
	t.Parallel()
	for dcs, want := range map[byte]coding{
		0x00: {alphabet: alphabetGSM7},
		0x01: {alphabet: alphabetASCII},
		0x03: {alphabet: alphabetLatin1},
		0x04: {binary: true},
		0x08: {ucs2: true},
		0x10: {alphabet: alphabetGSM7},
		0x18: {alphabet: alphabetGSM7, ucs2: true},
		0xF1: {alphabet: alphabetGSM7},
		0xF5: {alphabet: alphabetGSM7, binary: true},
	} {
		if got := codingOf(dcs, alphabetGSM7); got != want {
			t.Errorf("data_coding 0x%02x: %+v, want %+v", dcs, got, want)
		}
	}
	for _, a := range []alphabet{alphabetGSM7, alphabetPacked, alphabetLatin1, alphabetUTF8} {
		const text = "café @home £5"
		for _, header := range []int{0, 6} {
			data, ok := a.encode(text, header)
			if got := a.decode(data, header); !ok || got != text {
				t.Errorf("%s: %t %q, want %q", a, ok, got, text)
			}
		}
	}
	if _, ok := alphabetASCII.encode("é", 0); ok {
		t.Error("é encoded as ASCII")
	}
	if _, ok := alphabetLatin1.encode("€", 0); ok {
		t.Error("€ encoded as Latin-1")
	}
}
