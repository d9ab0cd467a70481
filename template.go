package parley

import (
	"slices"
	"strings"
	"time"
)

// LatestVersion is what a reference calls the newest version of a translation.
// No translation can be given it as its own.
const LatestVersion = "latest"

// firstVersion is the version of a translation whose author names none. A
// guess: the API does not document one.
const firstVersion = "1"

// A Template is a message kept by the server, in several languages and
// versions, with variables for what differs from one contact to the next. This
// is its form in version 2 of the API.
type Template struct {
	ID          string `json:"id"` // the client's choice, else generated; one of a kind in its project
	Description string `json:"description"`
	// Version counts the changes. Who changes the template names the version
	// that they know, so that of two changes at once one is refused.
	Version            int                   `json:"version"`
	DefaultTranslation string                `json:"default_translation"` // the language when a reference names none
	Translations       []TemplateTranslation `json:"translations"`
	CreateTime         time.Time             `json:"create_time,omitzero"`
	UpdateTime         time.Time             `json:"update_time,omitzero"`
}

// A TemplateTranslation is one version of a template in one language. Exactly
// one of its bodies is set; ${name} in a string of it stands for a variable.
type TemplateTranslation struct {
	LanguageCode string `json:"language_code"` // BCP-47; en-US and en_US are the same
	Version      string `json:"version"`       // of the translation; the client's choice

	Text        *TextMessage        `json:"text_message,omitempty"`
	Media       *MediaMessage       `json:"media_message,omitempty"`
	Card        *CardMessage        `json:"card_message,omitempty"`
	Carousel    *CarouselMessage    `json:"carousel_message,omitempty"`
	Choice      *ChoiceMessage      `json:"choice_message,omitempty"`
	Location    *LocationMessage    `json:"location_message,omitempty"`
	Template    *TemplateMessage    `json:"template_message,omitempty"`
	List        *ListMessage        `json:"list_message,omitempty"`
	ContactInfo *ContactInfoMessage `json:"contact_info_message,omitempty"`

	// ChannelTemplateOverrides are the channels' own templates that take the
	// place of the body on WHATSAPP and KAKAOTALK.
	ChannelTemplateOverrides map[Channel]ChannelTemplateOverride `json:"channel_template_overrides"`
	Variables                []TemplateVariable                  `json:"variables"`
	CreateTime               time.Time                           `json:"create_time,omitzero"`
	UpdateTime               time.Time                           `json:"update_time,omitzero"`

	// whole is the content of a translation made by version 1 of the API,
	// which may have more than a body.
	whole *AppMessage
}

// A ChannelTemplateOverride refers to a channel's own template. Its mappings
// say which of the channel's parameters takes which variable's value.
type ChannelTemplateOverride struct {
	TemplateReference *TemplateReference `json:"template_reference,omitempty"`
	ParameterMappings map[string]string  `json:"parameter_mappings,omitempty"`
}

// A TemplateVariable is something a reference must give a value for.
type TemplateVariable struct {
	Key          string `json:"key"`
	PreviewValue string `json:"preview_value"`
}

// Message returns the translation as a message, with its placeholders. It
// shares its parts with the translation.
func (t *TemplateTranslation) Message() *AppMessage {
	if t.whole != nil {
		return t.whole
	}
	return &AppMessage{
		Text: t.Text, Media: t.Media, Card: t.Card, Carousel: t.Carousel, Choice: t.Choice,
		Location: t.Location, Template: t.Template, List: t.List, ContactInfo: t.ContactInfo,
	}
}

// setMessage makes a message's body the translation's.
func (t *TemplateTranslation) setMessage(m *AppMessage) {
	t.Text, t.Media, t.Card, t.Carousel, t.Choice = m.Text, m.Media, m.Card, m.Carousel, m.Choice
	t.Location, t.Template, t.List, t.ContactInfo = m.Location, m.Template, m.List, m.ContactInfo
}

// MarshalJSON encodes the translation with the members that the API shows even
// where they are empty.
func (t TemplateTranslation) MarshalJSON() ([]byte, error) {
	type plain TemplateTranslation
	if t.List == nil {
		return Marshal(plain(t))
	}
	return Marshal(struct {
		plain
		List shownList `json:"list_message"`
	}{plain(t), showList(t.List)})
}

// A shownList is a list as the API shows it in a template: the members that
// are empty there are those of a recorded answer.
type shownList struct {
	listFields
	Sections   []shownSection `json:"sections"`
	Properties ListProperties `json:"message_properties"`
}

// listFields is a ListMessage that is not a Content.
type listFields ListMessage

type shownSection struct {
	ListSection
	Items []shownItem `json:"items"`
}

type shownItem struct {
	Choice  *shownChoice `json:"choice,omitempty"`
	Product *ListProduct `json:"product,omitempty"`
}

type shownChoice struct {
	ListChoice
	Description string        `json:"description"`
	Media       *MediaMessage `json:"media"`
}

func showList(m *ListMessage) shownList {
	out := shownList{listFields: listFields(*m), Sections: make([]shownSection, 0, len(m.Sections))}
	if m.Properties != nil {
		out.Properties = *m.Properties
	}
	for _, s := range m.Sections {
		shown := shownSection{ListSection: s, Items: make([]shownItem, 0, len(s.Items))}
		for _, i := range s.Items {
			item := shownItem{Product: i.Product}
			if c := i.Choice; c != nil {
				item.Choice = &shownChoice{*c, c.Description, c.Media}
			}
			shown.Items = append(shown.Items, item)
		}
		out.Sections = append(out.Sections, shown)
	}
	return out
}

// SetDefaults fills in what the caller left out. The copies of the newest
// versions that WithLatest adds are dropped again, because clients write back
// what they read.
func (t *Template) SetDefaults() {
	all := t.Translations
	t.Translations = slices.DeleteFunc(slices.Clone(all), func(tr TemplateTranslation) bool {
		return tr.Version == LatestVersion && slices.ContainsFunc(all, tr.copyOf)
	})
	for i := range t.Translations {
		tr := &t.Translations[i]
		if tr.Version == "" {
			tr.Version = firstVersion
		}
		if tr.Variables == nil {
			tr.Variables = []TemplateVariable{}
		}
		if tr.ChannelTemplateOverrides == nil {
			tr.ChannelTemplateOverrides = map[Channel]ChannelTemplateOverride{}
		}
	}
}

// copyOf reports whether the translation is the "latest" copy of another.
func (t *TemplateTranslation) copyOf(other TemplateTranslation) bool {
	return other.Version != LatestVersion && languageKey(t.LanguageCode) == languageKey(other.LanguageCode) && t.says(&other)
}

// says reports whether two translations say the same, apart from their
// version and times.
func (t *TemplateTranslation) says(other *TemplateTranslation) bool {
	text := func(t *TemplateTranslation) string {
		raw, err := Marshal([]any{t.Message(), t.ChannelTemplateOverrides, t.Variables})
		if err != nil {
			return err.Error()
		}
		return string(raw)
	}
	return text(t) == text(other)
}

// Touch sets the times of a template that is written at now. Translations that
// were there before keep the time they were made and, where nothing in them
// changed, that of their last change.
func (t *Template) Touch(old *Template, now time.Time) {
	t.CreateTime, t.UpdateTime = now, now
	if old != nil {
		t.CreateTime = old.CreateTime
	}
	for i := range t.Translations {
		tr := &t.Translations[i]
		tr.CreateTime, tr.UpdateTime = now, now
		if was := old.exact(tr.LanguageCode, tr.Version); was != nil {
			tr.CreateTime = was.CreateTime
			if tr.says(was) {
				tr.UpdateTime = was.UpdateTime
			}
		}
	}
}

// exact returns a version of a language, or nil.
func (t *Template) exact(language, version string) *TemplateTranslation {
	if t == nil {
		return nil
	}
	for i := range t.Translations {
		if tr := &t.Translations[i]; tr.Version == version && languageKey(tr.LanguageCode) == languageKey(language) {
			return tr
		}
	}
	return nil
}

// Translation returns what a reference to the language and version means: ""
// is the default language, "" and "latest" the newest version. Nil says that
// there is none.
func (t *Template) Translation(language, version string) *TemplateTranslation {
	if language == "" {
		language = t.DefaultTranslation
	}
	if version != "" && version != LatestVersion {
		return t.exact(language, version)
	}
	var newest *TemplateTranslation
	for i := range t.Translations {
		tr := &t.Translations[i]
		if languageKey(tr.LanguageCode) == languageKey(language) && (newest == nil || !tr.olderThan(newest)) {
			newest = tr
		}
	}
	return newest
}

// olderThan orders the versions of a language: by when they were made, and
// those made together by their names, in which numbers count as such.
func (t *TemplateTranslation) olderThan(other *TemplateTranslation) bool {
	if c := t.CreateTime.Compare(other.CreateTime); c != 0 {
		return c < 0
	}
	return compareVersions(t.Version, other.Version) < 0
}

// WithLatest returns the template as the API shows it when it is read: the
// newest version of each language is followed by a copy with version "latest".
func (t *Template) WithLatest() *Template {
	out := *t
	out.Translations = make([]TemplateTranslation, 0, 2*len(t.Translations))
	for i := range t.Translations {
		tr := &t.Translations[i]
		out.Translations = append(out.Translations, *tr)
		if t.Translation(tr.LanguageCode, LatestVersion) == tr {
			latest := *tr
			latest.Version = LatestVersion
			out.Translations = append(out.Translations, latest)
		}
	}
	return &out
}

// Select returns the translations of a language and version; "" stands for
// any, "latest" for the copies of the newest ones.
func (t *Template) Select(language, version string) []TemplateTranslation {
	from := t
	if version == LatestVersion {
		from = t.WithLatest()
	}
	out := []TemplateTranslation{}
	for i := range from.Translations {
		tr := &from.Translations[i]
		if (language == "" || languageKey(tr.LanguageCode) == languageKey(language)) && (version == "" || tr.Version == version) {
			out = append(out, *tr)
		}
	}
	return out
}

// languageKey is what spellings of one language have in common.
func languageKey(code string) string { return strings.ToLower(strings.ReplaceAll(code, "_", "-")) }

// compareVersions compares names in which runs of digits are numbers: 2 comes
// before 10.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		x, y := run(a), run(b)
		a, b = a[len(x):], b[len(y):]
		if isDigit(rune(x[0])) && isDigit(rune(y[0])) {
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}

// run returns the longest start of s that is all digits or without any.
func run(s string) string {
	digits := isDigit(rune(s[0]))
	i := strings.IndexFunc(s, func(r rune) bool { return digits != isDigit(r) })
	if i < 0 {
		return s
	}
	return s[:i]
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }
