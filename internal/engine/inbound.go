package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/transcode"
)

// typedAnswer is how long after a message with choices a typed answer is
// matched against them.
const typedAnswer = 7 * 24 * time.Hour

// message stores a contact's message.
func (a *arrival) message(arr *store.Arrival, id string) error {
	if err := a.resolve(arr); err != nil {
		return err
	}
	from := a.from()
	cm, metadata, err := a.interpret()
	if err != nil {
		return err
	}
	if a.in.Media != nil {
		if err := a.media(arr, cm); err != nil {
			return err
		}
	}
	doc, err := (&store.MessageDoc{Contact: cm}).Encode()
	if err != nil {
		return err
	}
	dispatch := a.app.ProcessingMode == parley.ModeDispatch
	m := &store.Message{
		ProjectID: a.projectID, ID: id, AppID: a.app.ID, Identity: from, Dispatch: dispatch,
		Listed:     !dispatch || a.app.DispatchRetentionPolicy.TTLDays > 0,
		AcceptTime: a.e.now(), SenderID: a.in.To, Metadata: metadata, Doc: doc,
	}
	arr.Message = m
	arr.Consequences = a.after(parley.TriggerMessageInbound, func(r *store.Resolution) *parley.Callback {
		c := a.contactEnvelope(r)
		c.Message = &parley.MessageInbound{
			ID: id, Direction: parley.ToApp, ContactMessage: cm, ChannelIdentity: from, ContactID: r.ContactID,
			ConversationID: conversationOf(r), Metadata: metadata, AcceptTime: m.AcceptTime, SenderID: m.SenderID,
			ProcessingMode: m.Mode(),
		}
		return c
	})
	if t := a.in.Message.Text; t != nil {
		if k, ok := a.e.keywords.match(a.channel, t.Text); ok {
			a.obey(arr, k)
		}
	}
	if arr.Media != nil && a.in.Media.Data == nil {
		follow := arr.Consequences
		arr.Consequences = func(r *store.Resolution) ([]*store.Job, error) {
			jobs, err := follow(r)
			if err != nil {
				return nil, err
			}
			fetch, err := newJob(a.projectID, kindMedia, "", mediaJob{ID: arr.Media.ID})
			return append(jobs, fetch), err
		}
	}
	return nil
}

// interpret returns the message as the app sees it: choice answers say which
// message and which choice, replies name our message.
func (a *arrival) interpret() (*parley.ContactMessage, string, error) {
	cm := *a.in.Message
	target, err := a.target()
	if err != nil {
		return nil, "", err
	}
	switch v := cm.Content().(type) {
	case *parley.ChoiceResponseMessage:
		answer, metadata, err := a.choice(v.PostbackData, target)
		cm.ChoiceResponse = answer
		return &cm, metadata, err
	case *parley.TextMessage:
		ch := a.e.channels[a.channel]
		if ch != nil && ch.Capabilities().TypedChoices {
			answer, metadata, err := a.typed(v.Text, target)
			if err != nil {
				return nil, "", err
			}
			if answer != nil {
				return &parley.ContactMessage{ChoiceResponse: answer}, metadata, nil
			}
		}
	case *parley.MediaMessage, *parley.LocationMessage, *parley.MediaCardMessage, *parley.FallbackMessage,
		*parley.ProductResponseMessage, *parley.ContactChannelSpecificMessage, nil:
	}
	if target != "" {
		cm.ReplyTo = &parley.ReplyTo{MessageID: target}
	}
	return &cm, a.in.Metadata, nil
}

// choice resolves what a tapped button carried: our token, or something the
// app made itself.
func (a *arrival) choice(payload, target string) (*parley.ChoiceResponseMessage, string, error) {
	id, i, isToken := channel.ParseToken(payload)
	if !isToken {
		id = target
	}
	raw := &parley.ChoiceResponseMessage{MessageID: id, PostbackData: payload}
	if id == "" {
		return raw, a.in.Metadata, nil
	}
	m, body, err := a.sent(id)
	if err != nil || m == nil {
		return raw, a.in.Metadata, err
	}
	if isToken {
		if posts := postbacks(body, a.channel); i < len(posts) {
			raw.PostbackData = posts[i].Value(m.ID)
		}
	}
	return raw, m.Metadata, nil
}

// postbacks lists the choices of a message as it went to a channel.
func postbacks(body *store.MessageDoc, ch parley.Channel) []channel.Postback {
	m, reason := body.On(ch)
	if m == nil || reason != nil {
		return nil
	}
	return channel.Postbacks(transcode.Select(m, ch))
}

// sent returns a message this app sent, or nil.
func (a *arrival) sent(id string) (*store.Message, *store.MessageDoc, error) {
	m, err := a.e.store.Message(a.ctx, a.projectID, id)
	if parley.IsNotFound(err) || (err == nil && (m.AppID != a.app.ID || !m.ToContact)) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	body, err := m.Body()
	return m, body, err
}

// typed matches a text against the choices of the message it answers, or else
// of the newest messages that had any, because on this channel contacts see
// choices as text. Nil means that it is just a text.
func (a *arrival) typed(text, target string) (*parley.ChoiceResponseMessage, string, error) {
	text = strings.TrimSpace(text)
	if target != "" {
		return a.typedTo(text, target)
	}
	var answer *parley.ChoiceResponseMessage
	metadata := ""
	for _, to := range a.asked() {
		m, p, err := a.question(text, to)
		if err != nil {
			return nil, "", err
		}
		if m != nil && (answer == nil || m.ID > answer.MessageID) {
			answer, metadata = &parley.ChoiceResponseMessage{MessageID: m.ID, PostbackData: p.Value(m.ID)}, m.Metadata
		}
	}
	return answer, metadata, nil
}

// asked lists the identities that what is answered here may have been sent to:
// replies to an MMS arrive as SMS.
func (a *arrival) asked() []parley.ChannelIdentity {
	from := a.from()
	if from.Channel != parley.ChannelSMS || a.app.Credential(parley.ChannelMMS) == nil {
		return []parley.ChannelIdentity{from}
	}
	return []parley.ChannelIdentity{from, {Channel: parley.ChannelMMS, Identity: from.Identity}}
}

// question finds the newest message to an identity that has a choice of that
// title, and the choice; nil when there is none.
func (a *arrival) question(title string, to parley.ChannelIdentity) (*store.Message, *channel.Postback, error) {
	contactID, err := a.e.contactOf(a.ctx, a.projectID, a.app, "", to)
	if err != nil || (contactID == "" && a.app.ProcessingMode == parley.ModeConversation) {
		return nil, nil, err
	}
	sent, err := a.e.store.LastSent(a.ctx, a.projectID, a.app.ID, contactID, to, a.e.now().Add(-typedAnswer))
	if err != nil {
		return nil, nil, err
	}
	for _, m := range sent {
		body, err := m.Body()
		if err != nil {
			return nil, nil, err
		}
		if p := chosen(body, to.Channel, title); p != nil {
			return m, p, nil
		}
	}
	return nil, nil, nil
}

// typedTo matches a text against the choices of the message it answers.
func (a *arrival) typedTo(text, target string) (*parley.ChoiceResponseMessage, string, error) {
	m, body, err := a.sent(target)
	if err != nil || m == nil {
		return nil, "", err
	}
	p := chosen(body, a.channel, text)
	if p == nil {
		return nil, "", nil
	}
	return &parley.ChoiceResponseMessage{MessageID: m.ID, PostbackData: p.Value(m.ID)}, m.Metadata, nil
}

// chosen is the choice of that title of a message as it went to a channel, or
// nil.
func chosen(body *store.MessageDoc, ch parley.Channel, title string) *channel.Postback {
	for _, p := range postbacks(body, ch) {
		if strings.EqualFold(strings.TrimSpace(p.Title), title) {
			return &p
		}
	}
	return nil
}

// media gives inbound media an address of ours. A job fetches it, unless it
// came along: then it is kept first, because there is nobody to ask again once
// the message is stored.
func (a *arrival) media(arr *store.Arrival, cm *parley.ContactMessage) error {
	if a.e.o.Media == nil {
		return errors.New("inbound media cannot be kept: there is no media store")
	}
	ref := a.in.Media
	m := &store.MediaRef{
		ProjectID: a.projectID, ID: a.e.store.NewID(), AppID: a.app.ID, Channel: a.channel,
		Ref: ref.Ref, MIME: ref.MIME, Filename: ref.Filename,
	}
	address := a.e.o.Media.URL(a.projectID, m.ID, ref.Filename)
	switch {
	case cm.Media != nil:
		media := *cm.Media
		media.URL = address
		cm.Media = &media
	case cm.MediaCard != nil:
		card := *cm.MediaCard
		card.URL = address
		cm.MediaCard = &card
	}
	arr.Media = m
	if ref.Data == nil {
		return nil
	}
	return a.e.o.Media.Save(a.ctx, a.projectID, m.ID, channel.Media{
		Body: io.NopCloser(bytes.NewReader(ref.Data)), MIME: ref.MIME, Size: int64(len(ref.Data)),
	})
}

// dropMedia removes the file that came along with something that had been
// stored before. It stays where the commit failed: that may have been the
// answer alone.
func (a *arrival) dropMedia(arr *store.Arrival) {
	if arr == nil || !arr.Repeat || arr.Media == nil || a.in.Media.Data == nil {
		return
	}
	if err := a.e.o.Media.Remove(a.ctx, a.projectID, arr.Media.ID); err != nil {
		a.e.o.Log.Warn("remove the media of a repeat", slog.String("app_id", a.app.ID), slog.Any("error", err))
	}
}

// A mediaJob is the document of a media job.
type mediaJob struct {
	ID string `json:"id"`
}

// fetchMedia is the worker of media jobs.
func (e *Engine) fetchMedia(ctx context.Context, j *store.Job) error {
	var doc mediaJob
	if err := json.Unmarshal(j.Doc, &doc); err != nil {
		return queue.Stop(err)
	}
	err := e.FetchMedia(ctx, j.ProjectID, doc.ID)
	const patience = 12 // attempts, over some hours
	if err != nil && !parley.IsNotFound(err) && j.Attempts < patience {
		return queue.Retry(queue.Backoff(j.Attempts+3), err)
	}
	return nil
}

// FetchMedia brings inbound media from the provider into the media store. It
// is also called when somebody asks for media that is not there yet.
func (e *Engine) FetchMedia(ctx context.Context, projectID, id string) error {
	ref, err := e.store.MediaRef(ctx, projectID, id)
	if err != nil {
		return err
	}
	conn, err := e.account(ctx, projectID, ref.AppID, ref.Channel)
	if err != nil {
		return err
	}
	fetcher, ok := e.channels[ref.Channel].(channel.MediaFetcher)
	if !ok {
		return parley.NotFound("media", id)
	}
	ctx, cancel := context.WithTimeout(ctx, mediaTimeout)
	defer cancel()
	m, err := fetcher.FetchMedia(ctx, conn, ref.Ref)
	if err != nil {
		return err
	}
	defer m.Body.Close()
	if m.MIME == "" {
		m.MIME = ref.MIME
	}
	return e.o.Media.Save(ctx, projectID, id, m)
}

// mediaTimeout bounds the transfer of one file.
const mediaTimeout = 5 * time.Minute
