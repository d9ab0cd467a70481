package channel_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

func TestAsError(t *testing.T) {
	t.Parallel()
	refused := channel.Refuse(parley.ReasonChannelReject, "no")
	if got := channel.AsError(fmt.Errorf("send: %w", refused)); got != refused {
		t.Errorf("got %v, want the error that was wrapped", got)
	}
	cause := errors.New("disk on fire")
	got := channel.AsError(cause)
	if got.Outcome != channel.Unknown || got.Reason.Code != parley.ReasonInternalError || !errors.Is(got, cause) {
		t.Errorf("got %+v, want an internal error of unknown outcome", got)
	}
	if got.Reason.Description != "internal error" {
		t.Errorf("the app is told %q", got.Reason.Description)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status  int
		after   string
		outcome channel.Outcome
		reason  parley.ReasonCode
		wait    time.Duration
	}{
		{200, "", channel.Unknown, parley.ReasonChannelFailure, 0},
		{302, "", channel.NotSent, parley.ReasonBadRequest, 0},
		{400, "", channel.NotSent, parley.ReasonBadRequest, 0},
		{401, "", channel.NotSent, parley.ReasonChannelBadConfiguration, 0},
		{403, "", channel.NotSent, parley.ReasonChannelBadConfiguration, 0},
		{404, "", channel.NotSent, parley.ReasonBadRequest, 0},
		{408, "", channel.TryAgain, parley.ReasonChannelFailure, 0},
		{429, "", channel.TryAgain, parley.ReasonRateLimited, 0},
		{429, "30", channel.TryAgain, parley.ReasonRateLimited, 30 * time.Second},
		{429, "-1", channel.TryAgain, parley.ReasonRateLimited, 0},
		{429, "soon", channel.TryAgain, parley.ReasonRateLimited, 0},
		{429, "9223372038", channel.TryAgain, parley.ReasonRateLimited, time.Hour},
		{500, "", channel.TryAgain, parley.ReasonChannelFailure, 0},
		{502, "", channel.TryAgain, parley.ReasonChannelFailure, 0},
		{504, "", channel.Unknown, parley.ReasonChannelFailure, 0}, // the provider behind the gateway may have it
		{503, "5", channel.TryAgain, parley.ReasonChannelFailure, 5 * time.Second},
	}
	for _, tt := range tests {
		header := http.Header{}
		if tt.after != "" {
			header.Set("Retry-After", tt.after)
		}
		e := channel.Verdict(&channel.Answer{Status: tt.status, Header: header}, "words")
		if e.Outcome != tt.outcome || e.Reason.Code != tt.reason || e.After != tt.wait {
			t.Errorf("%d %q: got %s, %s, %v, want %s, %s, %v", tt.status, tt.after,
				e.Outcome, e.Reason.Code, e.After, tt.outcome, tt.reason, tt.wait)
		}
	}
}

func TestProvider(t *testing.T) {
	t.Parallel()
	if got := channel.Provider(nil, "first"); got != "first" {
		t.Errorf("got %q", got)
	}
	if got := channel.Provider(&parley.ChannelCredential{Provider: "other"}, "first"); got != "other" {
		t.Errorf("got %q", got)
	}
	if got := (&channel.Conn{}).URL("https://a.example"); got != "https://a.example" {
		t.Errorf("got %q", got)
	}
	if got := (&channel.Conn{BaseURL: "http://127.0.0.1:1"}).URL("https://a.example"); got != "http://127.0.0.1:1" {
		t.Errorf("got %q", got)
	}
}
