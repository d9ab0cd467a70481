package mms_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/mms"
)

func TestTwilioRoundTrip(t *testing.T) {
	t.Parallel()
	p := newPhone(t, ``)
	p.Conn.BaseURL = p.URL + "/mms-twilio"
	p.Conn.Credential.Provider = "twilio"
	p.Conn.Credential.MMS = &parley.MMSCredentials{AccountID: "AC1", APIKey: "token", DefaultSender: "+12025550100"}
	p.Do(http.MethodPut, "/accounts/mms-twilio/AC1", map[string]string{
		"token": "token", "number": "+12025550100", "webhook_url": p.Conn.WebhookURL,
	}, nil)
	if _, err := mms.New().Connect(t.Context(), p.Conn); err != nil {
		t.Errorf("connect: %v", err)
	}
	id, err := p.send(card())
	if err != nil {
		t.Fatal(err)
	}
	var shown item
	p.Do(http.MethodGet, handset+"/wait", nil, &shown)
	if shown.Text != "Tulips\nFresh\n> YES" || len(shown.Media) != 1 || shown.Media[0].URL != "https://x.example/a.png" {
		t.Fatalf("the phone shows %+v", shown)
	}
	in := p.next()
	if in.Receipt == nil || in.Receipt.ID != id || in.Receipt.Key != channeltest.MessageID+".0" || in.Receipt.Status != parley.StatusDelivered {
		t.Errorf("got %+v, want the delivery of %s", in, id)
	}
	p.Do(http.MethodPost, handset+"/reply", map[string]any{
		"media_url": "data:image/jpeg;base64,YSBwaWN0dXJl", "caption": "Look", "account": "AC1",
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
	if got, err := io.ReadAll(m.Body); err != nil || string(got) != "a picture" {
		t.Errorf("fetched %q, %v", got, err)
	}
	p.Do(http.MethodPut, handset+"/behaviour", map[string]any{"deliver": "refuse", "fail_code": 21610, "times": 1}, nil)
	if _, err := p.send(card()); err == nil || channel.AsError(err).Reason.Code != parley.ReasonRecipientNotOptedIn {
		t.Errorf("refused: %v", err)
	}
	p.Conn.Credential.MMS.APIKey = "wrong"
	if _, err := p.send(card()); err == nil || channel.AsError(err).Reason.Code != parley.ReasonChannelBadConfiguration {
		t.Errorf("a wrong token: %v", err)
	}
}
