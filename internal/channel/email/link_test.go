package email_test

import (
	"encoding/json"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/email"
)

const web = "https://parley.example/channels/email/01ARZ3NDEKTSV4RRFFQ69G5APP"

// newLinkedMailbox is a mailbox of an account that has pages of ours.
func newLinkedMailbox(t *testing.T) *mailbox {
	t.Helper()
	b := newMailbox(t)
	b.conn.WebhookURL, b.conn.Secret = web, "secret-of-the-account"
	b.conn.Credential.ProviderSettings = json.RawMessage(
		`{"host":"mail.example","from":"shop@example.com","list_unsubscribe":true,"read_reports":true,"delivery_reports":true}`)
	return b
}

// open visits one of the account's pages.
func (b *mailbox) open(method, address string) (channel.Received, error) {
	b.t.Helper()
	path, ok := strings.CutPrefix(address, web+"/")
	if !ok {
		b.t.Fatalf("a link to %q", address)
	}
	r := httptest.NewRequestWithContext(b.t.Context(), method, "/", http.NoBody)
	r.SetPathValue("rest", path)
	return email.New().Receive(b.conn, r, nil)
}

func TestChoicesAreLinks(t *testing.T) {
	t.Parallel()
	b := newLinkedMailbox(t)
	const token = "01ARZ3NDEKTSV4RRFFQ69G5FAV.1"
	_, err := b.send(channel.Outgoing{Message: &parley.AppMessage{Choice: &parley.ChoiceMessage{
		Text: &parley.TextMessage{Text: "Coffee?"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "<Yes> & no"}, PostbackData: token},
			{URL: &parley.URLMessage{Title: "Menu", URL: "https://shop.example/"}, PostbackData: "x"},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`<a href="([^"]*)">&lt;Yes&gt; &amp; no</a>`).FindStringSubmatch(b.items()[0].HTML)
	if found == nil {
		t.Fatalf("no link in %s", b.items()[0].HTML)
	}
	link := html.UnescapeString(found[1])
	got, err := b.open(http.MethodGet, link)
	if err != nil || len(got.Inbound) != 0 || !strings.Contains(string(got.Reply.Body), "&lt;Yes&gt; &amp; no") {
		t.Errorf("opened: %v, %v", got, err)
	}
	var ids []channel.ProviderID
	for range 2 {
		got, err := b.open(http.MethodPost, link)
		if err != nil || len(got.Inbound) != 1 {
			t.Fatal(got, err)
		}
		in := got.Inbound[0]
		if in.From.Identity != ada || in.Message == nil || in.Message.ChoiceResponse == nil || in.Message.ChoiceResponse.PostbackData != token {
			t.Errorf("sent: %+v", in)
		}
		ids = append(ids, in.ID)
	}
	if ids[0] == "" || ids[0] != ids[1] {
		t.Errorf("a second click is another answer: %q", ids)
	}
	for at := len(web) + 1; at < len(link); at += 7 {
		forged := link[:at] + string(link[at]^1) + link[at+1:]
		if _, err := b.open(http.MethodPost, forged); !errors.Is(err, channel.ErrForged) {
			t.Errorf("changed at %d: %v", at, err)
		}
	}
	b.conn.Secret = "another"
	if _, err := b.open(http.MethodPost, link); !errors.Is(err, channel.ErrForged) {
		t.Errorf("of another account: %v", err)
	}
}

// TestUnsubscribe opts out by the button of a mail program, and by a complaint.
func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	b := newLinkedMailbox(t)
	if _, err := b.send(channel.Outgoing{Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Hello"}}}); err != nil {
		t.Fatal(err)
	}
	var raw string
	if err := json.Unmarshal(b.items()[0].Native, &raw); err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(raw, "\r\n\r\n")
	unfolded := strings.ReplaceAll(strings.ReplaceAll(header, "\r\n ", " "), "\r\n\t", " ")
	found := regexp.MustCompile(`(?m)^List-Unsubscribe: <(\S+)>\r?$`).FindStringSubmatch(unfolded)
	if found == nil || !strings.Contains(unfolded, "\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r") ||
		!strings.Contains(unfolded, "\nDisposition-Notification-To: shop@example.com\r") {
		t.Fatalf("the header is %s", header)
	}
	if got, err := b.open(http.MethodGet, found[1]); err != nil || len(got.Inbound) != 0 {
		t.Errorf("opened: %v, %v", got, err)
	}
	if got, err := b.open(http.MethodPost, found[1]); err != nil || len(got.Inbound) != 1 || !got.Inbound[0].OptOut || !got.Inbound[0].Listed || got.Inbound[0].From.Identity != ada {
		t.Errorf("clicked: %v, %v", got, err)
	}
	for kind, want := range map[string]int{"abuse": 1, "not-spam": 0} {
		for about, of := range map[string]int{header: want, strings.Replace(header, "/unsubscribe/ey", "/unsubscribe/fy", 1): 0} {
			if got := b.complain(kind, about); len(got) != of || of == 1 && (!got[0].OptOut || !got[0].Listed || got[0].From.Identity != ada) {
				t.Errorf("%s: got %v, want %d", kind, got, of)
			}
		}
	}
}

// complain has a mail service report a letter (RFC 5965, appendix B).
func (b *mailbox) complain(kind, header string) []channel.Inbound {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), http.MethodPost, "/", http.NoBody)
	r.SetBasicAuth("mail", b.conn.Credential.CallbackSecret)
	got, err := email.New().Receive(b.conn, r, []byte("From: <abusedesk@phone.example>\r\nTo: <shop@example.com>\r\nMIME-Version: 1.0\r\n"+
		"Content-Type: multipart/report; report-type=feedback-report; boundary=B\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\nA report.\r\n"+
		"--B\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: "+kind+"\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n\r\n"+
		"--B\r\nContent-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n"+header+"\r\n\r\nHello\r\n--B--\r\n"))
	if err != nil {
		b.t.Fatal(err)
	}
	return got.Inbound
}
