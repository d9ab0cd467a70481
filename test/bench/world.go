package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parley-im/parley"
)

const (
	project   = "11111111-2222-4333-8444-555555555555"
	keyID     = "bench"
	keySecret = "bench-secret"
)

// A world is a server with a provider and a webhook beside it.
type world struct {
	o        options
	dir      string
	server   *process
	url      string
	app      string
	token    string
	provider net.Listener
	taken    *provider // what the provider took
	hook     net.Listener
	sink     *sink
	closed   chan struct{} // ends what is stalled

	profileURL string
}

// freeAddress returns a loopback address nobody listens on.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// newWorld starts a server with an app that sends SMS through a provider here
// and has a webhook. Stalled, neither answers anything.
func newWorld(ctx context.Context, o options, stalled bool) (*world, error) {
	w, err := newQuietWorld(ctx, o, stalled)
	if err != nil {
		return nil, err
	}
	if err := w.subscribe(ctx, stalled); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// newQuietWorld starts a server whose app has no webhook yet.
func newQuietWorld(ctx context.Context, o options, stalled bool) (_ *world, err error) {
	w := &world{o: o, sink: new(sink), closed: make(chan struct{})}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	p := &provider{reports: make(chan report, 4*inFlight)}
	for range 16 {
		go p.report(ctx)
	}
	if w.provider, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return w, err
	}
	if w.hook, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return w, err
	}
	w.taken = p
	go serve(w.provider, w.stalling(stalled, p.take))
	if w.dir, err = os.MkdirTemp("", "parley-bench"); err != nil {
		return w, err
	}
	if err := w.serve(ctx); err != nil {
		return w, err
	}
	return w, w.prepare(ctx)
}

// stalling has a peer answer nothing but GET, if stalled, until the world ends.
func (w *world) stalling(stalled bool, answer func(first, body []byte) (string, []byte)) func(first, body []byte) (string, []byte) {
	return func(first, body []byte) (string, []byte) {
		if stalled && !bytes.HasPrefix(first, []byte("GET ")) {
			<-w.closed
		}
		return answer(first, body)
	}
}

// serve starts the server on its data directory.
func (w *world) serve(ctx context.Context) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	env := slices.Clone(w.o.env)
	if w.o.profile != "" {
		pprof, err := freeAddress(ctx)
		if err != nil {
			return err
		}
		env = append(env, "PARLEY_PPROF_LISTEN="+pprof)
		w.profileURL = "http://" + pprof + "/debug/pprof/profile"
	}
	w.url = "http://" + address
	w.server, err = start(ctx, w.o.binary, []string{"serve"}, append(env,
		"PARLEY_LISTEN="+address, "PARLEY_DATA_DIR="+w.dir, "PARLEY_DATABASE_URL="+w.o.database,
		"PARLEY_BOOTSTRAP_PROJECT_ID="+project, "PARLEY_BOOTSTRAP_KEY_ID="+keyID, "PARLEY_BOOTSTRAP_KEY_SECRET="+keySecret,
		"PARLEY_ALLOW_PRIVATE_TARGETS=true", "PARLEY_RATE_LIMITS=off", "PARLEY_LOG_LEVEL=warn",
		"PARLEY_CHANNELS_SMS_SINCH_BASE_URL=http://"+w.provider.Addr().String(),
		"PARLEY_CHANNELS_WHATSAPP_BASE_URL=http://"+w.provider.Addr().String(),
	))
	if err != nil {
		return err
	}
	w.server.profileURL = w.profileURL
	return w.server.ready(ctx, w.url)
}

// prepare makes the app and gets a token.
func (w *world) prepare(ctx context.Context) error {
	var app parley.App
	if err := w.post(ctx, "apps", map[string]any{
		"display_name": "bench", "processing_mode": "CONVERSATION", "channel_credentials": []any{
			map[string]any{"channel": "SMS", "static_bearer": map[string]string{"claimed_identity": "plan", "token": "token"}},
			whatsApp(),
		},
	}, &app); err != nil {
		return err
	}
	w.app = app.ID
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/oauth2/token", bytes.NewReader([]byte("grant_type=client_credentials")))
	if err != nil {
		return err
	}
	req.SetBasicAuth(keyID, keySecret)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&token)
	w.token = token.AccessToken
	return err
}

// subscribe gives the app its webhook, which may be one that answers nothing.
func (w *world) subscribe(ctx context.Context, stalled bool) error {
	go serve(w.hook, w.stalling(stalled, w.sink.take))
	return w.post(ctx, "webhooks", map[string]any{
		"app_id": w.app, "target": "http://" + w.hook.Addr().String() + "/", "secret": "secret",
		"triggers": []string{"MESSAGE_DELIVERY", "MESSAGE_INBOUND"},
	}, nil)
}

func (w *world) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/v1/projects/"+project+"/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.SetBasicAuth(keyID, keySecret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("POST %s: %s: %s", path, resp.Status, answer))
	}
	if out != nil {
		return json.Unmarshal(answer, out)
	}
	return nil
}

// target is where messages are sent.
func (w *world) target() target {
	return sendTarget(w.url, w.app, w.token, w.o)
}

func (w *world) close() {
	if w.server != nil {
		w.server.stop()
	}
	close(w.closed)
	if w.provider != nil {
		w.provider.Close()
	}
	if w.hook != nil {
		w.hook.Close()
	}
	if w.dir != "" {
		os.RemoveAll(w.dir)
	}
}

// sendTarget is the request all measurements make: some 700 bytes.
func sendTarget(url, app, token string, o options) target {
	return target{
		url: url + "/v1/projects/" + project + "/messages:send", token: token,
		body: func(n int) []byte {
			to, id := strconv.Itoa(46700000000+n%o.contacts), strconv.Itoa(n)
			return []byte(`{"app_id":"` + app + `","recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"` + to + `"}]}},` +
				`"message":{"text_message":{"text":"Your parcel number ` + id + ` will be delivered today between ten and twelve. ` +
				`Track it at https://parcels.example.com/track or answer this message to choose another day, a neighbour or a parcel shop."}},` +
				`"channel_priority_order":["SMS"],"channel_properties":{"SMS_SENDER":"Parcels"},` +
				`"message_metadata":"{\"order\":\"A-2026-` + id + `\",\"campaign\":\"delivery-notices\",\"shop\":\"example\"}",` +
				`"correlation_id":"order-` + id + `","queue":"NORMAL_PRIORITY","ttl":"86400s","processing_strategy":"DEFAULT"}`)
		},
	}
}

// baseline is the bare handler: it decodes the request and answers.
func baseline() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		received := strings.HasPrefix(r.URL.Path, "/channels/")
		switch {
		case err != nil:
		case received:
			err = json.Unmarshal(body, new(webhook))
		default:
			err = json.Unmarshal(body, new(parley.SendMessageRequest))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if received {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(parley.SendMessageResponse{MessageID: "01J0000000000000000000000A", AcceptedTime: time.Now()})
	}))
}

// A sink is a webhook: it counts the callbacks, and the messages by the second
// one of each.
type sink struct{ callbacks, done atomic.Int64 }

// take takes a callback.
func (s *sink) take(_, body []byte) (string, []byte) {
	s.callbacks.Add(1)
	if bytes.Contains(body, []byte(`"status":"DELIVERED"`)) {
		s.done.Add(1)
	}
	return "200 OK", nil
}

// A provider takes SMS over the Sinch REST API and reports them delivered, and
// takes WhatsApp messages.
type provider struct {
	ids     atomic.Int64
	reports chan report
}

type report struct{ url, id, to string }

// take takes a batch, or says that it knows none.
func (p *provider) take(first, body []byte) (string, []byte) {
	if bytes.HasPrefix(first, []byte("GET ")) {
		return "200 OK", []byte(`{"count":0,"page":0,"page_size":30,"batches":[]}`)
	}
	if bytes.Contains(first, []byte("/messages ")) {
		id := wamid(int(p.ids.Add(1)))
		return "200 OK", []byte(`{"messaging_product":"whatsapp","messages":[{"id":"` + id + `"}]}`)
	}
	to, url := member(body, `"to":["`), member(body, `"callback_url":"`)
	if to == "" || url == "" {
		return "400 Bad Request", []byte(`{"code":"syntax_invalid_json","text":""}`)
	}
	id := "01BENCH" + strconv.FormatInt(1e18+p.ids.Add(1), 10)
	p.reports <- report{url, id, to}
	return "201 Created", []byte(`{"id":"` + id + `","type":"mt_text"}`)
}

// member returns the string that follows a name in JSON we know the look of.
func member(body []byte, name string) string {
	_, rest, _ := bytes.Cut(body, []byte(name))
	value, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(value)
}

// report posts delivery reports.
func (p *provider) report(ctx context.Context) {
	var conn *peer
	for {
		var r report
		select {
		case r = <-p.reports:
		case <-ctx.Done():
			return
		}
		host, path, _ := strings.Cut(strings.TrimPrefix(r.url, "http://"), "/")
		body := `{"type":"recipient_delivery_report_sms","batch_id":"` + r.id + `","recipient":"` + r.to +
			`","code":0,"status":"Delivered","at":"2026-11-23T08:00:00Z"}`
		for range 2 { // again on a new connection if the server closed this one
			if conn == nil {
				c, err := net.Dial("tcp", host)
				if err != nil {
					break
				}
				conn = newPeer(c)
			}
			if _, _, err := conn.post(postHead(host, "/"+path), []byte(body)); err == nil {
				break
			}
			conn.conn.Close()
			conn = nil
		}
	}
}
