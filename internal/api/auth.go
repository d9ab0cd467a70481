package api

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

const (
	// trust is how long a verified access key is believed without asking the
	// database again. A revoked key is dead after at most that long.
	trust = 4 * time.Second

	maxCredentials = 10_000 // of each kind remembered, in one generation
	maxHeader      = 4096   // bytes of an Authorization header
)

// An authenticator says on whose behalf a request is made.
type authenticator struct {
	store  *store.Store
	now    func() time.Time
	signer *signer

	bearer *recent[digest, bearer]   // verified tokens by their digest
	basic  *recent[digest, knownKey] // verified Basic credentials by their digest
	keys   *recent[string, knownKey] // access keys by id
}

// A digest stands for a credential, so that none is kept in memory.
type digest [sha256.Size]byte

// bearer is what a verified token says.
type bearer struct {
	key     string // the access key it was given to
	expires time.Time
}

// knownKey is what the database said of an access key.
type knownKey struct {
	project string
	at      time.Time
}

func newAuthenticator(st *store.Store, now func() time.Time) *authenticator {
	return &authenticator{
		store:  st,
		now:    now,
		signer: newSigner(st, now),
		bearer: newRecent[digest, bearer](maxCredentials),
		basic:  newRecent[digest, knownKey](maxCredentials),
		keys:   newRecent[string, knownKey](maxCredentials),
	}
}

// A challenge is an UNAUTHENTICATED error with the www-authenticate header
// that says what is missing. The SDKs get a new token and try again if, and
// only if, that header contains the word "expired".
type challenge struct {
	err    error
	header string
}

func (c *challenge) Error() string { return c.err.Error() }
func (c *challenge) Unwrap() error { return c.err }

func unauthenticated(header, message string) error {
	return &challenge{parley.Errorf(parley.CodeUnauthenticated, "%s", message), header}
}

const (
	challengeNone    = `Bearer realm="parley"`
	challengeBasic   = `Basic realm="parley"`
	challengeInvalid = `Bearer realm="parley", error="invalid_token", error_description="the token is not valid"`
	challengeExpired = `Bearer realm="parley", error="invalid_token", error_description="the token expired"`
)

// authenticate returns the project the request's credentials are for. The
// error is a *challenge unless the database failed.
func (a *authenticator) authenticate(ctx context.Context, r *http.Request) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" || len(header) > maxHeader {
		return "", unauthenticated(challengeNone, "an Authorization header with a bearer token or Basic credentials is needed")
	}
	scheme, rest, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return a.byToken(ctx, strings.TrimSpace(rest))
	case strings.EqualFold(scheme, "Basic"):
		id, secret, ok := r.BasicAuth()
		if !ok {
			return "", unauthenticated(challengeBasic, "the Basic credentials cannot be decoded")
		}
		return a.bySecret(ctx, id, secret)
	}
	return "", unauthenticated(challengeNone, "the authorization scheme must be Bearer or Basic")
}

func (a *authenticator) byToken(ctx context.Context, token string) (string, error) {
	d := digest(sha256.Sum256([]byte(token)))
	b, ok := a.bearer.get(d)
	if !ok {
		var err error
		if b, err = a.signer.verify(ctx, token); err != nil {
			return "", err
		}
		a.bearer.put(d, b)
	}
	if !a.now().Before(b.expires) {
		return "", errExpired()
	}
	return a.byKey(ctx, b.key)
}

// byKey returns the project of an access key that proved itself earlier.
func (a *authenticator) byKey(ctx context.Context, id string) (string, error) {
	now := a.now()
	if k, ok := a.keys.get(id); ok && now.Sub(k.at) < trust {
		return k.project, nil
	}
	project, err := a.store.KeyProject(ctx, id)
	if parley.CodeOf(err) == parley.CodeUnauthenticated {
		return "", unauthenticated(challengeInvalid, "the access key of the token was revoked")
	}
	if err != nil {
		return "", err
	}
	a.keys.put(id, knownKey{project, now})
	return project, nil
}

func (a *authenticator) bySecret(ctx context.Context, id, secret string) (string, error) {
	now, d := a.now(), digestOf(id, secret)
	if k, ok := a.basic.get(d); ok && now.Sub(k.at) < trust {
		return k.project, nil
	}
	project, err := a.checkKey(ctx, id, secret)
	if err != nil {
		return "", err
	}
	a.basic.put(d, knownKey{project, now})
	return project, nil
}

// checkKey asks the database.
func (a *authenticator) checkKey(ctx context.Context, id, secret string) (string, error) {
	if !isText(id) {
		return "", unauthenticated(challengeBasic, "the access key or its secret is wrong")
	}
	project, err := a.store.CheckKey(ctx, id, secret)
	if parley.CodeOf(err) == parley.CodeUnauthenticated {
		return "", &challenge{err, challengeBasic}
	}
	return project, err
}

// digestOf hashes the parts so that their border counts.
func digestOf(id, secret string) digest {
	inner := sha256.Sum256([]byte(id))
	return sha256.Sum256(append(inner[:], secret...))
}

func errExpired() error {
	return unauthenticated(challengeExpired, "the access token has expired")
}

func errBadToken() error {
	return unauthenticated(challengeInvalid, "the access token is not valid")
}
