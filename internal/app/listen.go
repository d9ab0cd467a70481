package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/parley-im/parley/internal/callback"
)

// ListenOptions are the settings of parley listen.
type ListenOptions struct {
	URL     string `arg:"" optional:"" help:"Address to listen on, such as http://127.0.0.1:8082/; default: where parley dev sends callbacks."`
	Secret  Secret `help:"The webhook's secret; default: the one of parley dev." env:"PARLEY_WEBHOOK_SECRET"`
	DataDir string `help:"Data directory of parley dev." default:"./data" env:"PARLEY_DATA_DIR"`
	Compact bool   `help:"Print each callback on one line."`
}

// Listen prints the callbacks that come in and whether their signature is
// right, until ctx is done.
func Listen(ctx context.Context, o ListenOptions, out io.Writer) error {
	st, err := readDevState(o.DataDir)
	if err != nil {
		return err
	}
	if o.URL == "" {
		o.URL = st.Listener
	}
	if o.Secret == "" {
		o.Secret = Secret(st.WebhookSecret)
	}
	if o.URL == "" {
		return errors.New("nothing to listen for: run parley dev first, or give an address")
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return fmt.Errorf("%q is not an address such as http://127.0.0.1:8082/", o.URL)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", u.Host)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p := &printer{out: out, secret: string(o.Secret), compact: o.Compact}
	hs := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = hs.Close() })
	defer stop()
	if _, err := fmt.Fprintf(out, "Listening for callbacks at http://%s/\n", l.Addr()); err != nil {
		return err
	}
	if err := hs.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// A printer is the target of callbacks that shows them to a person.
type printer struct {
	mu      sync.Mutex
	out     io.Writer
	secret  string
	compact bool
}

// ServeHTTP prints one callback and accepts it, unless it is signed wrongly.
func (p *printer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	if err != nil {
		http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
		return
	}
	verdict := p.verdict(r.Header, body)
	p.mu.Lock()
	defer p.mu.Unlock()
	shown := string(body)
	if !p.compact {
		shown = indent(body)
	}
	_, _ = fmt.Fprintf(p.out, "\n%s  %s  (%s)\n%s\n", time.Now().Format("15:04:05.000"), payloadName(body), verdict, shown)
	if verdict == badSignature {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

const badSignature = "SIGNATURE WRONG"

// verdict says what the signature is worth.
func (p *printer) verdict(h http.Header, body []byte) string {
	const name = "X-Sinch-Webhook-Signature"
	got := h.Get(name)
	switch {
	case got == "":
		return "not signed"
	case p.secret == "":
		return "signed, but no secret to check with"
	case got == callback.Sign(p.secret, body, h.Get(name+"-Nonce"), h.Get(name+"-Timestamp")):
		return "signature right"
	}
	return badSignature
}

// payloadName names a callback by the one member that holds its payload.
func payloadName(body []byte) string {
	var doc map[string]json.RawMessage
	if json.Unmarshal(body, &doc) != nil {
		return "not JSON"
	}
	for name, value := range doc {
		if len(value) > 0 && value[0] == '{' {
			return name
		}
	}
	return "callback"
}

func indent(body []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		return string(body)
	}
	return b.String()
}
