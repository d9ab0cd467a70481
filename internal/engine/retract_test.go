package engine

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
)

// A revoker takes messages back as its answers say; when they are used up it
// does.
type revoker struct {
	*fake.Channel
	answers []error
	taken   []channel.ProviderID
}

func (r *revoker) Retract(_ context.Context, _ *channel.Conn, _ channel.Address, id channel.ProviderID) error {
	if len(r.answers) > 0 {
		err := r.answers[0]
		r.answers = r.answers[1:]
		if err != nil {
			return err
		}
	}
	r.taken = append(r.taken, id)
	return nil
}

// A message that is not delivered within its time to live is taken back, and
// has failed; one that cannot be taken back is left to its receipt.
func TestExpiredMessageIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answers   []error
		delivered bool
		taken     int
		want      []string
	}{
		"in time":     {nil, true, 0, []string{"DELIVERED SMS"}},
		"not in time": {nil, false, 1, []string{"FAILED SMS MESSAGE_EXPIRED"}},
		"trouble":     {[]error{fail(channel.TryAgain, parley.ReasonChannelFailure)}, false, 1, []string{"FAILED SMS MESSAGE_EXPIRED"}},
		"too late":    {[]error{fail(channel.NotSent, parley.ReasonBadRequest)}, false, 0, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ch := &revoker{Channel: scripted(parley.ChannelSMS), answers: tc.answers}
			w := newWorld(t, ch)
			a := w.app()
			r := text(a, "soon", sms(ada))
			r.TTL = 60
			id := w.send(r)
			w.step()
			w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
			if tc.delivered {
				w.receipt(a, parley.ChannelSMS, "fake-"+id+"-0-0-1", parley.StatusDelivered)
			}
			w.run(3*time.Minute, time.Second)
			w.expect(tc.want...)
			if len(ch.taken) != tc.taken || (tc.taken > 0 && ch.taken[0] != channel.ProviderID("fake-"+id+"-0-0-1")) {
				t.Errorf("taken back: %v", ch.taken)
			}
		})
	}
}

// Before a message goes to the next channel because no report came, it is
// taken back from the first, all of its parts.
func TestFallbackTakesTheMessageBack(t *testing.T) {
	t.Parallel()
	first := &revoker{Channel: scripted(parley.ChannelRCS)}
	first.Caps.MaxText = 10
	w := newWorld(t, first, scripted(parley.ChannelSMS))
	a := w.app(func(a *parley.App) {
		a.DeliveryReportBasedFallback = &parley.DeliveryReportBasedFallback{Enabled: true, DeliveryReportWaitingTime: 30}
	})
	id := w.send(text(a, "more than ten", id(parley.ChannelRCS, ada), sms(ada)))
	w.run(time.Minute, time.Second)
	w.expect("CONTACT_CREATE", "CONVERSATION_START", "SUBMIT RCS", "QUEUED_ON_CHANNEL RCS",
		"SWITCHING_CHANNEL RCS DELIVERY_REPORT_TIME_OUT", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS")
	want := []channel.ProviderID{channel.ProviderID("fake-" + id + "-0-0-2"), channel.ProviderID("fake-" + id + "-0-1-2")}
	if diff := cmp.Diff(want, first.taken); diff != "" {
		t.Errorf("taken back (-want +got):\n%s", diff)
	}
}
