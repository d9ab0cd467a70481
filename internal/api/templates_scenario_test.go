package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parley-im/parley"
)

// v2 is where version 2 of the template operations is.
const v2 = "/v2/projects/" + testProject + "/templates"

// The times of the test clock before and after a minute has passed.
const (
	earlier = "2026-03-04T05:06:07.891234Z"
	later   = "2026-03-04T05:07:07.891234Z"
)

// translationV2 is a translation as it is shown.
func translationV2(language, version, body, created, updated string) string {
	return `{"language_code":"` + language + `","version":"` + version + `",` + body + `,"channel_template_overrides":{},"variables":[],
		"create_time":"` + created + `","update_time":"` + updated + `"}`
}

func templateV2(id, description, version, language, translations, updated string) string {
	return `{"id":"` + id + `","description":"` + description + `","version":` + version + `,"default_translation":"` + language + `",
		"translations":[` + translations + `],"create_time":"` + earlier + `","update_time":"` + updated + `"}`
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const hi, list = `"text_message":{"text":"Hi ${name}"}`, `"list_message":{"title":"T","sections":[{"items":[{"choice":{"title":"C"}}]}]}`
	const shownList = `"list_message":{"title":"T","message_properties":{},"sections":[{"items":[{"choice":{"title":"C","description":"","media":null}}]}]}`
	en := translationV2("en-US", "3", hi, earlier, earlier)
	latest := func(s string) string { return strings.Replace(s, `"version":"3"`, `"version":"latest"`, 1) }
	const create = `{"id":"welcome","default_translation":"en-US","description":"D","version":7,
		"translations":[{"language_code":"en-US","version":"3",` + hi + `}]}`
	read := templateV2("welcome", "D", "1", "en-US", en+","+latest(en), earlier)
	h.run(t, []step{
		{method: "GET", path: v2, want: `{"templates":[]}`},
		{method: "POST", path: v2, body: create, want: templateV2("welcome", "D", "1", "en-US", en, earlier)},
		{method: "POST", path: v2, body: create, status: http.StatusConflict},
		{method: "GET", path: v2 + "/welcome", want: read},
		{method: "GET", path: v2, want: `{"templates":[` + read + `]}`},
		{method: "GET", path: v2 + "/welcome/translations", want: `{"translations":[` + en + `]}`},
		{method: "GET", path: v2 + "/welcome/translations?language_code=en_us&translation_version=3", want: `{"translations":[` + en + `]}`},
		{method: "GET", path: v2 + "/welcome/translations?translation_version=latest", want: `{"translations":[` + latest(en) + `]}`},
		{method: "GET", path: v2 + "/welcome/translations?language_code=fr", want: `{"translations":[]}`},
		{method: "GET", path: v2 + "/welcome/translations?translation_version=1", want: `{"translations":[]}`},
		{method: "GET", path: v2 + "/other/translations", status: http.StatusNotFound},
		// An id is made up when the client names none.
		{
			method: "POST", path: v2, body: strings.Replace(create, `"id":"welcome",`, "", 1), save: "made",
			want: strings.Replace(templateV2("{made}", "D", "1", "en-US", en, earlier), "{made}", "*", 1),
		},
		{method: "DELETE", path: v2 + "/{made}", want: `{}`},
	})
	h.clock.advance(time.Minute)
	de := translationV2("de", "1", shownList, later, later)
	const replace = `{"description":"E","version":1,"default_translation":"de","translations":[
		{"language_code":"de",` + list + `},{"language_code":"en-US","version":"3",` + hi + `}]}`
	h.run(t, []step{
		{method: "PUT", path: v2 + "/welcome", body: replace, want: templateV2("welcome", "E", "2", "de", de+","+en, later)},
		{method: "PUT", path: v2 + "/welcome", body: replace, status: http.StatusConflict},
		{method: "PUT", path: v2 + "/other", body: replace, status: http.StatusNotFound},
		{method: "DELETE", path: v2 + "/welcome", want: `{}`},
		{method: "DELETE", path: v2 + "/welcome", status: http.StatusNotFound},
		{method: "GET", path: v2 + "/welcome", status: http.StatusNotFound},
	})
}

func TestTemplatesV1(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	// The white space shows that the content is kept as it is.
	const hello, bonjour = `{ \"text_message\":{\"text\":\"Hello ${name}\"}}`, `{\"text_message\":{\"text\":\"Bonjour\"}}`
	const variables = `"variables":[{"key":"name","preview_value":"Ann"}]`
	const create = `{"default_translation":"en-US","channel":"MESSENGER","description":"D","translations":[
		{"language_code":"en-US","content":"` + hello + `",` + variables + `}]}`
	en := func(version, updated string) string {
		return `{"language_code":"en-US","version":"` + version + `","content":"` + hello + `",` + variables +
			`,"create_time":"` + updated + `","update_time":"` + updated + `"}`
	}
	fr := `{"language_code":"fr-FR","version":"1","content":"` + bonjour + `","variables":[],"create_time":"` + later + `","update_time":"` + later + `"}`
	shown := func(description, language, translations, updated string) string {
		return `{"id":"{t}","description":"` + description + `","channel":"UNSPECIFIED","default_translation":"` + language +
			`","translations":[` + translations + `],"create_time":"` + earlier + `","update_time":"` + updated + `"}`
	}
	first := shown("D", "en-US", en("1", earlier), earlier)
	h.run(t, []step{
		{method: "POST", path: "P/templates", body: create, save: "t", want: strings.Replace(first, "{t}", "*", 1)},
		{method: "GET", path: "P/templates/{t}", want: first},
		{method: "GET", path: "P/templates", want: `{"templates":[` + first + `]}`},
		{method: "POST", path: "P/templates", body: strings.Replace(create, "{", `{"id":"{t}",`, 1), status: http.StatusConflict},
		{method: "GET", path: "P/templates/other", status: http.StatusNotFound},
	})
	var made parley.TemplateV1
	var all struct{ Templates []parley.TemplateV1 }
	h.call("GET", "P/templates", "").into(t, &all)
	made = all.Templates[0]
	fill := func(s string) string { return strings.ReplaceAll(s, "{t}", made.ID) }
	h.clock.advance(time.Minute)
	const both = `"translations":[{"language_code":"en-US","version":"2","content":"` + hello + `",` + variables + `},
		{"language_code":"fr-FR","version":"1","content":"` + bonjour + `"}]`
	h.run(t, []step{
		{
			method: "PATCH", path: "P/templates/" + made.ID + "?update_mask.paths=description&update_mask.paths=channel",
			body: `{"description":"E","default_translation":"de"}`, want: fill(shown("E", "en-US", en("1", earlier), later)),
		},
		{
			method: "PATCH", path: "P/templates/" + made.ID, body: `{"default_translation":"fr-FR",` + both + `}`,
			want: fill(shown("E", "fr-FR", fr+","+en("2", later), later)),
		},
		{method: "PATCH", path: "P/templates/other", body: `{}`, status: http.StatusNotFound},
		// What version 2 shows of it: each change counted.
		{
			method: "GET", path: v2 + "/" + made.ID + "/translations?language_code=fr-FR",
			want: `{"translations":[` + translationV2("fr-FR", "1", `"text_message":{"text":"Bonjour"}`, later, later) + `]}`,
		},
		{
			method: "PUT", path: v2 + "/" + made.ID, body: `{"version":2,"default_translation":"en",
				"translations":[{"language_code":"en","text_message":{"text":"x"}}]}`, status: http.StatusConflict,
		},
		{
			method: "PUT", path: v2 + "/" + made.ID, body: `{"version":3,"default_translation":"en","translations":[{"language_code":"en",
				"text_message":{"text":"x"},"channel_template_overrides":{"WHATSAPP":{"template_reference":{"template_id":"w"}}}}]}`,
		},
		{
			method: "GET", path: "P/templates/" + made.ID,
			want: fill(shown("", "en", `{"language_code":"en","version":"1","content":"{\"text_message\":{\"text\":\"x\"}}","variables":[],
				"create_time":"`+later+`","update_time":"`+later+`"}`, later)),
		},
		// Version 1 has no place for the override, and must not lose it.
		{method: "PATCH", path: "P/templates/" + made.ID, body: `{"description":"x"}`, status: http.StatusBadRequest},
		{method: "DELETE", path: "P/templates/" + made.ID, want: `{}`},
		{method: "DELETE", path: "P/templates/" + made.ID, status: http.StatusNotFound},
	})
}

// TestTemplateErrors checks that bad input is refused with the field named, and
// that nothing of it is stored.
func TestTemplateErrors(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const good = `{"id":"t","default_translation":"en","translations":[{"language_code":"en","text_message":{"text":"x"}}]}`
	const goodV1 = `{"id":"o","default_translation":"en","translations":[{"language_code":"en","content":"{\"text_message\":{\"text\":\"x\"}}"}]}`
	h.call("POST", v2, good).into(t, &struct{}{})
	h.call("POST", "P/templates", goodV1).into(t, &struct{}{})
	before := h.call("GET", v2, "").body
	for _, tc := range []struct {
		method, path, body string
		status             int
		code               parley.Code
		field              string
	}{
		{"POST", v2, `{`, 400, parley.CodeInvalidArgument, ""},
		{"POST", v2, `[]`, 400, parley.CodeInvalidArgument, ""},
		{"POST", v2, `{"id":7}`, 400, parley.CodeInvalidArgument, "id"},
		{"POST", v2, `{"translations":[{"language_code":"en","text_message":{"text":"x"}}]}`, 400, parley.CodeInvalidArgument, "default_translation"},
		{"POST", v2, `{"default_translation":"en"}`, 400, parley.CodeInvalidArgument, "translations"},
		{"POST", v2, strings.Replace(good, `"text":"x"`, `"text":""`, 1), 400, parley.CodeInvalidArgument, "translations[0].text_message.text"},
		{"POST", v2, good, 409, parley.CodeAlreadyExists, ""},
		{"POST", v2, strings.Replace(goodV1, `"o"`, `"t"`, 1), 400, parley.CodeInvalidArgument, "translations[0]"},
		{"POST", "P/templates", strings.Replace(goodV1, `"o"`, `"t"`, 1), 409, parley.CodeAlreadyExists, ""},
		{"POST", "P/templates", strings.Replace(goodV1, `"x\"`, `\"`, 1), 400, parley.CodeInvalidArgument, ""},
		{"POST", "P/templates", strings.Replace(good, `"t"`, `"n"`, 1), 400, parley.CodeInvalidArgument, "translations[0].content"},
		{"PUT", v2 + "/t", good, 400, parley.CodeInvalidArgument, "version"},
		{"PUT", v2 + "/t", strings.Replace(good, "{", `{"version":2,`, 1), 409, parley.CodeAborted, ""},
		{"PUT", v2 + "/t", strings.Replace(good, "{", `{"version":"1",`, 1), 400, parley.CodeInvalidArgument, "version"},
		{"PUT", v2 + "/t", `{"version":1,"default_translation":"fr","translations":[{"language_code":"en","text_message":{"text":"x"}}]}`, 400, parley.CodeInvalidArgument, "default_translation"},
		{"PATCH", "P/templates/o?update_mask=id", `{}`, 400, parley.CodeInvalidArgument, "update_mask"},
		{"PATCH", "P/templates/o?update_mask.paths=translations", `{}`, 400, parley.CodeInvalidArgument, "translations"},
		{"PATCH", "P/templates/o", `{"default_translation":"fr"}`, 400, parley.CodeInvalidArgument, "default_translation"},
		{"PATCH", "P/templates/o", `{"channel":"PIGEON"}`, 400, parley.CodeInvalidArgument, "channel"},
		{"GET", v2 + "/a%2Fb", "", 404, parley.CodeNotFound, ""},
		{"PATCH", v2 + "/t", `{}`, 405, parley.CodeMethodNotAllowed, ""},
		{"GET", "/v2/projects/other/templates", "", 403, parley.CodePermissionDenied, ""},
	} {
		t.Run(tc.method+" "+tc.path+" "+tc.body, func(t *testing.T) {
			h.call(tc.method, tc.path, tc.body).fails(t, tc.status, tc.code, tc.field)
		})
	}
	if after := h.call("GET", v2, "").body; after != before {
		t.Errorf("a refused request changed something:\n%s\n%s", before, after)
	}
}

// TestTemplateIsolation asks for a template with another project's key.
func TestTemplateIsolation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const good = `{"id":"t","version":1,"default_translation":"en","translations":[{"language_code":"en","text_message":{"text":"x"}}]}`
	h.call("POST", v2, good).into(t, &struct{}{})
	_, err := h.store.CreateProject(t.Context(), "project-2", "Other")
	check(t, err)
	_, err = h.store.CreateKey(t.Context(), "project-2", "key-2", "secret-2")
	check(t, err)
	for _, project := range []string{testProject, "project-2"} {
		want := http.StatusForbidden
		if project == "project-2" {
			want = http.StatusNotFound
		}
		for _, tc := range [][3]string{
			{"GET", "/v2/projects/" + project + "/templates/t", ""},
			{"GET", "/v2/projects/" + project + "/templates/t/translations", ""},
			{"PUT", "/v2/projects/" + project + "/templates/t", good},
			{"DELETE", "/v2/projects/" + project + "/templates/t", ""},
			{"GET", "/v1/projects/" + project + "/templates/t", ""},
			{"PATCH", "/v1/projects/" + project + "/templates/t", `{"description":"x"}`},
			{"DELETE", "/v1/projects/" + project + "/templates/t", ""},
		} {
			r := h.request(tc[0], tc[1], tc[2])
			r.SetBasicAuth("key-2", "secret-2")
			if got := h.do(r); got.status != want {
				t.Errorf("%s %s: status %d, want %d: %s", tc[0], tc[1], got.status, want, got.body)
			}
		}
	}
	var list struct{ Templates []json.RawMessage }
	r := h.request("GET", "/v2/projects/project-2/templates", "")
	r.SetBasicAuth("key-2", "secret-2")
	h.do(r).into(t, &list)
	if len(list.Templates) > 0 {
		t.Error("another project's templates are listed")
	}
}

// TestTranscodeTemplate resolves templates as messages:send does.
func TestTranscodeTemplate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	h.call("POST", v2, `{"id":"t","default_translation":"en","translations":[{"language_code":"en","text_message":{"text":"Hi ${name}"}}]}`).into(t, &struct{}{})
	transcode := func(parameters string) answer {
		return h.call("POST", "P/messages:transcode", `{"app_id":"`+app+`","channels":["SMS"],"app_message":{"template_message":
			{"omni_template":{"template_id":"t","version":"latest","parameters":`+parameters+`}}}}`)
	}
	var got struct {
		Messages map[string]string `json:"transcoded_message"`
	}
	transcode(`{"name":"\"Ann\""}`).into(t, &got)
	if !strings.Contains(got.Messages["SMS"], `Hi \"Ann\"`) {
		t.Errorf("transcoded %v", got)
	}
	transcode(`{}`).fails(t, 400, parley.CodeInvalidArgument, "app_message")
}
