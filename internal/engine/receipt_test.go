package engine

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/fake"
)

func TestReceiptsInAnyOrder(t *testing.T) {
	t.Parallel()
	const d, r, f, q = parley.StatusDelivered, parley.StatusRead, parley.StatusFailed, parley.StatusQueuedOnChannel
	for name, tc := range map[string]struct {
		told []parley.DeliveryStatus
		want []string
	}{
		"in order":               {[]parley.DeliveryStatus{d, r}, []string{"DELIVERED SMS", "READ SMS"}},
		"twice":                  {[]parley.DeliveryStatus{d, d, r, r}, []string{"DELIVERED SMS", "READ SMS"}},
		"read without delivered": {[]parley.DeliveryStatus{r, d}, []string{"READ SMS"}},
		"failed":                 {[]parley.DeliveryStatus{f, d, r, f}, []string{"FAILED SMS UNKNOWN"}},
		"failed after delivered": {[]parley.DeliveryStatus{d, f, r}, []string{"DELIVERED SMS", "READ SMS"}},
		"what we know":           {[]parley.DeliveryStatus{q, q}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scripted(parley.ChannelSMS))
			a := w.app()
			m := w.send(text(a, "x", sms(ada)))
			w.take()
			for _, s := range tc.told {
				w.receipt(a, parley.ChannelSMS, "fake-"+m+"-0-0-1", s)
			}
			w.expect(tc.want...)
			w.stop()
			w.start() // and once more, from the table
			for _, s := range tc.told {
				w.receipt(a, parley.ChannelSMS, "fake-"+m+"-0-0-1", s)
			}
			w.expect()
		})
	}
}

// A provider can be faster with its receipt than with its answer.
func TestReceiptBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for _, key := range []bool{false, true} {
		for _, status := range []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusFailed} {
			t.Run(map[bool]string{false: "by id ", true: "by key "}[key]+string(status), func(t *testing.T) {
				t.Parallel()
				var w *world
				var a *parley.App
				ch := fake.New(parley.ChannelSMS, func(at channel.Attempt) (channel.ProviderID, error) {
					rc := &channel.Receipt{ID: "fake-" + channel.ProviderID(at.Key), Status: status}
					if key {
						rc.Key = at.Key
					}
					w.tell(a, parley.ChannelSMS, channel.Inbound{Receipt: rc})
					return fake.Accept(at)
				})
				w = newWorld(t, ch, scripted(parley.ChannelRCS))
				a = w.app()
				w.send(text(a, "x", sms(ada), id(parley.ChannelRCS, ada)))
				w.run(10*time.Second, 100*time.Millisecond)
				want := []string{"CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS"}
				if status == parley.StatusDelivered {
					want = append(want, "DELIVERED SMS")
				} else {
					want = append(want, "SWITCHING_CHANNEL SMS UNKNOWN", "SUBMIT RCS", "QUEUED_ON_CHANNEL RCS")
				}
				w.expect(want...)
			})
		}
	}
}

func TestReceiptsOfParts(t *testing.T) {
	t.Parallel()
	type rc struct {
		part string
		s    parley.DeliveryStatus
	}
	const d, r, f = parley.StatusDelivered, parley.StatusRead, parley.StatusFailed
	for name, tc := range map[string]struct {
		told []rc
		want []string
	}{
		"one of three":   {[]rc{{"1", d}}, nil},
		"all":            {[]rc{{"2", d}, {"0", d}, {"1", d}}, []string{"DELIVERED SMS"}},
		"some read":      {[]rc{{"0", r}, {"1", d}, {"2", r}}, []string{"DELIVERED SMS"}},
		"all read":       {[]rc{{"0", r}, {"1", d}, {"2", r}, {"1", r}}, []string{"DELIVERED SMS", "READ SMS"}},
		"one fails":      {[]rc{{"0", d}, {"1", f}, {"2", d}}, []string{"FAILED SMS UNKNOWN"}},
		"repeats of one": {[]rc{{"0", d}, {"0", d}, {"0", d}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, scripted(parley.ChannelSMS))
			a := w.app()
			m := w.send(text(a, long(3), sms(ada)))
			w.take()
			for _, x := range tc.told {
				w.receipt(a, parley.ChannelSMS, "fake-"+m+"-0-"+x.part+"-3", x.s)
			}
			w.run(5*time.Second, time.Second)
			w.expect(tc.want...)
		})
	}
}

// The receipts of all parts are there before the last part's answer is stored.
func TestReceiptsOfPartsBeforeTheAnswers(t *testing.T) {
	t.Parallel()
	for _, status := range []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusFailed} {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			var w *world
			var a *parley.App
			ch := fake.New(parley.ChannelSMS, func(at channel.Attempt) (channel.ProviderID, error) {
				w.tell(a, parley.ChannelSMS, channel.Inbound{Receipt: &channel.Receipt{
					ID: "fake-" + channel.ProviderID(at.Key), Key: at.Key, Status: status,
				}})
				return fake.Accept(at)
			})
			w = newWorld(t, ch, scripted(parley.ChannelRCS))
			a = w.app()
			w.send(text(a, long(2), sms(ada), id(parley.ChannelRCS, ada)))
			w.run(20*time.Second, 100*time.Millisecond)
			want := []string{"CONTACT_CREATE", "CONVERSATION_START", "SUBMIT SMS", "QUEUED_ON_CHANNEL SMS", "DELIVERED SMS"}
			if status == parley.StatusFailed {
				want = append(want[:4], "SWITCHING_CHANNEL SMS UNKNOWN", "SUBMIT RCS", "QUEUED_ON_CHANNEL RCS")
			}
			w.expect(want...)
		})
	}
}

// A receipt nobody can place is looked at for a while and then dropped.
func TestReceiptOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS))
	a := w.app()
	for _, key := range []string{"", "nonsense", "01ARZ3NDEKTSV4RRFFQ69G5FAV-0-0-1", "01ARZ3NDEKTSV4RRFFQ69G5FAV--1-0-1", "a-b-c-d"} {
		w.tell(a, parley.ChannelSMS, channel.Inbound{Receipt: &channel.Receipt{ID: "who", Key: key, Status: parley.StatusRead}})
	}
	w.run(15*time.Minute, 10*time.Second)
	w.expect()
	w.stop()
	w.start()
	if jobs, err := w.store.JobCounts(t.Context()); err != nil || len(jobs) > 0 {
		t.Errorf("jobs left: %v, %v", jobs, err)
	}
}

// Whatever a provider says in whatever order: a message never goes back, and
// its end is reported once.
func TestStatusNeverGoesBack(t *testing.T) {
	t.Parallel()
	rank := map[parley.DeliveryStatus]int{
		parley.StatusQueuedOnChannel: 1, parley.StatusDelivered: 2, parley.StatusSwitchingChannel: 3, parley.StatusRead: 4, parley.StatusFailed: 4,
	}
	w := newWorld(t, scripted(parley.ChannelRCS), scripted(parley.ChannelSMS))
	a := w.app()
	rapid.Check(t, func(r *rapid.T) {
		parts := rapid.SampledFrom([]int{1, 1, 2}).Draw(r, "parts")
		words := map[int]string{1: "x", 2: long(2)}[parts]
		m := w.send(text(a, words, id(parley.ChannelRCS, ada), sms(ada)))
		told := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) channel.Inbound {
			leg, part := rapid.IntRange(0, 2).Draw(r, "leg"), rapid.IntRange(0, parts).Draw(r, "part")
			key := m + "-" + string(rune('0'+leg)) + "-" + string(rune('0'+part)) + "-" + string(rune('0'+parts))
			rc := &channel.Receipt{ID: channel.ProviderID("fake-" + key), Status: rapid.SampledFrom([]parley.DeliveryStatus{
				parley.StatusDelivered, parley.StatusRead, parley.StatusFailed, parley.StatusQueuedOnChannel,
			}).Draw(r, "status")}
			if rapid.Bool().Draw(r, "keyed") {
				rc.Key = key
			}
			return channel.Inbound{Receipt: rc}
		}), 1, 6).Draw(r, "receipts")
		for _, in := range told {
			if rapid.Bool().Draw(r, "step") {
				w.step()
			}
			if err := w.e.takeIn(t.Context(), project, a, a.ChannelCredentials[rapid.IntRange(0, 1).Draw(r, "channel")].Channel,
				[]channel.Inbound{in}); err != nil {
				r.Fatal(err)
			}
		}
		w.run(6*time.Second, 2*time.Second)
		ends, last, lastLeg := 0, 0, 0
		for _, c := range w.take() {
			d := c.body.MessageDelivery
			if d == nil || d.MessageID != m {
				continue
			}
			leg := map[parley.Channel]int{parley.ChannelRCS: 0, parley.ChannelSMS: 1}[d.ChannelIdentity.Channel]
			if now := rank[d.Status]; leg < lastLeg && now < 4 || leg == lastLeg && now <= last || ends > 0 {
				r.Fatalf("%s on leg %d after rank %d on leg %d", d.Status, leg, last, lastLeg)
			} else {
				last, lastLeg = now, leg
			}
			if rank[d.Status] == 4 {
				ends++
			}
		}
	})
}
