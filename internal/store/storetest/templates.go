package storetest

import (
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

func testTemplates(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for _, p := range []string{"p1", "p2"} {
		value(s.CreateProject(ctx, p, ""))(t)
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 891234000, time.UTC)
	v2 := func(id, text string) *store.Template {
		return &store.Template{ID: id, Version: 1, V2: &parley.Template{
			ID: id, Version: 1, DefaultTranslation: "en", CreateTime: at,
			Translations: []parley.TemplateTranslation{{LanguageCode: "en", Version: "1", Text: &parley.TextMessage{Text: text}, CreateTime: at}},
		}}
	}
	shown := func(t *testing.T, what string, want *parley.Template, got *store.Template) {
		t.Helper()
		form := value(got.AsV2())(t)
		equal(t, what, string(value(parley.Marshal(want))(t)), string(value(parley.Marshal(form))(t)))
	}
	b, a := v2("b", "one"), v2("a", "two")
	must(t, s.AddTemplate(ctx, "p1", b))
	must(t, s.AddTemplate(ctx, "p1", a))
	must(t, s.AddTemplate(ctx, "p2", b)) // ids are one of a kind in their project only
	isCode(t, "AddTemplate of one that exists", parley.CodeAlreadyExists, s.AddTemplate(ctx, "p1", v2("b", "three")))
	shown(t, "a template", b.V2, value(s.Template(ctx, "p1", "b"))(t))
	list := value(s.Templates(ctx, "p1"))(t)
	if len(list) != 2 || list[0].ID != "a" || list[1].ID != "b" {
		t.Fatalf("templates: %+v, want a and b", list)
	}

	// Written by version 1 of the API it is of that form, until version 2
	// writes it.
	v1 := &store.Template{ID: "b", Version: 2, V1: &parley.TemplateV1{
		ID: "b", DefaultTranslation: "en", CreateTime: at,
		Translations: []parley.TemplateV1Translation{{LanguageCode: "en", Version: "1", Content: `{ "text_message":{"text":"x"}}`}},
	}}
	must(t, s.SetTemplate(ctx, "p1", v1))
	got := value(s.Template(ctx, "p1", "b"))(t)
	equal(t, "a template of v1", v1, got)
	if form := value(got.AsV2())(t); form.Version != 2 || form.Translations[0].Text.Text != "x" {
		t.Errorf("a template of v1 as v2: %+v", form)
	}
	shown(t, "another project's template", b.V2, value(s.Template(ctx, "p2", "b"))(t))
	again := v2("b", "four")
	again.Version, again.V2.Version = 3, 3
	must(t, s.SetTemplate(ctx, "p1", again))
	shown(t, "a template of v2", again.V2, value(s.Template(ctx, "p1", "b"))(t))
	isCode(t, "SetTemplate of none", parley.CodeNotFound, s.SetTemplate(ctx, "p1", v2("c", "")))

	must(t, s.DeleteTemplate(ctx, "p1", "b"))
	isCode(t, "DeleteTemplate of none", parley.CodeNotFound, s.DeleteTemplate(ctx, "p1", "b"))
	_, err := s.Template(ctx, "p1", "b")
	isCode(t, "Template that was deleted", parley.CodeNotFound, err)
	value(s.Template(ctx, "p2", "b"))(t)
}
