package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/parley-im/parley"
)

// identityKey is an identity within a project.
type identityKey struct {
	project  string
	identity parley.ChannelIdentity
}

// pairKey is an app and a contact within a project.
type pairKey struct{ project, app, contact string }

// A people is what one batch knows of contacts and conversations.
type people struct {
	contacts      map[identityKey]string
	conversations map[pairKey]*parley.Conversation
	changes       map[*parley.Conversation]*conversationChange
	order         []*conversationChange
}

// A conversationChange is what a batch changes in one existing conversation.
type conversationChange struct {
	project, id   string
	activeChannel parley.Channel
	lastReceived  time.Time
	metadata      string
	correlationID string
}

// resolveAll finds or creates the contact and conversation of everything that
// needs them, and collects the jobs that follow.
func (b *batch) resolveAll(group []*commit, arrivals []*Arrival) error {
	var all []*Resolution
	for _, c := range group {
		if a := c.write.Accept; a != nil && !a.stateless() {
			all = append(all, &a.Resolution)
		}
	}
	for _, a := range arrivals {
		if !a.stateless() {
			all = append(all, &a.Resolution)
		}
	}
	p := &people{
		contacts:      map[identityKey]string{},
		conversations: map[pairKey]*parley.Conversation{},
		changes:       map[*parley.Conversation]*conversationChange{},
	}
	if err := b.resolveContacts(p, all); err != nil {
		return fmt.Errorf("resolve contacts: %w", err)
	}
	if err := b.resolveConversations(p, all); err != nil {
		return fmt.Errorf("resolve conversations: %w", err)
	}
	for _, c := range group {
		if a := c.write.Accept; a != nil && a.Consequences != nil {
			if err := b.follow(a.Consequences, &a.Resolution); err != nil {
				return err
			}
		}
	}
	for _, a := range arrivals {
		if a.Consequences != nil {
			if err := b.follow(a.Consequences, &a.Resolution); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *batch) follow(consequences func(*Resolution) ([]*Job, error), r *Resolution) error {
	jobs, err := consequences(r)
	b.jobs = append(b.jobs, jobs...)
	return err
}

func (b *batch) resolveContacts(p *people, all []*Resolution) error {
	var unknown []*Resolution
	for _, r := range all {
		r.ContactCreated = false
		if r.NewContact != nil && (r.ContactID == "" || r.ContactID == r.NewContact.ID) {
			r.ContactID = "" // again, when the batch is
			unknown = append(unknown, r)
		}
	}
	if err := b.findContacts(p, unknown); err != nil {
		return err
	}
	strangers := slices.DeleteFunc(slices.Clone(unknown), func(r *Resolution) bool { return p.contact(r) != "" })
	if err := b.lockPeople(strangers); err != nil {
		return err
	}
	if !b.w.s.dialect.oneWriter {
		if err := b.findContacts(p, strangers); err != nil {
			return err
		}
	}
	contacts := &set{head: `INSERT INTO contacts (project_id, id, external_id, doc) VALUES `, types: "tttt"}
	identities := &set{
		head:  `INSERT INTO identities (project_id, channel, identity, app_id, contact_id) VALUES `,
		types: "ttttt", tail: ` ON CONFLICT DO NOTHING`,
	}
	for _, r := range unknown {
		if r.ContactID = p.contact(r); r.ContactID != "" {
			continue
		}
		c := r.NewContact
		doc, err := parley.Marshal(c)
		if err != nil {
			return err
		}
		r.ContactID, r.ContactCreated = c.ID, true
		contacts.add(r.ProjectID, c.ID, c.ExternalID, string(doc))
		for _, id := range c.ChannelIdentities {
			identities.add(r.ProjectID, string(id.Channel), id.Identity, id.AppID, c.ID)
			p.contacts[identityKey{r.ProjectID, id}] = c.ID
		}
	}
	if err := b.exec(contacts); err != nil {
		return err
	}
	return b.exec(identities)
}

// contact returns the contact known by the first of the identities that
// anybody is known by.
func (p *people) contact(r *Resolution) string {
	for _, id := range r.Identities {
		if c := p.contacts[identityKey{r.ProjectID, id}]; c != "" {
			return c
		}
	}
	return ""
}

// findContacts looks up the owners of identities; of several the oldest.
func (b *batch) findContacts(p *people, rs []*Resolution) error {
	s := &set{
		head:  `SELECT i.project_id, i.channel, i.identity, i.app_id, i.contact_id FROM (VALUES `,
		types: "tttt",
		tail: `) AS v, identities AS i WHERE i.project_id = v.column1 AND i.channel = v.column2
			AND i.identity = v.column3 AND i.app_id = v.column4`,
	}
	asked := map[identityKey]bool{}
	for _, r := range rs {
		for _, id := range r.Identities {
			k := identityKey{r.ProjectID, id}
			if !asked[k] {
				asked[k] = true
				s.add(r.ProjectID, string(id.Channel), id.Identity, id.AppID)
			}
		}
	}
	return b.query(s, func(r *sql.Rows) error {
		var k identityKey
		var contact string
		if err := r.Scan(&k.project, &k.identity.Channel, &k.identity.Identity, &k.identity.AppID, &contact); err != nil {
			return err
		}
		if known := p.contacts[k]; known == "" || contact < known {
			p.contacts[k] = contact
		}
		return nil
	})
}

func (b *batch) resolveConversations(p *people, all []*Resolution) error {
	if err := b.findConversations(p, all); err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(all), func(r *Resolution) bool { return p.conversations[r.pair()] != nil })
	if !b.w.s.dialect.oneWriter && len(missing) > 0 {
		if err := b.lockPairs(missing); err != nil {
			return err
		}
		if err := b.findConversations(p, missing); err != nil {
			return err
		}
	}
	created := map[*parley.Conversation]bool{}
	var news []*parley.Conversation
	var projects []string
	for _, r := range all {
		c := p.conversations[r.pair()]
		r.ConversationStarted = c == nil
		if c == nil {
			fresh := *r.NewConversation
			c = &fresh
			c.ContactID = r.ContactID
			p.conversations[r.pair()] = c
			created[c] = true
			news, projects = append(news, c), append(projects, r.ProjectID)
		}
		if err := p.change(r, c, created[c]); err != nil {
			return err
		}
		now := *c
		r.Conversation = &now
	}
	s := &set{head: `INSERT INTO conversations (project_id, ` + conversationColumns + `) VALUES `, types: "ttttbtittt"}
	for i, c := range news {
		s.add(conversationArgs(projects[i], c)...)
	}
	if err := b.exec(s); err != nil {
		return err
	}
	return b.updateConversations(p)
}

func (r *Resolution) pair() pairKey { return pairKey{r.ProjectID, r.AppID, r.ContactID} }

func (b *batch) findConversations(p *people, rs []*Resolution) error {
	columns := "c." + strings.ReplaceAll(conversationColumns, ", ", ", c.")
	s := &set{
		head:  `SELECT c.project_id, ` + columns + ` FROM (VALUES `,
		types: "ttt",
		tail: `) AS v, conversations AS c WHERE c.project_id = v.column1 AND c.app_id = v.column2
			AND c.contact_id = v.column3 AND c.active`,
	}
	asked := map[pairKey]bool{}
	for _, r := range rs {
		if k := r.pair(); !asked[k] {
			asked[k] = true
			s.add(k.project, k.app, k.contact)
		}
	}
	return b.query(s, func(rows *sql.Rows) error {
		var project string
		c, err := scanConversation(func(dest ...any) error { return rows.Scan(append([]any{&project}, dest...)...) })
		p.conversations[pairKey{project, c.AppID, c.ContactID}] = c
		return err
	})
}

// change applies what a resolution changes in its conversation.
func (p *people) change(r *Resolution, c *parley.Conversation, created bool) error {
	metadata := r.MetadataJSON
	if len(metadata) > 0 && r.MergeMetadata {
		merged, err := parley.MergePatch(c.MetadataJSON, metadata)
		if err != nil {
			return err
		}
		metadata = merged
	}
	if r.ActiveChannel == c.ActiveChannel {
		r.ActiveChannel = ""
	}
	if r.ActiveChannel == "" && r.LastReceived.IsZero() && len(metadata) == 0 && r.CorrelationID == "" {
		return nil
	}
	if r.ActiveChannel != "" {
		c.ActiveChannel = r.ActiveChannel
	}
	if r.LastReceived.After(c.LastReceived) {
		c.LastReceived = r.LastReceived
	}
	if len(metadata) > 0 {
		c.MetadataJSON = json.RawMessage(metadata)
	}
	if r.CorrelationID != "" {
		c.CorrelationID = r.CorrelationID
	}
	if created {
		return nil // it is inserted as it is now
	}
	ch := p.changes[c]
	if ch == nil {
		ch = &conversationChange{project: r.ProjectID, id: c.ID}
		p.changes[c] = ch
		p.order = append(p.order, ch)
	}
	ch.activeChannel, ch.lastReceived = c.ActiveChannel, c.LastReceived
	if r.CorrelationID != "" {
		ch.correlationID = r.CorrelationID
	}
	if len(metadata) > 0 {
		ch.metadata = string(metadata)
	}
	return nil
}

func (b *batch) updateConversations(p *people) error {
	s := &set{
		head: `UPDATE conversations SET
			active_channel = CASE WHEN v.column3 = '' THEN active_channel ELSE v.column3 END,
			last_received = CASE WHEN v.column4 > last_received THEN v.column4 ELSE last_received END,
			metadata_json = CASE WHEN v.column5 = '' THEN metadata_json ELSE v.column5 END,
			correlation_id = CASE WHEN v.column6 = '' THEN correlation_id ELSE v.column6 END
			FROM (VALUES `,
		types: "tttitt",
		tail:  `) AS v WHERE project_id = v.column1 AND id = v.column2`,
	}
	for _, c := range p.order {
		s.add(c.project, c.id, string(c.activeChannel), micros(c.lastReceived), c.metadata, c.correlationID)
	}
	return b.exec(s)
}

// lockPeople makes other committers that are about to create a contact with
// one of the same identities wait until this transaction ends.
func (b *batch) lockPeople(rs []*Resolution) error {
	var names []string
	for _, r := range rs {
		for _, id := range r.Identities {
			names = append(names, strings.Join([]string{r.ProjectID, string(id.Channel), id.Identity, id.AppID}, "\x00"))
		}
	}
	return b.lockNames(names)
}

func (b *batch) lockPairs(rs []*Resolution) error {
	names := make([]string, 0, len(rs))
	for _, r := range rs {
		names = append(names, strings.Join([]string{r.ProjectID, r.AppID, r.ContactID}, "\x00"))
	}
	return b.lockNames(names)
}

// lockNames takes advisory locks, always in the same order so that nobody
// waits in a circle. SQLite needs none: it has one writer.
func (b *batch) lockNames(names []string) error {
	if b.w.s.dialect.oneWriter || len(names) == 0 {
		return nil
	}
	keys := make([]int64, 0, len(names))
	for _, n := range names {
		h := fnv.New64a()
		h.Write([]byte(n))
		keys = append(keys, int64(h.Sum64())) //nolint:gosec // any 64 bits will do
	}
	slices.Sort(keys)
	for _, k := range slices.Compact(keys) {
		st, err := b.w.stmt(b.ctx, `SELECT pg_advisory_xact_lock($1)`)
		if err != nil {
			return err
		}
		if _, err := st.ExecContext(b.ctx, k); err != nil {
			return err
		}
	}
	return nil
}
