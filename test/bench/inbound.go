package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// What comes in is measured over WHATSAPP, in the webhooks Meta posts: a
// signature over the whole body, one message or one status each. The app's
// own webhook takes every callback and answers none, so that accepting is all
// the server does.
const (
	numberID  = "106540352242922"
	appSecret = "bench-app-secret"

	// statusesPerSecond is how many statuses are kept ready for each second of
	// the measurement, which ends when they are used up.
	statusesPerSecond = 10_000
)

// whatsApp is the credential of the number that is written to.
func whatsApp() any {
	return map[string]any{
		"channel": "WHATSAPP", "static_bearer": map[string]string{"claimed_identity": numberID, "token": "token"},
		"provider_settings": map[string]string{"app_secret": appSecret, "verify_token": "verify"},
	}
}

// sign returns Meta's signature header line of a body.
func sign(body []byte) string {
	h := hmac.New(sha256.New, []byte(appSecret))
	h.Write(body)
	return "sha256=" + hex.EncodeToString(h.Sum(nil))
}

// inboundTarget is a provider's webhook about what value(n) says.
func inboundTarget(url, app string, value func(n int) string) target {
	return target{
		url: url + "/channels/whatsapp/" + app, sign: sign,
		body: func(n int) []byte {
			return []byte(`{"object":"whatsapp_business_account","entry":[{"id":"419561257915477","changes":[{"field":"messages","value":` +
				`{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550783881","phone_number_id":"` + numberID + `"},` +
				value(n) + `}}]}]}`)
		},
	}
}

// messageTarget is a text from one of the contacts: some 600 bytes.
func messageTarget(url, app, _ string, o options) target {
	return inboundTarget(url, app, func(n int) string {
		from, id := strconv.Itoa(46700000000+n%o.contacts), strconv.Itoa(n)
		return `"contacts":[{"profile":{"name":"Ada Example"},"wa_id":"` + from + `"}],"messages":[{"from":"` + from +
			`","id":"` + wamid(n) + `","timestamp":"1795421183","type":"text","text":{"body":"My parcel number ` + id +
			` has not come yet. Could you please leave it with the neighbour, or bring it another day?"}}]`
	})
}

// statusTarget says of each message that was sent that it was delivered, then
// of each that it was read: some 500 bytes.
func statusTarget(url, app, _ string, o options) target {
	sent := o.statuses() / 2
	t := inboundTarget(url, app, func(n int) string {
		status := "delivered"
		if n > sent {
			n, status = n-sent, "read"
		}
		return `"statuses":[{"id":"` + wamid(n) + `","status":"` + status + `","timestamp":"1795421183","recipient_id":"` +
			strconv.Itoa(46700000000+n%o.contacts) + `","conversation":{"id":"c1f2","origin":{"type":"utility"}},` +
			`"pricing":{"billable":true,"pricing_model":"PMP","category":"utility"}}]`
	})
	t.last = 2 * sent
	return t
}

// statuses is how many statuses the measurement has.
func (o options) statuses() int {
	return int(statusesPerSecond * (o.duration + o.duration/5).Seconds())
}

// wamid is WhatsApp's id of a message.
func wamid(n int) string { return "wamid.HBgLNDY3MDAwMDAwMDAVAgARGBJ" + strconv.Itoa(1e18+n) }

// measureMessages loads the server with contacts' messages.
func measureMessages(ctx context.Context, o options, g generator) (result, error) {
	w, err := newWorld(ctx, o, true)
	if err != nil {
		return result{}, err
	}
	defer w.close()
	return load(ctx, o, w.server, messageTarget(w.url, w.app, "", o), g, nil)
}

// measureStatuses sends the messages first, while the app has no webhook yet.
func measureStatuses(ctx context.Context, o options, g generator) (result, error) {
	w, err := newQuietWorld(ctx, o, false)
	if err != nil {
		return result{}, err
	}
	defer w.close()
	if err := w.sendAll(ctx, int64(o.statuses()/2)); err != nil {
		return result{}, err
	}
	if err := w.subscribe(ctx, true); err != nil {
		return result{}, err
	}
	return load(ctx, o, w.server, statusTarget(w.url, w.app, "", o), g, nil)
}

// sendAll sends messages over WHATSAPP until the provider has taken so many.
func (w *world) sendAll(ctx context.Context, count int64) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	t := whatsAppTarget(w.url, w.app, w.token, w.o)
	var sent atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, w.o.connections)
	for range w.o.connections {
		wg.Go(func() {
			send := lean(t, nil)
			for n := sent.Add(1); n <= count && ctx.Err() == nil; n = sent.Add(1) {
				for n-w.taken.ids.Load() > inFlight && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				if err := send(ctx, int(n)); err != nil {
					errs <- err
					cancel()
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return fmt.Errorf("send: %w", err)
	default:
	}
	for w.taken.ids.Load() < count {
		if ctx.Err() != nil {
			return fmt.Errorf("the provider got %d of %d messages: %w", w.taken.ids.Load(), count, ctx.Err())
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// whatsAppTarget is the request that sends a text over WHATSAPP.
func whatsAppTarget(url, app, token string, o options) target {
	t := sendTarget(url, app, token, o)
	t.body = func(n int) []byte {
		return []byte(`{"app_id":"` + app + `","recipient":{"identified_by":{"channel_identities":[{"channel":"WHATSAPP","identity":"` +
			strconv.Itoa(46700000000+n%o.contacts) + `"}]}},"message":{"text_message":{"text":"Your parcel will be delivered today."}}}`)
	}
	return t
}

// A webhook is what the bare handler decodes of a provider's request: what an
// application would that takes it in itself.
type webhook struct {
	Object string `json:"object"`
	Entry  []struct {
		ID      string `json:"id"`
		Changes []struct {
			Field string       `json:"field"`
			Value webhookValue `json:"value"`
		} `json:"changes"`
	} `json:"entry"`
}

type webhookValue struct {
	Metadata struct {
		PhoneNumberID string `json:"phone_number_id"`
	} `json:"metadata"`
	Contacts []struct {
		Profile struct {
			Name string `json:"name"`
		} `json:"profile"`
		WhatsAppID string `json:"wa_id"`
	} `json:"contacts"`
	Messages []struct {
		From      string `json:"from"`
		ID        string `json:"id"`
		Timestamp string `json:"timestamp"`
		Type      string `json:"type"`
		Text      struct {
			Body string `json:"body"`
		} `json:"text"`
	} `json:"messages"`
	Statuses []struct {
		ID          string `json:"id"`
		Status      string `json:"status"`
		Timestamp   string `json:"timestamp"`
		RecipientID string `json:"recipient_id"`
	} `json:"statuses"`
}
