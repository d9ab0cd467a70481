package engine

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/queue"
	"github.com/parley-im/parley/internal/store"
)

// An ackJob is the document of an acknowledge job.
type ackJob struct {
	AppID    string             `json:"app_id"`
	Channel  parley.Channel     `json:"channel"`
	ID       channel.ProviderID `json:"id"`
	Identity string             `json:"identity"`
	Ack      string             `json:"ack"`
}

// acknowledge is the worker of acknowledge jobs: one attempt, because a late
// one is of no use.
func (e *Engine) acknowledge(ctx context.Context, j *store.Job) error {
	var doc ackJob
	if err := json.Unmarshal(j.Doc, &doc); err != nil {
		return queue.Stop(err)
	}
	conn, err := e.account(ctx, j.ProjectID, doc.AppID, doc.Channel)
	if err != nil {
		return nil // the app or channel is gone: nobody to tell
	}
	ack, ok := e.channels[doc.Channel].(channel.Acknowledger)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.SendTimeout)
	defer cancel()
	in := channel.Inbound{ID: doc.ID, From: channel.Address{Identity: doc.Identity}, Ack: doc.Ack}
	if err := ack.Acknowledge(ctx, conn, in); err != nil {
		e.o.Log.Info("acknowledge", slog.String("app_id", doc.AppID), slog.String("channel", string(doc.Channel)),
			slog.String("error", err.Error()))
	}
	return nil
}

// account returns an app's account on a channel, or NOT_FOUND.
func (e *Engine) account(ctx context.Context, projectID, appID string, name parley.Channel) (*channel.Conn, error) {
	app, err := e.dir.app(ctx, projectID, appID)
	if err != nil {
		return nil, err
	}
	cred := app.Credential(name)
	if cred == nil {
		return nil, parley.NotFound("channel", string(name))
	}
	return e.conn(projectID, app, cred), nil
}
