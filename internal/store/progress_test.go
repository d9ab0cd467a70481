package store_test

import (
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// TestLeftChannel: a late report about a channel that the message has left
// must not end the message on the next one.
func TestLeftChannel(t *testing.T) {
	t.Parallel()
	now := store.At(1, parley.StatusQueuedOnChannel)
	for _, s := range []parley.DeliveryStatus{
		parley.StatusQueuedOnChannel, parley.StatusDelivered, parley.StatusRead, parley.StatusFailed, parley.StatusSwitchingChannel,
	} {
		if store.At(0, s).Follows(now) {
			t.Errorf("%s on the first channel follows %s on the second", s, now.Status())
		}
	}
	for _, s := range []parley.DeliveryStatus{parley.StatusDelivered, parley.StatusRead, parley.StatusFailed} {
		if !store.At(1, s).Follows(now) {
			t.Errorf("%s does not follow %s on the same channel", s, now.Status())
		}
	}
}
