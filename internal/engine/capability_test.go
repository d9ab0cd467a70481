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

// An oracle is a channel whose provider tells who can be reached; each
// question takes the next answer, the last one for good.
type oracle struct {
	*fake.Channel
	answers []func() (channel.Reach, error)
	asked   int
}

func (o *oracle) Probe(context.Context, *channel.Conn, channel.Address) (channel.Reach, error) {
	answer := o.answers[min(o.asked, len(o.answers)-1)]
	o.asked++
	return answer()
}

func reaches(status parley.CapabilityStatus, features ...string) func() (channel.Reach, error) {
	return func() (channel.Reach, error) { return channel.Reach{Status: status, Features: features}, nil }
}

func refuses(o channel.Outcome, code parley.ReasonCode) func() (channel.Reach, error) {
	return func() (channel.Reach, error) { return channel.Reach{}, fail(o, code) }
}

func TestCapability(t *testing.T) {
	t.Parallel()
	rcs := id(parley.ChannelRCS, ada)
	for _, tc := range []struct {
		name     string
		answers  []func() (channel.Reach, error)
		asked    int // 0: several times
		status   parley.CapabilityStatus
		features []string
		reason   parley.ReasonCode
	}{
		{"full", []func() (channel.Reach, error){reaches(parley.CapabilityFull, "a")}, 1, parley.CapabilityFull, nil, ""},
		{"partial", []func() (channel.Reach, error){reaches(parley.CapabilityPartial, "a", "b")}, 1, parley.CapabilityPartial, []string{"a", "b"}, ""},
		{"none", []func() (channel.Reach, error){reaches(parley.CapabilityNone)}, 1, parley.CapabilityNone, nil, ""},
		{
			"refused",
			[]func() (channel.Reach, error){refuses(channel.NotSent, parley.ReasonChannelBadConfiguration)},
			1,
			parley.CapabilityUnknown, nil, parley.ReasonChannelBadConfiguration,
		},
		{
			"later", []func() (channel.Reach, error){
				refuses(channel.TryAgain, parley.ReasonRateLimited), refuses(channel.Unknown, parley.ReasonChannelFailure), reaches(parley.CapabilityFull),
			}, 3, parley.CapabilityFull, nil, "",
		},
		{
			"never",
			[]func() (channel.Reach, error){refuses(channel.TryAgain, parley.ReasonChannelFailure)},
			0,
			parley.CapabilityUnknown, nil, parley.ReasonChannelFailure,
		},
		{"panic", []func() (channel.Reach, error){func() (channel.Reach, error) { panic("bug") }}, 1, parley.CapabilityUnknown, nil, parley.ReasonInternalError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := &oracle{Channel: scripted(parley.ChannelRCS), answers: tc.answers}
			w := newWorld(t, o)
			a := w.app()
			r := &parley.QueryCapabilityRequest{AppID: a.ID, Recipient: text(a, "", rcs).Recipient, RequestID: "r-1"}
			if _, err := w.e.QueryCapability(t.Context(), project, r); err != nil {
				t.Fatal(err)
			}
			w.run(2*time.Minute, 500*time.Millisecond)
			n := w.expect("CAPABILITY")[0].body.Capability
			want := &parley.CapabilityNotification{
				RequestID: "r-1", Channel: parley.ChannelRCS, Identity: ada, CapabilityStatus: tc.status, ChannelCapabilities: tc.features,
			}
			if n.Reason != nil {
				if n.Reason.Code != tc.reason {
					t.Errorf("reason %s, want %s", n.Reason.Code, tc.reason)
				}
				n.Reason = nil
			} else if tc.reason != "" {
				t.Errorf("no reason, want %s", tc.reason)
			}
			if d := cmp.Diff(want, n); d != "" {
				t.Errorf("notification (-want +got):\n%s", d)
			}
			if tc.asked != 0 && o.asked != tc.asked || o.asked == 0 {
				t.Errorf("asked %d times, want %d", o.asked, tc.asked)
			}
		})
	}
}

// TestCapabilityOfContact: one answer for each identity, also where the app
// does not have the channel.
func TestCapabilityOfContact(t *testing.T) {
	t.Parallel()
	w := newWorld(t, scripted(parley.ChannelSMS), scripted(parley.ChannelRCS))
	a := w.app()
	other := parley.ChannelIdentity{Channel: parley.ChannelLINE, Identity: "u", AppID: w.store.NewID()}
	c, err := w.e.CreateContact(t.Context(), project, &parley.Contact{
		ChannelIdentities: []parley.ChannelIdentity{sms(ada), id(parley.ChannelRCS, ada), id(parley.ChannelWhatsApp, ada), other},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.expect("CONTACT_CREATE")
	r := &parley.QueryCapabilityRequest{AppID: a.ID, Recipient: &parley.Recipient{ContactID: c.ID}}
	answer, err := w.e.QueryCapability(t.Context(), project, r)
	if err != nil || !parley.IsID(answer.RequestID) || r.RequestID != "" {
		t.Fatalf("got %+v, %v", answer, err)
	}
	got := map[parley.Channel]string{}
	for _, n := range w.expect("CAPABILITY", "CAPABILITY", "CAPABILITY") {
		n := n.body.Capability
		if n.ContactID != c.ID || n.RequestID != answer.RequestID || n.Identity != ada {
			t.Errorf("notification %+v", n)
		}
		got[n.Channel] = string(n.CapabilityStatus)
		if n.Reason != nil {
			got[n.Channel] += " " + string(n.Reason.Code)
		}
	}
	want := map[parley.Channel]string{
		parley.ChannelSMS: "CAPABILITY_FULL", parley.ChannelRCS: "CAPABILITY_UNKNOWN",
		parley.ChannelWhatsApp: "CAPABILITY_UNKNOWN CHANNEL_CONFIGURATION_MISSING",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("answers (-want +got):\n%s", d)
	}
	// By identity the contact is found, and nobody becomes one.
	r.Recipient = text(a, "", sms("+"+ada), sms(ada), sms(bob)).Recipient
	if _, err := w.e.QueryCapability(t.Context(), project, r); err != nil {
		t.Fatal(err)
	}
	for _, n := range w.expect("CAPABILITY", "CAPABILITY") {
		n := n.body.Capability
		if want := map[string]string{ada: c.ID, bob: ""}[n.Identity]; n.ContactID != want {
			t.Errorf("%s is contact %q, want %q", n.Identity, n.ContactID, want)
		}
	}
}
