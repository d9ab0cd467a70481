package api

import (
	"context"

	"github.com/parley-im/parley"
)

// templateRoutes are the operations on templates, v1 and v2. Both see the same
// templates, whichever made them.
func (s *Server) templateRoutes() []route {
	return []route{
		{"CreateTemplate", "POST /v1/projects/{project_id}/templates", with(s.createTemplateV1)},
		{"ListTemplates", "GET /v1/projects/{project_id}/templates", plain(s.listTemplatesV1)},
		{"GetTemplate", "GET /v1/projects/{project_id}/templates/{template_id}", plain(s.getTemplateV1)},
		{"UpdateTemplate", "PATCH /v1/projects/{project_id}/templates/{template_id}", change[parley.TemplateV1](s.updateTemplateV1)},
		{"DeleteTemplate", "DELETE /v1/projects/{project_id}/templates/{template_id}", plain(s.deleteTemplate)},

		{"V2CreateTemplate", "POST /v2/projects/{project_id}/templates", with(s.createTemplate)},
		{"V2ListTemplates", "GET /v2/projects/{project_id}/templates", plain(s.listTemplates)},
		{"V2GetTemplate", "GET /v2/projects/{project_id}/templates/{template_id}", plain(s.getTemplate)},
		{"V2UpdateTemplate", "PUT /v2/projects/{project_id}/templates/{template_id}", with(s.updateTemplate)},
		{"V2DeleteTemplate", "DELETE /v2/projects/{project_id}/templates/{template_id}", plain(s.deleteTemplate)},
		{"V2ListTranslations", "GET /v2/projects/{project_id}/templates/{template_id}/translations", asking(readTranslationQuery, plain(s.listTranslations))},
	}
}

type templateList struct {
	Templates []*parley.Template `json:"templates"`
}

type templateV1List struct {
	Templates []*parley.TemplateV1 `json:"templates"`
}

type translationList struct {
	Translations []parley.TemplateTranslation `json:"translations"`
}

func (s *Server) createTemplate(ctx context.Context, r *request, t *parley.Template) (*parley.Template, error) {
	return s.engine.CreateTemplate(ctx, r.project, t)
}

func (s *Server) listTemplates(ctx context.Context, r *request) (templateList, error) {
	list, err := s.engine.Templates(ctx, r.project)
	for i := range list {
		list[i] = list[i].WithLatest()
	}
	return templateList{list}, err
}

func (s *Server) getTemplate(ctx context.Context, r *request) (*parley.Template, error) {
	t, err := s.template(ctx, r)
	if err != nil {
		return nil, err
	}
	return t.WithLatest(), nil
}

// template returns the template in the path.
func (s *Server) template(ctx context.Context, r *request) (*parley.Template, error) {
	id, err := r.templateID()
	if err != nil {
		return nil, err
	}
	return s.engine.Template(ctx, r.project, id)
}

func (s *Server) updateTemplate(ctx context.Context, r *request, t *parley.Template) (*parley.Template, error) {
	id, err := r.templateID()
	if err != nil {
		return nil, err
	}
	return s.engine.ReplaceTemplate(ctx, r.project, id, t)
}

func (s *Server) deleteTemplate(ctx context.Context, r *request) (empty, error) {
	id, err := r.templateID()
	if err != nil {
		return empty{}, err
	}
	return empty{}, s.engine.DeleteTemplate(ctx, r.project, id)
}

func (s *Server) listTranslations(ctx context.Context, r *request) (translationList, error) {
	q, err := query(r, readTranslationQuery)
	if err != nil {
		return translationList{}, err
	}
	t, err := s.template(ctx, r)
	if err != nil {
		return translationList{}, err
	}
	return translationList{t.Select(q.language, q.version)}, nil
}

type translationQuery struct{ language, version string }

func readTranslationQuery(p *params) translationQuery {
	return translationQuery{p.text("language_code"), p.text("translation_version")}
}

func (s *Server) createTemplateV1(ctx context.Context, r *request, t *parley.TemplateV1) (*parley.TemplateV1, error) {
	t, err := s.engine.CreateTemplateV1(ctx, r.project, t)
	if err != nil {
		return nil, err
	}
	return t.Shown(), nil
}

func (s *Server) listTemplatesV1(ctx context.Context, r *request) (templateV1List, error) {
	list, err := s.engine.TemplatesV1(ctx, r.project)
	for i := range list {
		list[i] = list[i].Shown()
	}
	return templateV1List{list}, err
}

func (s *Server) getTemplateV1(ctx context.Context, r *request) (*parley.TemplateV1, error) {
	id, err := r.templateID()
	if err != nil {
		return nil, err
	}
	t, err := s.engine.TemplateV1(ctx, r.project, id)
	if err != nil {
		return nil, err
	}
	return t.Shown(), nil
}

func (s *Server) updateTemplateV1(ctx context.Context, r *request, c patch) (*parley.TemplateV1, error) {
	id, err := r.templateID()
	if err != nil {
		return nil, err
	}
	t, err := s.engine.UpdateTemplateV1(ctx, r.project, id, c.body, c.mask)
	if err != nil {
		return nil, err
	}
	return t.Shown(), nil
}

// templateID returns the id in the path. Clients choose them.
func (r *request) templateID() (string, error) {
	id := r.http.PathValue("template_id")
	if !parley.IsTemplateID(id) {
		return "", parley.Errorf(parley.CodeNotFound, "the template was not found in this project")
	}
	return id, nil
}
