package email_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/email"
)

// patience is how long a test waits for the server, which is far less than the
// server waits for its clients.
const patience = 30 * time.Second

// A door is a running server with two accounts.
type door struct {
	t       *testing.T
	address string
	stop    func()

	mu     sync.Mutex
	fail   error // of the store
	blind  error // of the list of accounts
	stored map[string][]channel.Inbound
}

// newDoor starts a server. Its accounts are app 1, shop@example.com, and app 2,
// which has another address and, in vain, that one.
func newDoor(t *testing.T, mod func(*email.ServerOptions)) *door {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{t: t, address: l.Addr().String(), stored: map[string][]channel.Inbound{}}
	o := email.ServerOptions{Inlets: d.inlets, Domain: "parley.example", Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if mod != nil {
		mod(&o)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- email.NewServer(o).Serve(ctx, l) }()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(d.stop)
	return d
}

func (d *door) inlets(context.Context) ([]email.Inlet, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []email.Inlet
	for app, more := range map[string]string{"1": ``, "2": `,"reply_to":"help@example.com"`} {
		c := credential()
		c.ProviderSettings = json.RawMessage(`{"host":"x","from":"shop@example.com","bounces":"bounces@in.example.com"` + more + `}`)
		out = append(out, email.Inlet{
			Conn:   &channel.Conn{AppID: app, Credential: c, Log: slog.New(slog.DiscardHandler), Now: time.Now},
			Accept: func(_ context.Context, told []channel.Inbound) error { return d.accept(app, told) },
		})
	}
	if out[0].Conn.AppID > out[1].Conn.AppID {
		out[0], out[1] = out[1], out[0]
	}
	return out, d.blind
}

func (d *door) accept(app string, told []channel.Inbound) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail == nil {
		d.stored[app] = append(d.stored[app], told...)
	}
	return d.fail
}

func (d *door) breaks(store, list error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail, d.blind = store, list
}

func (d *door) dial() *smtp.Client {
	d.t.Helper()
	c, err := smtp.Dial(d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = c.Close() })
	return c
}

const note = "From: Ada <ada@phone.example>\r\nTo: shop@example.com\r\nMessage-ID: <1@phone.example>\r\nSubject: Hi\r\n\r\nHello\r\n"

// send sends one letter and returns the code of the answer.
func (d *door) send(from, letter string, to ...string) int {
	d.t.Helper()
	c := d.dial()
	c.CommandTimeout, c.SubmissionTimeout = patience, patience
	err := c.SendMail(from, to, strings.NewReader(letter))
	if e, ok := errors.AsType[*smtp.SMTPError](err); ok {
		return e.Code
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return 250
}

func TestServer(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	const from = "ada@phone.example"
	for _, tc := range []struct {
		name         string
		from, letter string
		to           []string
		want         int
	}{
		{"a letter", from, note, []string{"shop@example.com"}, 250},
		{"with a detail, in capitals", from, note, []string{"Shop+Orders@Example.COM"}, 250},
		{"to two addresses of two accounts", from, note, []string{"shop@example.com", "help@example.com"}, 250},
		{"to nobody", from, note, []string{"nobody@example.com"}, 550},
		{"to one and to nobody", from, note, []string{"shop@example.com", "nobody@example.com"}, 550},
		{"from a machine", "", note, []string{"shop@example.com"}, 250},
		{"to where letters go back to", from, note, []string{"bounces+01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1@in.example.com"}, 250},
		{"without a From", from, "Subject: x\r\n\r\nx\r\n", []string{"shop@example.com"}, 554},
		{"that is too large", from, note + strings.Repeat(strings.Repeat("x", 1000)+"\r\n", 16<<10), []string{"shop@example.com"}, 552},
	} {
		if got := d.send(tc.from, tc.letter, tc.to...); got != tc.want {
			t.Errorf("%s: got %d, want %d", tc.name, got, tc.want)
		}
	}
	d.breaks(errors.New("the disk is full"), nil)
	if got := d.send(from, note, "shop@example.com"); got != 451 {
		t.Errorf("with a store that fails: got %d, want 451", got)
	}
	d.breaks(nil, nil)
	d.stop()
	if n1, n2 := len(d.stored["1"]), len(d.stored["2"]); n1 != 3 || n2 != 1 {
		t.Errorf("%d and %d were stored", n1, n2)
	}
	if got := d.stored["2"][0]; got.To != "help@example.com" || got.Message.Text.Text != "Hello" {
		t.Errorf("got %+v", got)
	}
}

// TestServerThatKnowsNobodyYet does not send away whom it may know later.
func TestServerThatKnowsNobodyYet(t *testing.T) {
	t.Parallel()
	d := newDoor(t, nil)
	d.breaks(nil, errors.New("the database is away"))
	if got := d.send("ada@phone.example", note, "shop@example.com"); got != 451 {
		t.Errorf("got %d, want 451", got)
	}
}

// TestServerWithSlowClients: letters that never end do not keep others out.
func TestServerWithSlowClients(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *email.ServerOptions) { o.LetterTimeout = 100 * time.Millisecond })
	defer d.stop()
	for range 8 { // more than are taken in at once
		c := d.dial()
		for _, err := range []error{c.Mail("ada@example.org", nil), c.Rcpt("shop@example.com", nil)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		w, err := c.Data()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("Subject: and so on\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	if code := d.send("ada@phone.example", note, "shop@example.com"); code != 250 {
		t.Errorf("got %d, want 250", code)
	}
}

func TestServerWithLMTP(t *testing.T) {
	t.Parallel()
	d := newDoor(t, func(o *email.ServerOptions) { o.LMTP = true })
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", d.address)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClientLMTP(conn)
	defer c.Close()
	if err := errors.Join(c.Mail("ada@phone.example", nil), c.Rcpt("shop@example.com", nil), c.Rcpt("help@example.com", nil)); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(note)); err != nil {
		t.Fatal(err)
	}
	answers, err := w.CloseWithLMTPResponse()
	if err != nil || len(answers) != 2 {
		t.Errorf("answers %v, %v", answers, err)
	}
	d.stop()
	if n1, n2 := len(d.stored["1"]), len(d.stored["2"]); n1 != 1 || n2 != 1 {
		t.Errorf("%d and %d were stored", n1, n2)
	}
}

func TestServerWithSTARTTLS(t *testing.T) {
	t.Parallel()
	cert := certificate(t)
	d := newDoor(t, func(o *email.ServerOptions) { o.TLS = &tls.Config{Certificates: []tls.Certificate{cert.Certificate}} })
	c, err := smtp.DialStartTLS(d.address, &tls.Config{RootCAs: cert.pool, ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SendMail("ada@phone.example", []string{"shop@example.com"}, bytes.NewReader([]byte(note))); err != nil {
		t.Error(err)
	}
	d.stop()
	if n := len(d.stored["1"]); n != 1 {
		t.Errorf("%d were stored", n)
	}
}

// A localCertificate is one for this machine, which vouches for itself.
type localCertificate struct {
	tls.Certificate
	pool      *x509.CertPool
	pem       string
	file, key string // where it and its key are
}

func certificate(t *testing.T) *localCertificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &localCertificate{pool: x509.NewCertPool(), file: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
	if err := errors.Join(os.WriteFile(c.file, public, 0o600), os.WriteFile(c.key, private, 0o600)); err != nil {
		t.Fatal(err)
	}
	if c.Certificate, err = tls.X509KeyPair(public, private); err != nil {
		t.Fatal(err)
	}
	c.pool.AppendCertsFromPEM(public)
	c.pem = string(public)
	return c
}
