// Package callback builds callbacks, signs them and delivers them to apps'
// webhooks.
//
// A callback is encoded once, when the thing it tells of is committed, and
// the job that delivers it carries those bytes: what is signed is what is
// sent, on every attempt. The package does not decide what is told to whom
// beyond a webhook's triggers, keeps no schedule of its own (that is package
// queue), and follows no redirects.
package callback

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// Kind is the kind of the jobs that deliver callbacks.
const Kind = "callback"

// A post is the document of a job: one callback on its way to one target,
// which is a webhook or, for the receipts of a message that has one, a URL.
type post struct {
	AppID     string          `json:"app_id"`
	WebhookID string          `json:"webhook_id,omitempty"`
	URL       string          `json:"url,omitempty"` // callback_url; signed with the app's secret for those
	Trigger   parley.Trigger  `json:"trigger"`
	Since     time.Time       `json:"since"`          // when it happened; the retries end a day later
	Body      json.RawMessage `json:"body,omitempty"` // the bytes that are signed and sent

	// Message is the message it is about, or "". It is in the body, too.
	Message string `json:"-"`
}

// Jobs returns the jobs that deliver a callback: one for each webhook of to
// that posts and subscribes to the trigger. AcceptedTime must be set: retries
// are given up a day after it.
func Jobs(projectID string, c *parley.Callback, trigger parley.Trigger, to []*parley.Webhook) ([]*store.Job, error) {
	var body []byte
	var jobs []*store.Job
	for _, w := range to {
		if !subscribes(w, trigger) {
			continue
		}
		if body == nil {
			var err error
			if body, err = encode(c); err != nil {
				return nil, err
			}
		}
		j, err := job(projectID, w.ID, &post{
			AppID: w.AppID, WebhookID: w.ID, Trigger: trigger, Since: c.AcceptedTime, Body: body, Message: about(c),
		})
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, nil
}

func encode(c *parley.Callback) ([]byte, error) {
	body, err := parley.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode callback: %w", err)
	}
	return stable(body), nil
}

func subscribes(w *parley.Webhook, trigger parley.Trigger) bool {
	return w.TargetType == parley.TargetHTTP && slices.Contains(w.Triggers, trigger)
}

// JobTo returns the job that delivers a callback to the callback_url of a
// message, in place of the app's webhooks.
func JobTo(projectID, appID, url string, c *parley.Callback, trigger parley.Trigger) (*store.Job, error) {
	body, err := encode(c)
	if err != nil {
		return nil, err
	}
	// A URL is too long for a lane. When two share a hash they share a limit,
	// which does no harm.
	h := fnv.New64a()
	_, _ = h.Write([]byte(appID + " " + url)) // a hash never fails
	lane := "url-" + strconv.FormatUint(h.Sum64(), 36)
	return job(projectID, lane, &post{
		AppID: appID, URL: url, Trigger: trigger, Since: c.AcceptedTime, Body: body, Message: about(c),
	})
}

// job encodes a post around its body, which is not encoded again: that would
// cost more than all the rest.
func job(projectID, lane string, p *post) (*store.Job, error) {
	head := *p
	head.Body = nil
	doc, err := parley.Marshal(&head)
	if err != nil {
		return nil, fmt.Errorf("encode callback job: %w", err)
	}
	doc = slices.Grow(doc, len(p.Body)+len(`,"body":`))
	doc = append(doc[:len(doc)-1], `,"body":`...)
	doc = append(append(doc, p.Body...), '}')
	return &store.Job{ProjectID: projectID, Kind: Kind, Lane: lane, Doc: doc, Memo: p}, nil
}

// decode returns the post of a job, from its memo where it still has one.
func decode(j *store.Job) (*post, error) {
	if p, ok := j.Memo.(*post); ok {
		return p, nil
	}
	p := new(post)
	if err := json.Unmarshal(j.Doc, p); err != nil {
		return nil, fmt.Errorf("decode callback job: %w", err)
	}
	if len(p.Body) == 0 {
		return nil, errors.New("decode callback job: it has no body")
	}
	p.Message = messageOf(p.Body)
	j.Memo = p
	return p, nil
}
