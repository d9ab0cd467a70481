package main

import (
	"fmt"
	"io"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/all"
	"github.com/parley-im/parley/internal/transcode"
)

// card is what every channel renders here.
func card() *parley.AppMessage {
	return &parley.AppMessage{Card: &parley.CardMessage{
		Title: "Your order", Description: "It is on its way and arrives tomorrow between nine and twelve.",
		Media: &parley.MediaMessage{URL: "https://example.com/parcel.jpg"},
		Choices: []parley.Choice{
			{Text: &parley.TextMessage{Text: "Fine"}}, {URL: &parley.URLMessage{Title: "Track it", URL: "https://example.com/track"}},
		},
	}}
}

// printRender prints what it takes to make a card message into each channel's
// payloads, transcoding included.
func printRender(out io.Writer) error {
	if _, err := fmt.Fprintf(out, "\n%-64s %10s %10s\n", "a card message into a channel's payloads", "ns", "allocs"); err != nil {
		return err
	}
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	for _, ch := range all.Channels() {
		caps, m := ch.Capabilities(), card()
		render := func() error {
			parts, err := transcode.Message(channel.Tagged(transcode.Select(m, ch.Name()), id), caps)
			if err != nil {
				return err
			}
			for _, part := range parts {
				o := channel.Outgoing{MessageID: id, To: channel.Address{Identity: "15551230001"}, Message: part}
				if _, err := ch.Render(&o); err != nil {
					return err
				}
			}
			return nil
		}
		line := fmt.Sprintf("%-64s", ch.Name())
		if err := render(); err != nil {
			line += " needs a credential: " + err.Error() + "\n"
		} else {
			r := testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_ = render() // it was tried above
				}
			})
			line += fmt.Sprintf(" %10d %10d\n", r.NsPerOp(), r.AllocsPerOp())
		}
		if _, err := io.WriteString(out, line); err != nil {
			return err
		}
	}
	return nil
}
