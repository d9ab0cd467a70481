package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/parley-im/parley"
)

const (
	// recountEvery is how often the numbers of waiting messages are taken from
	// the database, which knows those of other nodes.
	recountEvery = 30 * time.Second
	// sweepEvery is how often expired idempotency keys and old batches go.
	sweepEvery = time.Minute
	// sweepStep is how many go in one transaction.
	sweepStep = 500
	// recheckEvery is how often credentials are looked at that nothing else
	// gives reason to look at.
	recheckEvery = time.Hour
	// batchLife is how long a batch can be asked about after it was made.
	batchLife = 30 * 24 * time.Hour
)

// Recount takes the numbers of waiting messages from the database. It must be
// called before the first message is accepted.
func (e *Engine) Recount(ctx context.Context) error {
	err := e.limits.recount(func() (map[string]int64, error) { return e.store.QueuedByApp(ctx, sendAppAt, parley.IDLen) })
	if err != nil {
		return fmt.Errorf("count waiting messages: %w", err)
	}
	return nil
}

// RunUpkeep does what is due now and then, until ctx is done.
func (e *Engine) RunUpkeep(ctx context.Context) {
	recount, sweep := time.NewTicker(recountEvery), time.NewTicker(sweepEvery)
	defer recount.Stop()
	defer sweep.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-recount.C:
			err = e.Recount(ctx)
		case <-sweep.C:
			err = errors.Join(e.Sweep(ctx), e.recheck(ctx))
		}
		if err != nil && ctx.Err() == nil {
			e.o.Log.Error("upkeep", slog.Any("error", err))
		}
	}
}

// Sweep forgets idempotency keys and what stuck to recipients once they have
// expired, and batches long over.
func (e *Engine) Sweep(ctx context.Context) error {
	before := e.now().Add(-batchLife)
	for _, sweep := range []func() (int64, error){
		func() (int64, error) { return e.store.SweepKeys(ctx, sweepStep) },
		func() (int64, error) { return e.store.SweepSticky(ctx, sweepStep) },
		func() (int64, error) { return e.store.SweepBatches(ctx, before, sweepStep) },
	} {
		for {
			n, err := sweep()
			if err != nil {
				return fmt.Errorf("sweep: %w", err)
			}
			if n < sweepStep {
				break
			}
		}
	}
	return nil
}

// recheck has all credentials looked at again if that is due and no other node
// does it.
func (e *Engine) recheck(ctx context.Context) error {
	mine, err := e.store.TakeTurn(ctx, "credentials", e.now().Add(recheckEvery))
	if err != nil || !mine {
		return err
	}
	if err := e.RecheckCredentials(ctx, recheckEvery/2); err != nil {
		return fmt.Errorf("look at credentials again: %w", err)
	}
	return nil
}

// sendAppAt is where the app's id is in the document of a send job; see
// sendJob. The document starts with it so that jobs can be counted by app
// without reading what they carry.
const sendAppAt = len(`{"message_id":"`) + parley.IDLen + len(`","app_id":"`)
