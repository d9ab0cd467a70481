package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// The list benchmark: one app's messages, few and many.
const (
	listFew   = 10_000
	listMany  = 1_000_000
	listCalls = 1000
)

// listTimes is what a page takes: the first one, and one in the middle.
type listTimes struct {
	rows        int
	first, deep time.Duration
}

// measureLists times pages of messages over HTTP, on the few and then on the
// many.
func measureLists(ctx context.Context, o options) ([]listTimes, error) {
	w, err := newWorld(ctx, o, true)
	if err != nil {
		return nil, err
	}
	defer w.close()
	var out []listTimes
	have := 0
	for _, n := range []int{listFew, listMany} {
		w.server.stop()
		if err := w.fill(ctx, n-have); err != nil {
			return nil, fmt.Errorf("fill: %w", err)
		}
		have = n
		if err := w.serve(ctx); err != nil {
			return nil, err
		}
		t := listTimes{rows: n}
		token, err := w.middle(ctx, n)
		if err != nil {
			return nil, err
		}
		// In turn, so that what slows the machine slows both.
		for range listCalls {
			for _, page := range []struct {
				token string
				sum   *time.Duration
			}{{"", &t.first}, {token, &t.deep}} {
				began := time.Now()
				if _, err := w.list(ctx, 10, page.token); err != nil {
					return nil, err
				}
				*page.sum += time.Since(began)
			}
		}
		t.first, t.deep = t.first/listCalls, t.deep/listCalls
		out = append(out, t)
	}
	return out, nil
}

// fill stores received messages while the server is down: quicker than over
// HTTP, and nothing follows from them.
func (w *world) fill(ctx context.Context, n int) error {
	so := store.Options{URL: w.o.database, Path: filepath.Join(w.dir, "parley.db"), Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	text, err := os.ReadFile(filepath.Join(w.dir, "encryption.key"))
	if err != nil {
		return err
	}
	if so.Key, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(text))); err != nil {
		return err
	}
	s, err := store.Open(ctx, so)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	const callers, group = 4, 128
	next := make(chan int)
	failed := make(chan error, callers)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for from := range next {
				writes := make([]*store.Write, 0, group)
				for i := from; i < min(from+group, n); i++ {
					writes = append(writes, w.received(s, i))
				}
				if err := s.CommitAll(ctx, writes); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for from := 0; from < n && len(failed) == 0; from += group {
		next <- from
	}
	close(next)
	wg.Wait()
	close(failed)
	return <-failed
}

// received is a message from one of the contacts.
func (w *world) received(s *store.Store, i int) *store.Write {
	from := parley.ChannelIdentity{Channel: parley.ChannelSMS, Identity: fmt.Sprintf("4670%07d", i%w.o.contacts)}
	conv := &parley.Conversation{ID: s.NewID(), AppID: w.app, Active: true}
	conv.SetDefaults()
	contact := &parley.Contact{ID: s.NewID(), ChannelIdentities: []parley.ChannelIdentity{from}}
	contact.SetDefaults()
	return &store.Write{Arrive: &store.Arrival{
		Resolution: store.Resolution{
			ProjectID: project, AppID: w.app, Identities: contact.ChannelIdentities, NewContact: contact, NewConversation: conv,
		},
		Message: &store.Message{
			ProjectID: project, ID: s.NewID(), AppID: w.app, Identity: from, Listed: true, AcceptTime: s.Now(),
			Doc: []byte(`{"contact":{"text_message":{"text":"Hello, is my order on its way?"},"reply_to":null}}`),
		},
		Consequences: func(*store.Resolution) ([]*store.Job, error) { return nil, nil },
	}}
}

// middle returns the token of the page in the middle of the list.
func (w *world) middle(ctx context.Context, n int) (token string, err error) {
	const most = 1000
	for seen := 0; seen < n/2; seen += most {
		if token, err = w.list(ctx, most, token); err != nil {
			return "", err
		}
	}
	return token, nil
}

// list reads a page of the app's messages and returns the next one's token.
func (w *world) list(ctx context.Context, size int, token string) (string, error) {
	q := url.Values{"app_id": {w.app}, "page_size": {fmt.Sprint(size)}}
	if token != "" {
		q.Set("page_token", token)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/v1/projects/"+project+"/messages?"+q.Encode(), http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	var page struct {
		Messages []json.RawMessage `json:"messages"`
		Next     string            `json:"next_page_token"`
	}
	if err := json.Unmarshal(body, &page); err != nil || len(page.Messages) != size {
		return "", fmt.Errorf("list: status %d, %d messages of %d: %w", resp.StatusCode, len(page.Messages), size, err)
	}
	return page.Next, nil
}

// printLists prints what pages take and how that grows with the list.
func printLists(out io.Writer, times []listTimes) error {
	if _, err := fmt.Fprintf(out, "\n%-64s %10s %10s %10s %10s\n", "a page of 10 messages of one app", "first", "deep", "deep/first",
		"deep/few"); err != nil {
		return err
	}
	for _, t := range times {
		name := fmt.Sprintf("over %d messages", t.rows)
		if _, err := fmt.Fprintf(out, "%-64s %10s %10s %9.2fx %9.2fx\n", name, t.first.Round(time.Microsecond), t.deep.Round(time.Microsecond),
			float64(t.deep)/float64(t.first), float64(t.deep)/float64(times[0].deep)); err != nil {
			return err
		}
	}
	return nil
}
