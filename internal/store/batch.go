package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// A batch is one transaction of a committer: the writes of a group, applied
// set by set rather than one after the other.
type batch struct {
	w     *writer
	ctx   context.Context //nolint:containedctx // lives as long as the one transaction
	ready []*Job          // what this node will run
	left  []*Job          // what Owner left to others
	jobs  []*Job

	people *people // whom it found and made
}

// apply does everything the group asks for. The order matters: repeats are
// dropped before anything is made for them, and people exist before their
// messages.
func (b *batch) apply(group []*commit) error {
	group, err := b.dropTaken(group)
	if err != nil {
		return err
	}
	accepts := acceptances(group)
	arrivals, err := b.dropRepeats(group)
	if err != nil {
		return fmt.Errorf("drop repeats: %w", err)
	}
	if err := b.resolveAll(group, accepts, arrivals); err != nil {
		return err
	}
	if err := b.insertMessages(accepts, arrivals); err != nil {
		return fmt.Errorf("insert messages: %w", err)
	}
	if err := b.stick(accepts); err != nil {
		return err
	}
	if err := b.insertEvents(accepts, arrivals); err != nil {
		return fmt.Errorf("insert events: %w", err)
	}
	if err := b.insertMedia(arrivals); err != nil {
		return fmt.Errorf("insert media: %w", err)
	}
	if err := b.changeConsents(arrivals); err != nil {
		return err
	}
	if err := b.advance(group); err != nil {
		return fmt.Errorf("advance messages: %w", err)
	}
	if err := b.insertSentEvents(group); err != nil {
		return fmt.Errorf("insert sent events: %w", err)
	}
	for _, c := range group {
		b.jobs = append(b.jobs, c.write.Jobs...)
	}
	if err := b.changeJobs(group); err != nil {
		return fmt.Errorf("change jobs: %w", err)
	}
	if err := b.insertJobs(); err != nil {
		return fmt.Errorf("insert jobs: %w", err)
	}
	if err := b.insertTraces(group); err != nil {
		return fmt.Errorf("insert traces: %w", err)
	}
	return nil
}

// acceptances lists what the writes of a group accept.
func acceptances(group []*commit) []*Acceptance {
	out := make([]*Acceptance, 0, len(group))
	for _, c := range group {
		if c.write.Accept != nil {
			out = append(out, c.write.Accept)
		}
		out = append(out, c.write.Accepts...)
	}
	return out
}

// insertMessages stores the accepted and the received ones.
func (b *batch) insertMessages(accepts []*Acceptance, arrivals []*Arrival) error {
	s := &set{
		head: `INSERT INTO messages (` + messageColumns + `)`, types: "ttttttttbbbbiittt", insert: true,
	}
	for _, a := range accepts {
		if a.Message == nil {
			continue
		}
		a.settle(a.Message)
		s.add(messageArgs(a.Message)...)
		if !a.stateless() && a.Job.Kind == KindSend {
			a.Job.Lane = a.Message.ConversationID // also when it is made again, with another conversation
			if a.Urgent {
				a.Job.Lane = UrgentLane(a.Job.Lane)
			}
		}
		b.jobs = append(b.jobs, a.Job)
	}
	for _, a := range arrivals {
		if a.Message != nil {
			a.settle(a.Message)
			s.add(messageArgs(a.Message)...)
		}
	}
	return b.exec(s)
}

// settle gives a message the contact and conversation that were found.
func (r *Resolution) settle(m *Message) {
	if !r.stateless() {
		m.ContactID, m.ConversationID = r.ContactID, r.Conversation.ID
	}
}

// insertEvents stores the accepted and the received ones.
func (b *batch) insertEvents(accepts []*Acceptance, arrivals []*Arrival) error {
	s := &set{head: `INSERT INTO events (` + eventColumns + `)`, types: "tttttt", insert: true}
	add := func(r *Resolution, e *Event) {
		if e == nil {
			return
		}
		if !r.stateless() {
			e.ContactID, e.ConversationID = r.ContactID, r.Conversation.ID
		}
		s.add(eventArgs(e)...)
	}
	for _, a := range accepts {
		add(&a.Resolution, a.Event)
	}
	for _, a := range arrivals {
		add(&a.Resolution, a.Event)
	}
	return b.exec(s)
}

// changeConsents changes the lists that what arrived has a word on. It is rare,
// so it goes one by one.
func (b *batch) changeConsents(arrivals []*Arrival) error {
	for _, a := range arrivals {
		if a.Consents == nil {
			continue
		}
		if err := b.w.s.changeConsents(b.ctx, b.w.conn, a.Consents); err != nil {
			return err
		}
	}
	return nil
}

// dropRepeats notes what arrived and returns what had not arrived before.
func (b *batch) dropRepeats(group []*commit) ([]*Arrival, error) {
	s := &set{
		head:  `INSERT INTO provider_ids (` + providerColumns + `)`,
		types: providerTypes, insert: true,
		tail: ` ON CONFLICT DO NOTHING RETURNING project_id, app_id, channel, provider_id`,
	}
	for _, c := range group {
		if a := c.write.Arrive; a != nil && a.Seen != nil {
			s.add(providerArgs(a.Seen, b.w.s.Now())...)
		}
	}
	fresh := map[[4]string]bool{}
	err := b.query(s, func(r *sql.Rows) error {
		var k [4]string
		err := r.Scan(&k[0], &k[1], &k[2], &k[3])
		fresh[k] = true
		return err
	})
	var arrivals []*Arrival
	for _, c := range group {
		a := c.write.Arrive
		if a == nil {
			continue
		}
		a.Repeat = false
		if p := a.Seen; p != nil {
			k := [4]string{p.ProjectID, p.AppID, string(p.Channel), p.ID}
			a.Repeat = !fresh[k]
			delete(fresh, k) // a second one in the same group is a repeat
		}
		if !a.Repeat {
			arrivals = append(arrivals, a)
		}
	}
	return arrivals, err
}

// advance moves messages forward and adds what follows from those that moved.
// Several moves of one message in a group are made one after the other: the
// first move of each message makes the first wave, and so on.
func (b *batch) advance(group []*commit) error {
	var waves [][]*Advance
	seen := map[string]int{}
	for _, c := range group {
		a := c.write.Advance
		if a == nil {
			continue
		}
		n := seen[a.MessageID]
		seen[a.MessageID]++
		if n == len(waves) {
			waves = append(waves, nil)
		}
		waves[n] = append(waves[n], a)
	}
	for _, wave := range waves {
		// Committers that move the same messages take them in the same order,
		// so that none waits in a circle.
		slices.SortFunc(wave, func(x, y *Advance) int { return strings.Compare(x.MessageID, y.MessageID) })
		if err := b.advanceWave(wave); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) advanceWave(wave []*Advance) error {
	moves := &set{
		head: `UPDATE messages SET progress = v.column3,
			channel = CASE WHEN v.column4 = '' THEN channel ELSE v.column4 END,
			identity = CASE WHEN v.column4 = '' THEN identity ELSE v.column5 END,
			identity_app_id = CASE WHEN v.column4 = '' THEN identity_app_id ELSE v.column6 END
			FROM (VALUES `,
		types: "ttitttii",
		tail: `) AS v WHERE project_id = v.column1 AND id = v.column2 AND progress < v.column3 AND progress < v.column7
			AND progress <> v.column8 RETURNING id`,
	}
	ids := &set{
		head:  `INSERT INTO provider_ids (` + providerColumns + `)`,
		types: providerTypes, insert: true, tail: ` ON CONFLICT DO NOTHING`,
	}
	for _, a := range wave {
		moves.add(a.ProjectID, a.MessageID, int64(a.To), string(a.Channel), a.Identity, a.IdentityApp,
			int64(a.To.ceiling()), int64(a.To.barred()))
		for _, p := range a.IDs {
			ids.add(providerArgs(p, b.w.s.Now())...)
		}
	}
	moved := map[string]bool{}
	if err := b.query(moves, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		moved[id] = true
		return err
	}); err != nil {
		return err
	}
	for _, a := range wave {
		b.jobs = append(b.jobs, a.Always...)
		if a.Moved = moved[a.MessageID]; a.Moved {
			b.jobs = append(b.jobs, a.Jobs...)
		}
	}
	return b.exec(ids)
}

// changeJobs starts, changes and deletes jobs.
func (b *batch) changeJobs(group []*commit) error {
	var start, done []any
	update := &set{
		head:  `UPDATE jobs SET attempts = v.column2, started = v.column3, doc = v.column4 FROM (VALUES `,
		types: "iiit",
		tail:  `) AS v WHERE id = v.column1`,
	}
	release := &set{
		head: `UPDATE jobs SET owner = 0, run_at = v.column2, attempts = v.column3, started = v.column4, doc = v.column5
			FROM (VALUES `,
		types: "iiiiti",
		// Not when others took the job over meanwhile.
		tail: `) AS v WHERE id = v.column1 AND owner = v.column6`,
	}
	for _, c := range group {
		w := c.write
		for _, j := range w.Release {
			release.add(j.ID, micros(j.RunAt), j.Attempts, j.Started, string(j.Doc), j.Owner)
		}
		if w.Start != 0 {
			start = append(start, w.Start)
		}
		if w.Done != 0 {
			done = append(done, w.Done)
		}
		if w.Update != nil {
			update.add(w.Update.ID, w.Update.Attempts, w.Update.Started, string(w.Update.Doc))
		}
	}
	if err := b.exec(&set{head: `UPDATE jobs SET started = attempts + 1 WHERE id IN (VALUES `, types: "i", tail: `)`, args: start}); err != nil {
		return err
	}
	if err := b.exec(update); err != nil {
		return err
	}
	if err := b.exec(release); err != nil {
		return err
	}
	if err := b.putOff(group); err != nil {
		return err
	}
	return b.exec(&set{head: `DELETE FROM jobs WHERE id IN (VALUES `, types: "i", tail: `)`, args: done})
}

// putOff has what waits in the table behind a send job wait as long as it, so
// that a claim in order of time takes each lane in order.
func (b *batch) putOff(group []*commit) error {
	until := map[string]int64{}
	for _, c := range group {
		for _, j := range c.write.Release {
			if j.Kind == KindSend {
				until[j.Lane] = max(until[j.Lane], micros(j.RunAt))
			}
		}
	}
	s := &set{
		head:  `UPDATE jobs SET run_at = v.column2 FROM (VALUES `,
		types: "ti",
		tail:  `) AS v WHERE owner = 0 AND kind = '` + KindSend + `' AND lane = v.column1 AND run_at < v.column2`,
	}
	for lane, at := range until {
		s.add(lane, at)
	}
	return b.exec(s)
}

func (b *batch) insertJobs() error {
	s := &set{head: `INSERT INTO jobs (` + jobColumns + `)`, types: "itttiiiit", insert: true}
	now := b.w.s.now()
	for _, j := range b.jobs {
		j.ID, j.Owner = b.w.s.jobIDs.next(now), 0
		if j.RunAt.IsZero() {
			j.RunAt = now
			if j.Urgent() {
				j.RunAt = now.Add(-urgency)
			}
		}
		if b.w.s.hooks.Owner != nil {
			j.Owner = b.w.s.hooks.Owner(j)
		}
		if j.Owner != 0 {
			b.ready = append(b.ready, j)
		} else {
			b.left = append(b.left, j)
		}
		s.add(jobArgs(j)...)
	}
	return b.exec(s)
}
