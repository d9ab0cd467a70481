package engine

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
)

// An Inlet is an app's account on a channel that others reach at a listener of
// the channel's own, such as a mailbox.
type Inlet struct {
	Conn *channel.Conn

	e         *Engine
	projectID string
	appID     string
	channel   parley.Channel
}

// Inlets lists all accounts on a channel, the oldest app first.
func (e *Engine) Inlets(ctx context.Context, name parley.Channel) ([]Inlet, error) {
	refs, err := e.store.AppRefs(ctx)
	if err != nil {
		return nil, err
	}
	var out []Inlet
	for _, ref := range refs {
		app, err := e.dir.app(ctx, ref.ProjectID, ref.AppID)
		if parley.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for i := range app.ChannelCredentials {
			if cred := &app.ChannelCredentials[i]; cred.Channel == name {
				out = append(out, Inlet{e.conn(ref.ProjectID, app, cred), e, ref.ProjectID, ref.AppID, name})
			}
		}
	}
	return out, nil
}

// Accept takes in what was told at once: all of it is stored when it returns
// nil.
func (in Inlet) Accept(ctx context.Context, told []channel.Inbound) error {
	app, err := in.e.dir.app(ctx, in.projectID, in.appID)
	if err != nil {
		return err
	}
	return in.e.takeIn(ctx, in.projectID, app, in.channel, told)
}
