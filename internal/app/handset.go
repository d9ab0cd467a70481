package app

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/internal/simulator/handsetcli"
)

type handsetCommand struct {
	Simulator string `help:"Address of the simulator; default: the one of parley dev." env:"PARLEY_SIMULATOR_URL"`
	DataDir   string `help:"Data directory of parley dev." default:"./data" env:"PARLEY_DATA_DIR"`

	Account string `help:"Whom a reply or an event is for; default: who wrote last."`

	List struct{} `cmd:"" help:"List the handsets."`
	Show struct {
		Handset string `arg:"" help:"CHANNEL:identity, such as SMS:12025550123."`
		Last    int    `help:"Only the last so many." short:"n"`
	} `cmd:"" help:"Show what is on a handset."`
	Reply struct {
		Handset  string   `arg:"" help:"CHANNEL:identity."`
		Text     []string `arg:"" optional:"" help:"What to write."`
		Media    []string `help:"Address of an image, sound or document to send, several where the channel takes them; sample is one that is always there." sep:"none"`
		Caption  string   `help:"Text beside the media."`
		Subject  string   `help:"EMAIL and MMS: the subject."`
		Location string   `help:"Place to send: latitude,longitude."`
		Reaction string   `help:"Emoji to put on the message of --to."`
		To       string   `help:"Number of the message that is quoted."`
	} `cmd:"" help:"Answer from a handset."`
	Tap struct {
		Handset string `arg:"" help:"CHANNEL:identity."`
		Choice  string `arg:"" help:"Number or words of the choice."`
	} `cmd:"" help:"Tap a choice of the newest message that has it."`
	Event struct {
		Handset string `arg:"" help:"CHANNEL:identity."`
		Type    string `arg:"" help:"What its owner does." enum:"typing_on,typing_off,start,opt_in,opt_out,conversation_deleted,message_deleted"`
		Payload string `help:"What comes with it, such as the reference of a link."`
		Item    string `help:"Number of the message meant."`
	} `cmd:"" help:"Type, begin, opt in or out, or delete from a handset."`
	Read struct {
		Handset string `arg:"" help:"CHANNEL:identity."`
	} `cmd:"" help:"Mark everything on a handset as read."`
	Block struct {
		Handset string `arg:"" help:"CHANNEL:identity."`
	} `cmd:"" help:"Block the app on a handset."`
	Unblock struct {
		Handset string `arg:"" help:"CHANNEL:identity."`
	} `cmd:"" help:"Unblock it again."`
	Behave struct {
		Handset    string `arg:"" help:"CHANNEL:identity."`
		Deliver    string `help:"What happens to messages." enum:"normal,never,reject,refuse,rate_limit" default:"normal"`
		ReadAfter  string `help:"How long after delivery a message is read, such as 30s."`
		RetryAfter int    `help:"Seconds a rate-limited sender is told to wait."`
	} `cmd:"" help:"Make a handset never deliver, reject, rate-limit or read late."`
}

// Run runs the subcommand that was named.
func (c *handsetCommand) Run(w *world, k *kong.Context) error {
	st, err := readDevState(c.DataDir)
	if err != nil {
		return err
	}
	base := c.Simulator
	if base == "" {
		base = st.Simulator
	}
	if base == "" {
		return errors.New("no simulator known: run parley dev first, or give --simulator")
	}
	cli := &handsetcli.Client{Base: base, HTTP: &http.Client{Timeout: time.Minute}, Color: isTerminal(w.out)}
	verb := strings.Fields(k.Command())[1]
	if verb == "list" {
		return cli.List(w.ctx, w.out)
	}
	name := map[string]string{
		"show": c.Show.Handset, "reply": c.Reply.Handset, "tap": c.Tap.Handset, "behave": c.Behave.Handset,
		"event": c.Event.Handset, "read": c.Read.Handset, "block": c.Block.Handset, "unblock": c.Unblock.Handset,
	}[verb]
	channel, identity, err := cli.Find(w.ctx, name)
	if err != nil {
		return err
	}
	switch verb {
	case "show":
		return cli.Show(w.ctx, channel, identity, c.Show.Last, w.out)
	case "reply":
		r, err := c.reply(base)
		if err != nil {
			return err
		}
		return cli.Reply(w.ctx, channel, identity, r, w.out)
	case "tap":
		return cli.Tap(w.ctx, channel, identity, "", c.Tap.Choice, w.out)
	case "event":
		e := simulator.Event{Type: c.Event.Type, Payload: c.Event.Payload, Item: c.Event.Item, Account: c.Account}
		return cli.Event(w.ctx, channel, identity, e, w.out)
	case "read":
		return cli.Read(w.ctx, channel, identity, w.out)
	case "block", "unblock":
		return cli.Block(w.ctx, channel, identity, verb == "block", w.out)
	}
	return c.behave(w, cli, channel, identity)
}

func (c *handsetCommand) reply(base string) (simulator.Reply, error) {
	r := simulator.Reply{Subject: c.Reply.Subject, ReplyTo: c.Reply.To, Account: c.Account}
	switch {
	case c.Reply.Reaction != "":
		r.Reaction = &c.Reply.Reaction
	case len(c.Reply.Media) > 0:
		for i, u := range c.Reply.Media {
			if u == "sample" {
				c.Reply.Media[i] = base + "/media/sample.png"
			}
		}
		r.MediaURL, r.MoreMedia, r.Caption = c.Reply.Media[0], c.Reply.Media[1:], c.Reply.Caption
	case c.Reply.Location != "":
		r.Location = new(simulator.Location)
		if _, err := fmt.Sscanf(c.Reply.Location, "%f,%f", &r.Location.Latitude, &r.Location.Longitude); err != nil {
			return r, fmt.Errorf("--location: %q is not latitude,longitude", c.Reply.Location)
		}
	case len(c.Reply.Text) > 0:
		text := strings.Join(c.Reply.Text, " ")
		r.Text = &text
	default:
		return r, errors.New("say what to answer: a text, --media, --location or --reaction")
	}
	return r, nil
}

func (c *handsetCommand) behave(w *world, cli *handsetcli.Client, channel, identity string) error {
	var b simulator.Behaviour
	b.Deliver = c.Behave.Deliver
	b.RetryAfter = c.Behave.RetryAfter
	if c.Behave.ReadAfter != "" {
		d, err := time.ParseDuration(c.Behave.ReadAfter)
		if err != nil {
			return fmt.Errorf("--read-after: %w", err)
		}
		wait := simulator.Duration(d)
		b.ReadAfter = &wait
	}
	return cli.Behave(w.ctx, channel, identity, b, w.out)
}

// isTerminal reports whether a person looks at the output.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
