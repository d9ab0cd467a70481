package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-im/parley/internal/store"
)

const (
	tokenIssuer = "parley"
	tokenLife   = time.Hour

	// A signing key signs for keyLife. It verifies keyGrace longer than it
	// signs: a token's life and the time another node may take to notice that
	// there is a new key.
	keyLife  = 30 * 24 * time.Hour
	keyGrace = tokenLife + 5*time.Minute

	// Signing keys are read again after reloadAfter, because another node may
	// have made one; for a token whose key is not known, after reloadSoon.
	reloadAfter = time.Minute
	reloadSoon  = time.Second

	signingKeySize = 32 // bytes, as HS256 wants (RFC 7518, section 3.2)
)

// A signer makes and verifies access tokens. Its keys are in the database, so
// every node verifies what any node signed.
type signer struct {
	store  *store.Store
	now    func() time.Time
	parser *jwt.Parser

	mu     sync.Mutex
	keys   []store.SigningKey // newest first: the first one signs
	loaded time.Time
}

func newSigner(st *store.Store, now func() time.Time) *signer {
	return &signer{
		store: st, now: now,
		parser: jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(tokenIssuer),
			jwt.WithExpirationRequired(), jwt.WithTimeFunc(now)),
	}
}

// sign returns a token for an access key.
func (s *signer) sign(ctx context.Context, key string) (string, error) {
	k, err := s.current(ctx)
	if err != nil {
		return "", fmt.Errorf("signing key: %w", err)
	}
	now := s.now()
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer: tokenIssuer, Subject: key,
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(tokenLife)),
	})
	t.Header["kid"] = k.ID
	return t.SignedString(k.Secret)
}

// errUnknownKey says that nobody here signed a token.
var errUnknownKey = errors.New("the signing key is not known")

// verify returns what a token says. The error is a *challenge unless the
// database failed.
func (s *signer) verify(ctx context.Context, token string) (bearer, error) {
	var claims jwt.RegisteredClaims
	var failed error // the database, not the token
	_, err := s.parser.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		secret, err := s.find(ctx, kid)
		if err != nil && !errors.Is(err, errUnknownKey) {
			failed = err
		}
		return secret, err
	})
	switch {
	case failed != nil:
		return bearer{}, fmt.Errorf("signing keys: %w", failed)
	case err == nil:
		return bearer{key: claims.Subject, expires: claims.ExpiresAt.Time}, nil
	case errors.Is(err, jwt.ErrTokenExpired) || s.longExpired(token):
		return bearer{}, errExpired()
	}
	return bearer{}, errBadToken()
}

// longExpired reports whether a token nobody can verify any more says itself
// that it expired: a client that slept through a rotation shall get a new one.
func (s *signer) longExpired(token string) bool {
	var claims jwt.RegisteredClaims
	if _, _, err := s.parser.ParseUnverified(token, &claims); err != nil {
		return false
	}
	return claims.Issuer == tokenIssuer && claims.ExpiresAt != nil && claims.ExpiresAt.Before(s.now())
}

// current returns the key that signs, made now if need be.
func (s *signer) current(ctx context.Context) (store.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx, reloadAfter); err != nil {
		return store.SigningKey{}, err
	}
	if len(s.keys) == 0 || s.now().Sub(s.keys[0].CreatedAt) >= keyLife {
		if err := s.add(ctx); err != nil {
			return store.SigningKey{}, err
		}
	}
	return s.keys[0], nil
}

// find returns the secret of a key that may still verify, or errUnknownKey.
func (s *signer) find(ctx context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx, reloadAfter); err != nil {
		return nil, err
	}
	if k := s.lookup(id); k != nil {
		return k, nil
	}
	if err := s.load(ctx, reloadSoon); err != nil {
		return nil, err
	}
	if k := s.lookup(id); k != nil {
		return k, nil
	}
	return nil, errUnknownKey
}

func (s *signer) rotate(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx, 0); err != nil {
		return err
	}
	return s.add(ctx)
}

// lookup and what follows are called with the lock held.
func (s *signer) lookup(id string) []byte {
	for i := range s.verifying() {
		if s.keys[i].ID == id {
			return s.keys[i].Secret
		}
	}
	return nil
}

// verifying returns how many of the keys may verify: the one that signs, and
// those whose successor is younger than keyGrace.
func (s *signer) verifying() int {
	now := s.now()
	for i := 1; i < len(s.keys); i++ {
		if now.Sub(s.keys[i-1].CreatedAt) > keyGrace {
			return i
		}
	}
	return len(s.keys)
}

// load reads the keys unless that was done less than age ago.
func (s *signer) load(ctx context.Context, age time.Duration) error {
	now := s.now()
	if !s.loaded.IsZero() && now.Sub(s.loaded) < age {
		return nil
	}
	keys, err := s.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	s.keys, s.loaded = keys, now
	return nil
}

// add makes a new key and forgets those that verify nothing any more.
func (s *signer) add(ctx context.Context) error {
	k := store.SigningKey{ID: s.store.NewID(), Secret: make([]byte, signingKeySize), CreatedAt: s.now()}
	_, _ = rand.Read(k.Secret) // crypto/rand.Read never fails
	s.keys = append([]store.SigningKey{k}, s.keys...)
	s.keys = s.keys[:s.verifying()]
	oldest := s.keys[len(s.keys)-1].CreatedAt
	if err := s.store.AddSigningKey(ctx, k, oldest); err != nil {
		s.keys, s.loaded = nil, time.Time{} // ask again
		return err
	}
	return nil
}
