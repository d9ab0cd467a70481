package engine

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

// mediaTries is how often a media host that has trouble is asked before the
// message fails on the channel.
const mediaTries = 4

// notReady deals with a message that could not be made into payloads. Nothing
// was handed to the provider.
func (d *delivery) notReady(ctx context.Context, err error) (again bool, _ error) {
	f := channel.AsError(err)
	if f.Outcome == channel.TryAgain && d.job.Attempts < mediaTries {
		return d.retry(ctx, f)
	}
	return d.failLeg(ctx, f.Reason)
}

// checkMedia asks for the files the message names on a channel that shows them
// itself: a provider that finds one missing would say so later and less
// clearly.
func (d *delivery) checkMedia(ctx context.Context, m *parley.AppMessage) error {
	caps := d.ch.Capabilities()
	if d.e.o.CheckMedia == nil || caps.Media != channel.Native {
		return nil
	}
	for _, address := range mediaOf(transcode.Select(m, d.to.Channel)) {
		if err := d.e.o.CheckMedia(ctx, address, caps.MediaTypes); err != nil {
			return err
		}
	}
	return nil
}

// mediaOf lists the addresses of the files a message shows.
func mediaOf(m *parley.AppMessage) []string {
	var out []string
	add := func(media *parley.MediaMessage) {
		if media != nil && media.URL != "" {
			out = append(out, media.URL)
		}
	}
	switch c := m.Content().(type) {
	case *parley.MediaMessage:
		add(c)
	case *parley.CardMessage:
		add(c.Media)
	case *parley.CarouselMessage:
		for i := range c.Cards {
			add(c.Cards[i].Media)
		}
	case *parley.ListMessage:
		add(c.Media)
		for i := range c.Sections {
			for j := range c.Sections[i].Items {
				if choice := c.Sections[i].Items[j].Choice; choice != nil {
					add(choice.Media)
				}
			}
		}
	case *parley.TextMessage, *parley.ChoiceMessage, *parley.LocationMessage, *parley.TemplateMessage,
		*parley.ContactInfoMessage, nil:
	}
	return out
}
