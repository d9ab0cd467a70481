package mms_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/mms"
)

// newBandwidthPhone is a phone that Bandwidth reaches.
func newBandwidthPhone(t *testing.T) *phone {
	t.Helper()
	p := newPhone(t, ``)
	p.Conn.BaseURL = p.URL + "/mms-bandwidth"
	p.Conn.Credential.Provider = "bandwidth"
	p.Conn.Credential.MMS = &parley.MMSCredentials{
		AccountID: "acct", APIKey: "app-1", DefaultSender: "+12025550100",
		BasicAuth: &parley.BasicAuth{Username: "u", Password: "p"},
	}
	p.Do(http.MethodPut, "/accounts/mms-bandwidth/acct", map[string]string{
		"username": "u", "password": "p", "application_id": "app-1", "webhook_url": p.Conn.WebhookURL,
		"webhook_password": "webhook-password", "number": "+12025550100",
	}, nil)
	return p
}

func TestBandwidthRoundTrip(t *testing.T) {
	t.Parallel()
	p := newBandwidthPhone(t)
	id, err := p.send(card())
	if err != nil {
		t.Fatal(err)
	}
	var shown item
	p.Do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tulips\nFresh\n> YES" || len(shown.Media) != 1 || shown.Media[0].URL != "https://x.example/a.png" ||
		shown.Sender != "+12025550100" {
		t.Fatalf("the phone shows %+v", shown)
	}
	in := p.next()
	if in.Receipt == nil || in.Receipt.ID != id || in.Receipt.Key != channeltest.MessageID+".0" || in.Receipt.Status != parley.StatusDelivered {
		t.Errorf("got %+v, want the delivery of %s", in, id)
	}
	p.Do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Yes"}, nil)
	if in := p.next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != "Yes" || in.To != "12025550100" {
		t.Errorf("a tapped choice: got %+v, want its words", in)
	}
	p.Do(http.MethodPost, handset+"/reply", map[string]any{
		"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "caption": "Look", "account": "acct",
	}, nil)
	in = p.next()
	if in.Message == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "Look" || in.Media == nil {
		t.Fatalf("got %+v, want media with a caption", in)
	}
	m, err := mms.New().FetchMedia(t.Context(), p.Conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Body.Close()
	if got, err := io.ReadAll(m.Body); err != nil || string(got) != "a picture" || m.MIME != "image/jpeg" {
		t.Errorf("fetched %q (%s), %v", got, m.MIME, err)
	}
	if _, err := mms.New().FetchMedia(t.Context(), p.Conn, "https://elsewhere.example/users/acct/media/1"); err == nil {
		t.Error("the password is sent elsewhere")
	}
}

func TestBandwidthFailures(t *testing.T) {
	t.Parallel()
	p := newBandwidthPhone(t)
	p.Do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "reject", "fail_code": 4470, "times": 1}, nil)
	if _, err := p.send(card()); err != nil {
		t.Fatal(err)
	}
	in := p.next()
	if in.Receipt == nil || in.Receipt.Reason == nil || in.Receipt.Reason.Code != parley.ReasonDeliveryRejectedDueToPolicy {
		t.Errorf("rejected: got %+v", in)
	}
	p.Do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "rate_limit", "times": 1}, nil)
	if _, err := p.send(card()); err == nil || channel.AsError(err).Reason.Code != parley.ReasonRateLimited {
		t.Errorf("too fast: %v", err)
	}
	p.Conn.OpenMedia = func(context.Context, string) (channel.Media, error) {
		return channel.Media{Body: http.NoBody, MIME: "application/zip"}, nil
	}
	if err := p.sendStrict(); err == nil || channel.AsError(err).Reason.Code != parley.ReasonMediaTypeUnsupported {
		t.Errorf("strict: %v", err)
	}
	p.Conn.Credential.MMS.BasicAuth.Password = "wrong"
	if _, err := p.send(card()); err == nil || channel.AsError(err).Reason.Code != parley.ReasonChannelBadConfiguration {
		t.Errorf("a wrong password: %v", err)
	}
}

// sendStrict sends a card that must hold to the rules of all networks.
func (p *phone) sendStrict() error {
	p.t.Helper()
	payloads, err := mms.New().Render(&channel.Outgoing{
		To: channel.Address{Identity: "15551230001"}, Message: card(), Credential: p.Conn.Credential,
		Properties: map[string]string{"MMS_STRICT_VALIDATION": "true"},
	})
	if err != nil {
		return err
	}
	_, err = mms.New().Send(p.t.Context(), p.Conn, channel.Attempt{Key: channeltest.MessageID + ".0", Payload: payloads[0]})
	return err
}
