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
		{"ListTemplates", "GET /v1/projects/{project_id}/templates", s.listTemplatesV1},
		{"GetTemplate", "GET /v1/projects/{project_id}/templates/{template_id}", s.getTemplateV1},
		{"UpdateTemplate", "PATCH /v1/projects/{project_id}/templates/{template_id}", s.updateTemplateV1},
		{"DeleteTemplate", "DELETE /v1/projects/{project_id}/templates/{template_id}", s.deleteTemplate},

		{"V2CreateTemplate", "POST /v2/projects/{project_id}/templates", with(s.createTemplate)},
		{"V2ListTemplates", "GET /v2/projects/{project_id}/templates", s.listTemplates},
		{"V2GetTemplate", "GET /v2/projects/{project_id}/templates/{template_id}", s.getTemplate},
		{"V2UpdateTemplate", "PUT /v2/projects/{project_id}/templates/{template_id}", with(s.updateTemplate)},
		{"V2DeleteTemplate", "DELETE /v2/projects/{project_id}/templates/{template_id}", s.deleteTemplate},
		{"V2ListTranslations", "GET /v2/projects/{project_id}/templates/{template_id}/translations", s.listTranslations},
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

func (s *Server) createTemplate(ctx context.Context, r *request, t *parley.Template) (any, error) {
	return s.engine.CreateTemplate(ctx, r.project, t)
}

func (s *Server) listTemplates(ctx context.Context, r *request) (any, error) {
	list, err := s.engine.Templates(ctx, r.project)
	for i := range list {
		list[i] = list[i].WithLatest()
	}
	return templateList{list}, err
}

func (s *Server) getTemplate(ctx context.Context, r *request) (any, error) {
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

func (s *Server) updateTemplate(ctx context.Context, r *request, t *parley.Template) (any, error) {
	id, err := r.templateID()
	if err != nil {
		return nil, err
	}
	return s.engine.ReplaceTemplate(ctx, r.project, id, t)
}

func (s *Server) deleteTemplate(ctx context.Context, r *request) (any, error) {
	id, err := r.templateID()
	if err != nil {
		return nil, err
	}
	return empty{}, s.engine.DeleteTemplate(ctx, r.project, id)
}

func (s *Server) listTranslations(ctx context.Context, r *request) (any, error) {
	p := r.params()
	language, version := p.text("language_code"), p.text("translation_version")
	if p.err != nil {
		return nil, p.err
	}
	t, err := s.template(ctx, r)
	if err != nil {
		return nil, err
	}
	return translationList{t.Select(language, version)}, nil
}

func (s *Server) createTemplateV1(ctx context.Context, r *request, t *parley.TemplateV1) (any, error) {
	t, err := s.engine.CreateTemplateV1(ctx, r.project, t)
	if err != nil {
		return nil, err
	}
	return t.Shown(), nil
}

func (s *Server) listTemplatesV1(ctx context.Context, r *request) (any, error) {
	list, err := s.engine.TemplatesV1(ctx, r.project)
	for i := range list {
		list[i] = list[i].Shown()
	}
	return templateV1List{list}, err
}

func (s *Server) getTemplateV1(ctx context.Context, r *request) (any, error) {
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

func (s *Server) updateTemplateV1(ctx context.Context, r *request) (any, error) {
	id, err := r.templateID()
	if err != nil {
		return nil, err
	}
	body, mask, err := r.patch()
	if err != nil {
		return nil, err
	}
	t, err := s.engine.UpdateTemplateV1(ctx, r.project, id, body, mask)
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
