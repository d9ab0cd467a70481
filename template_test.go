package parley_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

const someTemplate = `{"default_translation":"en-US","translations":[{"language_code":"en-US","version":"1","text_message":{"text":"Hi ${name}"}}]}`

// translations is a template with these translations.
func translations(t *testing.T, list string) []byte {
	t.Helper()
	return merged(t, someTemplate, `"translations": [`+list+`]`)
}

func TestTemplateValidate(t *testing.T) {
	t.Parallel()
	tr := func(members string) []byte {
		return translations(t, `{"language_code":"en-US",`+members+`}`)
	}
	const text = `"text_message":{"text":"x"}`
	override := func(ch, o string) []byte { return tr(text + `,"channel_template_overrides":{"` + ch + `":` + o + `}`) }
	tests := []struct {
		want string
		body []byte
	}{
		{"valid", []byte(someTemplate)},
		{"valid", merged(t, someTemplate, `"id": "a-B_c.d~1"`)},
		{"valid", merged(t, someTemplate, `"default_translation": "EN_us"`)},
		{"id", merged(t, someTemplate, `"id": "a/b"`)},
		{"id", merged(t, someTemplate, `"id": "a b"`)},
		{"id", merged(t, someTemplate, `"id": ".."`)},
		{"id", merged(t, someTemplate, `"id": "`+strings.Repeat("x", parley.MaxTemplateID+1)+`"`)},
		{"default_translation", merged(t, someTemplate, `"default_translation": null`)},
		{"default_translation", merged(t, someTemplate, `"default_translation": "en"`)},
		{"translations", merged(t, someTemplate, `"translations": null`)},
		{"translations", merged(t, someTemplate, `"translations": []`)},
		{"translations[0].language_code", translations(t, `{`+text+`}`)},
		{"translations[0].language_code", translations(t, `{"language_code":"e",`+text+`}`)},
		{"translations[0].language_code", translations(t, `{"language_code":"en-",`+text+`}`)},
		{"translations[0].language_code", translations(t, `{"language_code":"e1",`+text+`}`)},
		{"translations[0].language_code", translations(t, `{"language_code":"English-UK!",`+text+`}`)},
		{"valid", translations(t, `{"language_code":"en-US",`+text+`},{"language_code":"zh-Hant-TW",`+text+`},{"language_code":"es-419",`+text+`}`)},
		{"translations[1]", translations(t, `{"language_code":"en-US",`+text+`},{"language_code":"en_us","version":"1",`+text+`}`)},
		{"translations[0].version", tr(`"version":"latest",` + text)},
		{"translations[0].version", tr(`"version":"` + strings.Repeat("1", 65) + `",` + text)},
		{"translations[0]", tr(`"version":"1"`)},
		{"translations[0]", tr(text + `,"media_message":{"url":"https://x.example"}`)},
		{"translations[0].text_message.text", tr(`"text_message":{"text":""}`)},
		{"translations[0].media_message.url", tr(`"media_message":{"url":"nowhere"}`)},
		{"valid", tr(`"media_message":{"url":"${address}"}`)},
		{"valid", tr(`"media_message":{"url":"${base}/a/${name}.jpg"}`)},
		{"valid", tr(`"media_message":{"url":"https://x.example/${name}"}`)},
		{"valid", tr(`"template_message":{"omni_template":{"template_id":"other","version":"latest","parameters":{"a":"${name}"}}}`)},
		{"translations[0].template_message.omni_template.version", tr(`"template_message":{"omni_template":{"template_id":"other"}}`)},
		{"translations[0].choice_message.choices", tr(`"choice_message":{"choices":[` +
			strings.Repeat(`{"text_message":{"text":"a"}},`, 10) + `{"text_message":{"text":"a"}}]}`)},
		{"valid", tr(text + `,"variables":[{"key":"name"},{"key":"unused","preview_value":"x"}]`)},
		{"translations[0].variables[0].key", tr(text + `,"variables":[{"preview_value":"x"}]`)},
		{"translations[0].variables[0].key", tr(text + `,"variables":[{"key":"${x}"}]`)},
		{"translations[0].variables[1].key", tr(text + `,"variables":[{"key":"a"},{"key":"a"}]`)},
		{"valid", override("WHATSAPP", `{"template_reference":{"template_id":"t"},"parameter_mappings":{"name":"body[1]text"}}`)},
		{"valid", override("KAKAOTALK", `{"template_reference":{"template_id":"t","version":"2"}}`)},
		{"translations[0].channel_template_overrides.SMS", override("SMS", `{"template_reference":{"template_id":"t"}}`)},
		{"translations[0].channel_template_overrides.WHATSAPP.template_reference", override("WHATSAPP", `{}`)},
		{
			"translations[0].channel_template_overrides.WHATSAPP.template_reference.template_id",
			override("WHATSAPP", `{"template_reference":{"version":"1"}}`),
		},
	}
	for _, tc := range tests {
		m := new(parley.Template)
		if err := parley.Decode(tc.body, m); err != nil {
			t.Fatal(err)
		}
		m.SetDefaults()
		if tc.want == "translations[0].version" {
			_ = json.Unmarshal(tc.body, m) // SetDefaults must not hide it
		}
		if got := field(m.Validate()); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.body, got, tc.want)
		}
	}
}

func TestTemplateV1Validate(t *testing.T) {
	t.Parallel()
	const valid = `{"default_translation":"en","translations":[{"language_code":"en","content":"{\"text_message\":{\"text\":\"Hi ${name}\"}}"}]}`
	content := func(text string) string {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return `"translations":[{"language_code":"en","content":` + string(quoted) + `}]`
	}
	for _, tc := range []struct{ want, change string }{
		{"valid", ``},
		{"valid", `"channel":"SMS"`},
		{"channel", `"channel":"PIGEON"`},
		{"default_translation", `"default_translation":"fr"`},
		{"translations[0].content", content("")},
		{"translations[0].content", content("Hi")},
		{"translations[0].content", content("{}")},
		{"translations[0].content", content(`{"text_message":"x"}`)},
		{"translations[0].content.text_message.text", content(`{"text_message":{"text":""}}`)},
		{"valid", content(`{"explicit_channel_message":{"SMS":"Hi ${name}"}}`)},
	} {
		m := new(parley.TemplateV1)
		if err := parley.Decode(merged(t, valid, tc.change), m); err != nil {
			t.Fatal(err)
		}
		m.SetDefaults()
		if got := field(m.Validate()); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.change, got, tc.want)
		}
	}
}

// versions names the language, version and text of translations.
func versions(list []parley.TemplateTranslation) []string {
	out := []string{}
	for _, tr := range list {
		out = append(out, tr.LanguageCode+" "+tr.Version+" "+tr.Text.Text)
	}
	return out
}

func translation(language, version, text string, age time.Duration) parley.TemplateTranslation {
	return parley.TemplateTranslation{
		LanguageCode: language, Version: version, Text: &parley.TextMessage{Text: text},
		CreateTime: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC).Add(-age),
	}
}

func TestTemplateVersions(t *testing.T) {
	t.Parallel()
	m := &parley.Template{DefaultTranslation: "en-US", Translations: []parley.TemplateTranslation{
		translation("en-US", "10", "ten", 0), translation("en-US", "9", "nine", 0), translation("en-US", "z", "old", time.Hour),
		translation("fr", "b", "bé", time.Hour), translation("fr", "a", "a", 0),
	}}
	want := []string{"en-US 10 ten", "en-US latest ten", "en-US 9 nine", "en-US z old", "fr b bé", "fr a a", "fr latest a"}
	if d := cmp.Diff(want, versions(m.WithLatest().Translations)); d != "" {
		t.Errorf("with copies (-want +got):\n%s", d)
	}
	for _, tc := range []struct{ language, version, want string }{
		{"", "", "ten"},
		{"", "latest", "ten"},
		{"en_us", "9", "nine"},
		{"", "z", "old"},
		{"fr", "latest", "a"},
		{"FR", "b", "bé"},
		{"fr", "10", ""},
		{"de", "latest", ""},
		{"en", "latest", ""},
	} {
		got := ""
		if tr := m.Translation(tc.language, tc.version); tr != nil {
			got = tr.Text.Text
		}
		if got != tc.want {
			t.Errorf("translation %q %q is %q, want %q", tc.language, tc.version, got, tc.want)
		}
	}
	for _, tc := range []struct {
		language, version string
		want              []string
	}{
		{"", "", []string{"en-US 10 ten", "en-US 9 nine", "en-US z old", "fr b bé", "fr a a"}},
		{"fr", "", []string{"fr b bé", "fr a a"}},
		{"", "9", []string{"en-US 9 nine"}},
		{"", "latest", []string{"en-US latest ten", "fr latest a"}},
		{"fr", "9", []string{}},
	} {
		if d := cmp.Diff(tc.want, versions(m.Select(tc.language, tc.version))); d != "" {
			t.Errorf("select %q %q (-want +got):\n%s", tc.language, tc.version, d)
		}
	}
}

// TestTemplateWrittenBack writes back what was read: the copies go, unless
// they were changed.
func TestTemplateWrittenBack(t *testing.T) {
	t.Parallel()
	m := &parley.Template{DefaultTranslation: "en", Translations: []parley.TemplateTranslation{translation("en", "1", "x", 0)}}
	back := m.WithLatest()
	back.SetDefaults()
	if d := cmp.Diff([]string{"en 1 x"}, versions(back.Translations)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	back = m.WithLatest()
	back.Translations[1].Text = &parley.TextMessage{Text: "y"}
	back.SetDefaults()
	if got := field(back.Validate()); got != "translations[1].version" {
		t.Errorf("a changed copy: got %s", got)
	}
}

func TestTemplateTouch(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	old := &parley.Template{Translations: []parley.TemplateTranslation{translation("en", "1", "x", 0), translation("en", "2", "x", 0)}}
	before := old.Translations[0].CreateTime
	old.CreateTime = before
	for i := range old.Translations {
		old.Translations[i].UpdateTime = before
	}
	m := &parley.Template{Translations: []parley.TemplateTranslation{
		translation("EN", "1", "x", 0), translation("en", "2", "y", 0), translation("en", "3", "z", 0),
	}}
	m.Touch(old, now)
	got := [][2]time.Time{{m.CreateTime, m.UpdateTime}}
	for _, tr := range m.Translations {
		got = append(got, [2]time.Time{tr.CreateTime, tr.UpdateTime})
	}
	want := [][2]time.Time{{before, now}, {before, before}, {before, now}, {now, now}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("times (-want +got):\n%s", d)
	}
}

// TestTemplateForms reads a template of each version of the API as the other.
func TestTemplateForms(t *testing.T) {
	t.Parallel()
	const content = `{ "explicit_channel_message":{"SMS":"native"},"text_message":{"text":"Hi"} }`
	v1 := &parley.TemplateV1{
		ID: "t", DefaultTranslation: "fr",
		Translations: []parley.TemplateV1Translation{
			{LanguageCode: "en", Version: "2", Content: content}, {LanguageCode: "fr", Version: "1", Content: `{"text_message":{"text":"Salut"}}`},
		},
	}
	v2, err := v1.V2()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"en 2 Hi", "fr 1 Salut"}, versions(v2.Translations)); d != "" {
		t.Errorf("v1 as v2 (-want +got):\n%s", d)
	}
	if m := v2.Translations[0].Message(); m.ExplicitChannel["SMS"] != "native" {
		t.Errorf("the overrides were lost: %+v", m)
	}
	shown := v1.Shown()
	if shown.Channel != parley.TemplateChannelUnspecified || shown.Translations[0].LanguageCode != "fr" || v1.Translations[0].Content != content {
		t.Errorf("shown as %+v", shown)
	}
	v2.Translations[0] = translation("en", "2", "Hi ${name}", 0)
	back, err := v2.V1()
	if err != nil || back.Translations[0].Content != `{"text_message":{"text":"Hi ${name}"}}` {
		t.Errorf("v2 as v1: %+v, %v", back, err)
	}
}

// TestTemplateListIsComplete checks the members that a recorded answer has
// though they are empty.
func TestTemplateListIsComplete(t *testing.T) {
	t.Parallel()
	tr := parley.TemplateTranslation{LanguageCode: "en", Version: "1", List: &parley.ListMessage{
		Title:    "T",
		Sections: []parley.ListSection{{Title: "S", Items: []parley.ListItem{{Choice: &parley.ListChoice{Title: "C", PostbackData: "p"}}}}},
	}}
	got, err := parley.Marshal(&parley.Template{Translations: []parley.TemplateTranslation{tr}})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"","description":"","version":0,"default_translation":"","translations":[{"language_code":"en","version":"1",
		"channel_template_overrides":null,"variables":null,"list_message":{"title":"T","message_properties":{},"sections":[{"title":"S",
		"items":[{"choice":{"title":"C","description":"","media":null,"postback_data":"p"}}]}]}}]}`
	if d := cmp.Diff(value(t, []byte(want)), value(t, got)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add([]byte(someTemplate))
	fuzz[*parley.Template](f, "templates/v2/request/TemplateV2*")
}
