package api

import (
	"bytes"
	"errors"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// maxProviderBody bounds a provider's request. Meta batches updates up to 3 MB
// (developers.facebook.com, Webhooks from Meta: "Frequency").
const maxProviderBody = 4 << 20

// receive is /channels/{channel}/{app_id}: a provider calls. It hears a
// success only after everything it said is stored; after any other answer it
// is expected to say it again.
func (s *Server) receive(x *exchange, r *http.Request) {
	name, appID := r.PathValue("channel"), r.PathValue("app_id")
	ch := parley.Channel(strings.ToUpper(name))
	if name != strings.ToLower(name) || !ch.Known() || !parley.IsID(appID) {
		x.fail(errNoRoute())
		return
	}
	var body bytes.Buffer // not pooled: what is received may be kept
	if err := readBody(&body, x.ResponseWriter, r, maxProviderBody); err != nil {
		x.fail(err)
		return
	}
	reply, err := s.engine.Receive(r.Context(), ch, appID, r, body.Bytes())
	if err != nil {
		x.fail(receiveError(err))
		return
	}
	h := x.Header()
	if reply.ContentType == "" {
		// A challenge is echoed as it came; no browser shall take it for HTML.
		reply.ContentType = "text/plain; charset=utf-8"
	}
	h.Set("Content-Type", reply.ContentType)
	h.Set("X-Content-Type-Options", "nosniff")
	x.WriteHeader(max(reply.Status, http.StatusOK))
	_, _ = x.Write(reply.Body) // the provider has gone; what it said is stored
}

// receiveError says what the provider did wrong.
func receiveError(err error) error {
	switch {
	case errors.Is(err, channel.ErrForged):
		return &parley.Error{Code: parley.CodeUnauthenticated, Message: "the request is not from the provider", Err: err}
	case errors.Is(err, channel.ErrMalformed):
		return &parley.Error{Code: parley.CodeInvalidArgument, Message: "the request cannot be understood", Err: err}
	}
	return err
}
