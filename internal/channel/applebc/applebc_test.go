package applebc_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/applebc"
	"github.com/parley-im/parley/internal/channel/channeltest"
)

const (
	business = "3f1e2b8a-0c55-4e0e-9a0b-0d9b6f2f4a11"
	customer = "urn:mbid:AQAAY0000001"
	mspID    = "msp-1234"
)

var key = []byte("apple-messaging-secret-32-bytes!")

func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelAppleBC, AppleBC: &parley.AppleBCCredentials{BusinessChatAccountID: business},
		ProviderSettings: json.RawMessage(`{"msp_id":"` + mspID + `","secret":"` + base64.StdEncoding.EncodeToString(key) + `"}`),
	}
}

func suite(t testing.TB) channeltest.Suite {
	t.Helper()
	signed := "Bearer " + token(t, jwt.MapClaims{"aud": mspID, "iat": 1763850000})
	return channeltest.Suite{
		Channel: applebc.New(), Credential: credential(), To: customer, Check: limits,
		Secrets: []string{base64.StdEncoding.EncodeToString(key)},
		Sign: func(_ *channel.Conn, r *http.Request, _ []byte) {
			r.Header.Set("Authorization", signed)
		},
	}
}

func token(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite(t))
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite(f)) }

// limits checks what Apple documents.
func limits(p channel.Payload) error {
	var m struct {
		Type, Body  string
		Attachments []any
		Interactive *struct {
			Data struct {
				QuickReply *struct {
					Items []struct{ Title string }
				} `json:"quick-reply"`
			}
		} `json:"interactiveData"`
	}
	if err := json.Unmarshal(p.Body, &m); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(m.Body); m.Type == "" || n > 3000 || strings.Count(m.Body, "\ufffc") != len(m.Attachments) {
		return fmt.Errorf("type %q, text %d, %d attachments", m.Type, n, len(m.Attachments))
	}
	if m.Interactive != nil && m.Interactive.Data.QuickReply != nil {
		items := m.Interactive.Data.QuickReply.Items
		if len(items) < 2 || len(items) > 5 {
			return fmt.Errorf("%d quick replies", len(items))
		}
		for _, it := range items {
			if utf8.RuneCountInString(it.Title) > 24 {
				return errors.New("a quick reply is longer than phones show")
			}
		}
	}
	return nil
}

// receive gives the channel a request with a token.
func receive(t *testing.T, token string, body []byte) (channel.Received, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/channels/applebc/x/message", bytes.NewReader(body))
	r.Header.Set("Authorization", token)
	r.SetPathValue("rest", "message")
	return applebc.New().Receive(&channel.Conn{Credential: credential(), Now: time.Now}, r, body)
}

// TestTokenVector checks a token made by another implementation. The body is no
// message, so that a genuine request is malformed.
func TestTokenVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("testdata", "signature-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Apple struct {
			JWT string `json:"inbound_jwt"`
		}
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	v := "Bearer " + vectors.Apple.JWT
	if _, err := receive(t, v, []byte("{}")); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("genuine: got error %v, want ErrMalformed", err)
	}
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"aud": mspID}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]string{
		"none": "", "no scheme": vectors.Apple.JWT, "cut": v[:len(v)-2], "unsigned": "Bearer " + unsigned,
		"for another": "Bearer " + token(t, jwt.MapClaims{"aud": "other", "iat": 1763850000}),
		"for nobody":  "Bearer " + token(t, jwt.MapClaims{"iat": 1763850000}),
	} {
		if _, err := receive(t, wrong, []byte("{}")); !errors.Is(err, channel.ErrForged) {
			t.Errorf("%s: got error %v, want ErrForged", name, err)
		}
	}
}

func TestCompressedBody(t *testing.T) {
	t.Parallel()
	good := "Bearer " + token(t, jwt.MapClaims{"aud": mspID, "iat": 1763850000})
	message := `{"id":"b1","type":"text","sourceId":"` + customer + `","destinationId":"` + business + `","body":"Hi"}`
	got, err := receive(t, good, compress(t, message))
	if err != nil || len(got.Inbound) != 1 || got.Inbound[0].Message.Text.Text != "Hi" {
		t.Errorf("got %+v, %v", got, err)
	}
	bomb := compress(t, strings.Repeat(" ", 5<<20)+message)
	if _, err := receive(t, good, bomb); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("%d bytes that become 5 MB: got error %v, want ErrMalformed", len(bomb), err)
	}
	if _, err := receive(t, good, compress(t, message)[:20]); !errors.Is(err, channel.ErrMalformed) {
		t.Errorf("cut: got error %v, want ErrMalformed", err)
	}
}

func compress(t *testing.T, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		``:                                 "provider_settings",
		`{"msp":"x"}`:                      "provider_settings",
		`{"secret":"c2VjcmV0"}`:            "provider_settings.msp_id",
		`{"msp_id":"x","secret":"no b64"}`: "provider_settings.secret",
		`{"msp_id":"x"}`:                   "provider_settings.secret",
	} {
		c := credential()
		c.ProviderSettings = json.RawMessage(settings)
		if err := applebc.New().Check(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one of %s", settings, err, want)
		}
	}
}
