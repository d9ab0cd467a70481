package wechat

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1" //nolint:gosec // what WeChat signs with
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
)

// keyText is the length of an EncodingAESKey: base64 of 32 bytes without its
// one sign of padding.
const keyText = 43

// aesKey decodes an EncodingAESKey. The last letter may carry bits that do not
// count, so decoding is lenient there.
func aesKey(s string) ([]byte, error) {
	if len(s) != keyText {
		return nil, errors.New("an EncodingAESKey has 43 characters")
	}
	return base64.RawStdEncoding.DecodeString(s)
}

// signed reports whether signature is WeChat's of the parts: the hex SHA-1 of
// the parts in alphabetical order.
func signed(signature string, parts ...string) bool {
	parts = slices.Sorted(slices.Values(parts))
	sum := sha1.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // what WeChat signs with
	want := hex.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(want), []byte(signature)) == 1
}

// errCipher is any encrypted body that does not hold what it should.
var errCipher = errors.New("the encrypted body cannot be read")

// Lengths in an encrypted body: 16 random bytes, the length of the text, the
// text, the AppID, and padding up to a multiple of 32 (Message encryption and
// decryption).
const (
	randomBytes = 16
	prefixBytes = randomBytes + 4
	paddingUnit = 32
)

// decrypt returns the text in an encrypted body, which was signed.
func (a *account) decrypt(encrypted string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil || len(data) == 0 || len(data)%aes.BlockSize != 0 {
		return nil, errCipher
	}
	block, err := aes.NewCipher(a.key)
	if err != nil {
		return nil, errCipher
	}
	cipher.NewCBCDecrypter(block, a.key[:aes.BlockSize]).CryptBlocks(data, data)
	pad := int(data[len(data)-1])
	if pad < 1 || pad > paddingUnit || pad+prefixBytes > len(data) {
		return nil, errCipher
	}
	data = data[randomBytes : len(data)-pad]
	length := uint64(binary.BigEndian.Uint32(data))
	data = data[prefixBytes-randomBytes:]
	if length > uint64(len(data)) {
		return nil, errCipher
	}
	// The AppID tells a body made for another account with the same key.
	if !bytes.Equal(data[length:], []byte(a.appID)) {
		return nil, errCipher
	}
	return data[:length], nil
}
