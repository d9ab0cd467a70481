package simulator_test

import (
	"bufio"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/simulator"
)

// newSMSC is a simulator with an SMS centre and its port.
func newSMSC(t *testing.T, account map[string]any) (*world, string) {
	t.Helper()
	w := newWorld(t)
	if account == nil {
		account = map[string]any{"password": "pass", "number": "1000"}
	}
	w.must(http.MethodPut, "/accounts/smpp/user", account)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.sim.Serve(t.Context(), simulator.ProviderSMPP, l) }()
	t.Cleanup(func() {
		if err := <-done; err != nil { // t.Context is done before cleanups run
			t.Error(err)
		}
	})
	return w, strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// esme is node-smpp on the other side: another implementation of the
// protocol.
type esme struct {
	t   *testing.T
	in  *json.Encoder
	got chan map[string]any
}

func newESME(t *testing.T, port string) *esme {
	t.Helper()
	peers, err := filepath.Abs(filepath.Join("..", "..", "test", "peers"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(peers, "node_modules", "smpp")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("npm install in test/peers to test against node-smpp")
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "esme.mjs"), peers, port)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e := &esme{t: t, in: json.NewEncoder(stdin), got: make(chan map[string]any, 100)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var v map[string]any
			if json.Unmarshal(lines.Bytes(), &v) == nil {
				e.got <- v
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-read
		_ = cmd.Wait()
	})
	e.next("connect")
	return e
}

func (e *esme) send(v map[string]any) {
	e.t.Helper()
	if err := e.in.Encode(v); err != nil {
		e.t.Fatal(err)
	}
}

// next is the next PDU, which must be that command.
func (e *esme) next(command string) map[string]any {
	e.t.Helper()
	select {
	case v := <-e.got:
		if v["command"] != command {
			e.t.Fatalf("got %v, want %s", v, command)
		}
		return v
	case <-time.After(patience):
		e.t.Fatalf("no %s came", command)
		return nil
	}
}

func (e *esme) bind(kind string) {
	e.t.Helper()
	e.send(map[string]any{"command": kind, "system_id": "user", "password": "pass"})
	if r := e.next(kind + "_resp"); r["command_status"] != 0.0 || r["system_id"] != "SMSC" || r["sc_interface_version"] != 52.0 {
		e.t.Fatalf("bind: %v", r)
	}
}

// submit sends a message and returns the answer.
func (e *esme) submit(more map[string]any) map[string]any {
	e.t.Helper()
	v := map[string]any{
		"command": "submit_sm", "source_addr": "1000", "dest_addr_ton": 1, "dest_addr_npi": 1,
		"destination_addr": "46700000001", "data_coding": 0,
	}
	maps.Copy(v, more)
	e.send(v)
	return e.next("submit_sm_resp")
}

func text(v map[string]any) string {
	s, _ := at(v, "short_message", "text").(string)
	return s
}

func TestSMPPSubmitAndReceipt(t *testing.T) {
	t.Parallel()
	w, port := newSMSC(t, nil)
	e := newESME(t, port)
	e.bind("bind_transceiver")
	r := e.submit(map[string]any{"short_message": "Hej {€} ñ", "registered_delivery": 1})
	id, _ := r["message_id"].(string)
	if r["command_status"] != 0.0 || id == "" {
		t.Fatalf("submit: %v", r)
	}
	d := e.next("deliver_sm")
	if d["esm_class"] != 4.0 || d["receipted_message_id"] != id || d["message_state"] != 2.0 ||
		!strings.HasPrefix(text(d), "id:"+id+" sub:001 dlvrd:001 submit date:") || !strings.Contains(text(d), " stat:DELIVRD err:000 text:Hej ??? ?") {
		t.Errorf("receipt: %v", d)
	}
	if it := w.wait("SMS/46700000001", "status=delivered"); it.Text != "Hej {€} ñ" || it.ProviderID != id || it.Sender != "1000" {
		t.Errorf("shown: %+v", it)
	}
	e.send(map[string]any{"command": "enquire_link"})
	e.next("enquire_link_resp")
	e.send(map[string]any{"command": "unbind"})
	e.next("unbind_resp")
	e.next("close")
}

func TestSMPPLongAndCoded(t *testing.T) {
	t.Parallel()
	w, port := newSMSC(t, nil)
	e := newESME(t, port)
	e.bind("bind_transmitter")
	for i, part := range []string{"second", "first "} {
		udh := []string{"050003ab0202", "050003ab0201"}[i]
		if r := e.submit(map[string]any{"esm_class": 0x40, "short_message": map[string]string{"udh": udh, "message": part}}); r["command_status"] != 0.0 {
			t.Fatalf("part: %v", r)
		}
	}
	if it := w.wait("SMS/46700000001", "text=first+second"); it.Parts != 2 {
		t.Errorf("shown: %+v", it)
	}
	for i, part := range []string{"Один, ", "два"} {
		e.submit(map[string]any{
			"data_coding": 8, "short_message": part,
			"sar_msg_ref_num": 258, "sar_total_segments": 2, "sar_segment_seqnum": i + 1,
		})
	}
	w.wait("SMS/46700000001", "text=%D0%9E%D0%B4%D0%B8%D0%BD%2C+%D0%B4%D0%B2%D0%B0")
	e.submit(map[string]any{"short_message": "", "message_payload": map[string]string{"message": strings.Repeat("payload ", 50)}})
	w.wait("SMS/46700000001", "text=payload+payload")
	e.submit(map[string]any{"data_coding": 0x10, "short_message": "flash"})
	if it := w.wait("SMS/46700000001", "text=flash"); !it.Flash {
		t.Errorf("not a flash message: %+v", it)
	}
	e.submit(map[string]any{"data_coding": 3, "short_message": map[string]string{"hex": "636166e9"}})
	w.wait("SMS/46700000001", "text=caf%C3%A9")
	for name, c := range map[string]struct {
		more map[string]any
		want float64
	}{
		"letters":  {map[string]any{"destination_addr": "abc", "short_message": "x"}, 0x0B},
		"sender":   {map[string]any{"source_addr_ton": 5, "source_addr": "TwelveLetter", "short_message": "x"}, 0x0A},
		"too long": {map[string]any{"short_message": strings.Repeat("x", 161)}, 0x01},
		"ucs2":     {map[string]any{"data_coding": 8, "short_message": strings.Repeat("Ж", 71)}, 0x01},
		"header":   {map[string]any{"esm_class": 0x40, "short_message": map[string]string{"hex": "ff00"}}, 0x43},
	} {
		if r := e.submit(c.more); r["command_status"] != c.want {
			t.Errorf("%s: status %v, want %v", name, r["command_status"], c.want)
		}
	}
}

func TestSMPPBinds(t *testing.T) {
	t.Parallel()
	_, port := newSMSC(t, map[string]any{"password": "pass", "max_sessions": 1})
	e := newESME(t, port)
	if r := e.submit(map[string]any{"short_message": "x"}); r["command_status"] != 4.0 {
		t.Errorf("submit without bind: %v", r)
	}
	e.send(map[string]any{"command": "bind_transceiver", "system_id": "nobody", "password": "pass"})
	if r := e.next("bind_transceiver_resp"); r["command_status"] != 15.0 {
		t.Errorf("unknown system: %v", r)
	}
	e.send(map[string]any{"command": "bind_transceiver", "system_id": "user", "password": "no"})
	if r := e.next("bind_transceiver_resp"); r["command_status"] != 14.0 {
		t.Errorf("wrong password: %v", r)
	}
	e.bind("bind_receiver")
	if r := e.submit(map[string]any{"short_message": "x"}); r["command_status"] != 4.0 {
		t.Errorf("submit as receiver: %v", r)
	}
	e.send(map[string]any{"raw_hex": "00000010000001020000000000000009"}) // alert_notification: not for an SMSC
	if r := e.next("generic_nack"); r["command_status"] != 3.0 || r["sequence_number"] != 9.0 {
		t.Errorf("unknown command: %v", r)
	}
	other := newESME(t, port)
	other.send(map[string]any{"command": "bind_receiver", "system_id": "user", "password": "pass"})
	if r := other.next("bind_receiver_resp"); r["command_status"] != 5.0 {
		t.Errorf("second session: %v", r)
	}
	other.send(map[string]any{"raw_hex": "0000000f000000150000000000000001"})
	if r := other.next("generic_nack"); r["command_status"] != 2.0 {
		t.Errorf("bad length: %v", r)
	}
	other.next("close")
}

func TestSMPPRedelivery(t *testing.T) {
	t.Parallel()
	w, port := newSMSC(t, map[string]any{"password": "pass", "number": "1000", "receipts": "text", "receipt_ids": "decimal"})
	long := strings.Repeat("0123456789", 20)
	w.must(http.MethodPost, "/handsets/SMS/46701/reply", map[string]string{"text": long}) // nobody is bound yet
	w.must(http.MethodPut, "/handsets/SMS/46702/behaviour", `{"deliver":"reject","fail_code":"REJECTD:015"}`)
	e := newESME(t, port)
	e.send(map[string]any{"statuses": []int{0x64}}) // the first part is refused and comes again
	e.bind("bind_transceiver")
	parts := map[string]string{}
	for range 3 {
		d := e.next("deliver_sm")
		if d["source_addr"] != "46701" || d["destination_addr"] != "1000" || d["esm_class"] != 64.0 {
			t.Errorf("message: %v", d)
		}
		udh, _ := at(d, "short_message", "udh", 0).(string)
		parts[udh] = text(d)
	}
	if got := parts["0003010201"] + parts["0003010202"]; got != long {
		t.Errorf("parts %v", parts)
	}
	w.wait("SMS/46701", "direction=out&status=accepted")
	r := e.submit(map[string]any{"destination_addr": "46702", "short_message": "x", "registered_delivery": 2})
	n, err := strconv.ParseUint(r["message_id"].(string), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	d := e.next("deliver_sm")
	if !strings.HasPrefix(text(d), "id:"+strconv.FormatUint(n, 10)+" ") || !strings.Contains(text(d), "stat:REJECTD err:015") {
		t.Errorf("receipt: %v", d)
	}
	if d["receipted_message_id"] != nil {
		t.Errorf("receipt has parameters: %v", d)
	}
	w.must(http.MethodPost, "/handsets/SMS/46702/reply", `{"text":"Привет"}`)
	if d := e.next("deliver_sm"); text(d) != "Привет" || d["data_coding"] != 8.0 {
		t.Errorf("message: %v", d)
	}
}

func TestSMPPHang(t *testing.T) {
	t.Parallel()
	w, port := newSMSC(t, nil)
	w.must(http.MethodPut, "/handsets/SMS/46701/behaviour", `{"deliver":"rate_limit","times":1}`)
	w.must(http.MethodPut, "/handsets/SMS/46702/behaviour", `{"hang":"after","times":1}`)
	e := newESME(t, port)
	e.bind("bind_transceiver")
	if r := e.submit(map[string]any{"destination_addr": "46701", "short_message": "x"}); r["command_status"] != 88.0 {
		t.Errorf("throttled: %v", r)
	}
	e.send(map[string]any{
		"command": "submit_sm", "source_addr": "1000", "destination_addr": "46702", "short_message": "x",
		"data_coding": 0, "registered_delivery": 1,
	})
	e.next("close")
	w.wait("SMS/46702", "text=x")
	again := newESME(t, port)
	again.bind("bind_receiver")
	again.next("deliver_sm") // the receipt of the message nobody heard was taken
	if got := w.sim.Stats()[simulator.ProviderSMPP]; got.Cut != 1 || got.Refused != 1 || got.Accepted != 1 {
		t.Errorf("stats %+v", got)
	}
}
