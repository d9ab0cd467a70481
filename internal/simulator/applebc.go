package simulator

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// ProviderAppleBC is Apple's side of Messages for Business.
const ProviderAppleBC = "applebc"

// AppleBCAccount is a business of a messaging service provider (MSP); its id
// is the business's.
type AppleBCAccount struct {
	MSPID      string `json:"msp_id"`
	Secret     string `json:"secret"`                // base64
	WebhookURL string `json:"webhook_url,omitempty"` // of the MSP; messages go to /message below it
}

// applebc is the MSP REST API.
type applebc struct {
	sim        *Simulator
	businesses accountSet[AppleBCAccount]
}

func newAppleBC(s *Simulator) *applebc { return &applebc{sim: s} }

func (a *applebc) name() string       { return ProviderAppleBC }
func (a *applebc) channel() string    { return ChannelAppleBC }
func (a *applebc) accounts() []string { return a.businesses.ids() }

func (a *applebc) put(_ context.Context, id string, doc json.RawMessage) error {
	var acc AppleBCAccount
	if err := readAccount(doc, &acc); err != nil {
		return err
	}
	key, err := base64.StdEncoding.DecodeString(acc.Secret)
	if id == "" || acc.MSPID == "" || err != nil || len(key) == 0 {
		return errors.New("applebc account: want msp_id and a secret in base64")
	}
	a.businesses.set(id, acc)
	return nil
}

func (a *applebc) routes(mux *http.ServeMux) {
	mux.HandleFunc("POST /applebc/message", a.guard(a.message))
	mux.HandleFunc("GET /applebc/preUpload", a.guard(a.preUpload))
	mux.HandleFunc("POST /applebc/upload", a.upload)
	mux.HandleFunc("GET /applebc/preDownload", a.guard(a.preDownload))
	mux.HandleFunc("POST /applebc/decodePayload", a.guard(a.decodePayload))
}

// appleError is a refusal: Apple says no more than the HTTP status.
type appleError int

func (e appleError) Error() string { return http.StatusText(int(e)) }

// appleOp answers a request of a business with JSON, or with nothing.
type appleOp func(business string, r *http.Request) (any, error)

// guard checks who asks, and words answers and errors.
func (a *applebc) guard(op appleOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		business := r.Header.Get("Source-Id")
		acc, known := a.businesses.get(business)
		var answer any
		var err error
		switch {
		case !known:
			err = appleError(http.StatusForbidden)
		case !acc.signed(r.Header.Get("Authorization")):
			err = appleError(http.StatusUnauthorized)
		default:
			answer, err = op(business, r)
		}
		a.sim.cutIfAsked(r, ProviderAppleBC, err)
		var status appleError
		switch {
		case errors.As(err, &status):
			w.WriteHeader(int(status))
		case err != nil:
			w.WriteHeader(http.StatusInternalServerError)
		case answer != nil:
			writeJSON(w, http.StatusOK, answer)
		}
	}
}

func (acc AppleBCAccount) sign(claims any) string {
	body, err := encode(claims)
	key, err2 := base64.StdEncoding.DecodeString(acc.Secret)
	if err != nil || err2 != nil {
		return "" // both were checked
	}
	head := appleSegment([]byte(`{"typ":"JWT","alg":"HS256"}`)) + "." + appleSegment(body)
	return head + "." + appleSegment(signature(sha256.New, string(key), []byte(head)))
}

func appleSegment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signed checks a token of the MSP's, which names it and a time.
func (acc AppleBCAccount) signed(authorization string) bool {
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	parts := strings.Split(token, ".")
	if !ok || len(parts) != 3 {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(acc.Secret)
	if err != nil || parts[2] != appleSegment(signature(sha256.New, string(key), []byte(parts[0]+"."+parts[1]))) {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issuer string `json:"iss"`
		At     int64  `json:"iat"`
	}
	return err == nil && json.Unmarshal(raw, &claims) == nil && claims.Issuer == acc.MSPID && claims.At > 0
}

// preUpload says where an encrypted file goes. The address it will have is
// made up by the upload, which the owner stands for.
func (a *applebc) preUpload(_ string, r *http.Request) (any, error) {
	size, err := strconv.ParseInt(r.Header.Get("MMCS-Size"), 10, 64)
	if err != nil || size < 0 || size > 100e6 {
		return nil, appleError(http.StatusBadRequest)
	}
	owner := rand.Text()
	return map[string]string{
		"upload-url": a.sim.base() + "/applebc/upload?owner=" + owner, "mmcs-url": "https://content.example/" + owner, "mmcs-owner": owner,
	}, nil
}

// upload keeps an encrypted file under its checksum.
func (a *applebc) upload(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mediaFileLimit))
	if err != nil || r.URL.Query().Get("owner") == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f := a.sim.media.put(data, "application/octet-stream", r.URL.Query().Get("owner"))
	writeJSON(w, http.StatusOK, map[string]any{"singleFile": map[string]any{
		"fileChecksum": base64.StdEncoding.EncodeToString([]byte(f.id)), "size": len(data), "receipt": rand.Text(),
	}})
}

// preDownload says where an encrypted file is.
func (a *applebc) preDownload(_ string, r *http.Request) (any, error) {
	f := a.stored(r.Header.Get("MMCS-Signature"), r.Header.Get("MMCS-Owner"))
	if f == nil || r.Header.Get("MMCS-Url") == "" {
		return nil, appleError(http.StatusNotFound)
	}
	return map[string]string{"download-url": a.sim.fileURL(f)}, nil
}

// stored returns the encrypted file of a signature, or nil.
func (a *applebc) stored(signature, owner string) *file {
	id, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return nil
	}
	if f := a.sim.media.get(string(id)); f != nil && f.name == owner {
		return f
	}
	return nil
}

// appleCrypt encrypts or decrypts a file.
func appleCrypt(key, data []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	out := make([]byte, len(data))
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(out, data) //nolint:gosec // Apple's format; each file has a key of its own
	return out, nil
}

// appleFile is an attachment of a message, either way.
type appleFile struct {
	Name      string `json:"name"`
	MIMEType  string `json:"mimeType"`
	Size      string `json:"size"`
	Key       string `json:"key"`
	URL       string `json:"url"`
	Owner     string `json:"owner"`
	Signature string `json:"signature-base64"`
}

// open decrypts an attachment for the phone; nil if it cannot.
func (a *applebc) open(f appleFile) *file {
	key, err := hex.DecodeString(f.Key)
	kept := a.stored(f.Signature, f.Owner)
	if err != nil || len(key) != 33 || key[0] != 0 || kept == nil || strconv.Itoa(len(kept.data)) != f.Size {
		return nil
	}
	plain, err := appleCrypt(key[1:], kept.data)
	if err != nil {
		return nil
	}
	return a.sim.media.put(plain, f.MIMEType, f.Name)
}

// seal encrypts a file of the phone's.
func (a *applebc) seal(f *file) (appleFile, error) {
	data, typ, err := a.sim.media.bytesOf(a.sim.ctx, f)
	if err != nil {
		return appleFile{}, err
	}
	sealed, err := a.sealBytes(data)
	sealed.Name, sealed.MIMEType = orElse(f.name, "file"), typ
	return sealed, err
}

// sealBytes encrypts and keeps a file without a name.
func (a *applebc) sealBytes(data []byte) (appleFile, error) {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	sealed, err := appleCrypt(key[:], data)
	if err != nil {
		return appleFile{}, err
	}
	kept := a.sim.media.put(sealed, "application/octet-stream", rand.Text())
	return appleFile{
		Size: strconv.Itoa(len(sealed)), Key: "00" + hex.EncodeToString(key[:]),
		URL: "https://content.example/" + kept.id, Owner: kept.name, Signature: base64.StdEncoding.EncodeToString([]byte(kept.id)),
	}, nil
}

// post is a message of the phone's to the MSP, compressed as Apple does.
func (a *applebc) post(business string, phone key, id string, body []byte) (*post, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(body); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return &post{
		provider: ProviderAppleBC, order: phone.order(), body: b.Bytes(),
		target: func() (string, http.Header) {
			acc, _ := a.businesses.get(business)
			if acc.WebhookURL == "" {
				return "", nil
			}
			token := acc.sign(map[string]any{"aud": acc.MSPID, "iat": a.sim.now().Unix()})
			return acc.WebhookURL + "/message", http.Header{
				"Authorization": {"Bearer " + token}, "Content-Encoding": {"gzip"}, "Id": {id}, "Source-Id": {phone.identity},
				"Destination-Id": {business}, "Capability-List": {"QUICK,LIST,TIME"},
			}
		},
	}, nil
}
