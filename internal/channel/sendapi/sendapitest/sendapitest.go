// Package sendapitest is what the tests of the channels of Meta's Send API have
// in common.
package sendapitest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/parley-im/parley/internal/channel"
)

// Sign is Meta's way to say who it is.
func Sign(c *channel.Conn, r *http.Request, body []byte) {
	mac := hmac.New(sha256.New, []byte(c.Credential.CallbackSecret))
	mac.Write(body)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
}

// Limits returns a check of what Meta documents of the length of things, in
// characters but for a text, whose length the channel counts in its own way.
func Limits(maxText int, length func(text string) int) func(p channel.Payload) error {
	return func(p channel.Payload) error { return check(p, maxText, length) }
}

func check(p channel.Payload, maxText int, length func(text string) int) error {
	type button struct {
		Title, Payload string
	}
	var r struct {
		Message struct {
			Text         string
			QuickReplies []button `json:"quick_replies"`
			Attachment   struct {
				Payload struct {
					Text     string
					Buttons  []button
					Elements []struct {
						Title, Subtitle string
						Buttons         []button
					}
				}
			}
		}
	}
	if err := json.Unmarshal(p.Body, &r); err != nil {
		return err
	}
	in := r.Message.Attachment.Payload
	groups := [][]button{in.Buttons}
	for _, e := range in.Elements {
		if e.Title == "" || utf8.RuneCountInString(e.Title) > 80 || utf8.RuneCountInString(e.Subtitle) > 80 {
			return fmt.Errorf("a card says %q, %q", e.Title, e.Subtitle)
		}
		groups = append(groups, e.Buttons)
	}
	all := r.Message.QuickReplies
	for _, g := range groups {
		if len(g) > 3 {
			return fmt.Errorf("%d buttons", len(g))
		}
		all = append(all, g...)
	}
	for _, b := range all {
		if b.Title == "" || utf8.RuneCountInString(b.Title) > 20 || len(b.Payload) > 1000 {
			return fmt.Errorf("a button says %q, %q", b.Title, b.Payload)
		}
	}
	if length(r.Message.Text) > maxText || utf8.RuneCountInString(in.Text) > 640 ||
		len(in.Elements) > 10 || len(r.Message.QuickReplies) > 13 {
		return fmt.Errorf("text %d, template text %d, elements %d, quick replies %d",
			len(r.Message.Text), len(in.Text), len(in.Elements), len(r.Message.QuickReplies))
	}
	return nil
}
