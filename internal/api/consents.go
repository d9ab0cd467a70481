package api

import (
	"context"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

const maxConsents = 50 // identities on a page

// consentRoutes are the operations on the consent lists.
func (s *Server) consentRoutes() []route {
	return []route{
		{"ListIdentitiesFromConsentsList", "GET /v1/projects/{project_id}/apps/{app_id}/consents/{list_type}", asking(readConsentPage, plain(s.listConsents))},
		{"ListAuditRecordsFromConsentsList", "GET /v1/projects/{project_id}/apps/{app_id}/consents/identities/{identity}", plain(s.listAuditRecords)},
	}
}

// optRoutes are the opt-ins and opt-outs of the API of 2021, which today's
// clients no longer have.
func (s *Server) optRoutes() []route {
	return []route{
		{"RegisterOptIn", "POST /v1/projects/{project_id}/optins:register", asking(readRequestID, with(s.registerOptIn))},
		{"RegisterOptOut", "POST /v1/projects/{project_id}/optouts:register", asking(readRequestID, with(s.registerOptOut))},
	}
}

type consentPage struct {
	Identities    []parley.ConsentIdentity `json:"identities"`
	NextPageToken string                   `json:"next_page_token"`
}

func (s *Server) listConsents(ctx context.Context, r *request) (consentPage, error) {
	app, err := s.consentApp(ctx, r)
	if err != nil {
		return consentPage{}, err
	}
	list := parley.ConsentList(r.http.PathValue("list_type"))
	if !list.Known() {
		return consentPage{}, parley.Invalid("list_type", "unknown value %q", list)
	}
	pg, err := query(r, readConsentPage)
	if err != nil {
		return consentPage{}, err
	}
	entries, err := s.store.ConsentEntries(ctx, r.project, app, list, pg.after, pg.limit())
	if err != nil {
		return consentPage{}, err
	}
	entries, next := cut(&pg, entries, func(e store.ConsentEntry) string { return e.ID })
	out := consentPage{make([]parley.ConsentIdentity, 0, len(entries)), next}
	for _, e := range entries {
		out.Identities = append(out.Identities, parley.ConsentIdentity{Identity: e.Identity})
	}
	return out, nil
}

func readConsentPage(p *params) page { return p.page(maxConsents) }

type auditRecordList struct {
	Identity     parley.ConsentIdentity `json:"identity"`
	AuditRecords []parley.AuditRecord   `json:"audit_records"`
}

func (s *Server) listAuditRecords(ctx context.Context, r *request) (auditRecordList, error) {
	app, err := s.consentApp(ctx, r)
	if err != nil {
		return auditRecordList{}, err
	}
	identity := parley.NormalizeConsent(r.http.PathValue("identity"))
	if !isText(identity) || strings.TrimSpace(identity) == "" {
		return auditRecordList{}, parley.Invalid("identity", "is not text")
	}
	records, err := s.store.AuditRecords(ctx, r.project, app, identity)
	return auditRecordList{parley.ConsentIdentity{Identity: identity}, records}, err
}

// consentApp returns the app in the path, which must exist.
func (s *Server) consentApp(ctx context.Context, r *request) (string, error) {
	id, err := r.appID()
	if err != nil {
		return "", err
	}
	app, err := s.engine.CachedApp(ctx, r.project, id)
	if err != nil {
		return "", err
	}
	return app.ID, nil
}

func (s *Server) registerOptIn(ctx context.Context, r *request, o *parley.OptRequest) (*parley.OptResponse, error) {
	return s.registerOpt(ctx, r, o, false)
}

func (s *Server) registerOptOut(ctx context.Context, r *request, o *parley.OptRequest) (*parley.OptResponse, error) {
	return s.registerOpt(ctx, r, o, true)
}

func (s *Server) registerOpt(ctx context.Context, r *request, o *parley.OptRequest, out bool) (*parley.OptResponse, error) {
	id, err := query(r, readRequestID)
	if err != nil {
		return nil, err
	}
	return s.engine.RegisterOpt(ctx, r.project, id, out, o)
}

func readRequestID(p *params) string {
	id := p.text("request_id")
	if len(id) > parley.MaxRequestID {
		p.fail("request_id", "must have at most %d characters", parley.MaxRequestID)
	}
	return id
}
