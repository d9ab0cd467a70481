package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

// KeySize is the length of the key the store encrypts with, in bytes.
const KeySize = 32

// A sealer encrypts what must be read back (channel credentials, webhook
// secrets) and hashes what must only be recognised (access keys). Each use has
// a key of its own, derived from the server's one.
type sealer struct {
	aead cipher.AEAD
	mac  []byte
	key  []byte
}

func newSealer(key []byte) (*sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the encryption key has %d bytes, not %d", len(key), KeySize)
	}
	enc, err := hkdf.Key(sha256.New, key, nil, "parley seal v1", KeySize)
	if err != nil {
		return nil, err
	}
	mac, err := hkdf.Key(sha256.New, key, nil, "parley access keys v1", KeySize)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(enc)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead: aead, mac: mac, key: key}, nil
}

// seal encrypts text for one place, such as "app/<project>/<id>": it cannot be
// opened when moved to another.
func (s *sealer) seal(place string, text []byte) string {
	//nolint:gosec // the nonce is not nil: this AEAD makes a random one for each call
	return base64.RawStdEncoding.EncodeToString(s.aead.Seal(nil, nil, text, []byte(place)))
}

func (s *sealer) open(place, sealed string) ([]byte, error) {
	raw, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, errors.New("a stored secret is damaged")
	}
	text, err := s.aead.Open(nil, nil, raw, []byte(place))
	if err != nil {
		return nil, errors.New("a stored secret cannot be opened with this encryption key")
	}
	return text, nil
}

// hash returns the keyed hash of an access key's secret. A keyed hash rather
// than a slow one: every request may carry the secret, and without the key the
// table is of no use to a thief.
func (s *sealer) hash(id, secret string) string {
	m := hmac.New(sha256.New, s.mac)
	m.Write([]byte(id))
	m.Write([]byte{0})
	m.Write([]byte(secret))
	return hex.EncodeToString(m.Sum(nil))
}

// Derive returns a key of 32 bytes for another purpose, always the same for
// the same purpose on the same server.
func (s *Store) Derive(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, s.sealer.key, nil, "parley derive v1: "+purpose, KeySize)
}

// randomText returns n random bytes as URL-safe text.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand.Read never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
