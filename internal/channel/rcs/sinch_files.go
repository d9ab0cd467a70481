package rcs

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// fileFacts are what the API wants to know of a file beyond its address.
type fileFacts struct {
	mime string
	size int64
}

// describe adds the type and size of each file that a message shows, unless
// they are there. Rendering does not know them: it asks nobody.
func describe(ctx context.Context, c *channel.Conn, message json.RawMessage) (json.RawMessage, error) {
	if !bytes.Contains(message, []byte(`"file_uri"`)) {
		return message, nil
	}
	dec := json.NewDecoder(bytes.NewReader(message))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		e := channel.Refuse(parley.ReasonInternalError, "the payload cannot be read")
		e.Err = err
		return nil, e
	}
	d := describer{c: c, known: map[string]fileFacts{}}
	if err := d.walk(ctx, tree); err != nil {
		return nil, err
	}
	return channel.Encode(tree)
}

// A describer asks for each file once.
type describer struct {
	c     *channel.Conn
	known map[string]fileFacts
}

func (d *describer) walk(ctx context.Context, v any) error {
	switch v := v.(type) {
	case map[string]any:
		if err := d.file(ctx, v); err != nil {
			return err
		}
		for _, member := range v {
			if err := d.walk(ctx, member); err != nil {
				return err
			}
		}
	case []any:
		for _, element := range v {
			if err := d.walk(ctx, element); err != nil {
				return err
			}
		}
	}
	return nil
}

// file completes v if it is a file.
func (d *describer) file(ctx context.Context, v map[string]any) error {
	address, ok := v["file_uri"].(string)
	if !ok || v["mime_type"] != nil && v["file_size"] != nil {
		return nil
	}
	facts, ok := d.known[address]
	if !ok {
		var err error
		if facts, err = d.ask(ctx, address); err != nil {
			return err
		}
		d.known[address] = facts
	}
	if v["mime_type"] == nil {
		v["mime_type"] = facts.mime
	}
	if v["file_size"] == nil {
		v["file_size"] = facts.size
	}
	return nil
}

// ask opens the file: what its host does not say is counted.
func (d *describer) ask(ctx context.Context, address string) (fileFacts, error) {
	media, err := d.c.OpenMedia(ctx, address)
	if err != nil {
		return fileFacts{}, err
	}
	defer media.Body.Close()
	size := media.Size
	if size < 0 {
		size, err = io.Copy(io.Discard, io.LimitReader(media.Body, maxFile+1))
	}
	if err != nil {
		return fileFacts{}, &channel.Error{
			Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the file could not be read"),
			Outcome: channel.TryAgain, Err: fmt.Errorf("read media: %w", err),
		}
	}
	if size > maxFile {
		return fileFacts{}, channel.Refuse(parley.ReasonMediaTooLarge, "the file is larger than RCS takes")
	}
	return fileFacts{cmp.Or(media.MIME, "application/octet-stream"), size}, nil
}
