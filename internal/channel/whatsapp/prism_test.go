package whatsapp_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/whatsapp"
	"github.com/parley-im/parley/internal/transcode"
)

// messageID is the id of every message the tests send.
const messageID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// TestPrism sends everything the channel can say to Prism, which judges it by
// Meta's published OpenAPI: neither knows us. Where Meta's own description
// lacks what the Cloud API has, it must refuse; see gap.
func TestPrism(t *testing.T) {
	t.Parallel()
	address := startPrism(t)
	client := &http.Client{Transport: prismTransport{}}
	t.Cleanup(client.CloseIdleConnections)
	seen := map[string]bool{}
	for name, payloads := range renderAll(t) {
		for i, p := range payloads {
			want := gap(t, p.Body)
			seen[want] = true
			c := conn(credential(), address)
			c.HTTP = client
			id, err := whatsapp.New().Send(t.Context(), c, channel.Attempt{Key: messageID + ".0", Payload: p})
			switch {
			case want == "" && err != nil:
				t.Errorf("%s, payload %d: %v\n%s", name, i+1, err, p.Body)
			case want == "" && !strings.HasPrefix(string(id), "wamid."):
				t.Errorf("%s, payload %d: got id %q", name, i+1, id)
			case want != "" && err == nil:
				t.Errorf("%s, payload %d: the OpenAPI now has %s", name, i+1, want)
			}
		}
	}
	if len(seen) != 9 { // and none at all
		t.Errorf("the gaps %v were tried, want all", seen)
	}
}

// gap names what Meta's OpenAPI v23.0 does not describe of a request, though
// the Cloud API has it; "" when it describes all of it.
func gap(t *testing.T, body []byte) string {
	t.Helper()
	var m struct {
		Interactive struct{ Type string }
		Template    struct {
			Components []struct {
				Type    string
				SubType string `json:"sub_type"`
				Index   string
			}
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	switch kind := m.Interactive.Type; kind {
	case "cta_url", "location_request_message", "order_details", "order_status":
		return "interactive " + kind
	}
	for _, c := range m.Template.Components {
		switch {
		case c.Type == "carousel":
			return "the carousel of a template"
		case c.SubType == "flow", c.SubType == "copy_code":
			return "button " + c.SubType
		case c.Index == "0": // the pattern of index wants another digit
			return "the first button of a template"
		}
	}
	return ""
}

// prismTransport leaves out biz_opaque_callback_data, which every request has
// and the OpenAPI has not, and gives Prism the User-Agent it asks for.
type prismTransport struct{}

func (prismTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	var members map[string]json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&members); err != nil {
		return nil, err
	}
	delete(members, "biz_opaque_callback_data")
	body, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	out := r.Clone(r.Context())
	out.Header.Set("User-Agent", "parley/1.0.0")
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return http.DefaultTransport.RoundTrip(out)
}

// renderAll renders the shared corpus and the channel's own the way the engine
// does. Messages that are refused and explicit ones, whose words are the
// app's, are left out.
func renderAll(t *testing.T) map[string][]channel.Payload {
	t.Helper()
	corpus := channeltest.Corpus(t)
	files, err := filepath.Glob(filepath.Join("testdata", "corpus", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := new(parley.AppMessage)
		if err := parley.Decode(raw, m); err != nil {
			t.Fatal(err)
		}
		corpus[filepath.Base(file)] = m
	}
	out := map[string][]channel.Payload{}
	for name, m := range corpus {
		if len(m.ExplicitChannel) > 0 {
			continue
		}
		out[name] = render(t, m)
	}
	return out
}

// render returns the payloads of a message, or none when it is refused.
func render(t *testing.T, m *parley.AppMessage) []channel.Payload {
	t.Helper()
	ch := whatsapp.New()
	parts, err := transcode.Message(channel.Tagged(transcode.Select(m, ch.Name()), messageID), ch.Capabilities())
	if err != nil {
		return nil
	}
	var out []channel.Payload
	for _, part := range parts {
		payloads, err := ch.Render(&channel.Outgoing{
			MessageID: messageID, To: channel.Address{Identity: "15551230001"}, Message: part, Credential: credential(),
		})
		if err != nil {
			return nil
		}
		out = append(out, payloads...)
	}
	return out
}

// conn returns a connection of an account whose provider is at address.
func conn(c *parley.ChannelCredential, address string) *channel.Conn {
	return &channel.Conn{
		AppID:      "01ARZ3NDEKTSV4RRFFQ69G5APP",
		Credential: c,
		BaseURL:    address,
		Secret:     "0123456789abcdef0123456789abcdef",
		HTTP:       &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		Log:        slog.New(slog.DiscardHandler),
		Now:        func() time.Time { return time.Date(2030, 1, 1, 10, 3, 3, 0, time.UTC) },
	}
}

// startPrism starts Prism on Meta's OpenAPI and returns its address.
func startPrism(t *testing.T) string {
	t.Helper()
	spec := schemaFile(t)
	program, err := filepath.Abs(filepath.Join("..", "..", "..", "test", "peers", "node_modules", ".bin", "prism"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		unavailable(t, "test/peers has no Prism: run make setup")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		unavailable(t, "node is not installed")
	}
	cmd := exec.CommandContext(t.Context(), node, program, "mock", "--errors", "-h", "127.0.0.1", "-p", "0", spec)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		_ = cmd.Wait()
	})
	select {
	case a := <-address:
		return a
	case <-ended:
		t.Fatal("Prism ended before it listened")
	case <-time.After(2 * time.Minute):
		t.Fatal("Prism does not start")
	}
	return ""
}

var listening = regexp.MustCompile(`Prism is listening on (http://\S+)`)

// schemaFile returns the path of Meta's OpenAPI, which is not ours to
// distribute.
func schemaFile(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PARLEY_SCHEMAS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "schemas")
	}
	file := filepath.Join(dir, "meta-business-messaging-v23.yaml")
	if _, err := os.Stat(file); err != nil {
		unavailable(t, "no OpenAPI of Meta's; set PARLEY_SCHEMAS")
	}
	return file
}

// unavailable skips the test, but not where CI promises what it needs.
func unavailable(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}
