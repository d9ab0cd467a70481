package app

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/all"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/simulator"
)

const channelsFile = "../../docs/channels.md"

// TestChannelsDoc holds docs/channels.md against what the channels say of
// themselves.
func TestChannelsDoc(t *testing.T) {
	t.Parallel()
	got := channelsDoc()
	if channeltest.Update() {
		if err := os.WriteFile(channelsFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(channelsFile)
	if err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(string(want), got); d != "" {
		t.Errorf("%s is out of date (-committed +channels); rewrite it with go test ./internal/app -run ChannelsDoc -update:\n%s", channelsFile, d)
	}
	for _, ch := range sortedChannels() {
		if _, err := os.Stat(filepath.Join("../../docs", channelPage(ch))); err != nil {
			t.Errorf("%s has no page: %v", ch.Name(), err)
		}
	}
}

const channelsHead = `# Channels

What each channel can show and tell, read from the channels themselves. How an account is connected, and what a provider
makes different, is on the channel's own page.

Written by ` + "`go test ./internal/app -run ChannelsDoc -update`" + `.

`

// channelsDoc is the text of docs/channels.md.
func channelsDoc() string {
	var b strings.Builder
	b.WriteString(channelsHead)
	for _, s := range channelSections() {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", s.title, s.words)
		columns := append([]string{"channel"}, s.columns...)
		fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
		for _, ch := range sortedChannels() {
			cells := append([]string{fmt.Sprintf("[%s](%s)", ch.Name(), channelPage(ch))}, s.row(ch, ch.Capabilities())...)
			fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		}
		b.WriteString("\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// sortedChannels lists the channels by name.
func sortedChannels() []channel.Channel {
	return slices.SortedFunc(slices.Values(all.Channels()), func(a, b channel.Channel) int {
		return cmp.Compare(a.Name(), b.Name())
	})
}

// channelPage is a channel's page, seen from docs.
func channelPage(ch channel.Channel) string {
	return "channels/" + strings.ToLower(string(ch.Name())) + ".md"
}

// A channelSection is one table, with a row for each channel.
type channelSection struct {
	title, words string
	columns      []string
	row          func(channel.Channel, channel.Capabilities) []string
}

func channelSections() []channelSection {
	return []channelSection{
		{
			"Messages",
			"`native`: in the channel's own form. `degraded`: written out as text, links included. `rejected`: the message fails on the\n" +
				"channel with `UNSUPPORTED_OPERATION`. A native message that goes beyond the limits below is degraded, too. Omni templates\n" +
				"are resolved on every channel; the last column is about templates that are kept with the provider.",
			[]string{"text", "media", "card", "carousel", "choice", "list", "location", "contact info", "channel template"},
			messageCells,
		},
		{
			"Choices",
			"Choices that can be tapped. A message with any other is written out as text; *typed* says that the answer may be typed,\n" +
				"and is matched.",
			append(choiceNames(), "typed"),
			choiceCells,
		},
		{
			"Limits",
			"Longer text becomes several messages; a message with more choices or items is degraded, a carousel with more cards becomes\n" +
				"cards. –: no limit of the channel's own below the API's, or nothing it could be about.",
			[]string{"text", "counted in", "beside media", "above choices", "choices", "cards", "list items"},
			limitCells,
		},
		{
			"Reports and abilities",
			"*Receipts*: the statuses that can arrive. *Repeats*: whether the provider drops a repeated send, or can be asked what became\n" +
				"of one, so that none is made twice ([guarantees](guarantees.md)). What needs a provider that has it is said on the\n" +
				"channel's page.",
			[]string{"receipts", "app events", "repeats", "profile", "capability lookup", "take back"},
			abilityCells,
		},
		{
			"Files",
			"Media the channel takes, with the largest size where the channel knows one. A file of another type, or a larger one, fails\n" +
				"the message on the channel.",
			[]string{"types"},
			fileCells,
		},
		{
			"Providers",
			"As a credential's `provider` names them; the first serves credentials that name none.",
			[]string{"providers"},
			providerCells,
		},
	}
}

const nothing = "–"

func messageCells(_ channel.Channel, c channel.Capabilities) []string {
	var out []string
	for _, s := range []channel.Support{c.Text, c.Media, c.Card, c.Carousel, c.Choice, c.List, c.Location, c.ContactInfo} {
		out = append(out, s.String())
	}
	return append(out, yes(c.Template == channel.Native))
}

func choiceKinds() []channel.ChoiceKind {
	return []channel.ChoiceKind{
		channel.ChoiceText, channel.ChoiceURL, channel.ChoiceCall,
		channel.ChoiceLocation, channel.ChoiceCalendar, channel.ChoiceShareLocation,
	}
}

func choiceNames() []string {
	var out []string
	for _, k := range choiceKinds() {
		out = append(out, strings.ReplaceAll(string(k), "_", " "))
	}
	return out
}

func choiceCells(_ channel.Channel, c channel.Capabilities) []string {
	var out []string
	for _, k := range choiceKinds() {
		out = append(out, yes(slices.Contains(c.Choices, k)))
	}
	return append(out, yes(c.TypedChoices))
}

func limitCells(_ channel.Channel, c channel.Capabilities) []string {
	unit := map[channel.Unit]string{channel.Characters: "characters", channel.Bytes: "bytes", channel.UTF16: "UTF-16 units"}[c.Unit]
	return []string{
		limit(c.MaxText), unit, limit(c.MaxCaption), limit(c.MaxChoiceText),
		limit(c.MaxChoices), limit(c.MaxCards), limit(c.MaxItems),
	}
}

func abilityCells(ch channel.Channel, c channel.Capabilities) []string {
	var receipts, events, repeats []string
	for _, s := range c.Receipts {
		receipts = append(receipts, code(string(s)))
	}
	for _, e := range c.Events {
		events = append(events, code(e))
	}
	if c.Idempotent {
		repeats = append(repeats, "dropped")
	}
	if _, ok := ch.(channel.Finder); ok {
		repeats = append(repeats, "can be asked")
	}
	_, profiles := ch.(channel.Profiler)
	_, probes := ch.(channel.Prober)
	_, retracts := ch.(channel.Retractor)
	return []string{listed(receipts), listed(events), listed(repeats), yes(profiles), yes(probes), yes(retracts)}
}

func fileCells(_ channel.Channel, c channel.Capabilities) []string {
	if c.Media != channel.Native {
		return []string{"as links"}
	}
	var out []string
	for _, m := range c.MediaTypes {
		cell := code(m.Type)
		if m.MaxBytes > 0 {
			cell += " " + size(m.MaxBytes)
		}
		out = append(out, cell)
	}
	if len(out) == 0 {
		out = append(out, "any")
	}
	return []string{strings.Join(out, ", ")}
}

// providerCells lists the providers there are settings for and that the
// simulator plays: those that are built.
func providerCells(ch channel.Channel, _ channel.Capabilities) []string {
	sim := simulator.New(simulator.Options{Now: time.Now})
	defer sim.Close()
	plays := func(name string) bool {
		return sim.Plays(name) || slices.ContainsFunc(new(DevOptions).sessions(), func(s devSession) bool { return s.setting == name })
	}
	var out []string
	for _, u := range new(ChannelURLs).all() {
		if u.channel == ch.Name() && u.provider != "" && plays(u.simulated()) {
			out = append(out, code(u.provider))
		}
	}
	if len(out) == 0 {
		out = append(out, "its own, alone")
	}
	return []string{strings.Join(out, ", ")}
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return nothing
}

func limit(n int) string {
	if n == 0 {
		return nothing
	}
	return strconv.Itoa(n)
}

func listed(items []string) string {
	if len(items) == 0 {
		return nothing
	}
	return strings.Join(items, ", ")
}

func code(s string) string { return "`" + s + "`" }

// size writes bytes in the largest unit that gives a whole number.
func size(n int64) string {
	for _, u := range []struct {
		bytes int64
		name  string
	}{{1 << 20, "MiB"}, {1_000_000, "MB"}, {1 << 10, "KiB"}, {1_000, "kB"}} {
		if n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}
