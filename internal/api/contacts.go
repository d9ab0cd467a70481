package api

import (
	"context"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

const maxContacts = 20 // on a page

// contactRoutes is every operation on contacts.
func (s *Server) contactRoutes() []route {
	return []route{
		{"CreateContact", "POST /v1/projects/{project_id}/contacts", with(s.createContact)},
		{"ListContacts", "GET /v1/projects/{project_id}/contacts", asking(readContactQuery, plain(s.listContacts))},
		{"GetContact", "GET /v1/projects/{project_id}/contacts/{contact_id}", plain(s.getContact)},
		{"UpdateContact", "PATCH /v1/projects/{project_id}/contacts/{contact_id}", change[parley.Contact](s.updateContact)},
		{"DeleteContact", "DELETE /v1/projects/{project_id}/contacts/{contact_id}", plain(s.deleteContact)},
		{"MergeContact", "POST /v1/projects/{project_id}/contacts/{destination_id}:merge", with(s.mergeContact)},
		{"GetChannelProfile", "POST /v1/projects/{project_id}/contacts:getChannelProfile", with(s.getChannelProfile)},
		{
			"ListIdentityConflicts", "GET /v1/projects/{project_id}/contacts:identityConflicts",
			asking(readConflictQuery, plain(s.listIdentityConflicts)),
		},
	}
}

type contactList struct {
	Contacts      []*parley.Contact `json:"contacts"`
	NextPageToken string            `json:"next_page_token"`
}

func (s *Server) createContact(ctx context.Context, r *request, c *parley.Contact) (*parley.Contact, error) {
	return s.engine.CreateContact(ctx, r.project, c)
}

func (s *Server) listContacts(ctx context.Context, r *request) (contactList, error) {
	q, err := query(r, readContactQuery)
	if err != nil {
		return contactList{}, err
	}
	f, pg := q.filter, q.page
	f.After, f.Limit = pg.after, pg.limit()
	contacts, err := s.store.Contacts(ctx, r.project, f)
	if err != nil {
		return contactList{}, err
	}
	contacts, next := cut(&pg, contacts, func(c *parley.Contact) string { return c.ID })
	return contactList{contacts, next}, nil
}

type contactQuery struct {
	filter store.ContactFilter
	page   page
}

func readContactQuery(p *params) contactQuery {
	f := store.ContactFilter{ExternalID: p.text("external_id")}
	ch, identity := p.channel("channel"), p.identity("identity")
	switch {
	case f.ExternalID != "" && (ch != "" || identity != ""):
		p.fail("external_id", "cannot be combined with channel and identity")
	case ch != "" && identity == "":
		p.fail("identity", "is required together with channel")
	case ch == "" && identity != "":
		p.fail("channel", "is required together with identity")
	case ch != "":
		id := parley.ChannelIdentity{Channel: ch, Identity: identity}.Normalize()
		f.Identity = &id
	}
	return contactQuery{f, p.page(maxContacts)}
}

func (s *Server) getContact(ctx context.Context, r *request) (*parley.Contact, error) {
	id, err := r.id("contact_id", "contact")
	if err != nil {
		return nil, err
	}
	return s.store.Contact(ctx, r.project, id)
}

func (s *Server) updateContact(ctx context.Context, r *request, c patch) (*parley.Contact, error) {
	id, err := r.id("contact_id", "contact")
	if err != nil {
		return nil, err
	}
	return s.engine.UpdateContact(ctx, r.project, id, c.body, c.mask)
}

func (s *Server) deleteContact(ctx context.Context, r *request) (empty, error) {
	id, err := r.id("contact_id", "contact")
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.engine.DeleteContact(ctx, r.project, id)
}

func (s *Server) mergeContact(ctx context.Context, r *request, in *parley.MergeContactRequest) (*parley.Contact, error) {
	id, err := r.id("destination_id", "contact")
	if err != nil {
		return nil, err
	}
	return s.engine.MergeContacts(ctx, r.project, id, in)
}

func (s *Server) getChannelProfile(ctx context.Context, r *request, in *parley.ChannelProfileRequest) (*parley.ChannelProfile, error) {
	return s.engine.ChannelProfile(ctx, r.project, in)
}

type conflictList struct {
	Conflicts     []*parley.IdentityConflict `json:"conflicts"`
	NextPageToken string                     `json:"next_page_token"`
}

func (s *Server) listIdentityConflicts(ctx context.Context, r *request) (conflictList, error) {
	pg, err := query(r, readConflictQuery)
	if err != nil {
		return conflictList{}, err
	}
	conflicts, err := s.store.IdentityConflicts(ctx, r.project, pg.after, pg.limit())
	if err != nil {
		return conflictList{}, err
	}
	conflicts, next := cut(&pg, conflicts, func(c *parley.IdentityConflict) string { return c.Identity })
	return conflictList{conflicts, next}, nil
}

func readConflictQuery(p *params) page { return p.pageByKey(maxContacts) }
