package sdk

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const seenFile = "../../docs/seen.md"

// seen is the text of docs/seen.md: what a run of channels.mjs printed.
func seen(people []handset, output string) string {
	type line struct {
		app     string
		channel string
	}
	outcomes, steps := map[line][]string{}, map[line]map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^(.+) \| (.+) \| (.+) \| (.+)$`).FindAllStringSubmatch(output, -1) {
		outcome, on, step := m[1], line{m[2], m[3]}, m[4]
		if steps[on] == nil {
			steps[on] = map[string][]string{}
		}
		if steps[on][outcome] == nil {
			outcomes[on] = append(outcomes[on], outcome)
		}
		steps[on][outcome] = append(steps[on][outcome], step)
	}
	people = slices.Clone(people)
	slices.SortStableFunc(people, func(a, b handset) int { return cmp.Compare(a.Channel, b.Channel) })
	var b strings.Builder
	b.WriteString(seenHead)
	for _, h := range people {
		on := line{h.App, string(h.Channel)}
		fmt.Fprintf(&b, "\n## %s, %s\n\n", h.Channel, h.App)
		for _, outcome := range outcomes[on] {
			fmt.Fprintf(&b, "- **%s** %s\n", outcome, strings.Join(steps[on][outcome], ", "))
		}
	}
	return b.String()
}

const seenHead = `# What was seen on each channel

For each channel and provider of ` + "`parley dev`" + `, what ` + "`test/sdk/channels.mjs`" + ` did with the official Node SDK and a
simulated phone, and what came of it. The words of every message arrived, every choice that was tapped or typed came back
as the right one, and all callbacks were right and signed; every answer of the API was as ` + "`/openapi.json`" + ` says.

- **ok** it works, in the channel's own way if it has one
- **text** what can be read, not tapped; of an answer, the words of what was sent
- **reported** tapping it opens something and is told as well
- **none** the channel, or its provider, has no such thing
- what else is said is how the channel does it, such as the callback that comes

What an app sends: the kinds of message, choices of each kind, events by their names in the API. What a phone does: answers,
` + "`typing_on`" + ` and the like. *Dispatch* is an app in dispatch mode. Written by ` + "`go test ./test/sdk -update`" + `.
`
