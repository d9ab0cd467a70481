package fake_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/fake"
)

// suite is all that most channels need to test themselves.
func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel: fake.New(parley.ChannelSMS, nil),
		Credential: &parley.ChannelCredential{
			Channel:      parley.ChannelSMS,
			StaticBearer: &parley.StaticBearer{ClaimedIdentity: "toy-account", Token: "toy-token-4711"},
		},
		Sign: func(c *channel.Conn, r *http.Request, body []byte) {
			r.Header.Set(fake.SignatureHeader, fake.Sign(c.Secret, body))
		},
		SignsBody: true,
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

func TestScript(t *testing.T) {
	t.Parallel()
	refused := channel.Refuse(parley.ReasonChannelReject, "no")
	ch := fake.New(parley.ChannelTelegram, func(a channel.Attempt) (channel.ProviderID, error) {
		if a.Key == "bad" {
			return "", refused
		}
		return fake.Accept(a)
	})
	if id, err := ch.Send(t.Context(), nil, channel.Attempt{Key: "good"}); err != nil || id != "fake-good" {
		t.Errorf("got %q, %v", id, err)
	}
	if _, err := ch.Send(t.Context(), nil, channel.Attempt{Key: "bad"}); !errors.Is(err, refused) {
		t.Errorf("got error %v, want %v", err, refused)
	}
	if got := ch.Attempts(); len(got) != 2 || got[0].Key != "good" || got[1].Key != "bad" {
		t.Errorf("got attempts %+v", got)
	}
}
