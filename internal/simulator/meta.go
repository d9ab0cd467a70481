package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// What the webhooks of all of Meta's platforms have in common.

// verifyTimeout is how long a webhook may take to answer the handshake.
const verifyTimeout = 10 * time.Second

// metaHandshake verifies a webhook: it must echo the challenge.
func (s *Simulator) metaHandshake(ctx context.Context, webhook, token string) error {
	u, err := url.Parse(webhook)
	if err != nil || u.Host == "" {
		return errors.New("webhook_url: want an absolute URL")
	}
	challenge := strconv.FormatInt(s.now().UnixNano()%1_000_000_000, 10)
	q := u.Query()
	q.Set("hub.mode", "subscribe")
	q.Set("hub.verify_token", token)
	q.Set("hub.challenge", challenge)
	u.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	resp, err := s.opts.HTTP.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // without the address: it holds the verify token
		}
		return fmt.Errorf("ask for challenge: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1024))
	if err != nil {
		return fmt.Errorf("read challenge: %w", err)
	}
	if resp.StatusCode != http.StatusOK || string(body) != challenge {
		return fmt.Errorf("answered %d without the challenge", resp.StatusCode)
	}
	return nil
}

// metaHeader is what a webhook call with the body carries; it is signed if
// there is a secret.
func metaHeader(secret string, body []byte) http.Header {
	h := http.Header{"User-Agent": {"facebookexternalua"}}
	if secret != "" {
		h.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(signature(sha256.New, secret, body)))
	}
	return h
}
