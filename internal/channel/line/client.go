package line

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// LINE's hosts. Their paths are distinct, so that one replacement address can
// stand for both.
const (
	apiURL  = "https://api.line.me"
	dataURL = "https://api-data.line.me" // the content of messages
)

// request makes a request with the account's token.
func request(ctx context.Context, c *channel.Conn, method, address string, body []byte) (*http.Request, error) {
	_, token, _ := account(c.Credential)
	if !headerValue.MatchString(token) {
		return nil, channel.Refuse(parley.ReasonChannelConfigurationMissing, "the app has no channel access token")
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, &channel.Error{
			Reason:  parley.NewReason(parley.ReasonInternalError, "internal error"),
			Outcome: channel.NotSent,
			Err:     fmt.Errorf("make request: %w", err),
		}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// call asks the API and returns the answer, whatever its status.
func call(ctx context.Context, c *channel.Conn, method, path string, header http.Header, body []byte) (*channel.Answer, error) {
	req, err := request(ctx, c, method, c.URL(apiURL)+path, body)
	if err != nil {
		return nil, err
	}
	maps.Copy(req.Header, header)
	return channel.Do(c, req)
}

// ask calls the API with a body, unless that is nil, and decodes a good answer
// into result, unless that is nil.
func ask(ctx context.Context, c *channel.Conn, method, path string, in, result any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = channel.Encode(in); err != nil {
			return channel.Refuse(parley.ReasonInternalError, "the request cannot be encoded")
		}
	}
	answer, err := call(ctx, c, method, path, nil, body)
	if err != nil {
		return err
	}
	if !answer.OK() {
		return refused(answer)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Body, result); err != nil {
		return unreadable(fmt.Errorf("decode the answer: %w", err))
	}
	return nil
}

// Connect checks the token and, where there is a public address, registers it
// as the account's webhook. Whether LINE uses webhooks at all is a switch in
// its console. The account is known by its basic id, such as @216ru.
func (Channel) Connect(ctx context.Context, c *channel.Conn) (string, error) {
	var info struct {
		BasicID string `json:"basicId"`
	}
	err := ask(ctx, c, http.MethodGet, "/v2/bot/info", nil, &info)
	if err == nil && c.WebhookURL != "" {
		err = ask(ctx, c, http.MethodPut, "/v2/bot/channel/webhook/endpoint", map[string]string{"endpoint": c.WebhookURL}, nil)
	}
	if err == nil {
		return info.BasicID, nil
	}
	// LINE says 400 to an address it will not call, such as one that is not
	// https: a matter of configuration, not of a message.
	e := channel.AsError(err)
	if e.Reason.Code == parley.ReasonBadRequest {
		e.Reason.Code = parley.ReasonChannelBadConfiguration
	}
	return "", e
}

// contentID is the id of a message with content.
var contentID = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)

// FetchMedia opens the content of a message. LINE keeps it for a limited time
// and prepares large videos first, for which it answers 202.
func (Channel) FetchMedia(ctx context.Context, c *channel.Conn, ref string) (channel.Media, error) {
	if !contentID.MatchString(ref) {
		return channel.Media{}, channel.Refuse(parley.ReasonMediaNotReachable, "LINE named no content to download")
	}
	req, err := request(ctx, c, http.MethodGet, c.URL(dataURL)+"/v2/bot/message/"+ref+"/content", nil)
	if err != nil {
		return channel.Media{}, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the address
		}
		return channel.Media{}, &channel.Error{
			Reason:  parley.NewReason(parley.ReasonMediaNotReachable, "the content could not be downloaded"),
			Outcome: channel.TryAgain,
			Err:     fmt.Errorf("download: %w", err),
		}
	}
	if resp.StatusCode == http.StatusOK {
		return channel.Media{Body: resp.Body, MIME: resp.Header.Get("Content-Type"), Size: resp.ContentLength}, nil
	}
	_ = resp.Body.Close()
	return channel.Media{}, notContent(resp)
}

// notContent is the error for an answer that is not the content.
func notContent(resp *http.Response) *channel.Error {
	if resp.StatusCode == http.StatusAccepted {
		return &channel.Error{
			Reason:  parley.ChannelReason(parley.ReasonMediaNotReachable, "the content is being prepared"),
			Outcome: channel.TryAgain,
		}
	}
	e := channel.Verdict(&channel.Answer{Status: resp.StatusCode, Header: resp.Header}, "")
	if e.Outcome != channel.TryAgain {
		e.Reason.Code, e.Outcome = parley.ReasonMediaNotReachable, channel.NotSent
	}
	return e
}

// retryKey makes a key LINE accepts, which must look like a UUID, of ours.
// Equal keys give equal ones.
func retryKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	b := sum[:16]
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // as of version 4
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
