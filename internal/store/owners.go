package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/parley-im/parley"
)

// own notes that a contact has an identity. Of several owners the oldest is
// taken.
func (p *people) own(k identityKey, contact string) {
	first := p.contacts[k]
	if first != "" && first != contact {
		owners := p.owners[k]
		for _, c := range []string{first, contact} {
			if i, found := slices.BinarySearch(owners, c); !found {
				owners = slices.Insert(owners, i, c)
			}
		}
		if p.owners == nil {
			p.owners = map[identityKey][]string{}
		}
		p.owners[k] = owners
	}
	if first == "" || contact < first {
		p.contacts[k] = contact
	}
}

// noteDuplicates says which of a resolution's identities several contacts
// have. It costs nothing where there are none in the whole batch.
func (p *people) noteDuplicates(r *Resolution) {
	if len(p.owners) == 0 {
		return
	}
	for _, id := range r.Identities {
		if owners := p.owners[identityKey{r.ProjectID, id}]; owners != nil {
			r.Duplicates = append(r.Duplicates, parley.DuplicatedIdentity{Channel: id.Channel, ContactIDs: owners})
		}
	}
}

// lacks reports whether there is an identity that nobody has.
func (p *people) lacks(r *Resolution) bool {
	return slices.ContainsFunc(r.Identities, func(id parley.ChannelIdentity) bool {
		return p.contacts[identityKey{r.ProjectID, id}] == ""
	})
}

// contactKey is a contact within a project.
type contactKey struct{ project, id string }

// adopt gives contacts that were found the identities that nobody has. It
// happens once to an identity, so that it may be slow.
func (b *batch) adopt(p *people, rs []*Resolution, identities *set) error {
	if len(rs) == 0 {
		return nil
	}
	contacts, err := b.lockContacts(rs)
	if err != nil {
		return fmt.Errorf("lock contacts: %w", err)
	}
	changed := map[contactKey]bool{}
	for _, r := range rs {
		k := contactKey{r.ProjectID, r.ContactID}
		c := contacts[k]
		if c == nil {
			continue // deleted at this moment
		}
		if ids := p.adopted(r); len(ids) > 0 {
			c.ChannelIdentities = append(slices.Clip(c.ChannelIdentities), ids...)
			for _, id := range ids {
				identities.add(r.ProjectID, string(id.Channel), id.Identity, id.AppID, c.ID)
			}
			now := *c
			r.ContactUpdated, changed[k] = &now, true
		}
	}
	s := &set{
		head:  `UPDATE contacts SET doc = v.column3 FROM (VALUES `,
		types: "ttt",
		tail:  `) AS v WHERE project_id = v.column1 AND id = v.column2`,
	}
	for k := range changed {
		doc, err := parley.Marshal(contacts[k])
		if err != nil {
			return err
		}
		s.add(k.project, k.id, string(doc))
	}
	return b.exec(s)
}

// adopted takes the identities that nobody has for a resolution's contact.
func (p *people) adopted(r *Resolution) []parley.ChannelIdentity {
	var out []parley.ChannelIdentity
	for _, id := range r.Identities {
		if k := (identityKey{r.ProjectID, id}); p.contacts[k] == "" {
			p.contacts[k] = r.ContactID
			out = append(out, id)
		}
	}
	return out
}

// lockContacts reads contacts that are about to be changed, in an order that
// keeps committers from waiting in a circle.
func (b *batch) lockContacts(rs []*Resolution) (map[contactKey]*parley.Contact, error) {
	out := map[contactKey]*parley.Contact{}
	for _, r := range rs {
		out[contactKey{r.ProjectID, r.ContactID}] = nil
	}
	s := &set{
		head:  `SELECT c.project_id, c.doc FROM (VALUES `,
		types: "tt",
		tail:  `) AS v, contacts AS c WHERE c.project_id = v.column1 AND c.id = v.column2`,
	}
	if b.w.s.dialect.forUpdate != "" {
		s.tail += b.w.s.dialect.forUpdate + " OF c"
	}
	for _, k := range slices.SortedFunc(maps.Keys(out), func(x, y contactKey) int {
		return cmp.Or(strings.Compare(x.project, y.project), strings.Compare(x.id, y.id))
	}) {
		s.add(k.project, k.id)
	}
	err := b.query(s, func(rows *sql.Rows) error {
		var project, doc string
		if err := rows.Scan(&project, &doc); err != nil {
			return err
		}
		c, err := decodeContact(doc)
		if err == nil {
			out[contactKey{project, c.ID}] = c
		}
		return err
	})
	return out, err
}
