package channel

import (
	"bytes"
	"encoding/json"

	"github.com/parley-im/parley"
)

// Encode returns v as JSON in which & and < are themselves: providers count
// characters, some show the escapes that are meant for HTML.
func Encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		refused := Refuse(parley.ReasonInternalError, "the message cannot be encoded")
		refused.Err = err
		return nil, refused
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
