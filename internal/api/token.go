package api

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/parley-im/parley"
)

const maxForm = 16 << 10 // bytes of a token request

// tokenAnswer is a successful answer of the token endpoint. The Python SDK
// needs all four members.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Scope       string `json:"scope"`
	TokenType   string `json:"token_type"`
}

// oauthError is an error of the token endpoint (RFC 6749, section 5.2).
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// token is POST /oauth2/token: the client credentials grant.
func (s *Server) token(x *exchange, r *http.Request) {
	h := x.Header()
	h["Cache-Control"] = []string{"no-store"}
	form, err := readForm(x, r)
	if err != nil {
		x.json(http.StatusBadRequest, oauthError{"invalid_request", "the form cannot be read"})
		return
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	if !s.tokens.allow(id + "\x00" + address(r)) {
		x.json(http.StatusTooManyRequests, oauthError{"slow_down", "too many token requests"})
		return
	}
	switch form.Get("grant_type") {
	case "client_credentials":
	case "":
		x.json(http.StatusBadRequest, oauthError{"invalid_request", "grant_type is missing"})
		return
	default:
		x.json(http.StatusBadRequest, oauthError{"unsupported_grant_type", "grant_type must be client_credentials"})
		return
	}
	s.grant(x, r, id, secret)
}

// grant answers with a token for an access key whose secret is right.
func (s *Server) grant(x *exchange, r *http.Request, id, secret string) {
	ctx := r.Context()
	_, err := s.auth.checkKey(ctx, id, secret)
	if parley.CodeOf(err) == parley.CodeUnauthenticated {
		x.Header()["www-authenticate"] = []string{challengeBasic}
		x.json(http.StatusUnauthorized, oauthError{"invalid_client", "the access key or its secret is wrong"})
		return
	}
	var signed string
	if err == nil {
		signed, err = s.auth.signer.sign(ctx, id)
	}
	if err != nil {
		x.err = err
		x.json(http.StatusInternalServerError, oauthError{"server_error", "internal error"})
		return
	}
	x.json(http.StatusOK, tokenAnswer{
		AccessToken: signed,
		ExpiresIn:   int(tokenLife.Seconds()) - 1,
		TokenType:   "bearer",
	})
}

// readForm reads the form whatever its Content-Type says: not every client
// sends one.
func readForm(x *exchange, r *http.Request) (url.Values, error) {
	var b bytes.Buffer
	if _, err := io.Copy(&b, http.MaxBytesReader(x.ResponseWriter, r.Body, maxForm)); err != nil {
		return nil, err
	}
	return url.ParseQuery(b.String())
}

// address is where a request comes from, without the port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
