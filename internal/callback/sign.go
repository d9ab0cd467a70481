package callback

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

// The signature's headers, in the case in which the hosted API sends them.
const (
	HeaderSignature = "x-sinch-webhook-signature"
	HeaderTimestamp = "x-sinch-webhook-signature-timestamp"
	HeaderNonce     = "x-sinch-webhook-signature-nonce"
	HeaderAlgorithm = "x-sinch-webhook-signature-algorithm"
)

// Algorithm is handed to Mac.getInstance by Java receivers, so its case
// counts.
const Algorithm = "HmacSHA256"

// Sign returns the signature of a body as sent with a nonce and a timestamp
// in Unix seconds: the base64 of the HMAC-SHA256 of "body.nonce.timestamp".
func Sign(secret string, body []byte, nonce, timestamp string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	tail := make([]byte, 0, 64)
	tail = append(append(append(append(tail, '.'), nonce...), '.'), timestamp...)
	m.Write(tail)
	return base64.StdEncoding.EncodeToString(m.Sum(tail[:0]))
}

// sign adds the signature's headers for an attempt made now.
func (s *Sender) sign(h http.Header, secret string, body []byte, now time.Time) {
	nonce, timestamp := s.ids.New(now), strconv.FormatInt(now.Unix(), 10)
	// The map is written to directly because Set would change the names' case.
	v := [...]string{timestamp, nonce, Algorithm, Sign(secret, body, nonce, timestamp)}
	h[HeaderTimestamp], h[HeaderNonce], h[HeaderAlgorithm], h[HeaderSignature] = v[0:1:1], v[1:2:2], v[2:3:3], v[3:4:4]
}
