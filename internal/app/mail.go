package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel/email"
)

// A mailListener is where letters come in.
type mailListener struct {
	net.Listener
	lmtp bool
}

// listenForMail opens the listeners of channel EMAIL that are configured.
func listenForMail(ctx context.Context, c *Config) ([]mailListener, error) {
	var out []mailListener
	for _, at := range []struct {
		address string
		lmtp    bool
	}{{c.EmailListen, false}, {c.EmailLMTPListen, true}} {
		if at.address == "" {
			continue
		}
		network, address := "tcp", at.address
		if path, ok := strings.CutPrefix(address, "unix:"); ok {
			network, address = "unix", path
		}
		l, err := (&net.ListenConfig{}).Listen(ctx, network, address)
		if err != nil {
			return out, fmt.Errorf("listen for mail: %w", err)
		}
		out = append(out, mailListener{l, at.lmtp})
	}
	return out, nil
}

// checkMail refuses settings of channel EMAIL's listeners that cannot work.
func (c *Config) checkMail() error {
	if (c.EmailTLSCert == "") != (c.EmailTLSKey == "") {
		return errors.New("email_tls_cert: needs email_tls_key, and the other way round")
	}
	if _, err := c.mailTLS(); err != nil {
		return fmt.Errorf("email_tls_cert: %w", err)
	}
	return nil
}

// mailTLS is for STARTTLS, or nil. The files are read anew for each connection:
// certificates are renewed every few months.
func (c *Config) mailTLS() (*tls.Config, error) {
	if c.EmailTLSCert == "" {
		return nil, nil //nolint:nilnil // there need not be one
	}
	load := func() (*tls.Certificate, error) {
		cert, err := tls.LoadX509KeyPair(c.EmailTLSCert, c.EmailTLSKey)
		return &cert, err
	}
	_, err := load()
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return load() },
	}, err
}

// serveMail takes in letters on one listener until ctx is done.
func (s *Server) serveMail(ctx context.Context, l mailListener) {
	secured, err := s.cfg.mailTLS()
	if err != nil {
		s.log.Error("mail goes without STARTTLS", slog.Any("error", err))
		secured = nil
	}
	domain := "localhost"
	if u, err := url.Parse(s.cfg.PublicURL); err == nil && u.Hostname() != "" {
		domain = u.Hostname()
	}
	err = email.NewServer(email.ServerOptions{
		Inlets: s.mailInlets, Domain: domain, TLS: secured, LMTP: l.lmtp, Log: s.log, Now: time.Now,
	}).Serve(ctx, l)
	if err != nil {
		s.log.Error("take in mail", slog.Any("error", err))
	}
}

// mailInlets lists the accounts that letters come in for.
func (s *Server) mailInlets(ctx context.Context) ([]email.Inlet, error) {
	inlets, err := s.engine.Inlets(ctx, parley.ChannelEmail)
	if err != nil {
		return nil, err
	}
	out := make([]email.Inlet, 0, len(inlets))
	for _, in := range inlets {
		out = append(out, email.Inlet{Conn: in.Conn, Accept: in.Accept})
	}
	return out, nil
}
