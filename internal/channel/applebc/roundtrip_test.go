package applebc_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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
)

var handset = "/handsets/APPLEBC/" + url.PathEscape(customer)

// newPhone returns a handset of a simulated Messages and the account it talks to.
func newPhone(t *testing.T) *channeltest.Rig {
	t.Helper()
	p := (&channeltest.Rig{Channel: applebc.New(), Credential: credential(), Provider: simulator.ProviderAppleBC, To: customer}).Start(t)
	p.Do(http.MethodPut, "/accounts/applebc/"+business, simulator.AppleBCAccount{
		MSPID: mspID, Secret: base64.StdEncoding.EncodeToString(key), WebhookURL: p.Conn.WebhookURL,
	}, nil)
	p.Do(http.MethodPut, handset, map[string]string{"name": "John"}, nil)
	return p
}

// send sends a message; one that is refused before, as other tests expect, has
// no ids.
func send(p *channeltest.Rig, m *parley.AppMessage) ([]channel.ProviderID, error) {
	payloads, err := p.Render(m)
	if err != nil {
		return nil, nil //nolint:nilerr // refused, as other tests expect
	}
	return p.SendPayloads(rand.Text(), payloads)
}

func text(s string) *parley.AppMessage { return &parley.AppMessage{Text: &parley.TextMessage{Text: s}} }

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	ids, err := send(p, &parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text:    &parley.TextMessage{Text: "Tea?"},
		Choices: []parley.Choice{{Text: &parley.TextMessage{Text: "Yes & no"}}, {Text: &parley.TextMessage{Text: "Later"}}},
	}})
	if err != nil || len(ids) != 1 {
		t.Fatalf("send a choice: %v, %v", ids, err)
	}
	var shown simulator.Item
	p.Do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tea?" || len(shown.Choices) != 2 || shown.Choices[0].Title != "Yes & no" || shown.ProviderID != string(ids[0]) {
		t.Errorf("the phone shows %+v", shown)
	}
	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": 2}, nil)
	in := p.NextLike("tap", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.ChoiceResponse != nil })
	if in.Message.ChoiceResponse.PostbackData != channel.Token(channeltest.MessageID, 1) || in.From.Identity != customer || in.To != business {
		t.Errorf("tap: got %+v", in)
	}
	p.Do(http.MethodPost, handset+"/event", map[string]string{"type": "typing_on"}, nil)
	p.NextLike("typing", func(in *channel.Inbound) bool { return in.Event != nil && in.Event.Composing != nil })
	p.Do(http.MethodPost, handset+"/event", map[string]string{"type": "conversation_deleted"}, nil)
	p.NextLike("close", func(in *channel.Inbound) bool { return in.OptOut })
	_, err = send(p, text("Hi again"))
	if e := channel.AsError(err); err == nil || e.Reason.Code != parley.ReasonRecipientNotReachable {
		t.Errorf("to one who closed: %v, want RECIPIENT_NOT_REACHABLE", err)
	}
}

// TestLargeAnswer taps an item of a list with pictures, which the answer
// repeats: it comes as a reference, which is resolved.
func TestLargeAnswer(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	const size = 12 << 10
	p.Conn.OpenMedia = func(context.Context, string) (channel.Media, error) {
		return channel.Media{Body: io.NopCloser(strings.NewReader(strings.Repeat("p", size))), MIME: "image/png", Size: size}, nil
	}
	items := make([]parley.ListItem, 2)
	for i := range items {
		items[i].Choice = &parley.ListChoice{
			Title: []string{"Tulip", "Rose"}[i], Media: &parley.MediaMessage{URL: "https://x.example/a.png"},
		}
	}
	if _, err := send(p, &parley.AppMessage{List: &parley.ListMessage{
		Title: "Flowers", Sections: []parley.ListSection{{Title: "Today", Items: items}},
	}}); err != nil {
		t.Fatal(err)
	}
	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": 2}, nil)
	in := p.Next()
	if in.Message == nil || in.Message.ChoiceResponse == nil || in.Message.ChoiceResponse.PostbackData != channel.Token(channeltest.MessageID, 1) {
		t.Errorf("tap: got %+v", in.Message)
	}
}

// TestAttachments checks files both ways: encrypted on the way, whole at the
// end.
func TestAttachments(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	if _, err := send(p, &parley.AppMessage{Media: &parley.MediaMessage{URL: "https://x.example/a.txt"}}); err != nil {
		t.Fatal(err)
	}
	var shown simulator.Item
	p.Do(http.MethodGet, handset+"/wait", nil, &shown)
	if len(shown.Media) != 1 || shown.Media[0].Name != "a.txt" || p.Fetch(shown.Media[0].URL) != "media" {
		t.Errorf("the phone shows %+v", shown.Media)
	}
	p.Do(http.MethodPost, handset+"/reply", map[string]string{"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "caption": "Look"}, nil)
	in := p.NextLike("picture", func(in *channel.Inbound) bool { return in.Message != nil && in.Message.MediaCard != nil })
	if in.Media == nil || in.Media.MIME != "image/jpeg" || in.Message.MediaCard.Caption != "Look" {
		t.Fatalf("got %+v", in)
	}
	media, err := applebc.New().FetchMedia(t.Context(), p.Conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer media.Body.Close()
	if got, err := io.ReadAll(media.Body); err != nil || string(got) != "a picture" || media.Size != int64(len(got)) {
		t.Errorf("the picture is %q of %d, %v", got, media.Size, err)
	}
}

// TestRepeat checks that the same attempt made twice is one message.
func TestRepeat(t *testing.T) {
	t.Parallel()
	p := newPhone(t)
	payloads, err := applebc.New().Render(&channel.Outgoing{MessageID: channeltest.MessageID, Message: text("Hi")})
	if err != nil || len(payloads) != 1 {
		t.Fatal(payloads, err)
	}
	for range 2 {
		a := channel.Attempt{Key: channeltest.MessageID + ".0", To: channel.Address{Identity: customer}, Payload: payloads[0]}
		if _, err := applebc.New().Send(t.Context(), p.Conn, a); err != nil {
			t.Fatal(err)
		}
	}
	var thread simulator.Thread
	p.Do(http.MethodGet, handset, nil, &thread)
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
	corpus := channeltest.Corpus(t)
	delete(corpus, "explicit") // shows that nothing is added or lost
	for name, m := range corpus {
		if _, err := send(p, m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
