// Package dev goes through what the README shows a newcomer.
package dev

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store/storetest"
	"github.com/parley-im/parley/test/parleytest"
)

func TestMain(m *testing.M) { parleytest.Main(m) }

const patience = 20 * time.Second

// TestDev starts parley dev, sends a message as the printed command does, sees
// it on the handset, answers, and has both reported to parley listen.
func TestDev(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func(testing.TB) string{
		"SQLite":     func(testing.TB) string { return "" },
		"PostgreSQL": storetest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := []string{
				"PARLEY_LISTEN=" + parleytest.FreeAddress(t), "PARLEY_SIMULATOR_LISTEN=" + parleytest.FreeAddress(t),
				"PARLEY_SMPP_LISTEN=127.0.0.1:0", "PARLEY_SMTP_LISTEN=127.0.0.1:0", "PARLEY_LISTENER_URL=http://" + parleytest.FreeAddress(t) + "/",
				"PARLEY_DATA_DIR=" + t.TempDir(), "PARLEY_DATABASE_URL=" + database(t),
			}
			server := parleytest.Run(t, env, "dev")
			awaitOutput(t, server, "Parley is ready")
			listen := parleytest.Run(t, env, "listen", "--compact")
			awaitOutput(t, listen, "Listening")

			send(t, server.Output())
			awaitOutput(t, listen, "message_submit_notification  (signature right)")
			awaitOutput(t, listen, `"status":"DELIVERED"`)
			const handset = "WHATSAPP:12025550123"
			if shown := parleytest.Command(t, env, "handset", "show", handset); !strings.Contains(shown, "Coffee or tea?") {
				t.Errorf("the handset shows\n%s", shown)
			}
			parleytest.Command(t, env, "handset", "tap", handset, "Tea")
			awaitOutput(t, listen, `"choice_response_message"`)
			parleytest.Command(t, env, "handset", "reply", handset, "Thanks")
			awaitOutput(t, listen, `"text_message":{"text":"Thanks"}`)
			if out := listen.Output(); strings.Contains(out, "WRONG") || strings.Contains(out, "not signed") {
				t.Errorf("parley listen printed\n%s", out)
			}
			server.Stop()
		})
	}
}

// TestDevCompletesAnOlderApp starts parley dev on what an earlier version left:
// an app without the channels that came since.
func TestDevCompletesAnOlderApp(t *testing.T) {
	t.Parallel()
	dir, address := t.TempDir(), parleytest.FreeAddress(t)
	env := []string{
		"PARLEY_LISTEN=" + address, "PARLEY_SIMULATOR_LISTEN=" + parleytest.FreeAddress(t),
		"PARLEY_SMPP_LISTEN=127.0.0.1:0", "PARLEY_SMTP_LISTEN=127.0.0.1:0", "PARLEY_DATA_DIR=" + dir,
	}
	server := parleytest.Run(t, env, "dev")
	awaitOutput(t, server, "Parley is ready")
	var st map[string]any
	file := filepath.Join(dir, "dev.json")
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &st)
	}
	if err != nil {
		t.Fatal(err)
	}
	apps := st["apps"].(map[string]any)
	path := "http://" + address + "/v1/projects/" + st["project_id"].(string) + "/apps/" + apps["Demo"].(string)
	login := [2]string{st["key_id"].(string), st["key_secret"].(string)}
	var app parley.App
	request(t, login, http.MethodGet, path, nil, &app)
	built := len(app.ChannelCredentials)
	request(t, login, http.MethodPatch, path, map[string]any{"channel_credentials": app.ChannelCredentials[:1]}, &app)
	if len(app.ChannelCredentials) != 1 || built < 2 {
		t.Fatalf("the app went from %d credentials to %d", built, len(app.ChannelCredentials))
	}
	server.Stop()
	st["app_id"], st["smpp_app_id"] = apps["Demo"], apps["Demo over SMPP"]
	delete(st, "apps")
	if raw, err = json.Marshal(st); err == nil {
		err = os.WriteFile(file, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}

	server = parleytest.Run(t, env, "dev")
	awaitOutput(t, server, "Parley is ready")
	request(t, login, http.MethodGet, path, nil, &app)
	if len(app.ChannelCredentials) != built {
		t.Errorf("the app has %d credentials, want %d", len(app.ChannelCredentials), built)
	}
	server.Stop()
}

// request makes a request of the API.
func request(t *testing.T, login [2]string, method, address string, body, into any) {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, address, bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(login[0], login[1])
	req.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode == http.StatusOK {
		err = json.Unmarshal(got, into)
	}
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", method, answer.Status, got, err)
	}
}

func awaitOutput(t *testing.T, p *parleytest.Process, text string) {
	t.Helper()
	parleytest.Eventually(t, patience, func() string {
		if strings.Contains(p.Output(), text) {
			return ""
		}
		return "it did not print " + text
	})
}

// send makes the request of the curl command that parley dev printed.
func send(t *testing.T, printed string) {
	t.Helper()
	_, command, ok := strings.Cut(printed, "curl -sS -u ")
	credentials, rest, ok2 := strings.Cut(command, " \\\n")
	address, rest, ok3 := strings.Cut(strings.TrimSpace(rest), " \\\n")
	_, rest, ok4 := strings.Cut(rest, "-d '")
	body, _, ok5 := strings.Cut(rest, "'")
	id, secret, ok6 := strings.Cut(credentials, ":")
	if !ok || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		t.Fatalf("no command to paste in\n%s", printed)
	}
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(id, secret)
	req.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("send: %s %s %v", answer.Status, got, err)
	}
}
