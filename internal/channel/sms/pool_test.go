package sms

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefusedAccountWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool()
		start := time.Now()
		if !p.awaitPardon(t.Context(), "a", start) || time.Since(start) != 0 {
			t.Error("the first bind waits")
		}
		p.refused("a", errors.New("wrong password"), start)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if p.awaitPardon(ctx, "a", time.Now()) {
			t.Error("may bind after a minute")
		}
		if !p.awaitPardon(t.Context(), "a", time.Now()) || time.Since(start) != refusedPause {
			t.Errorf("may bind after %v, want %v", time.Since(start), refusedPause)
		}
		p.bound("a", new(session))
		if !p.awaitPardon(t.Context(), "a", time.Now()) || time.Since(start) != refusedPause {
			t.Error("waits though the last bind was accepted")
		}
	})
}

func TestPoolFollowsSessions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPool()
		_, leave := p.join("a")
		found := make(chan *session)
		go func() {
			s, err := p.session(t.Context(), "a", time.Minute, false)
			if err != nil {
				t.Error(err)
			}
			found <- s
		}()
		synctest.Wait()
		older, newer := new(session), new(session)
		p.bound("a", older)
		if <-found != older {
			t.Error("waited for a session and got another")
		}
		p.bound("a", newer)
		p.gone("a", older) // replaced already
		if s, err := p.session(t.Context(), "a", 0, false); s != newer {
			t.Errorf("got %p, %v; want the newer session", s, err)
		}
		p.gone("a", newer)
		start := time.Now()
		if _, err := p.session(t.Context(), "a", 5*time.Second, false); !errors.Is(err, errNoSession) || time.Since(start) != 5*time.Second {
			t.Errorf("while one is being bound: %v after %v", err, time.Since(start))
		}
		leave()
		start = time.Now()
		if _, err := p.session(t.Context(), "a", 5*time.Second, false); !errors.Is(err, errNoSession) || time.Since(start) != 0 {
			t.Errorf("with nobody listening: %v after %v", err, time.Since(start))
		}
	})
}
