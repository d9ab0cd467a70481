package email_test

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/email"
)

// These tests hold sending and receiving against programs that other people
// wrote: nodemailer and its server.

func peersDir() string { return filepath.Join("..", "..", "..", "test", "peers") }

// requirePeer skips the test where the npm package is not installed, but not
// where CI promises it.
func requirePeer(t *testing.T, name string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(peersDir(), "node_modules", name)); err == nil {
		return
	}
	what := "test/peers has no npm package " + name + ": run make setup"
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// A peerEvent is a line that mailserver.mjs writes.
type peerEvent struct {
	Event  string
	Port   int
	Error  string
	Method string
	Good   bool
	Secure bool
	User   string
	From   string
	DSN    []string
	To     []string
	Raw    string
}

// A mailServer is a running mailserver.mjs.
type mailServer struct {
	t      *testing.T
	port   int
	events chan peerEvent
}

func startMailServer(t *testing.T, mode, methods string, cert *localCertificate) *mailServer {
	t.Helper()
	requirePeer(t, "smtp-server")
	cmd := exec.CommandContext(t.Context(), "node", "mailserver.mjs", mode, methods, cert.file, cert.key)
	cmd.Dir, cmd.Stderr = peersDir(), t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &mailServer{t: t, events: make(chan peerEvent, 100)}
	go func() {
		defer close(s.events)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e peerEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Errorf("%s: %v", lines.Text(), err)
			}
			s.events <- e
		}
	}()
	t.Cleanup(func() {
		in.Close()
		for range s.events { // until it has ended
		}
		_ = cmd.Wait() // killed by the test's context or ended by itself
	})
	s.port = s.next("listening").Port
	return s
}

// next returns the next event of the kind.
func (s *mailServer) next(event string) peerEvent {
	s.t.Helper()
	timeout := time.After(time.Minute)
	for {
		select {
		case e, ok := <-s.events:
			if !ok {
				s.t.Fatalf("the mail server ended without %s", event)
			}
			if e.Event == event {
				return e
			}
		case <-timeout:
			s.t.Fatalf("the mail server says nothing of %s", event)
		}
	}
}

// TestMailServerOfOthers sends letters to a mail server by each way to secure
// the connection and to log in.
func TestMailServerOfOthers(t *testing.T) {
	t.Parallel()
	cert := certificate(t)
	for _, tc := range []struct{ mode, methods, want string }{
		{"starttls", "PLAIN,LOGIN", "PLAIN"},
		{"starttls", "LOGIN", "LOGIN"},
		{"starttls", "PLAIN,CRAM-MD5", "CRAM-MD5"},
		{"tls", "PLAIN", "PLAIN"},
		{"tls", "LOGIN", "LOGIN"},
		{"plain", "PLAIN", ""},
	} {
		t.Run(tc.mode+" "+tc.methods, func(t *testing.T) {
			t.Parallel()
			s := startMailServer(t, tc.mode, tc.methods, cert)
			c := s.conn(t, tc.mode, cert)
			if tc.want == "" {
				c.Credential.StaticBearer = nil
			}
			const key = "01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1"
			id, err := sendTo(t, c, ada)
			if err != nil || id != "<"+key+"@example.com>" {
				t.Fatal(id, err)
			}
			if tc.want != "" {
				if e := s.next("auth"); e.Method != tc.want || !e.Good {
					t.Errorf("logged in by %s: %v, want %s", e.Method, e.Good, tc.want)
				}
			}
			got := s.next("letter")
			want := peerEvent{
				Event: "letter", Secure: tc.mode != "plain", From: "bounces+" + key + "@in.example.com", To: []string{ada}, Raw: got.Raw,
				DSN: got.DSN, User: got.User,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if !strings.Contains(got.Raw, "Message-ID: "+string(id)) || !strings.Contains(got.Raw, "Subject: =?UTF-8?q?Gr=C3=BC=C3=9Fe?=") {
				t.Errorf("the letter is %s", got.Raw)
			}
			s.refusals(t, c)
		})
	}
}

// conn is an account at the server.
func (s *mailServer) conn(t *testing.T, mode string, cert *localCertificate) *channel.Conn {
	t.Helper()
	if mode == "plain" {
		mode = "none"
	}
	settings, err := json.Marshal(map[string]any{
		"host": "localhost", "port": s.port, "tls": mode, "tls_ca": cert.pem, "from": "The Shop <shop@example.com>",
		"bounces": "bounces@in.example.com", "delivery_reports": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &channel.Conn{Credential: credential(), Dial: new(net.Dialer).DialContext, Now: time.Now}
	c.Credential.ProviderSettings = settings
	return c
}

func sendTo(t *testing.T, c *channel.Conn, to string) (channel.ProviderID, error) {
	t.Helper()
	payloads, err := email.New().Render(&channel.Outgoing{
		Message: &parley.AppMessage{Text: &parley.TextMessage{Text: "Grüße\n.\n..Punkte"}}, To: channel.Address{Identity: to}, Credential: c.Credential,
	})
	if err != nil {
		t.Fatal(err)
	}
	return email.New().Send(t.Context(), c, channel.Attempt{Key: "01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1", Payload: payloads[0]})
}

// refusals has the server say no.
func (s *mailServer) refusals(t *testing.T, c *channel.Conn) {
	t.Helper()
	check := func(what string, err error, code parley.ReasonCode, outcome channel.Outcome) {
		t.Helper()
		if e := channel.AsError(err); err == nil || e.Reason.Code != code || e.Outcome != outcome {
			t.Errorf("%s: got %v, want %s, %s", what, err, code, outcome)
		}
	}
	_, err := sendTo(t, c, "gone@phone.example")
	check("no such mailbox", err, parley.ReasonRecipientInvalidChannelIdentity, channel.NotSent)
	_, err = sendTo(t, c, "full@phone.example")
	check("full for now", err, parley.ReasonChannelFailure, channel.TryAgain)
	if c.Credential.StaticBearer != nil {
		c.Credential.StaticBearer.Token = "another password"
		_, err = sendTo(t, c, ada)
		check("password", err, parley.ReasonChannelBadConfiguration, channel.NotSent)
	}
}

// TestMailServerOfAnother does not trust whoever is there.
func TestMailServerOfAnother(t *testing.T) {
	t.Parallel()
	cert := certificate(t)
	for _, mode := range []string{"starttls", "tls"} {
		s := startMailServer(t, mode, "PLAIN", cert)
		if _, err := sendTo(t, s.conn(t, mode, certificate(t)), ada); err == nil || channel.AsError(err).Outcome != channel.TryAgain {
			t.Errorf("%s: got %v", mode, err)
		}
	}
}

// TestLettersOfOthers takes in what nodemailer writes, over SMTP, with STARTTLS
// and over LMTP.
func TestLettersOfOthers(t *testing.T) {
	t.Parallel()
	requirePeer(t, "nodemailer")
	cert := certificate(t)
	for name, run := range map[string]struct {
		protocol, ca string
		mod          func(*email.ServerOptions)
	}{
		"smtp":     {protocol: "smtp"},
		"starttls": {"smtp", cert.file, func(o *email.ServerOptions) { o.TLS = &tls.Config{Certificates: []tls.Certificate{cert.Certificate}} }},
		"lmtp":     {"lmtp", "", func(o *email.ServerOptions) { o.LMTP = true }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor(t, run.mod)
			_, port, err := net.SplitHostPort(d.address)
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"mailclient.mjs", run.protocol, port}
			if run.ca != "" {
				args = append(args, run.ca)
			}
			cmd := exec.CommandContext(t.Context(), "node", args...)
			cmd.Dir = peersDir()
			said, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			if got, want := codes(t, said), []int{250, 250, 250, 250, 550, 250, 552}; !slices.Equal(got, want) {
				t.Errorf("got %v, want %v: %s", got, want, said)
			}
			d.stop()
			lettersOfOthers(t, d.stored["1"])
		})
	}
}

// codes are those of the answers the client tells of.
func codes(t *testing.T, said []byte) []int {
	t.Helper()
	var out []int
	for dec := json.NewDecoder(strings.NewReader(string(said))); ; {
		var answer struct{ Code int }
		if err := dec.Decode(&answer); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		out = append(out, answer.Code)
	}
}

// lettersOfOthers checks what the client's letters mean.
func lettersOfOthers(t *testing.T, got []channel.Inbound) {
	t.Helper()
	type letter struct{ Text, File, Data, Metadata, ReplyTo string }
	var letters []letter
	for _, in := range got {
		l := letter{Metadata: in.Metadata, ReplyTo: string(in.ReplyTo)}
		if in.From != (channel.Address{Identity: ada, Name: "Ada Lovelace"}) || in.ID == "" || in.Message == nil {
			t.Fatalf("got %+v", in)
		}
		if in.Message.Text != nil {
			l.Text = in.Message.Text.Text
		}
		if in.Media != nil {
			l.File, l.Data = in.Media.MIME+" "+in.Media.Filename, string(in.Media.Data)
		}
		letters = append(letters, l)
	}
	const files = `{"subject":"Files"}`
	want := []letter{
		{Text: "Wörter & „Zeichen“\n.\n..Punkte", Metadata: `{"subject":"Grüße"}`},
		{Text: "Two tulips,\n\nplease.", Metadata: `{"subject":"Page"}`},
		{Text: "Two files", Metadata: files},
		{File: "image/png tülp.png", Data: "\x89PNG\r\n\x1a\n", Metadata: files},
		{File: "application/pdf bill.pdf", Data: "%PDF-1.7", Metadata: files},
		{Text: "Tea", Metadata: `{"subject":"Re: Hello"}`, ReplyTo: "<01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1@example.com>"},
	}
	if diff := cmp.Diff(want, letters); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
