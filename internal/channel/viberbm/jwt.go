package viberbm

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// tokenLife is how long a token we sign is good for; each request has its own.
const tokenLife = 5 * time.Minute

// bearer is the header a request to Vonage needs: a token signed with the
// application's key.
func bearer(applicationID string, key *rsa.PrivateKey, now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{
		"application_id": applicationID, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed := segment([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + segment(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return "Bearer " + signed + "." + segment(signature), nil
}

func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// genuineVonage checks the token of a webhook, once a secret has been agreed on:
// signed with it (HS256), and over the hash of this very body
// (developer.vonage.com, Signed webhooks).
func genuineVonage(secret, authorization string, body []byte) bool {
	if secret == "" {
		return true
	}
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 {
		return false
	}
	var raw [3][]byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			return false
		}
		raw[i] = b
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(parts[0] + "." + parts[1]))
	if !hmac.Equal(mac.Sum(nil), raw[2]) {
		return false
	}
	var head struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		PayloadHash string `json:"payload_hash"`
	}
	if json.Unmarshal(raw[0], &head) != nil || head.Alg != "HS256" || json.Unmarshal(raw[1], &claims) != nil {
		return false
	}
	sum := sha256.Sum256(body)
	got, err := hex.DecodeString(claims.PayloadHash)
	return err == nil && subtle.ConstantTimeCompare(got, sum[:]) == 1
}
