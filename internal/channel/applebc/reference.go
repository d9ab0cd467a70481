package applebc

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/parley-im/parley/internal/channel"
)

// A reference is where the data of an interactive message is that has more
// than 10 kB, as the answer to a list picker with pictures has: it repeats
// them. It is a file as attachments are, in a form that Apple decodes (MSP API
// tutorial, "Large Interactive Messages"; the names of the headers are those
// of Apple's sample code).
type reference struct {
	attached
	BID string `json:"bid"`
}

const (
	// resolveTime bounds the three requests that resolving takes: Apple waits
	// for our answer meanwhile.
	resolveTime = 10 * time.Second
	// maxReferred bounds a file of a reference, in bytes.
	maxReferred = 8 << 20
)

// resolve returns the data of an interactive message that a reference is to.
func (a *account) resolve(ctx context.Context, c *channel.Conn, r *reference) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	file, err := a.open(ctx, c, &r.attached)
	if err != nil {
		return nil, err
	}
	defer file.Body.Close()
	packed, err := io.ReadAll(io.LimitReader(file.Body, maxReferred+1))
	if err != nil {
		return nil, unread(err)
	}
	if len(packed) > maxReferred {
		return nil, lost("the data of the interactive message is too large")
	}
	header, err := a.header(c)
	if err != nil {
		return nil, err
	}
	header.Set("Bid", r.BID)
	header.Set("Content-Type", "application/octet-stream")
	answer, err := channel.PostJSON(ctx, c, c.URL(apiURL)+"/decodePayload", header, packed)
	if err != nil {
		return nil, err
	}
	if !answer.OK() {
		return nil, channel.Verdict(answer, "")
	}
	var whole struct {
		Data json.RawMessage `json:"interactiveData"`
	}
	if json.Unmarshal(answer.Body, &whole) == nil && len(whole.Data) > 0 {
		return whole.Data, nil
	}
	return answer.Body, nil
}
