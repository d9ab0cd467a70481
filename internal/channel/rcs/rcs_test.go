package rcs_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/rcs"
)

const (
	agentID     = "shop_agent"
	clientToken = "client-token-of-the-test"
	accessToken = "access-token-of-the-test"
)

// credential returns an agent whose client token is its callback secret.
func credential(t testing.TB) *parley.ChannelCredential {
	t.Helper()
	file, err := os.ReadFile("testdata/service-account.json")
	if err != nil {
		t.Fatal(err)
	}
	return &parley.ChannelCredential{
		Channel:          parley.ChannelRCS,
		StaticBearer:     &parley.StaticBearer{ClaimedIdentity: agentID, Token: "unused-bearer-of-the-test"},
		CallbackSecret:   clientToken,
		ProviderSettings: json.RawMessage(`{"traffic_type":"TRANSACTION","service_account":` + string(file) + `}`),
	}
}

func suite(t testing.TB) channeltest.Suite {
	t.Helper()
	return channeltest.Suite{
		Channel:    rcs.New(),
		Credential: credential(t),
		Secrets:    []string{accessToken},
		Serve:      serveToken,
		Sign:       sign,
		SignsBody:  true,
		Check:      limits,
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite(t))
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite(f)) }

// serveToken is Google's token endpoint.
func serveToken(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != "/token" {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"access_token":"`+accessToken+`","expires_in":3599,"token_type":"Bearer"}`)
	return true
}

// sign sets the signature of the data within a webhook.
func sign(c *channel.Conn, r *http.Request, body []byte) {
	var frame struct {
		Message struct {
			Data []byte `json:"data"`
		} `json:"message"`
	}
	if json.Unmarshal(body, &frame) != nil {
		return
	}
	r.Header.Set("X-Goog-Signature", signature(c.Credential.CallbackSecret, frame.Message.Data))
}

func signature(token string, data []byte) string {
	mac := hmac.New(sha512.New, []byte(token))
	mac.Write(data)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
