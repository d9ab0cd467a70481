// Package handsetcli is the "parley handset" command: it looks at the
// simulator's handsets and answers for their owners, through the control API
// and in words for people. Scripts use the control API itself.
package handsetcli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/parley-im/parley/internal/simulator"
)

// A Client talks to one simulator.
type Client struct {
	Base string       // address of the simulator, such as http://127.0.0.1:8090
	HTTP *http.Client // required
	// Color adds terminal colours to what Show prints.
	Color bool
	// Width is the number of columns to draw a thread in; 0 means 72.
	Width int
}

// call makes one request of the control API. in and out may be nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	if in == nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.Base, "/")+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return fmt.Errorf("ask the simulator: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		var e struct{ Error string }
		if json.Unmarshal(answer, &e) == nil && e.Error != "" {
			return errors.New(e.Error)
		}
		return fmt.Errorf("the simulator answered %s", resp.Status)
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

func phonePath(channel, identity string) string {
	return "/handsets/" + url.PathEscape(strings.ToUpper(channel)) + "/" + url.PathEscape(identity)
}

// Find returns the handset meant by what somebody typed: CHANNEL and identity
// with a colon or slash between, or only an identity if one handset alone has
// it. An identity may have colons and slashes of its own.
func (c *Client) Find(ctx context.Context, name string) (channel, identity string, err error) {
	all, err := c.handsets(ctx)
	if err != nil {
		return "", "", err
	}
	want := strings.TrimPrefix(name, "+")
	for _, h := range all {
		if h.Identity != want && h.Identity != name {
			continue
		}
		want = h.Identity
		if channel != "" {
			return "", "", fmt.Errorf("%s is on several channels: write %s:%s or %s:%s", want, channel, want, h.Channel, want)
		}
		channel = h.Channel
	}
	if i := strings.IndexAny(name, ":/"); channel == "" && i >= 0 {
		return strings.ToUpper(name[:i]), name[i+1:], nil
	}
	if channel == "" {
		return "", "", fmt.Errorf("no handset %s yet: write CHANNEL:%s to begin one", want, want)
	}
	return channel, want, nil
}

func (c *Client) handsets(ctx context.Context) ([]simulator.HandsetInfo, error) {
	var out struct{ Handsets []simulator.HandsetInfo }
	if err := c.call(ctx, http.MethodGet, "/handsets", nil, &out); err != nil {
		return nil, err
	}
	return out.Handsets, nil
}

// List prints every handset in one line.
func (c *Client) List(ctx context.Context, out io.Writer) error {
	all, err := c.handsets(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "No handset has been written to yet.")
		return err
	}
	channel, identity := 9, 18 // widths: these fit phone numbers
	for _, h := range all {
		channel, identity = max(channel, len(h.Channel)), max(identity, len(h.Identity))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s %-*s %8s %7s  %s\n", channel, "CHANNEL", identity, "IDENTITY", "MESSAGES", "UNREAD", "STATE")
	for _, h := range all {
		fmt.Fprintf(&b, "%-*s %-*s %8d %7d  %s\n", channel, h.Channel, identity, plain(h.Identity), h.Total, h.Unread, state(h))
	}
	_, err = io.WriteString(out, b.String())
	return err
}

// state says what is unusual about a handset.
func state(h simulator.HandsetInfo) string {
	var s []string
	if h.Blocked {
		s = append(s, "blocked")
	}
	if h.Left {
		s = append(s, "left")
	}
	if h.Typing {
		s = append(s, "being written to")
	}
	if b := h.Behaviour; b != (simulator.Behaviour{}) {
		for _, v := range []string{b.Deliver, b.Hang} {
			if v != "" && v != simulator.DeliverNormal {
				s = append(s, v)
			}
		}
		if b.DeliveredAfter > 0 {
			s = append(s, "slow")
		}
		if b.WindowClosed {
			s = append(s, "window closed")
		}
	}
	if len(s) == 0 {
		return "normal"
	}
	return strings.Join(s, ", ")
}

// Show prints the last messages of a handset's thread as its owner sees them;
// last 0 prints all there are.
func (c *Client) Show(ctx context.Context, channel, identity string, last int, out io.Writer) error {
	var t simulator.Thread
	if err := c.call(ctx, http.MethodGet, phonePath(channel, identity), nil, &t); err != nil {
		return err
	}
	if last > 0 && len(t.Items) > last {
		t.Items = t.Items[len(t.Items)-last:]
	}
	_, err := io.WriteString(out, c.draw(&t))
	return err
}

// Reply sends a message from the handset and prints what was sent.
func (c *Client) Reply(ctx context.Context, channel, identity string, r simulator.Reply, out io.Writer) error {
	var it simulator.Item
	if err := c.call(ctx, http.MethodPost, phonePath(channel, identity)+"/reply", r, &it); err != nil {
		return err
	}
	_, err := io.WriteString(out, c.bubble(&it))
	return err
}

// Tap chooses something on the handset, by number or title; item "" is the
// newest message that has it.
func (c *Client) Tap(ctx context.Context, channel, identity, item, choice string, out io.Writer) error {
	var done simulator.Tapped
	in := simulator.Tap{Item: item, Choice: simulator.ChoiceRef(choice)}
	if err := c.call(ctx, http.MethodPost, phonePath(channel, identity)+"/tap", in, &done); err != nil {
		return err
	}
	var b strings.Builder
	if done.Opened != "" {
		fmt.Fprintf(&b, "Opened %s\n", done.Opened)
	}
	if done.Sent != nil {
		b.WriteString(c.bubble(done.Sent))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Event does something on the handset besides writing, such as typing.
func (c *Client) Event(ctx context.Context, channel, identity string, e simulator.Event, out io.Writer) error {
	var it simulator.Item
	if err := c.call(ctx, http.MethodPost, phonePath(channel, identity)+"/event", e, &it); err != nil {
		return err
	}
	text := fmt.Sprintf("%s %s: %s\n", channel, identity, e.Type)
	if it.ID != "" {
		text = c.bubble(&it)
	}
	_, err := io.WriteString(out, text)
	return err
}

// Read marks everything on the handset as read.
func (c *Client) Read(ctx context.Context, channel, identity string, out io.Writer) error {
	var done struct{ Read int }
	if err := c.call(ctx, http.MethodPost, phonePath(channel, identity)+"/read", nil, &done); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s %s: %d read\n", channel, identity, done.Read)
	return err
}

// Block makes the handset block its accounts, or unblock them.
func (c *Client) Block(ctx context.Context, channel, identity string, block bool, out io.Writer) error {
	verb, done := "/block", "blocked"
	if !block {
		verb, done = "/unblock", "unblocked"
	}
	if err := c.call(ctx, http.MethodPost, phonePath(channel, identity)+verb, nil, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s %s %s\n", channel, identity, done)
	return err
}

// Behave sets what happens to messages sent to the handset.
func (c *Client) Behave(ctx context.Context, channel, identity string, b simulator.Behaviour, out io.Writer) error {
	if err := c.call(ctx, http.MethodPut, phonePath(channel, identity)+"/behaviour", b, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s %s: %s\n", channel, identity, state(simulator.HandsetInfo{Behaviour: b}))
	return err
}
