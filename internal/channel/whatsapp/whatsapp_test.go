package whatsapp_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/whatsapp"
)

const (
	numberID    = "106540352242922"
	token       = "bearer-token-of-the-test"
	verifyToken = "verify-token-of-the-test"
)

// credential returns an account whose webhooks are signed with its callback
// secret.
func credential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel:          parley.ChannelWhatsApp,
		StaticBearer:     &parley.StaticBearer{ClaimedIdentity: numberID, Token: token},
		CallbackSecret:   "callback-secret-of-the-test",
		ProviderSettings: json.RawMessage(`{"verify_token":"` + verifyToken + `"}`),
	}
}

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel:    whatsapp.New(),
		Credential: credential(),
		SignsBody:  true,
		Sign: func(c *channel.Conn, r *http.Request, body []byte) {
			r.Header.Set("X-Hub-Signature-256", sign(c.Credential.CallbackSecret, body))
		},
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

// sign returns the signature of a webhook.
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
