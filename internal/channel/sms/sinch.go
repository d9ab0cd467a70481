package sms

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// sinchURL is the address of an operation of the account's service plan.
func sinchURL(c *channel.Conn, operation string) (string, error) {
	s, err := readSinchSettings(c.Credential)
	if err != nil {
		return "", badSettings(err)
	}
	own := "https://" + s.Region + ".sms.api.sinch.com"
	return c.URL(own) + "/xms/v1/" + url.PathEscape(c.Credential.StaticBearer.ClaimedIdentity) + operation, nil
}

func sinchHeader(c *channel.Conn) http.Header {
	return http.Header{"Authorization": {"Bearer " + c.Credential.StaticBearer.Token}}
}

func sendSinch(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, error) {
	address, err := sinchURL(c, "/batches")
	if err != nil {
		return "", err
	}
	body, err := complete(a, c.WebhookURL)
	if err != nil {
		return "", &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
	}
	answer, err := channel.PostJSON(ctx, c, address, sinchHeader(c), body)
	if err != nil {
		return "", err
	}
	var sent struct {
		ID string `json:"id"`
	}
	if !answer.OK() {
		return "", sinchError(answer)
	}
	if err := json.Unmarshal(answer.Body, &sent); err != nil || sent.ID == "" {
		return "", channel.Verdict(answer, "the answer has no batch id")
	}
	return channel.ProviderID(sent.ID), nil
}

// complete adds to a rendered batch what only the attempt knows. The reference
// comes back in receipts, and Find looks for it.
func complete(a channel.Attempt, callbackURL string) ([]byte, error) {
	var members map[string]any
	if err := json.Unmarshal(a.Payload.Body, &members); err != nil {
		return nil, fmt.Errorf("decode payload: %w", err)
	}
	members["client_reference"] = a.Key
	if callbackURL != "" {
		members["callback_url"] = callbackURL
	}
	if !a.Expires.IsZero() {
		members["expire_at"] = a.Expires.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return encodeJSON(members)
}

// findSinch looks for the batch of an attempt whose answer was lost. The API
// lists the batches of the last day unless told a start
// (developers.sinch.com, List batches), so attempts older than that are found
// only by start_date.
func findSinch(ctx context.Context, c *channel.Conn, a channel.Attempt) (channel.ProviderID, bool, error) {
	query := url.Values{
		"client_reference": {a.Key},
		"page_size":        {"2"},
		"start_date":       {c.Now().Add(-findWindow).UTC().Format(time.RFC3339)},
	}
	answer, err := getSinch(ctx, c, "/batches?"+query.Encode())
	if err != nil {
		return "", false, err
	}
	var list struct {
		Batches []struct {
			ID              string `json:"id"`
			ClientReference string `json:"client_reference"`
		} `json:"batches"`
	}
	if err := json.Unmarshal(answer.Body, &list); err != nil {
		return "", false, channel.Verdict(answer, "the list of batches cannot be read")
	}
	for _, b := range list.Batches {
		if b.ClientReference == a.Key {
			return channel.ProviderID(b.ID), true, nil
		}
	}
	return "", false, nil
}

// findWindow is longer than any attempt stays unresolved.
const findWindow = 72 * time.Hour

// connectSinch asks for one batch, which the API answers only to a token of
// the service plan.
func connectSinch(ctx context.Context, c *channel.Conn) error {
	_, err := getSinch(ctx, c, "/batches?page_size=1")
	return err
}

func getSinch(ctx context.Context, c *channel.Conn, operation string) (*channel.Answer, error) {
	address, err := sinchURL(c, operation)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, &channel.Error{Reason: parley.NewReason(parley.ReasonInternalError, "internal error"), Err: err}
	}
	req.Header = sinchHeader(c)
	answer, err := channel.Do(c, req)
	if err != nil {
		return nil, err
	}
	if !answer.OK() {
		return nil, sinchError(answer)
	}
	return answer, nil
}
