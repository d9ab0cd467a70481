package parley

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// mergeMetadata puts a recipient's metadata over the batch's, and the batch's
// id over both.
func mergeMetadata(name, to path, batch, own json.RawMessage, batchID string) (json.RawMessage, error) {
	all, more := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := json.Unmarshal(orNull(batch), &all); err != nil {
		return nil, invalid(name, "must be a JSON object")
	}
	if err := json.Unmarshal(orNull(own), &more); err != nil {
		return nil, invalid(to.field(string(name)), "must be a JSON object")
	}
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	maps.Copy(all, more)
	all[BatchIDKey] = json.RawMessage(strconv.Quote(batchID))
	return Marshal(all)
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// substitute fills parameters into every string of a JSON document. What is
// filled in is not looked at again.
func substitute(doc json.RawMessage, params map[string]string, at path) (json.RawMessage, error) {
	if !strings.Contains(string(doc), "${") {
		return doc, nil
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(string(doc)))
	dec.UseNumber() // a number is given back as it was written
	if err := dec.Decode(&v); err != nil {
		return nil, invalid("message", "must be a JSON object")
	}
	v, err := fill(v, params, at)
	if err != nil {
		return nil, err
	}
	return Marshal(v)
}

func fill(v any, params map[string]string, at path) (any, error) {
	var err error
	switch v := v.(type) {
	case string:
		return fillText(v, params, at)
	case []any:
		for i := range v {
			if v[i], err = fill(v[i], params, at); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if v[name], err = fill(v[name], params, at); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// fillText replaces each ${name}. A "${" that nothing closes stays.
func fillText(s string, params map[string]string, at path) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		name, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			b.WriteString(s)
			return b.String(), nil
		}
		value, ok := params[name]
		if !ok {
			return "", invalid(at.field(name), "is required: the message has ${%s}", name)
		}
		b.WriteString(before)
		b.WriteString(value)
		s = after
	}
}
