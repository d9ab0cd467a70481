package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
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
	changes       map[conversationKey]*conversationChange
	// owners are the contacts of the identities that have several; see owners.go.
	owners map[identityKey][]string
}

// conversationKey is a conversation within a project.
type conversationKey struct{ project, id string }

// A conversationChange is what a batch changes in one existing conversation.
type conversationChange struct {
	activeChannel parley.Channel
	lastReceived  time.Time
	metadata      string
	correlationID string
}

// resolveAll finds or creates the contact and conversation of everything that
// needs them, and collects the jobs that follow.
func (b *batch) resolveAll(group []*commit, accepts []*Acceptance, arrivals []*Arrival) error {
	var all []*Resolution
	for _, a := range accepts {
		if !a.stateless() {
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
		changes:       map[conversationKey]*conversationChange{},
	}
	if err := b.resolveContacts(p, all); err != nil {
		return fmt.Errorf("resolve contacts: %w", err)
	}
	if err := b.resolveConversations(p, all); err != nil {
		return fmt.Errorf("resolve conversations: %w", err)
	}
	b.people = p
	p.noteChannels(group, b.w.s.known)
	if err := b.updateConversations(p); err != nil {
		return fmt.Errorf("update conversations: %w", err)
	}
	for _, a := range accepts {
		if a.Consequences != nil {
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
		r.begin()
		if r.ContactID == "" && r.NewContact != nil {
			unknown = append(unknown, r)
		}
	}
	if err := b.findContacts(p, unknown); err != nil {
		return err
	}
	strangers := slices.DeleteFunc(slices.Clone(unknown), func(r *Resolution) bool { return !p.lacks(r) })
	if err := b.lockPeople(strangers); err != nil {
		return err
	}
	if !b.w.s.dialect.oneWriter {
		if err := b.findContacts(p, strangers); err != nil {
			return err
		}
	}
	var known []*Resolution // by some of their identities and not by others
	contacts := &set{head: `INSERT INTO contacts (project_id, id, external_id, doc)`, types: "tttt", insert: true}
	identities := &set{
		head:  `INSERT INTO identities (project_id, channel, identity, app_id, contact_id)`,
		types: "ttttt", insert: true, tail: ` ON CONFLICT DO NOTHING`,
	}
	for _, r := range unknown {
		if r.ContactID = p.contact(r); r.ContactID != "" {
			p.noteDuplicates(r)
			if p.lacks(r) {
				known = append(known, r)
			}
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
	if err := b.adopt(p, known, identities); err != nil {
		return err
	}
	return b.exec(identities)
}

// begin forgets what an attempt that was rolled back found: the contact may
// have been a neighbour's that is not to be.
func (r *Resolution) begin() {
	if !r.begun {
		r.begun, r.known = true, r.ContactID
	}
	r.ContactID, r.ContactCreated = r.known, false
	r.ContactUpdated, r.Duplicates = nil, nil
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
			if asked[k] {
				continue
			}
			asked[k] = true
			if p.contacts[k] = b.w.s.known.contact(k); p.contacts[k] == "" {
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
		p.own(k, contact)
		return nil
	})
}

func (b *batch) resolveConversations(p *people, all []*Resolution) error {
	if err := b.findConversations(p, all, false); err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(all), func(r *Resolution) bool { return p.conversations[r.pair()] != nil })
	if !b.w.s.dialect.oneWriter && len(missing) > 0 {
		if err := b.lockPairs(missing); err != nil {
			return err
		}
		if err := b.findConversations(p, missing, false); err != nil {
			return err
		}
	}
	if err := b.checkContacts(p, missing); err != nil {
		return err
	}
	merging := slices.DeleteFunc(slices.Clone(all), func(r *Resolution) bool { return !r.MergeMetadata })
	if err := b.findConversations(p, merging, true); err != nil {
		return err
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
	s := &set{head: `INSERT INTO conversations (project_id, ` + conversationColumns + `)`, types: "ttttbtittt", insert: true}
	for i, c := range news {
		s.add(conversationArgs(projects[i], c)...)
	}
	return b.exec(s)
}

func (r *Resolution) pair() pairKey { return pairKey{r.ProjectID, r.AppID, r.ContactID} }

// findConversations looks up active conversations. What is about to be written
// on the ground of what was read is locked meanwhile.
func (b *batch) findConversations(p *people, rs []*Resolution, lock bool) error {
	columns := "c." + strings.ReplaceAll(conversationColumns, ", ", ", c.")
	s := &set{
		head:  `SELECT c.project_id, ` + columns + ` FROM (VALUES `,
		types: "ttt",
		tail: `) AS v, conversations AS c WHERE c.project_id = v.column1 AND ` + b.w.s.dialect.notIndexed("c.app_id") + ` = v.column2
			AND c.contact_id = v.column3 AND c.active`,
	}
	if lock && b.w.s.dialect.forUpdate != "" {
		s.tail += b.w.s.dialect.forUpdate + " OF c"
	}
	asked := map[pairKey]bool{}
	for _, r := range rs {
		k := r.pair()
		if asked[k] {
			continue
		}
		asked[k] = true
		if c := b.w.s.known.conversation(k); c != nil {
			p.conversations[k] = c
			continue
		}
		s.add(k.project, k.app, k.contact)
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
	if len(metadata) > 0 {
		var err error
		if metadata, err = stickMetadata(c.MetadataJSON, metadata, r.MergeMetadata); err != nil {
			return err
		}
	}
	ch := p.changes[conversationKey{r.ProjectID, c.ID}]
	if ch == nil {
		ch = new(conversationChange)
	}
	if r.ActiveChannel != "" && r.ActiveChannel != c.ActiveChannel {
		c.ActiveChannel, ch.activeChannel = r.ActiveChannel, r.ActiveChannel
	}
	if r.LastReceived.After(c.LastReceived) {
		c.LastReceived, ch.lastReceived = r.LastReceived, r.LastReceived
	}
	if len(metadata) > 0 {
		c.MetadataJSON, ch.metadata = metadata, string(metadata)
	}
	if r.CorrelationID != "" && r.CorrelationID != c.CorrelationID {
		c.CorrelationID, ch.correlationID = r.CorrelationID, r.CorrelationID
	}
	// A new one is inserted as it is now.
	if !created && *ch != (conversationChange{}) {
		p.changes[conversationKey{r.ProjectID, c.ID}] = ch
	}
	return nil
}

// noteChannels adds the channels last used to what changes.
func (p *people) noteChannels(group []*commit, known *known) {
	for _, c := range group {
		a := c.write.Advance
		if a == nil || a.ActiveChannel == "" || a.ConversationID == "" {
			continue
		}
		k := conversationKey{a.ProjectID, a.ConversationID}
		if p.changes[k] == nil {
			if known.uses(k, a.ActiveChannel) {
				continue
			}
			p.changes[k] = new(conversationChange)
		}
		p.changes[k].activeChannel = a.ActiveChannel
	}
}

// updateConversations writes all changes in one go and in order of id, so that
// committers that change the same conversations do not wait in a circle. A row
// that would stay as it is is left alone.
func (b *batch) updateConversations(p *people) error {
	s := &set{
		head: `UPDATE conversations SET
			active_channel = CASE WHEN v.column3 = '' THEN active_channel ELSE v.column3 END,
			last_received = CASE WHEN v.column4 > last_received THEN v.column4 ELSE last_received END,
			metadata_json = CASE WHEN v.column5 = '' THEN metadata_json ELSE v.column5 END,
			correlation_id = CASE WHEN v.column6 = '' THEN correlation_id ELSE v.column6 END
			FROM (VALUES `,
		types: "tttitt",
		tail: `) AS v WHERE project_id = v.column1 AND id = v.column2 AND (
			v.column3 <> '' AND v.column3 <> active_channel OR v.column4 > last_received
			OR v.column5 <> '' AND v.column5 <> metadata_json OR v.column6 <> '' AND v.column6 <> correlation_id)`,
	}
	keys := slices.SortedFunc(maps.Keys(p.changes), func(x, y conversationKey) int {
		return cmp.Or(strings.Compare(x.project, y.project), strings.Compare(x.id, y.id))
	})
	for _, k := range keys {
		c := p.changes[k]
		s.add(k.project, k.id, string(c.activeChannel), micros(c.lastReceived), c.metadata, c.correlationID)
	}
	return b.exec(s)
}
