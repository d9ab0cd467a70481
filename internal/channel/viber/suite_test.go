package viber_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/viber"
)

const (
	token  = "445da6az1s345z78-dazcczb2542zv51a-e0vc5fva17480im9"
	userID = "01234567890A="
)

func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelViber, StaticToken: &parley.StaticToken{Token: token}, ChannelKnownID: "Shop",
	}
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel: viber.New(), Credential: credential(), To: userID,
		Sign: func(_ *channel.Conn, r *http.Request, body []byte) {
			r.Header.Set("X-Viber-Content-Signature", signature(token, body))
		},
		SignsBody: true, Check: limits,
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

func signature(token string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// limits checks what Viber documents.
func limits(p channel.Payload) error {
	type grid struct {
		Rows    int `json:"ButtonsGroupRows"`
		Buttons []struct{ Text, ActionBody string }
	}
	var m struct {
		Receiver, Text string
		Keyboard       *grid
		RichMedia      *grid `json:"rich_media"`
	}
	if err := json.Unmarshal(p.Body, &m); err != nil {
		return err
	}
	text := len(utf16.Encode([]rune(m.Text)))
	if m.Receiver != userID || text > 7000 || len(p.Body) > 30<<10 {
		return fmt.Errorf("to %q, text %d, %d bytes", m.Receiver, text, len(p.Body))
	}
	for _, g := range []*grid{m.Keyboard, m.RichMedia} {
		if g == nil {
			continue
		}
		if len(g.Buttons) == 0 || len(g.Buttons) > 42 || g.Rows > 7 {
			return fmt.Errorf("%d buttons", len(g.Buttons))
		}
		for _, b := range g.Buttons {
			if n := len(utf16.Encode([]rune(b.Text))); n > 250 {
				return fmt.Errorf("a button's text has %d characters", n)
			}
		}
	}
	return nil
}

// TestSignatureVector checks a signature made by another implementation. The
// body is no callback of Viber's, so that a genuine one is malformed.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("testdata", "signature-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Viber struct{ Token, Body, Value string }
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	v := vectors.Viber
	c := credential()
	c.StaticToken.Token = v.Token
	receive := func(header, query string) error {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/channels/VIBER/x?sig="+query, strings.NewReader(v.Body))
		r.Header.Set("X-Viber-Content-Signature", header)
		_, err := viber.New().Receive(&channel.Conn{Credential: c}, r, []byte(v.Body))
		return err
	}
	if err := receive(v.Value, ""); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("genuine: got error %v, want ErrMalformed", err)
	}
	if err := receive("", v.Value); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("genuine in the query: got error %v, want ErrMalformed", err)
	}
	for name, wrong := range map[string]string{
		"none": "", "not hex": "zz", "cut": v.Value[:62], "other": v.Value[:62] + "00", "empty key's": signature("", []byte(v.Body)),
	} {
		if err := receive(wrong, ""); !errors.Is(err, channel.ErrForged) {
			t.Errorf("%s: got error %v, want ErrForged", name, err)
		}
	}
}

func TestSender(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		settings   string
		properties map[string]string
		want       string
	}{
		"the bot's":  {"", nil, `{"name":"Shop"}`},
		"setting":    {`{"sender_name":"Ann","sender_avatar":"https://x.example/a.png"}`, nil, `{"name":"Ann","avatar":"https://x.example/a.png"}`},
		"properties": {`{"sender_name":"Ann"}`, map[string]string{"VIBER_SENDER_NAME": strings.Repeat("x", 40)}, `{"name":"` + strings.Repeat("x", 27) + `…"}`},
	} {
		c := credential()
		c.ProviderSettings = json.RawMessage(row.settings)
		if err := viber.New().Check(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		payloads, err := viber.New().Render(&channel.Outgoing{
			To: channel.Address{Identity: userID}, Properties: row.properties, Credential: c,
			Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Hi"}},
		})
		if err != nil || len(payloads) != 1 || !strings.Contains(string(payloads[0].Body), `"sender":`+row.want) {
			t.Errorf("%s: %v, %v, want %s", name, payloads, err, row.want)
		}
	}
}
