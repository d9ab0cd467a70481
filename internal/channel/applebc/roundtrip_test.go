package applebc_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/applebc"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

// A phone is one handset of a simulated Viber and the bot it talks to, both
// over HTTP.
type phone struct {
	t     *testing.T
	base  string
	conn  *channel.Conn
	inbox chan channel.Inbound
}

var handset = "/handsets/APPLEBC/" + url.PathEscape(customer)

const messageID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

func newPhone(t *testing.T) *phone {
	t.Helper()
	sim := simulator.New(simulator.Options{Now: time.Now})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(server.Close)
	p := &phone{t: t, base: server.URL, inbox: make(chan channel.Inbound, 256)}
	p.conn = &channel.Conn{
		Credential: credential(), BaseURL: server.URL + "/applebc", HTTP: http.DefaultClient,
		Log: slog.New(slog.DiscardHandler), Now: time.Now, OpenMedia: openMedia,
	}
	hook := httptest.NewServer(http.HandlerFunc(p.receive))
	t.Cleanup(hook.Close)
	p.do(http.MethodPut, "/accounts/applebc/"+business, simulator.AppleBCAccount{
		MSPID: mspID, Secret: base64.StdEncoding.EncodeToString(key), WebhookURL: hook.URL,
	}, nil)
	p.do(http.MethodPut, handset, map[string]string{"name": "John"}, nil)
	return p
}

// openMedia stands for the media that messages name.
func openMedia(context.Context, string) (channel.Media, error) {
	return channel.Media{Body: io.NopCloser(strings.NewReader("media")), Size: -1}, nil
}

func (p *phone) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Error(err)
	}
	r.SetPathValue("rest", strings.TrimPrefix(r.URL.Path, "/"))
	got, err := applebc.New().Receive(p.conn, r, body)
	if err != nil {
		p.t.Errorf("Receive(%s): %v", body, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, in := range got.Inbound {
		p.inbox <- in
	}
}

// do calls the simulator's control API.
func (p *phone) do(method, path string, in, out any) {
	p.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.base+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		p.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// next waits for the next thing the bot hears that is like it should be.
func (p *phone) next(what string, like func(in *channel.Inbound) bool) channel.Inbound {
	p.t.Helper()
	for {
		select {
		case in := <-p.inbox:
			if like(&in) {
				return in
			}
		case <-time.After(10 * time.Second):
			p.t.Fatalf("the bot heard of no %s", what)
			return channel.Inbound{}
		}
	}
}

// send sends a message and returns the ids of its payloads; none of one that
// is refused before.
func (p *phone) send(m *parley.AppMessage) ([]channel.ProviderID, error) {
	p.t.Helper()
	parts, err := transcode.Message(channel.Tagged(transcode.Select(m, parley.ChannelAppleBC), messageID), applebc.New().Capabilities())
	if err != nil {
		return nil, nil //nolint:nilerr // refused, as other tests expect
	}
	var ids []channel.ProviderID
	for _, part := range parts {
		payloads, err := applebc.New().Render(&channel.Outgoing{
			MessageID: messageID, To: channel.Address{Identity: customer}, Message: part, Credential: credential(),
		})
		if err != nil {
			return nil, nil //nolint:nilerr // refused, as other tests expect
		}
		for _, payload := range payloads {
			id, err := applebc.New().Send(p.t.Context(), p.conn, channel.Attempt{
				Key: rand.Text(), To: channel.Address{Identity: customer}, Payload: payload,
			})
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func text(s string) *parley.AppMessage { return &parley.AppMessage{Text: &parley.TextMessage{Text: s}} }

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	ids, err := p.send(&parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text:    &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Yes & no"}}, {Text: &parley.TextMessage{Text: "Later"}}},
	}})
	if err != nil || len(ids) != 1 {
		t.Fatalf("send a choice: %v, %v", ids, err)
	}
	var shown simulator.Item
	p.do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tea?" || len(shown.Choices) != 2 || shown.Choices[0].Title != "Yes & no" || shown.ProviderID != string(ids[0]) {
		t.Errorf("the phone shows %+v", shown)
	}
	p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": 2}, nil)
	in := p.next("tap", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.ChoiceResponse != nil })
	if in.Message.ChoiceResponse.PostbackData != channel.Token(messageID, 1) || in.From.Identity != customer || in.To != business {
		t.Errorf("tap: got %+v", in)
	}
	p.do(http.MethodPost, handset+"/event", map[string]string{"type": "typing_on"}, nil)
	p.next("typing", func(in *channel.Inbound) bool { return in.Event != nil && in.Event.Composing != nil })
	p.do(http.MethodPost, handset+"/event", map[string]string{"type": "conversation_deleted"}, nil)
	p.next("close", func(in *channel.Inbound) bool { return in.OptOut })
	_, err = p.send(text("Hi again"))
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonRecipientNotReachable {
		t.Errorf("to one who closed: %v, want RECIPIENT_NOT_REACHABLE", err)
	}
}

// TestAttachments checks files both ways: encrypted on the way, whole at the
// end.
func TestAttachments(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	if _, err := p.send(&parley.AppMessage{Media: &parley.MediaMessage{URL: "https://x.example/a.txt"}}); err != nil {
		t.Fatal(err)
	}
	var shown simulator.Item
	p.do(http.MethodGet, handset+"/wait", nil, &shown)
	if len(shown.Media) != 1 || shown.Media[0].Name != "a.txt" || p.read(shown.Media[0].URL) != "media" {
		t.Errorf("the phone shows %+v", shown.Media)
	}
	p.do(http.MethodPost, handset+"/reply", map[string]string{"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "caption": "Look"}, nil)
	in := p.next("picture", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.MediaCard != nil })
	if in.Media == nil || in.Media.MIME != "image/jpeg" || in.Message.MediaCard.Caption != "Look" {
		t.Fatalf("got %+v", in)
	}
	media, err := applebc.New().FetchMedia(t.Context(), p.conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer media.Body.Close()
	if got, err := io.ReadAll(media.Body); err != nil || string(got) != "a picture" || media.Size != int64(len(got)) {
		t.Errorf("the picture is %q of %d, %v", got, media.Size, err)
	}
}

// read fetches what a phone shows.
func (p *phone) read(path string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.base+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(raw)
}

// TestRepeat checks that the same attempt made twice is one message.
func TestRepeat(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	payloads, err := applebc.New().Render(&channel.Outgoing{MessageID: messageID, Message: text("Hi")})
	if err != nil || len(payloads) != 1 {
		t.Fatal(payloads, err)
	}
	for range 2 {
		a := channel.Attempt{Key: messageID + ".0", To: channel.Address{Identity: customer}, Payload: payloads[0]}
		if _, err := applebc.New().Send(t.Context(), p.conn, a); err != nil {
			t.Fatal(err)
		}
	}
	var thread simulator.Thread
	p.do(http.MethodGet, handset, nil, &thread)
	if len(thread.Items) != 1 {
		t.Errorf("the phone shows %d messages, want 1", len(thread.Items))
	}
}

// TestAttachmentVector checks a file that another implementation encrypted.
func TestAttachmentVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("testdata", "signature-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Apple struct {
			Key    string `json:"attachment_key"`
			Plain  string `json:"plain_hex"`
			Cipher string `json:"cipher_hex"`
		}
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	v := vectors.Apple
	sealed, err := hex.DecodeString(v.Cipher)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	mux.HandleFunc("GET /preDownload", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mmcs-Signature") != "gf4=" || r.Header.Get("Mmcs-Owner") != "M1" || r.Header.Get("Mmcs-Url") != "https://x.example" {
			t.Errorf("asked for with %v", r.Header)
		}
		_, _ = io.WriteString(w, `{"download-url":"`+server.URL+`/file"}`)
	})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(sealed) })
	conn := &channel.Conn{Credential: credential(), BaseURL: server.URL, HTTP: http.DefaultClient, Now: time.Now}
	ref := func(size int, key string) string {
		return fmt.Sprintf(`{"size":"%d","key":%q,"url":"https://x.example","owner":"M1","signature":"81fe"}`, size, key)
	}
	media, err := applebc.New().FetchMedia(t.Context(), conn, ref(len(sealed), v.Key))
	if err != nil {
		t.Fatal(err)
	}
	defer media.Body.Close()
	if got, err := io.ReadAll(media.Body); err != nil || hex.EncodeToString(got) != v.Plain {
		t.Errorf("got %x, %v, want %s", got, err, v.Plain)
	}
	for name, wrong := range map[string]string{"size": ref(7, v.Key), "key": ref(len(sealed), "00ab"), "JSON": "{"} {
		if _, err := applebc.New().FetchMedia(t.Context(), conn, wrong); channel.AsError(err).Reason.Code != parley.ReasonMediaNotReachable {
			t.Errorf("%s: got error %v, want MEDIA_NOT_REACHABLE", name, err)
		}
	}
}

// TestRoundTripCorpus hands everything the corpus becomes to the simulated
// Viber, which refuses what the real one does.
func TestRoundTripCorpus(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	go func() { // receipts, which nobody reads here
		for {
			select {
			case <-p.inbox:
			case <-t.Context().Done():
				return
			}
		}
	}()
	corpus := channeltest.Corpus(t)
	delete(corpus, "explicit") // shows that nothing is added or lost
	for name, m := range corpus {
		if _, err := p.send(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
