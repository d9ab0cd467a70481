package channeltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/transcode"
)

// A Rig is a channel and the simulated provider it talks to, each over HTTP:
// what the channel sends is shown by a handset, and what the provider posts is
// received by the channel and waits in line for Next. The test that starts one
// gives the provider its account.
type Rig struct {
	Channel    channel.Channel
	Credential *parley.ChannelCredential
	Provider   string            // path of the simulated provider's API; the channel's base URL
	To         string            // the identity written to
	Options    simulator.Options // Now is the real clock unless set

	// What Start makes. Conn may be changed before it is used.
	Sim  *simulator.Simulator
	URL  string // of the simulator, whose control API Do calls
	Conn *channel.Conn

	t    *testing.T
	told chan channel.Inbound
}

// patience is how long a rig waits for what must come.
const patience = 20 * time.Second

// Start starts the provider and the channel's webhook, until the test ends.
func (r *Rig) Start(t *testing.T) *Rig {
	t.Helper()
	if r.Options.Now == nil {
		r.Options.Now = time.Now
	}
	r.t, r.told = t, make(chan channel.Inbound, 4096)
	r.Sim = simulator.New(r.Options)
	t.Cleanup(r.Sim.Close)
	provider := httptest.NewServer(r.Sim.Handler())
	t.Cleanup(provider.Close)
	hook := httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(hook.Close)
	r.URL = provider.URL
	r.Conn = &channel.Conn{
		AppID: connApp, Credential: r.Credential, BaseURL: provider.URL + "/" + r.Provider, WebhookURL: hook.URL, Secret: connSecret,
		HTTP: http.DefaultClient, OpenMedia: openMedia, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
	return r
}

// Put gives the provider an account, as its control API takes it.
func (r *Rig) Put(id string, account any) {
	r.t.Helper()
	if err := r.Sim.Put(r.t.Context(), r.Provider, id, account); err != nil {
		r.t.Fatal(err)
	}
}

// receive is the webhook: it answers once all that was told is in line.
func (r *Rig) receive(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Error(err)
	}
	req.SetPathValue("rest", strings.TrimPrefix(req.URL.Path, "/"))
	got, err := r.Channel.(channel.Receiver).Receive(r.Conn, req, body)
	if err != nil {
		r.t.Errorf("receive %s: %v", body, err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, in := range got.Inbound {
		select {
		case r.told <- in:
		case <-r.t.Context().Done(): // nobody listens any more
		}
	}
	if got.Reply.ContentType != "" {
		w.Header().Set("Content-Type", got.Reply.ContentType)
	}
	w.WriteHeader(max(got.Reply.Status, http.StatusOK))
	_, _ = w.Write(got.Reply.Body)
}

// Next waits for what the channel is told next.
func (r *Rig) Next() channel.Inbound {
	r.t.Helper()
	return r.NextLike("anything", func(*channel.Inbound) bool { return true })
}

// NextLike waits for the next thing the channel is told that is like it should
// be, and passes over what comes before.
func (r *Rig) NextLike(what string, like func(in *channel.Inbound) bool) channel.Inbound {
	r.t.Helper()
	late := time.After(patience)
	for {
		select {
		case in := <-r.told:
			if like(&in) {
				return in
			}
		case <-late:
			r.t.Fatalf("the channel was not told of %s", what)
			return channel.Inbound{}
		}
	}
}

// Do calls the simulator's control API; out may be nil.
func (r *Rig) Do(method, path string, in, out any) {
	r.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		r.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.URL+path, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		r.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, answer, err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// Fetch fetches a file that a handset shows.
func (r *Rig) Fetch(path string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.URL+path, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	file, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		r.t.Fatalf("fetch %s: %d %v", path, resp.StatusCode, err)
	}
	return string(file)
}

// Render makes a message into payloads as the engine does. An error says that
// it cannot be sent on the channel.
func (r *Rig) Render(m *parley.AppMessage) ([]channel.Payload, error) {
	ch := r.Channel
	parts, err := transcode.Message(channel.Tagged(transcode.Select(m, ch.Name()), MessageID), ch.Capabilities())
	if err != nil {
		return nil, err
	}
	var out []channel.Payload
	for _, part := range parts {
		payloads, err := ch.Render(&channel.Outgoing{
			MessageID: MessageID, To: channel.Address{Identity: r.To}, Message: part, Credential: r.Conn.Credential,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, payloads...)
	}
	return out, nil
}

// Send sends a message, the n-th payload of it under the key "<key>.n", counted
// from 0, and returns the provider's ids.
func (r *Rig) Send(key string, m *parley.AppMessage) ([]channel.ProviderID, error) {
	r.t.Helper()
	payloads, err := r.Render(m)
	if err != nil {
		return nil, err
	}
	return r.SendPayloads(key, payloads)
}

// MustSend sends a message under the key MessageID; it must be taken.
func (r *Rig) MustSend(m *parley.AppMessage) []channel.ProviderID {
	r.t.Helper()
	ids, err := r.Send(MessageID, m)
	if err != nil {
		r.t.Fatal(err)
	}
	return ids
}

// SendPayloads sends the payloads of one message, like Send.
func (r *Rig) SendPayloads(key string, payloads []channel.Payload) ([]channel.ProviderID, error) {
	r.t.Helper()
	var ids []channel.ProviderID
	for i, payload := range payloads {
		id, err := r.Channel.Send(r.t.Context(), r.Conn, channel.Attempt{
			Key: fmt.Sprintf("%s.%d", key, i), To: channel.Address{Identity: r.To}, Payload: payload,
		})
		if err != nil {
			return ids, fmt.Errorf("send %s: %w", payload.Body, err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
