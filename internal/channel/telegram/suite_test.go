package telegram_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"unicode/utf16"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/telegram"
)

func suite() channeltest.Suite {
	return channeltest.Suite{
		Channel:    telegram.New(),
		Credential: credential(),
		To:         "3527065",
		Secrets:    []string{"very-secret_Token"},
		Sign:       sign,
		Check:      limits,
	}
}

func TestChannel(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, suite())
}

func FuzzReceive(f *testing.F) { channeltest.FuzzReceive(f, suite()) }

// TestSchema checks what is rendered, link previews turned off, against the
// published description of the Bot API.
func TestSchema(t *testing.T) {
	t.Parallel()
	s := loadSchema(t)
	for name, m := range corpus(t) {
		for _, p := range render(t, m, nil) {
			if err := s.request(p.Body); err != nil {
				t.Errorf("%s: %v\n%s", name, err, p.Body)
			}
		}
	}
}

// corpus is the shared corpus without what is no Telegram message.
func corpus(t *testing.T) map[string]*parley.AppMessage {
	t.Helper()
	all := channeltest.Corpus(t)
	delete(all, "explicit") // shows that nothing is added or lost
	return all
}

// sign is Telegram's way to say who it is.
func sign(c *channel.Conn, r *http.Request, _ []byte) {
	r.Header.Set("X-Telegram-Bot-Api-Secret-Token", c.Secret)
}

// limits checks the lengths that Telegram documents.
func limits(p channel.Payload) error {
	var r struct {
		Text    string `json:"text"`
		Caption string `json:"caption"`
		VCard   string `json:"vcard"`
		Markup  struct {
			Inline [][]struct {
				Data string `json:"callback_data"`
			} `json:"inline_keyboard"`
		} `json:"reply_markup"`
	}
	if err := json.Unmarshal(p.Body, &r); err != nil {
		return err
	}
	buttons := 0
	for _, row := range r.Markup.Inline {
		buttons += len(row)
		for _, b := range row {
			if len(b.Data) > 64 {
				return fmt.Errorf("callback_data has %d bytes", len(b.Data))
			}
		}
	}
	text, caption := len(utf16.Encode([]rune(r.Text))), len(utf16.Encode([]rune(r.Caption)))
	if text > 4096 || caption > 1024 || len(r.VCard) > 2048 || buttons > 100 {
		return fmt.Errorf("text %d, caption %d, vcard %d, buttons %d", text, caption, len(r.VCard), buttons)
	}
	return nil
}
