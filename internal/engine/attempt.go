package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/trace"
)

// key names a part of a leg: the same for every attempt at it.
func (d *delivery) key() string {
	return fmt.Sprintf("%s-%d-%d-%d", d.m.ID, d.s.Leg, d.s.Part, len(d.s.Payloads))
}

// parseKey takes a key apart.
func parseKey(key string) (messageID string, leg, part, parts int, ok bool) {
	f := strings.Split(key, "-")
	if len(f) != 4 || !parley.IsID(f[0]) {
		return "", 0, 0, 0, false
	}
	n := [3]int{}
	for i := range n {
		v, err := strconv.Atoi(f[i+1])
		if err != nil || v < 0 {
			return "", 0, 0, 0, false
		}
		n[i] = v
	}
	return f[0], n[0], n[1], n[2], true
}

// attempt hands the current part to the provider, or finds out what became of
// an earlier attempt.
func (d *delivery) attempt(ctx context.Context) (channel.ProviderID, error) {
	a := channel.Attempt{
		Key: d.key(), To: channel.Address{Identity: d.to.Identity}, Payload: d.s.Payloads[d.s.Part],
		Expires: d.body.Send.Expires,
	}
	if t := d.pending(); t != nil && t.key == a.Key {
		return t.id, nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.e.o.SendTimeout)
	defer cancel()
	leave, ok := d.e.accounts.admit(keyOf(d.app.ID, d.conn.Credential))
	if !ok {
		return "", errStuck()
	}
	defer leave()
	d.handed = true
	if d.presumed && d.needsMark() {
		d.s.Unknown, d.presumed = time.Time{}, false // of this part one would have been marked
	}
	if !d.s.Unknown.IsZero() && !d.idempotent() {
		id, again, err := d.find(ctx, a)
		if !again {
			return id, err
		}
		d.s.Unknown = time.Time{}
		if d.expired() {
			return "", &channel.Error{Reason: expiredReason(), Outcome: channel.NotSent}
		}
	}
	if d.needsMark() {
		if err := d.e.store.Commit(ctx, &store.Write{Start: d.job.ID}); err != nil {
			return "", &channel.Error{Reason: internalReason(), Outcome: channel.TryAgain, Err: err}
		}
	}
	if !d.e.o.Held() {
		// Another node may have taken the job over.
		return "", errLeaseLost
	}
	start := d.e.o.Now()
	ctx, w := d.e.watch(ctx)
	id, err := hand(ctx, d.ch, d.conn, a)
	d.e.attempted(ctx, d, err, d.e.o.Now().Sub(start))
	d.noteAttempt(trace.Attempt, &a, start, id, err, watched(w))
	d.learn(ctx, err, d.e.o.Now().Sub(start))
	return id, err
}

// hand makes the attempt. After a panic nobody knows what became of it.
func hand(ctx context.Context, ch channel.Channel, c *channel.Conn, a channel.Attempt) (id channel.ProviderID, err error) {
	defer func() {
		if p := recover(); p != nil {
			id, err = "", &channel.Error{Reason: internalReason(), Outcome: channel.Unknown, Err: fmt.Errorf("send: panic: %v", p)}
		}
	}()
	return ch.Send(ctx, c, a)
}

// errLeaseLost keeps a node from acting on jobs that are perhaps no longer its
// own.
var errLeaseLost = errors.New("the node's lease ran out")

// find asks the provider what became of an attempt. It returns true when the
// provider surely does not know it, so that it may be made again.
func (d *delivery) find(ctx context.Context, a channel.Attempt) (channel.ProviderID, bool, error) {
	if !finds(d.ch, d.conn.Credential) {
		return "", false, &channel.Error{Reason: unknownReason(), Outcome: channel.Unknown}
	}
	start := d.e.o.Now()
	ctx, w := d.e.watch(ctx)
	id, found, err := d.ch.(channel.Finder).Find(ctx, d.conn, a) //nolint:forcetypeassert // finds has looked
	d.noteLookup(&a, start, id, found, err, watched(w))
	switch {
	case err != nil:
		e := channel.AsError(err)
		return "", false, &channel.Error{Reason: e.Reason, Outcome: channel.TryAgain, After: e.After, Err: e.Err}
	case found:
		return id, false, nil
	}
	// A request on its way when we lost sight of it may still arrive.
	if wait := d.s.Unknown.Add(d.e.o.SettleAfter).Sub(d.e.now()); wait > 0 {
		return "", false, &channel.Error{Reason: unknownReason(), Outcome: channel.TryAgain, After: wait}
	}
	return "", true, nil
}

// attempted logs and counts an attempt.
func (e *Engine) attempted(ctx context.Context, d *delivery, err error, took time.Duration) {
	outcome, reason := "accepted", ""
	if err != nil {
		ce := channel.AsError(err)
		outcome, reason = ce.Outcome.String(), string(ce.Reason.Code)
	}
	e.met.attempt(d.to.Channel, outcome, reason, took)
	if err == nil && !e.o.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	level := slog.LevelDebug
	if err != nil {
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{
		slog.String("project_id", d.job.ProjectID), slog.String("app_id", d.app.ID), slog.String("message_id", d.m.ID),
		slog.String("channel", string(d.to.Channel)), slog.Int("attempt", d.job.Attempts+1), slog.String("outcome", outcome),
		slog.String("reason", reason),
	}
	if ce := channel.AsError(err); err != nil && ce.Err != nil {
		attrs = append(attrs, slog.String("error", ce.Err.Error()))
	}
	e.o.Log.LogAttrs(ctx, level, "attempt", attrs...)
}

func internalReason() parley.Reason {
	return parley.NewReason(parley.ReasonInternalError, "internal error")
}

func expiredReason() parley.Reason {
	return parley.NewReason(parley.ReasonMessageExpired, "the message's time to live is over")
}

func unknownReason() parley.Reason {
	return parley.NewReason(parley.ReasonChannelFailure,
		"the connection to the channel was lost during an attempt; the message may or may not have been delivered")
}
