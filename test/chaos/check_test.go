package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley/internal/simulator"
	"github.com/parley-im/parley/test/parleytest"
)

// unknownOutcome is how the failure of a message is explained of which nobody
// can say whether it was delivered.
const unknownOutcome = "may or may not have been delivered"

// A promise is what check holds the server to, beyond what always holds.
type promise struct {
	// unknown is how many messages may at most be reported as failed because
	// an attempt's outcome is unknown.
	unknown int
	// ordered: of one client, a contact sees messages in the order sent.
	ordered bool
	within  time.Duration
}

// check waits until the app has heard the end of every acknowledged message
// and compares it with what is on the handsets: each message once.
func (r *rig) check(p promise) {
	r.t.Helper()
	acked := r.acknowledged()
	r.await(acked, p.within)
	shown := r.shown(p.ordered)
	unknown, problems := 0, 0
	for _, m := range acked {
		reports := r.sink.Reports(m.id)
		failed := find(reports, "FAILED")
		if failed != nil && strings.Contains(failed.Description, unknownOutcome) {
			unknown++
			delete(shown, m.text)
			continue // there or not; a second one is found by shown
		}
		if failed == nil && shown[m.text] == 1 {
			delete(shown, m.text)
			continue
		}
		if problems++; problems <= 10 {
			r.t.Errorf("%s %q is on the handset %d times; reported as %+v", m.id, m.text, shown[m.text], reports)
		}
		delete(shown, m.text)
	}
	if unknown > p.unknown {
		r.t.Errorf("%d messages failed with unknown outcome, at most %d may", unknown, p.unknown)
	}
	r.t.Logf("%d messages acknowledged; %d of unknown outcome; %d shown that were not acknowledged; %d wrong",
		len(acked), unknown, len(shown), problems)
}

// await returns once the app was told of each message that it was submitted
// and how it ended.
func (r *rig) await(messages []sent, within time.Duration) {
	r.t.Helper()
	open := slices.Clone(messages)
	parleytest.Eventually(r.t, within, func() string {
		open = slices.DeleteFunc(open, func(m sent) bool { return r.settled(r.sink.Reports(m.id)) })
		if len(open) == 0 {
			return ""
		}
		return fmt.Sprintf("%d of %d messages are not settled, such as %s %q: %+v",
			len(open), len(messages), open[0].id, open[0].text, r.sink.Reports(open[0].id))
	})
}

// settled reports whether nothing more is expected of a message.
func (r *rig) settled(reports []parleytest.Report) bool {
	if find(reports, parleytest.Submitted) == nil {
		return false
	}
	if find(reports, "FAILED") != nil {
		return true
	}
	// A receipt that overtakes another makes that one old news.
	delivered := find(reports, "DELIVERED") != nil || find(reports, "READ") != nil
	return find(reports, "QUEUED_ON_CHANNEL") != nil && (delivered || !r.account.receipts)
}

func find(reports []parleytest.Report, status string) *parleytest.Report {
	i := slices.IndexFunc(reports, func(p parleytest.Report) bool { return p.Status == status })
	if i < 0 {
		return nil
	}
	return &reports[i]
}

// shown returns how often each text is on a handset. More than once is always
// wrong.
func (r *rig) shown(ordered bool) map[string]int {
	r.t.Helper()
	shown := map[string]int{}
	for contact := range contacts {
		thread, _ := r.sim.Thread(r.account.channel, r.identity(contact))
		last := map[string]string{}
		for _, item := range thread.Items {
			if item.Direction != simulator.In {
				continue
			}
			if shown[item.Text]++; shown[item.Text] == 2 {
				r.t.Errorf("%q is on the handset twice", item.Text)
			}
			stream, _, _ := strings.Cut(item.Text, " ")
			if ordered && cmp.Compare(last[stream], item.Text) > 0 {
				r.t.Errorf("%q came before %q", last[stream], item.Text)
			}
			last[stream] = item.Text
		}
	}
	return shown
}
