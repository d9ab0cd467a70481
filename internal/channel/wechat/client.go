package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const apiURL = "https://api.weixin.qq.com"

// A call is one request of the API, made again with a new access token if the
// first is refused.
type call struct {
	path        string // below /cgi-bin/
	query       url.Values
	contentType string
	body        []byte // nil makes it a GET
}

func (q *call) request(ctx context.Context, c *channel.Conn, accessToken string) (*http.Request, error) {
	query := url.Values{"access_token": {accessToken}}
	maps.Copy(query, q.query)
	method := http.MethodPost
	if q.body == nil {
		method = http.MethodGet
	}
	address := c.URL(apiURL) + "/cgi-bin/" + q.path + "?" + query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(q.body))
	if err != nil {
		// The error quotes the address, which holds the token.
		return nil, channel.Refuse(parley.ReasonChannelBadConfiguration, "the address of the channel cannot be used")
	}
	if q.contentType != "" {
		req.Header.Set("Content-Type", q.contentType)
	}
	return req, nil
}

// do makes the call and decodes the good answer into result, unless that is
// nil. Its errors are *channel.Error.
func (w *WeChat) do(ctx context.Context, c *channel.Conn, a *account, q *call, result any) error {
	refused := ""
	for {
		accessToken, err := w.tokens.get(ctx, c, a, refused)
		if err != nil {
			return err
		}
		req, err := q.request(ctx, c, accessToken)
		if err != nil {
			return err
		}
		answer, err := channel.Do(c, req)
		if err != nil {
			return err
		}
		var v verdict
		if refused == "" && json.Unmarshal(answer.Body, &v) == nil && tokenRefused(v.Code) {
			refused = accessToken
			continue
		}
		return a.judge(answer, accessToken, result)
	}
}

// post posts v as JSON.
func (w *WeChat) post(ctx context.Context, c *channel.Conn, a *account, path string, v, result any) error {
	body, err := channel.Encode(v)
	if err != nil {
		return channel.Refuse(parley.ReasonInternalError, "the request cannot be encoded")
	}
	return w.do(ctx, c, a, &call{path: path, contentType: "application/json; charset=utf-8", body: body}, result)
}

// unescaped returns JSON that says the same without \u escapes: WeChat shows
// them as they are, or refuses them (error 40033). Characters that JSON must
// escape are left out.
func unescaped(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return walk(v), nil
}

func walk(v any) any {
	switch v := v.(type) {
	case string:
		return strings.Map(printable, v)
	case []any:
		for i := range v {
			v[i] = walk(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = walk(v[name])
		}
	}
	return v
}

func printable(r rune) rune {
	switch {
	case r == '\n', r == '\t':
		return r
	case r == '\u2028', r == '\u2029':
		return '\n'
	case unicode.IsControl(r):
		return -1
	}
	return r
}
