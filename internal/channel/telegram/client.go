package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

const apiURL = "https://api.telegram.org"

// A response is the envelope of every answer.
type response struct {
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  struct {
		RetryAfter int64 `json:"retry_after"` // seconds
	} `json:"parameters"`
}

// ask calls a method with params. Its errors are *channel.Error.
func ask(ctx context.Context, c *channel.Conn, method string, params, result any) error {
	body, err := channel.Encode(params)
	if err != nil {
		return &channel.Error{
			Reason:  parley.NewReason(parley.ReasonInternalError, "internal error"),
			Outcome: channel.NotSent,
			Err:     fmt.Errorf("encode %s: %w", method, err),
		}
	}
	return call(ctx, c, method, body, result)
}

// call posts body to a method of the bot and decodes what it returns into
// result, unless that is nil. Its errors are *channel.Error and free of the
// token, which is in the path of the address.
func call(ctx context.Context, c *channel.Conn, method string, body []byte, result any) error {
	address, err := endpoint(c, "/bot", "/"+method)
	if err != nil {
		return err
	}
	answer, err := channel.PostJSON(ctx, c, address, nil, body)
	if err != nil {
		return err
	}
	var r response
	if err := json.Unmarshal(answer.Body, &r); err != nil && answer.OK() {
		return unreadable(fmt.Errorf("decode the answer to %s: %w", method, err))
	}
	if !r.OK {
		return refused(answer, &r, c.Credential.Telegram.Token)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(r.Result, result); err != nil {
		return unreadable(fmt.Errorf("decode the result of %s: %w", method, err))
	}
	return nil
}

// endpoint puts the token into an address of the bot.
func endpoint(c *channel.Conn, before, after string) (string, error) {
	if c.Credential == nil || c.Credential.Telegram == nil || !botToken.MatchString(c.Credential.Telegram.Token) {
		return "", channel.Refuse(parley.ReasonChannelConfigurationMissing, "the app has no bot token")
	}
	return c.URL(apiURL) + before + c.Credential.Telegram.Token + after, nil
}

// unreadable is the error for a yes whose details make no sense: the thing
// was done, or may have been.
func unreadable(cause error) *channel.Error {
	return &channel.Error{
		Reason:  parley.ChannelReason(parley.ReasonChannelFailure, "an answer that cannot be understood"),
		Outcome: channel.Unknown,
		Err:     cause,
	}
}

// FetchMedia opens a file by its file_id. The address Telegram keeps it at
// holds the token, so it is never shown to anybody. Telegram lets bots have
// files of at most 20 MB.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	var file struct {
		FilePath string `json:"file_path"`
	}
	if err := ask(ctx, c, "getFile", map[string]string{"file_id": ref}, &file); err != nil {
		if e := channel.AsError(err); e.Reason.Code == parley.ReasonBadRequest {
			e.Reason.Code = parley.ReasonMediaNotReachable // wrong file_id and the like
		}
		return channel.Media{}, err
	}
	path, ok := escapePath(file.FilePath)
	if !ok {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "Telegram named no file to download")
	}
	address, err := endpoint(c, "/file/bot", "/"+path)
	if err != nil {
		return channel.Media{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "Telegram named no file to download")
	}
	return download(c, req)
}

// download opens the file; the caller closes it.
func download(c *channel.Conn, req *http.Request) (channel.Media, error) {
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address
		}
		return channel.Media{}, &channel.Error{
			Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the file could not be downloaded"),
			Outcome: channel.TryAgain,
			Err:     fmt.Errorf("download: %w", err),
		}
	}
	if resp.StatusCode == http.StatusOK {
		mime := resp.Header.Get("Content-Type")
		if mime == "application/octet-stream" {
			mime = "" // what Telegram says of every file
		}
		return channel.Media{Body: resp.Body, MIME: mime, Size: resp.ContentLength}, nil
	}
	_ = resp.Body.Close()
	e := channel.Verdict(&channel.Answer{Status: resp.StatusCode, Header: resp.Header}, "")
	if e.Outcome == channel.NotSent || e.Outcome == channel.Unknown {
		e.Reason.Code, e.Outcome = parley.ReasonMediaNotReachable, channel.NotSent
	}
	return channel.Media{}, e
}

// escapePath escapes a relative path for an address; it refuses one that
// leads elsewhere.
func escapePath(path string) (string, bool) {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if p == "" || p == "." || p == ".." {
			return "", false
		}
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/"), true
}

// chatID returns an identity as Telegram types it: a number of up to 52 bits,
// or else a string for Telegram to judge.
func chatID(identity string) any {
	if n, err := strconv.ParseInt(identity, 10, 64); err == nil {
		return n
	}
	return identity
}
