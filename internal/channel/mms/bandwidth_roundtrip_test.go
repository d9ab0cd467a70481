package mms_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/mms"
)

// newBandwidthPhone is a phone that Bandwidth reaches.
func newBandwidthPhone(t *testing.T) *phone {
	t.Helper()
	p := newPhone(t, ``)
	p.conn.BaseURL = p.base + "/mms-bandwidth"
	p.conn.Credential.Provider = "bandwidth"
	p.conn.Credential.MMS = &parley.MMSCredentials{
		AccountID: "acct", APIKey: "app-1", DefaultSender: "+12025550100",
		BasicAuth: &parley.BasicAuth{Username: "u", Password: "p"},
	}
	p.do(http.MethodPut, "/accounts/mms-bandwidth/acct", map[string]string{
		"username": "u", "password": "p", "application_id": "app-1", "webhook_url": p.hook,
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
	p.do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tulips\nFresh\n> YES" || len(shown.Media) != 1 || shown.Media[0].URL != "https://x.example/a.png" ||
		shown.Sender != "+12025550100" {
		t.Fatalf("the phone shows %+v", shown)
	}
	in := p.next()
	if in.Receipt == nil || in.Receipt.ID != id || in.Receipt.Key != messageID+".0" || in.Receipt.Status != parley.StatusDelivered {
		t.Errorf("got %+v, want the delivery of %s", in, id)
	}
	p.do(http.MethodPost, handset+"/tap", map[string]any{"choice": "Yes"}, nil)
	if in := p.next(); in.Message == nil || in.Message.Text == nil || in.Message.Text.Text != "Yes" || in.To != "12025550100" {
		t.Errorf("a tapped choice: got %+v, want its words", in)
	}
	p.do(http.MethodPost, handset+"/reply", map[string]any{
		"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "caption": "Look", "account": "acct",
	}, nil)
	in = p.next()
	if in.Message == nil || in.Message.MediaCard == nil || in.Message.MediaCard.Caption != "Look" || in.Media == nil {
		t.Fatalf("got %+v, want media with a caption", in)
	}
	m, err := mms.New().FetchMedia(t.Context(), p.conn, in.Media.Ref)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Body.Close()
	if got, err := io.ReadAll(m.Body); err != nil || string(got) != "a picture" || m.MIME != "image/jpeg" {
		t.Errorf("fetched %q (%s), %v", got, m.MIME, err)
	}
	if _, err := mms.New().FetchMedia(t.Context(), p.conn, "https://elsewhere.example/users/acct/media/1"); err == nil {
		t.Error("the password is sent elsewhere")
	}
}

func TestBandwidthFailures(t *testing.T) {
	t.Parallel()
	p := newBandwidthPhone(t)
	p.do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "reject", "fail_code": 4470, "times": 1}, nil)
	if _, err := p.send(card()); err != nil {
		t.Fatal(err)
	}
	in := p.next()
	if in.Receipt == nil || in.Receipt.Reason == nil || in.Receipt.Reason.Code != parley.ReasonDeliveryRejectedDueToPolicy {
		t.Errorf("rejected: got %+v", in)
	}
	p.do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "rate_limit", "times": 1}, nil)
	if _, err := p.send(card()); err == nil || channel.AsError(err).Reason.Code != parley.ReasonRateLimited {
		t.Errorf("too fast: %v", err)
	}
	p.conn.OpenMedia = func(context.Context, string) (channel.Media, error) {
		return channel.Media{Body: http.NoBody, MIME: "application/zip"}, nil
	}
	if err := p.sendStrict(); err == nil || channel.AsError(err).Reason.Code != parley.ReasonMediaTypeUnsupported {
		t.Errorf("strict: %v", err)
	}
	p.conn.Credential.MMS.BasicAuth.Password = "wrong"
	if _, err := p.send(card()); err == nil || channel.AsError(err).Reason.Code != parley.ReasonChannelBadConfiguration {
		t.Errorf("a wrong password: %v", err)
	}
}

// sendStrict sends a card that must hold to the rules of all networks.
func (p *phone) sendStrict() error {
	p.t.Helper()
	payloads, err := mms.New().Render(&channel.Outgoing{
		To: channel.Address{Identity: "15551230001"}, Message: card(), Credential: p.conn.Credential,
		Properties: map[string]string{"MMS_STRICT_VALIDATION": "true"},
	})
	if err != nil {
		return err
	}
	_, err = mms.New().Send(p.t.Context(), p.conn, channel.Attempt{Key: messageID + ".0", Payload: payloads[0]})
	return err
}
