package sms

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// These tests hold the SMPP client against SMSCs that other people wrote:
// node-smpp and, in TestPerlPeer, Net::SMPP.

// conn returns an account at the SMSC with the given further settings.
func (p *smscPeer) conn(password, settings string) *channel.Conn {
	raw := fmt.Sprintf(`{"host":"127.0.0.1","port":%d,"response_timeout_s":2,"rate_limit_per_s":0%s}`, p.port, settings)
	return &channel.Conn{
		AppID: "01APP",
		Credential: &parley.ChannelCredential{
			Channel: parley.ChannelSMS, Provider: providerSMPP, ProviderSettings: json.RawMessage(raw),
			StaticBearer: &parley.StaticBearer{ClaimedIdentity: "parley", Token: password},
		},
		HTTP: http.DefaultClient,
		Dial: new(net.Dialer).DialContext,
		Log:  slog.New(slog.DiscardHandler),
		Now:  time.Now,
	}
}

// listening is a running Listen.
type listening struct {
	t       *testing.T
	sms     *SMS
	conn    *channel.Conn
	inbound chan channel.Inbound
	fail    chan error // what accept returns next; nothing means success
	ended   chan error
	stop    context.CancelFunc
}

func listen(t *testing.T, s *SMS, c *channel.Conn) *listening {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &listening{
		t: t, sms: s, conn: c, stop: stop,
		inbound: make(chan channel.Inbound, 100), fail: make(chan error, 1), ended: make(chan error, 1),
	}
	go func() {
		l.ended <- s.Listen(ctx, c, func(_ context.Context, in channel.Inbound) error {
			select {
			case err := <-l.fail:
				return err
			default:
				l.inbound <- in
				return nil
			}
		})
	}()
	return l
}

func (l *listening) end() error {
	l.t.Helper()
	l.stop()
	select {
	case err := <-l.ended:
		return err
	case <-time.After(peerTimeout):
		l.t.Fatal("Listen does not end")
		return nil
	}
}

func (l *listening) next() channel.Inbound {
	l.t.Helper()
	select {
	case in := <-l.inbound:
		return in
	case <-time.After(peerTimeout):
		l.t.Fatal("nothing was delivered")
		return channel.Inbound{}
	}
}

// send renders and sends a text and returns the ids of its segments.
func (l *listening) send(text string, properties map[string]string) ([]channel.ProviderID, error) {
	l.t.Helper()
	payloads, err := l.sms.Render(&channel.Outgoing{
		MessageID: "01M", To: channel.Address{Identity: "46700000000"}, Properties: properties,
		Message: &parley.AppMessage{Text: &parley.TextMessage{Text: text}}, Credential: l.conn.Credential,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	var ids []channel.ProviderID
	for i, payload := range payloads {
		id, err := l.sms.Send(l.t.Context(), l.conn, channel.Attempt{
			Key: fmt.Sprintf("k%d", i), To: channel.Address{Identity: "46700000000"}, Payload: payload,
		})
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// afterBind waits until Send can find the session.
func (l *listening) afterBind() *listening {
	l.t.Helper()
	if _, err := l.sms.Connect(l.t.Context(), l.conn); err != nil {
		l.t.Fatal(err)
	}
	return l
}

func TestNodePeerTexts(t *testing.T) {
	t.Parallel()
	gsm := strings.Repeat("Hello [world] for 5 € ~", 20)
	cyrillic := strings.Repeat("Привет 😀 ", 30)
	for name, tt := range map[string]struct {
		settings, text   string
		segments, coding int
		udh, sar         string
	}{
		"short":            {text: "Hi", segments: 1},
		"GSM-7 long":       {text: gsm, segments: 4, udh: "0003"},
		"UCS-2 long":       {text: cyrillic, segments: 5, coding: 8, udh: "0003"},
		"16-bit reference": {settings: `,"long_message_mode":"udh16"`, text: gsm, segments: 4, udh: "0804"},
		"sar":              {settings: `,"long_message_mode":"sar"`, text: gsm, segments: 4, sar: "yes"},
		"message_payload":  {settings: `,"long_message_mode":"payload"`, text: gsm, segments: 1},
		"two binds":        {settings: `,"bind_mode":"transmitter_receiver"`, text: "Hi", segments: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			peer := startSMSC(t, "smpp", "node", "smsc.mjs")
			l := listen(t, New(), peer.conn("secret", tt.settings)).afterBind()
			ids, err := l.send(tt.text, map[string]string{"SMS_SENDER": "Shop"})
			if err != nil {
				t.Fatal(err)
			}
			if len(ids) != tt.segments {
				t.Errorf("%d segments, want %d", len(ids), tt.segments)
			}
			got := ""
			for range ids {
				e := peer.next("submit")
				got += e.Text
				checkSubmit(t, e, tt.coding, tt.udh, tt.sar != "")
			}
			if got != tt.text {
				t.Errorf("the SMSC read %q, want %q", got, tt.text)
			}
			if err := l.end(); err != nil {
				t.Errorf("Listen: %v", err)
			}
			peer.next("unbound")
		})
	}
}

func checkSubmit(t *testing.T, e peerEvent, coding int, udh string, sar bool) {
	t.Helper()
	if diff := cmp.Diff([3]any{5.0, 0.0, "Shop"}, e.Source); diff != "" {
		t.Errorf("source (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([3]any{1.0, 1.0, "46700000000"}, e.Dest); diff != "" {
		t.Errorf("destination (-want +got):\n%s", diff)
	}
	if e.DataCoding != coding || e.RegisteredDelivery != 1 {
		t.Errorf("data_coding %d, registered_delivery %d; want %d and 1", e.DataCoding, e.RegisteredDelivery, coding)
	}
	if udh != "" && (len(e.UDH) != 1 || !strings.HasPrefix(e.UDH[0], udh)) {
		t.Errorf("user data header %v, want one element %s", e.UDH, udh)
	}
	if hasSAR := e.SAR[1] > 0; hasSAR != sar {
		t.Errorf("sar %v, want it: %t", e.SAR, sar)
	}
}

func TestNodePeerDeliveries(t *testing.T) {
	t.Parallel()
	peer := startSMSC(t, "smpp", "node", "smsc.mjs")
	l := listen(t, New(), peer.conn("secret", "")).afterBind()
	if peer.next("bound").Kind != "transceiver" {
		t.Error("not bound as transceiver")
	}

	peer.order(`{"do":"deliver","pdu":{"source_addr":"46700000000","destination_addr":"1000","esm_class":4,` +
		`"short_message":"id:m1 sub:001 dlvrd:000 submit date:2611220000 done date:2611220001 stat:UNDELIV err:027 text:",` +
		`"receipted_message_id":"m1","message_state":5}}`)
	reason := parley.ChannelReason(parley.ReasonRecipientNotReachable, "UNDELIVERABLE, error 027")
	want := &channel.Receipt{ID: "m1", Status: parley.StatusFailed, Reason: &reason}
	if diff := cmp.Diff(want, l.next().Receipt); diff != "" {
		t.Errorf("receipt (-want +got):\n%s", diff)
	}
	if status := peer.next("delivered").Status; status != 0 {
		t.Errorf("receipt answered with %d", status)
	}

	peer.order(`{"do":"deliver","pdu":{"source_addr":"46700000000","destination_addr":"1000","short_message":"Привет 😀"}}`)
	in := l.next()
	if in.Message == nil || in.Message.Text.Text != "Привет 😀" || in.From.Identity != "46700000000" || in.To != "1000" {
		t.Errorf("message %+v", in)
	}
	peer.next("delivered")

	for _, part := range []string{"050003070202" + "776f726c64", "050003070201" + "48656c6c6f20"} {
		peer.order(`{"do":"deliver","pdu":{"source_addr":"4670","destination_addr":"1000","esm_class":64,"hex":"%s"}}`, part)
	}
	if in := l.next(); in.Message == nil || in.Message.Text.Text != "Hello world" {
		t.Errorf("message in parts: %+v", in)
	}
	peer.next("delivered")
	peer.next("delivered")

	l.fail <- io.ErrShortWrite
	peer.order(`{"do":"deliver","pdu":{"source_addr":"4670","destination_addr":"1000","short_message":"again"}}`)
	if status := peer.next("delivered").Status; status != int(statusTempAppErr) {
		t.Errorf("a message not stored was answered with %d, want %d", status, statusTempAppErr)
	}

	peer.order(`{"do":"enquire"}`)
	if status := peer.next("enquire_answered").Status; status != 0 {
		t.Errorf("enquire_link answered with %d", status)
	}
}

func TestNodePeerKeepsLinkAlive(t *testing.T) {
	t.Parallel()
	peer := startSMSC(t, "smpp", "node", "smsc.mjs")
	listen(t, New(), peer.conn("secret", `,"enquire_link_s":1`)).afterBind()
	peer.next("enquired")
}

func TestNodePeerRefusals(t *testing.T) {
	t.Parallel()
	peer := startSMSC(t, "smpp", "node", "smsc.mjs")
	s := New()
	l := listen(t, s, peer.conn("secret", "")).afterBind()
	peer.order(`{"do":"refuse","status":%d}`, statusThrottled)
	peer.order(`{"do":"enquire"}`) // answered once the order is carried out
	peer.next("enquire_answered")
	_, err := l.send("x", nil)
	e := channel.AsError(err)
	if e.Outcome != channel.TryAgain || e.Reason.Code != parley.ReasonRateLimited || e.After == 0 {
		t.Errorf("throttled: %+v", e)
	}

	wrong := listen(t, s, peer.conn("wrong", `,"system_type":"x"`))
	select {
	case err = <-wrong.ended:
	case <-time.After(peerTimeout):
		t.Fatal("Listen goes on after a refused bind")
	}
	_, connectErr := s.Connect(t.Context(), wrong.conn)
	for what, err := range map[string]error{"Listen": err, "Connect": connectErr} {
		e := channel.AsError(err)
		if e.Outcome != channel.NotSent || e.Reason.Code != parley.ReasonChannelBadConfiguration {
			t.Errorf("%s after a refused bind: %v", what, err)
		}
	}
}

func TestNodePeerLinkCut(t *testing.T) {
	t.Parallel()
	peer := startSMSC(t, "smpp", "node", "smsc.mjs")
	s := New()
	l := listen(t, s, peer.conn("secret", "")).afterBind()
	peer.order(`{"do":"hold"}`)
	peer.order(`{"do":"enquire"}`)
	peer.next("enquire_answered")
	sent := make(chan error, 1)
	go func() {
		_, err := l.send("mid-flight", nil)
		sent <- err
	}()
	peer.next("submit")
	peer.order(`{"do":"cut"}`)
	if e := channel.AsError(<-sent); e.Outcome != channel.Unknown {
		t.Errorf("cut mid-flight: %v, want an unknown outcome", e)
	}
	if e := channel.AsError(<-l.ended); e.Outcome != channel.TryAgain {
		t.Errorf("Listen: %v, want a lost session", e)
	}
	if _, err := l.send("later", nil); channel.AsError(err).Outcome != channel.TryAgain {
		t.Errorf("with no session: %v, want to try again", err)
	}
	peer.order(`{"do":"accept"}`)
	if _, err := listen(t, s, l.conn).afterBind().send("on the next session", nil); err != nil {
		t.Errorf("on the next session: %v", err)
	}
}

func TestPerlPeer(t *testing.T) {
	t.Parallel()
	peer := startSMSC(t, "Net::SMPP", "perl", "smsc.pl")
	l := listen(t, New(), peer.conn("secret", "")).afterBind()
	peer.next("bound")
	ids, err := l.send(strings.Repeat("Grüße {aus} Köln ", 12), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]channel.ProviderID{"p1", "p2"}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	for range ids {
		if e := peer.next("submit"); e.ESMClass != esmHeader || !strings.HasPrefix(e.Hex, "050003") {
			t.Errorf("submit %+v", e)
		}
	}
	for _, id := range ids {
		if r := l.next().Receipt; r == nil || r.ID != id || r.Status != parley.StatusDelivered {
			t.Errorf("receipt %+v, want %s delivered", r, id)
		}
	}
	if err := l.end(); err != nil {
		t.Errorf("Listen: %v", err)
	}
	peer.next("unbound")
}
