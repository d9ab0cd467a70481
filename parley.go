// Package parley is the vocabulary of a messaging platform that speaks the
// Sinch Conversation API: apps, contacts, conversations, messages, events,
// receipts, callbacks and errors, shaped exactly like the published wire
// format, so that encoding/json is the only mapper anywhere.
//
// The package holds no behaviour beyond decoding, encoding and validating: no
// storage, no network, no clock. It imports only the standard library, so any
// Go program may import it to talk to the API or to receive its callbacks.
//
// Enumerations are strings with the wire's values. An unknown value survives
// decoding and encoding; Validate decides where it is an error.
package parley

import (
	"bytes"
	"encoding/json"
)

// Marshal encodes v as compact JSON the way every client expects it on the
// wire: without HTML escaping and without a trailing newline, because
// signatures cover the exact bytes and some clients re-encode before checking.
func Marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}

// Empty is a member whose presence is its whole meaning, such as
// {"composing_event": {}}.
type Empty struct{}
