package simulator

import "sync/atomic"

// Counts is what one provider did since the start or the last reset.
type Counts struct {
	Accepted int64 `json:"accepted"` // messages taken from the server under test
	Refused  int64 `json:"refused"`  // messages answered with an error
	Cut      int64 `json:"cut"`      // connections cut on purpose
	Inbound  int64 `json:"inbound"`  // messages and taps sent by handsets
	Posts    int64 `json:"posts"`    // webhooks (SMPP: deliver_sm) answered well
	Retries  int64 `json:"retries"`  // webhooks (SMPP: deliver_sm) answered badly or not at all
}

type counters struct{ accepted, refused, cut, inbound, posts, retries atomic.Int64 }

// stats counts per provider. The set of providers is fixed, so reading the
// map needs no lock.
type stats struct{ by map[string]*counters }

func newStats(providers []provider) *stats {
	st := &stats{by: map[string]*counters{}}
	for _, p := range providers {
		st.by[p.name()] = &counters{}
	}
	return st
}

func (st *stats) accepted(provider string) { st.by[provider].accepted.Add(1) }
func (st *stats) refused(provider string)  { st.by[provider].refused.Add(1) }
func (st *stats) cut(provider string)      { st.by[provider].cut.Add(1) }
func (st *stats) inbound(provider string)  { st.by[provider].inbound.Add(1) }

func (st *stats) posted(provider string, err error) {
	if err != nil {
		st.by[provider].retries.Add(1)
		return
	}
	st.by[provider].posts.Add(1)
}

// Stats returns the counts of every provider by its name.
func (s *Simulator) Stats() map[string]Counts {
	out := map[string]Counts{}
	for name, c := range s.stats.by {
		out[name] = Counts{
			Accepted: c.accepted.Load(), Refused: c.refused.Load(), Cut: c.cut.Load(),
			Inbound: c.inbound.Load(), Posts: c.posts.Load(), Retries: c.retries.Load(),
		}
	}
	return out
}

func (st *stats) reset() {
	for _, c := range st.by {
		for _, n := range []*atomic.Int64{&c.accepted, &c.refused, &c.cut, &c.inbound, &c.posts, &c.retries} {
			n.Store(0)
		}
	}
}
