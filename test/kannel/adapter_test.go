package kannel

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/sms"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/test/parleytest"
)

// rig is the adapter, with a Kannel and a phone at its other end.
type rig struct {
	t    *testing.T
	sms  *sms.SMS
	conn *channel.Conn
	sim  *parleytest.Simulator
	got  chan channel.Inbound // from Kannel
	sent int
	down atomic.Int32 // how many more calls are answered with 503

	expires time.Time // of what is sent
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, sms: sms.New(), sim: parleytest.StartSimulator(t), got: make(chan channel.Inbound, 100)}
	r.conn = &channel.Conn{HTTP: http.DefaultClient, Secret: "s", Log: slog.New(slog.DiscardHandler), Now: time.Now}
	hook := httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(hook.Close)
	r.conn.WebhookURL = hook.URL + "/channels/sms/01APP"
	url := startKannel(t, r.sim, r.conn.WebhookURL)
	r.conn.Credential = credential(url)
	return r
}

func credential(url string) *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelSMS, Provider: "kannel", CallbackSecret: callbackSecret,
		StaticBearer:     &parley.StaticBearer{ClaimedIdentity: sendsmsUser, Token: sendsmsPassword},
		ProviderSettings: json.RawMessage(fmt.Sprintf(`{"url":%q,"default_sender":%q}`, url, sender)),
	}
}

func (r *rig) receive(w http.ResponseWriter, req *http.Request) {
	if r.down.Add(-1) >= 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Errorf("webhook: %v", err)
		return
	}
	in, err := r.sms.Receive(r.conn, req, body)
	if err != nil {
		r.t.Errorf("receive %s: %v", req.URL.RawQuery, err)
	}
	for _, one := range in.Inbound {
		r.got <- one
	}
}

func (r *rig) next() channel.Inbound {
	r.t.Helper()
	select {
	case in := <-r.got:
		return in
	case <-time.After(patience):
		r.t.Fatal("Kannel calls nobody")
		return channel.Inbound{}
	}
}

// send sends a text to a phone and returns the ids of its parts.
func (r *rig) send(phone, text string, properties map[string]string) []channel.ProviderID {
	r.t.Helper()
	payloads, err := r.sms.Render(&channel.Outgoing{
		To: channel.Address{Identity: phone}, Credential: r.conn.Credential, Properties: properties,
		Message: &parley.AppMessage{Text: &parley.TextMessage{Text: text}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	ids := make([]channel.ProviderID, len(payloads))
	for i, payload := range payloads {
		r.sent++
		ids[i], err = r.sms.Send(r.t.Context(), r.conn, channel.Attempt{
			Key: fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-%d", r.sent), Payload: payload, Expires: r.expires,
		})
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return ids
}

// shown waits for the first thing a phone shows.
func (r *rig) shown(phone string) simulator.Item {
	r.t.Helper()
	var first simulator.Item
	parleytest.Eventually(r.t, patience, func() string {
		thread, _ := r.sim.Thread(simulator.ChannelSMS, phone)
		if len(thread.Items) == 0 {
			return "the phone shows nothing"
		}
		first = thread.Items[0]
		return ""
	})
	return first
}

// receipts takes in the receipts of each part of a message, in any order:
// smsbox makes several calls at a time. A failure is wanted with its reason.
func (r *rig) receipts(ids []channel.ProviderID, want ...string) {
	r.t.Helper()
	got, wanted := map[channel.ProviderID][]string{}, map[channel.ProviderID][]string{}
	slices.Sort(want)
	for _, id := range ids {
		wanted[id] = want
	}
	for range len(ids) * len(want) {
		in := r.next()
		if in.Receipt == nil {
			r.t.Fatalf("got %+v, want a receipt", in)
		}
		said := string(in.Receipt.Status)
		if reason := in.Receipt.Reason; reason != nil {
			said += " " + string(reason.Code) + strings.TrimPrefix(reason.Description, "The underlying channel reported:")
		}
		got[in.Receipt.ID] = append(got[in.Receipt.ID], said)
		slices.Sort(got[in.Receipt.ID])
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		r.t.Errorf("receipts (-want +got):\n%s", diff)
	}
}

// texts are what goes through Kannel both ways.
var texts = map[string]struct {
	text  string
	parts int
}{
	"GSM-7":           {"Tea & coffee? 100% + £5 #1 @home", 1},
	"GSM-7 letters":   {"Grüße, Ñandù à Ærø: ΔΦΓΛΩΠΨΣΘΞ ¿¡§¤", 1},
	"GSM-7 extension": {"a[b]{c}~^\\|€ end", 1},
	"GSM-7 lines":     {"first\nsecond  with two spaces\n\nlast", 1},
	"spaces":          {" first and last ", 1},
	"spaces in parts": {strings.Repeat("ab ", 60) + strings.Repeat(" ab", 60), 3},
	"GSM-7 in parts":  {strings.Repeat("Hello [world] for 5 € ~", 20), 4},
	"UCS-2":           {"Привет, 世界 😀", 1},
	"UCS-2 in parts":  {strings.Repeat("Привет 😀 ", 30), 5},
}

func TestTexts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.sms.Connect(t.Context(), r.conn); err != nil {
		t.Errorf("connect: %v", err)
	}
	phone := 15551230000
	for name, tt := range texts {
		phone++
		identity := strconv.Itoa(phone)
		ids := r.send(identity, tt.text, nil)
		item := r.shown(identity)
		if item.Text != tt.text || item.Parts != tt.parts || item.Sender != sender || item.Flash {
			t.Errorf("%s: the phone shows %q in %d parts from %s, want %q in %d",
				name, item.Text, item.Parts, item.Sender, tt.text, tt.parts)
		}
		r.receipts(ids, "QUEUED_ON_CHANNEL", "DELIVERED")
		if _, err := r.sim.Reply(t.Context(), simulator.ChannelSMS, identity, simulator.Reply{Text: &tt.text}); err != nil {
			t.Fatal(err)
		}
		in := r.next()
		if in.Message == nil || in.Message.Text.Text != tt.text || in.From.Identity != identity || in.To != sender || in.ID == "" {
			t.Errorf("%s: got %+v", name, in)
		}
	}
}

// outcomes are what a phone or the SMS centre makes of a message, and the
// receipts that say so.
var outcomes = map[string]struct {
	behaviour simulator.Behaviour
	want      []string
}{
	"undeliverable": {
		simulator.Behaviour{Deliver: simulator.DeliverReject},
		[]string{"QUEUED_ON_CHANNEL", "FAILED RECIPIENT_NOT_REACHABLE UNDELIVERABLE, error 027"},
	},
	"rejected": {
		simulator.Behaviour{Deliver: simulator.DeliverReject, FailCode: "REJECTD:015"},
		[]string{"QUEUED_ON_CHANNEL", "FAILED CHANNEL_REJECT REJECTED, error 015"},
	},
	"expired": {
		simulator.Behaviour{Deliver: simulator.DeliverReject, FailCode: "EXPIRED:000"},
		[]string{"QUEUED_ON_CHANNEL", "FAILED DELIVERY_TIMED_OUT EXPIRED, error 000"},
	},
	"no such recipient": {
		simulator.Behaviour{Deliver: simulator.DeliverRefuse, FailCode: "0x0B"},
		[]string{"FAILED RECIPIENT_INVALID_CHANNEL_IDENTITY ESME_RINVDSTADR (0x0B)"},
	},
	"refused": {
		simulator.Behaviour{Deliver: simulator.DeliverRefuse, FailCode: "0x66"},
		[]string{"FAILED CHANNEL_REJECT ESME_RX_R_APPN (0x66)"},
	},
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	phone := 15551240000
	for name, tt := range outcomes {
		phone++
		identity := strconv.Itoa(phone)
		if err := r.sim.SetBehaviour(simulator.ChannelSMS, identity, tt.behaviour); err != nil {
			t.Fatal(err)
		}
		t.Log(name)
		r.receipts(r.send(identity, "words nobody repeats", nil), tt.want...)
	}
}

// What Kannel could not tell us is told again.
func TestWebhookDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const phone, text = "15551260001", "Are you there?"
	r.down.Store(2)
	ids := r.send(phone, text, nil)
	r.receipts(ids, "QUEUED_ON_CHANNEL", "DELIVERED")
	r.down.Store(1)
	words := text
	if _, err := r.sim.Reply(t.Context(), simulator.ChannelSMS, phone, simulator.Reply{Text: &words}); err != nil {
		t.Fatal(err)
	}
	if in := r.next(); in.Message == nil || in.Message.Text.Text != text {
		t.Errorf("got %+v", in)
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const phone = "15551250001"
	r.expires = time.Now().Add(90 * time.Minute)
	r.send(phone, "Look", map[string]string{"SMS_FLASH_MESSAGE": "true", "SMS_SENDER": "Shop"})
	item := r.shown(phone)
	if !item.Flash || item.Sender != "Shop" {
		t.Errorf("the phone shows %+v, want a flash message from Shop", item)
	}
	var sent []struct {
		Validity string `json:"validity_period"`
	}
	if err := json.Unmarshal(item.Native, &sent); err != nil {
		t.Fatal(err)
	}
	const tail = "000+" // tenths, quarters of an hour from UTC, sign
	until, err := time.Parse("060102150405"+tail, sent[0].Validity)
	if left := r.expires.Sub(until); err != nil || left.Abs() > 2*time.Minute {
		t.Errorf("the message is valid until %v, %v; want %v", until, err, r.expires)
	}
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.conn.Credential.StaticBearer.Token = "wrong"
	_, err := r.sms.Connect(t.Context(), r.conn)
	if e := channel.AsError(err); e.Outcome != channel.NotSent || e.Reason.Code != parley.ReasonChannelBadConfiguration {
		t.Errorf("connect: %v, want a bad configuration", err)
	}
}
