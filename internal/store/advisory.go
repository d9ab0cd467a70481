package store

import (
	"hash/fnv"
	"slices"
	"strings"

	"github.com/parley-im/parley"
)

// lockPeople makes other committers that are about to create a contact with
// one of the same identities wait until this transaction ends.
func (b *batch) lockPeople(rs []*Resolution) error {
	var names []string
	for _, r := range rs {
		for _, id := range r.Identities {
			names = append(names, identityName(r.ProjectID, id))
		}
	}
	return b.lockNames(names)
}

// identityName is the name of an identity's lock.
func identityName(projectID string, id parley.ChannelIdentity) string {
	return strings.Join([]string{projectID, string(id.Channel), id.Identity, id.AppID}, "\x00")
}

func (b *batch) lockPairs(rs []*Resolution) error {
	names := make([]string, 0, len(rs))
	for _, r := range rs {
		names = append(names, r.pair().name())
	}
	return b.lockNames(names)
}

// lockNames takes advisory locks, always in the same order so that nobody
// waits in a circle. SQLite needs none: it has one writer.
func (b *batch) lockNames(names []string) error {
	if b.w.s.dialect.oneWriter || len(names) == 0 {
		return nil
	}
	// The values are gone through in the order they are written in.
	locks := &set{head: `SELECT pg_advisory_xact_lock(column1) FROM (VALUES `, types: "i", tail: `) AS v`}
	for _, k := range lockKeys(names) {
		locks.add(k)
	}
	return b.exec(locks)
}

// lockKeys returns the keys of the advisory locks with some names, in order.
func lockKeys(names []string) []int64 {
	keys := make([]int64, 0, len(names))
	for _, n := range names {
		keys = append(keys, lockKey(n))
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// lockKey is the advisory lock that stands for a name.
func lockKey(name string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return int64(h.Sum64())      //nolint:gosec // any 64 bits will do
}

// name names the pair for a lock.
func (k pairKey) name() string { return strings.Join([]string{k.project, k.app, k.contact}, "\x00") }
