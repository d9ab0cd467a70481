package simulator

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ProviderRCSGoogle is Google's RCS for Business API.
const ProviderRCSGoogle = "rcs-google"

// RCSGoogleAccount is an agent.
type RCSGoogleAccount struct {
	// ClientEmail and PublicKey, an RSA key in PEM, are of the service account
	// that gets access tokens for the agent.
	ClientEmail string `json:"client_email,omitempty"`
	PublicKey   string `json:"public_key,omitempty"`
	// Token is an access token that never expires.
	Token string `json:"token,omitempty"`
	// ClientToken signs webhooks and is shown in the handshake.
	ClientToken string `json:"client_token,omitempty"`
	WebhookURL  string `json:"webhook_url,omitempty"`
	// Features are what phones can do; none means everything.
	Features []string `json:"features,omitempty"`
}

// rcsTokenLife is how long access tokens last.
const rcsTokenLife = time.Hour

// rcsGoogle is the API with the token endpoint beside it.
type rcsGoogle struct {
	sim    *Simulator
	agents accountSet[RCSGoogleAccount]

	mu     sync.Mutex
	access map[string]rcsAccess
}

// rcsAccess is an access token that was given out.
type rcsAccess struct {
	email   string
	expires time.Time
}

func newRCSGoogle(s *Simulator) *rcsGoogle { return &rcsGoogle{sim: s, access: map[string]rcsAccess{}} }

func (g *rcsGoogle) name() string       { return ProviderRCSGoogle }
func (g *rcsGoogle) channel() string    { return ChannelRCS }
func (g *rcsGoogle) accounts() []string { return g.agents.ids() }

// put makes or changes an agent. If it has a webhook, the handshake is made
// first; when that fails nothing changes.
func (g *rcsGoogle) put(ctx context.Context, agentID string, doc json.RawMessage) error {
	var a RCSGoogleAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if agentID == "" || a.Token == "" && a.PublicKey == "" {
		return errors.New("rcs-google account: want an id, and a token or a public key")
	}
	if a.PublicKey != "" {
		if _, err := jwt.ParseRSAPublicKeyFromPEM([]byte(a.PublicKey)); err != nil {
			return fmt.Errorf("public_key: %w", err)
		}
	}
	if a.WebhookURL != "" {
		if err := g.handshake(ctx, &a); err != nil {
			return fmt.Errorf("verify webhook: %w", err)
		}
	}
	g.agents.set(agentID, a)
	return nil
}

// handshake asks the webhook to show that it knows the client token.
func (g *rcsGoogle) handshake(ctx context.Context, a *RCSGoogleAccount) error {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	secret := rand.Text()
	body, err := encode(map[string]string{"clientToken": a.ClientToken, "secret": secret})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.WebhookURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := g.sim.opts.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(answer) != secret {
		return fmt.Errorf("answered %d without the secret", resp.StatusCode)
	}
	return nil
}

func (g *rcsGoogle) routes(mux *http.ServeMux) {
	const phones = "/rcs-google/v1/phones/{phone}"
	mux.HandleFunc("POST /rcs-google/token", g.token)
	mux.HandleFunc("POST "+phones+"/agentMessages", g.guard(g.create))
	mux.HandleFunc("DELETE "+phones+"/agentMessages/{message}", g.guard(g.revoke))
	mux.HandleFunc("POST "+phones+"/agentEvents", g.guard(g.show))
	mux.HandleFunc("GET "+phones+"/capabilities", g.guard(g.capabilities))
	mux.HandleFunc("/rcs-google/", func(w http.ResponseWriter, _ *http.Request) {
		writeRCSError(w, rcsErrorOf("NOT_FOUND", "Method not found."))
	})
}

// token is the OAuth token endpoint: an assertion signed by the service account
// for an access token.
func (g *rcsGoogle) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(code, words string) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": words})
	}
	if r.PostFormValue("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		refuse("unsupported_grant_type", "Invalid grant_type.")
		return
	}
	claims := jwt.MapClaims{}
	_, err := jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(time.Minute),
		jwt.WithTimeFunc(g.sim.now),
	).ParseWithClaims(r.PostFormValue("assertion"), claims, g.keyOf)
	if err != nil {
		refuse("invalid_grant", "Invalid JWT: "+err.Error())
		return
	}
	if scope, _ := claims["scope"].(string); scope != "https://www.googleapis.com/auth/rcsbusinessmessaging" {
		refuse("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
		return
	}
	email, _ := claims.GetIssuer() // keyOf read it before
	access := "ya29." + rand.Text()
	g.mu.Lock()
	g.access[access] = rcsAccess{email, g.sim.now().Add(rcsTokenLife)}
	g.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": access, "expires_in": int(rcsTokenLife.Seconds()) - 1, "token_type": "Bearer",
	})
}

// keyOf returns the key of the service account that says it signed t.
func (g *rcsGoogle) keyOf(t *jwt.Token) (any, error) {
	email, err := t.Claims.GetIssuer()
	if err != nil {
		return nil, err
	}
	_, a, ok := g.agents.find(func(a RCSGoogleAccount) bool { return email != "" && a.ClientEmail == email && a.PublicKey != "" })
	if !ok {
		return nil, errors.New("account not found")
	}
	var key *rsa.PublicKey
	key, err = jwt.ParseRSAPublicKeyFromPEM([]byte(a.PublicKey))
	return key, err
}

// rcsOp is one operation on a phone; v is what it answers.
type rcsOp func(r *http.Request, agent string, a *RCSGoogleAccount, phone key) (v any, err error)

// guard checks the access token, the agent and the phone, and words errors.
func (g *rcsGoogle) guard(op rcsOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := g.guarded(r, op)
		g.sim.cutIfAsked(r, ProviderRCSGoogle, err)
		if err != nil {
			writeRCSError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	}
}

func (g *rcsGoogle) guarded(r *http.Request, op rcsOp) (any, error) {
	access, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	agent := strings.TrimSuffix(r.URL.Query().Get("agentId"), "@rbm.goog")
	a, ok := g.agents.get(agent)
	if !g.known(access) {
		return nil, rcsErrorOf("UNAUTHENTICATED", "Request had invalid authentication credentials. Expected OAuth 2 access token, "+
			"login cookie or other valid authentication credential.")
	}
	if !ok || !g.may(access, &a) {
		return nil, rcsErrorOf("PERMISSION_DENIED", "The caller does not have permission")
	}
	to := r.PathValue("phone")
	if !strings.HasPrefix(to, "+") || !waPhone.MatchString(to) {
		return nil, rcsErrorOf("INVALID_ARGUMENT", "The phone number must be in E.164 format.")
	}
	return op(r, agent, &a, newKey(ChannelRCS, to))
}

// known reports whether anybody has the token; it may still be for others.
func (g *rcsGoogle) known(access string) bool {
	_, _, ok := g.agents.find(func(a RCSGoogleAccount) bool { return g.may(access, &a) })
	return ok
}

// may reports whether the token is good for the agent.
func (g *rcsGoogle) may(access string, a *RCSGoogleAccount) bool {
	if access == "" {
		return false
	}
	g.mu.Lock()
	given, ok := g.access[access]
	g.mu.Unlock()
	return access == a.Token || ok && given.email == a.ClientEmail && g.sim.now().Before(given.expires)
}

// rcsError is an error of Google's APIs.
type rcsError struct {
	status     string // google.rpc.Code
	words      string
	retryAfter int // seconds
}

func (e *rcsError) Error() string { return e.status + ": " + e.words }

func rcsErrorOf(status, words string) *rcsError { return &rcsError{status: status, words: words} }

func rcsInvalid(words string) *rcsError { return rcsErrorOf("INVALID_ARGUMENT", words) }

// code is the HTTP status of an error.
func (e *rcsError) code() int {
	switch e.status {
	case "INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE":
		return http.StatusBadRequest
	case "UNAUTHENTICATED":
		return http.StatusUnauthorized
	case "PERMISSION_DENIED":
		return http.StatusForbidden
	case "NOT_FOUND":
		return http.StatusNotFound
	case "ALREADY_EXISTS", "ABORTED":
		return http.StatusConflict
	case "RESOURCE_EXHAUSTED":
		return http.StatusTooManyRequests
	case "UNAVAILABLE":
		return http.StatusServiceUnavailable
	case "DEADLINE_EXCEEDED":
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

func writeRCSError(w http.ResponseWriter, err error) {
	e, ok := errors.AsType[*rcsError](err)
	if !ok {
		e = rcsErrorOf("INTERNAL", err.Error())
	}
	if e.retryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(e.retryAfter))
	}
	writeJSON(w, e.code(), map[string]any{"error": map[string]any{"code": e.code(), "message": e.words, "status": e.status}})
}
