package smswire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func vectors[T any](t *testing.T, name string) (out []T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var in struct{ Vectors []T }
	if err := json.Unmarshal(b, &in); err != nil {
		t.Fatal(err)
	}
	return in.Vectors
}

type pduVector struct {
	Name, Command, Hex string
	Fields             map[string]any
}

// TestVectors reads PDUs made by another implementation, compares the fields
// and writes the same octets again.
func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors[pduVector](t, "smpp-vectors.json") {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			raw, err := hex.DecodeString(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			p, err := Read(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range v.Fields {
				if got, ok := field(p, name); ok {
					if d := cmp.Diff(want, got); d != "" {
						t.Errorf("%s (-want +got):\n%s", name, d)
					}
				}
			}
			if got := hex.EncodeToString(p.Encode()); got != v.Hex {
				t.Errorf("written again:\n got %s\nwant %s", got, v.Hex)
			}
		})
	}
}

// field is the value of a PDU field by its name in the specification, as JSON
// has it.
func field(p *PDU, name string) (any, bool) {
	switch name {
	case "sequence_number":
		return float64(p.Seq), true
	case "command_status":
		return float64(p.Status), true
	case "message_id":
		return p.MessageID, true
	case "receipted_message_id":
		return strings.TrimRight(string(p.TLV(TagReceiptedMessageID)), "\x00"), true
	case "message_state":
		return float64(p.Uint(TagMessageState)), true
	case "sar_msg_ref_num":
		return float64(p.Uint(TagSARRef)), true
	case "sar_total_segments":
		return float64(p.Uint(TagSARTotal)), true
	case "sar_segment_seqnum":
		return float64(p.Uint(TagSARSeq)), true
	case "sc_interface_version":
		return float64(p.Uint(TagInterfaceVersion)), true
	case "system_id":
		if p.Bind != nil {
			return p.Bind.SystemID, true
		}
		return p.SystemID, true
	}
	if p.SM == nil {
		return nil, false
	}
	switch name {
	case "source_addr":
		return p.SM.Source.Addr, true
	case "source_addr_ton":
		return float64(p.SM.Source.TON), true
	case "destination_addr":
		return p.SM.Dest.Addr, true
	case "dest_addr_ton":
		return float64(p.SM.Dest.TON), true
	case "esm_class":
		return float64(p.SM.ESMClass), true
	case "registered_delivery":
		return float64(p.SM.Registered), true
	case "data_coding":
		return float64(p.SM.Coding), true
	case "short_message":
		if p.SM.Coding == 8 {
			return DecodeUCS2(p.SM.Short), true
		}
		if p.SM.Coding == 0 && p.SM.ESMClass&0x40 == 0 {
			return DecodeGSM7(p.SM.Short), true
		}
	}
	return nil, false
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		hex  string
		want uint32
	}{
		"short header length": {"0000000f00000015000000000000000100", StatusInvCmdLen},
		"huge":                {"7fffffff000000150000000000000001", StatusInvCmdLen},
		"no end of string":    {"00000013000000090000000000000001616263", StatusInvMsgLen},
		"no body":             {"00000010000000040000000000000001", StatusInvMsgLen},
		"TLV cut":             {"00000013000000150000000000000001021000", StatusInvOptPar},
		"TLV too long":        {"0000001400000015000000000000000102100005", StatusInvParLen},
	} {
		raw, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Read(bytes.NewReader(raw))
		var fe *FormatError
		if !errors.As(err, &fe) || fe.Status != c.want {
			t.Errorf("%s: got %v, want status %#x", name, err, c.want)
		}
	}
}

func TestSegments(t *testing.T) {
	t.Parallel()
	for _, v := range vectors[struct {
		Text, Encoding string
		Segments       int
	}](t, "sms-segment-vectors.json") {
		if got := Segments(v.Text); got != v.Segments {
			t.Errorf("%.20q (%s): %d segments, want %d", v.Text, v.Encoding, got, v.Segments)
		}
		if got := IsGSM7(v.Text); got != (v.Encoding == "GSM-7") {
			t.Errorf("%.20q: GSM-7 is %v, want %s", v.Text, got, v.Encoding)
		}
		if b, ok := EncodeGSM7(v.Text); ok && DecodeGSM7(b) != v.Text {
			t.Errorf("%.20q: comes back as %q", v.Text, DecodeGSM7(b))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x10\x00\x00\x00\x15\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if p.Status != StatusOK && p.Bind == nil && p.SM == nil {
			return // the body of an error is not written again
		}
		again, err := Decode(p.Encode())
		if err != nil {
			t.Fatalf("written and not readable: %v", err)
		}
		if d := cmp.Diff(p, again); d != "" && p.ID != QuerySM {
			t.Error(d)
		}
	})
}
