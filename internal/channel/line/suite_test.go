package line_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"unicode/utf16"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/line"
)

const (
	token  = "very/secret+channel-access-token="
	secret = "0123456789abcdef0123456789abcdef"
	userID = "U4af4980629aabbccddeeff00112233aa"
)

func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelLINE, LINE: &parley.LINECredentials{Token: token, Secret: secret},
	}
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel: line.New(), Credential: credential(), To: userID,
		Properties: map[string]string{"LINE_VIDEO_TRACKING_ID": "track-1"},
		Sign: func(_ *channel.Conn, r *http.Request, body []byte) {
			r.Header.Set("X-Line-Signature", signature(secret, body))
		},
		SignsBody: true, Check: limits,
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

func signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// limits checks what LINE documents beyond its schema.
func limits(p channel.Payload) error {
	var r struct {
		To       string `json:"to"`
		Messages []struct {
			Type     string          `json:"type"`
			Text     string          `json:"text"`
			AltText  string          `json:"altText"`
			Contents json.RawMessage `json:"contents"`
			Template struct {
				Actions []json.RawMessage `json:"actions"`
				Columns []struct {
					Actions []json.RawMessage `json:"actions"`
				} `json:"columns"`
			} `json:"template"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(p.Body, &r); err != nil {
		return err
	}
	if n := len(r.Messages); r.To != userID || n < 1 || n > 5 {
		return fmt.Errorf("to %q, %d messages", r.To, n)
	}
	for _, m := range r.Messages {
		length := len(utf16.Encode([]rune(m.Text)))
		most := 30_000
		if m.Type == "flex" && len(m.Contents) > 17 && string(m.Contents[:17]) == `{"type":"carousel` {
			most = 50_000
		}
		if length > 5000 || len(m.Contents) > most || len(m.Template.Actions) > 4 || len(m.Template.Columns) > 10 {
			return fmt.Errorf("text %d, contents %d, actions %d", length, len(m.Contents), len(m.Template.Actions))
		}
		if (m.Type == "text") != (m.Text != "") || (m.Type == "template" || m.Type == "flex") != (m.AltText != "") {
			return fmt.Errorf("%s: text or altText is missing or too many", m.Type)
		}
		for _, c := range m.Template.Columns {
			if n := len(c.Actions); n < 1 || n > 3 || n != len(m.Template.Columns[0].Actions) {
				return fmt.Errorf("a column with %d actions", n)
			}
		}
	}
	return nil
}
