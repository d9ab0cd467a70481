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

	List struct{} `cmd:"" help:"List the handsets."`
	Show struct {
		Handset string `arg:"" help:"CHANNEL:identity, such as SMS:12025550123."`
		Last    int    `help:"Only the last so many." short:"n"`
	} `cmd:"" help:"Show what is on a handset."`
	Reply struct {
		Handset  string   `arg:"" help:"CHANNEL:identity."`
		Text     []string `arg:"" optional:"" help:"What to write."`
		Media    string   `help:"Address of an image, sound or document to send; sample is one that is always there."`
		Caption  string   `help:"Text beside the media."`
		Location string   `help:"Place to send: latitude,longitude."`
	} `cmd:"" help:"Answer from a handset."`
	Tap struct {
		Handset string `arg:"" help:"CHANNEL:identity."`
		Choice  string `arg:"" help:"Number or words of the choice."`
	} `cmd:"" help:"Tap a choice of the newest message that has any."`
	Behave struct {
		Handset    string `arg:"" help:"CHANNEL:identity."`
		Deliver    string `help:"What happens to messages." enum:"normal,never,reject,refuse,rate_limit" default:"normal"`
		ReadAfter  string `help:"WHATSAPP: how long after delivery a message is read, such as 30s."`
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
	}
	return c.behave(w, cli, channel, identity)
}

func (c *handsetCommand) reply(base string) (simulator.Reply, error) {
	var r simulator.Reply
	switch {
	case c.Reply.Media == "sample":
		r.MediaURL, r.Caption = base+"/media/sample.png", c.Reply.Caption
	case c.Reply.Media != "":
		r.MediaURL, r.Caption = c.Reply.Media, c.Reply.Caption
	case c.Reply.Location != "":
		r.Location = new(simulator.Location)
		if _, err := fmt.Sscanf(c.Reply.Location, "%f,%f", &r.Location.Latitude, &r.Location.Longitude); err != nil {
			return r, fmt.Errorf("--location: %q is not latitude,longitude", c.Reply.Location)
		}
	case len(c.Reply.Text) > 0:
		text := strings.Join(c.Reply.Text, " ")
		r.Text = &text
	default:
		return r, errors.New("say what to answer: a text, --media or --location")
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
