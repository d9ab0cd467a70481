package parley

import (
	"slices"
	"time"
)

// A TemplateChannel is what version 1 of the API calls a template's channel. It
// has no effect.
type TemplateChannel string

// TemplateChannelUnspecified is the only channel a template is shown with: the
// hosted API takes others and gives none back.
const TemplateChannelUnspecified TemplateChannel = "UNSPECIFIED"

// A TemplateV1 is a template in the form of version 1 of the API.
type TemplateV1 struct {
	ID                 string                  `json:"id"`
	Description        string                  `json:"description"`
	Channel            TemplateChannel         `json:"channel"`
	DefaultTranslation string                  `json:"default_translation"`
	Translations       []TemplateV1Translation `json:"translations"`
	CreateTime         time.Time               `json:"create_time,omitzero"`
	UpdateTime         time.Time               `json:"update_time,omitzero"`
}

// A TemplateV1Translation is one version of a template in one language.
type TemplateV1Translation struct {
	LanguageCode string             `json:"language_code"`
	Version      string             `json:"version"`
	Content      string             `json:"content"` // an AppMessage as JSON text
	Variables    []TemplateVariable `json:"variables"`
	CreateTime   time.Time          `json:"create_time,omitzero"`
	UpdateTime   time.Time          `json:"update_time,omitzero"`
}

// TemplateChannels are the channels version 1 knows.
func TemplateChannels() []TemplateChannel {
	return []TemplateChannel{
		TemplateChannelUnspecified, "CONVERSATION", "MESSENGER", "WHATSAPP", "RCS", "SMS", "VIBERBM", "TELEGRAM",
		"INSTAGRAM", "KAKAOTALK", "APPLEBC",
	}
}

// SetDefaults fills in what the caller left out.
func (t *TemplateV1) SetDefaults() {
	if t.Channel == "" {
		t.Channel = TemplateChannelUnspecified
	}
	for i := range t.Translations {
		tr := &t.Translations[i]
		if tr.Version == "" {
			tr.Version = firstVersion
		}
		if tr.Variables == nil {
			tr.Variables = []TemplateVariable{}
		}
	}
}

// Validate checks a template as a client may write it.
func (t *TemplateV1) Validate() error {
	if t.ID != "" && !IsTemplateID(t.ID) {
		return Invalid("id", "must be at most %d letters, digits and -._~", MaxTemplateID)
	}
	if err := oneOf("channel", t.Channel, TemplateChannels()...); err != nil {
		return err
	}
	return validateTranslations(t.DefaultTranslation, t.Translations,
		func(tr *TemplateV1Translation) (string, string) { return tr.LanguageCode, tr.Version }, (*TemplateV1Translation).validate)
}

func (t *TemplateV1Translation) validate(p path) error {
	content := p.field("content")
	if err := required(content, t.Content); err != nil {
		return err
	}
	m, err := t.message()
	if err != nil {
		return invalid(content, "is not the JSON text of a message: %v", err)
	}
	return first(validateMasked(m, content), validateVariables(p.field("variables"), t.Variables))
}

func (t *TemplateV1Translation) message() (*AppMessage, error) {
	m := new(AppMessage)
	return m, Decode([]byte(t.Content), m)
}

// Patch returns the template with the members of body named by mask changed.
func (t *TemplateV1) Patch(body []byte, mask []string) (*TemplateV1, error) {
	return patch(t, body, mask, map[string]bool{
		"description": true, "channel": true, "default_translation": true, "translations": true,
	})
}

// Touch sets the times of a template that is written at now over old, which is
// nil for a new one; see Template.Touch.
func (t *TemplateV1) Touch(old *Template, now time.Time) error {
	v2, err := t.V2()
	if err != nil {
		return err
	}
	v2.Touch(old, now)
	t.CreateTime, t.UpdateTime = v2.CreateTime, v2.UpdateTime
	for i := range v2.Translations {
		t.Translations[i].CreateTime, t.Translations[i].UpdateTime = v2.Translations[i].CreateTime, v2.Translations[i].UpdateTime
	}
	return nil
}

// V2 returns the template in the form of version 2. Content that is more than
// a body is kept for Message, though version 2 cannot show it.
func (t *TemplateV1) V2() (*Template, error) {
	out := &Template{
		ID: t.ID, Description: t.Description, Version: 1, DefaultTranslation: t.DefaultTranslation,
		CreateTime: t.CreateTime, UpdateTime: t.UpdateTime,
	}
	for i := range t.Translations {
		tr := &t.Translations[i]
		m, err := tr.message()
		if err != nil {
			return nil, err
		}
		made := TemplateTranslation{
			LanguageCode: tr.LanguageCode, Version: tr.Version, Variables: tr.Variables,
			CreateTime: tr.CreateTime, UpdateTime: tr.UpdateTime, whole: m,
		}
		made.setMessage(m)
		out.Translations = append(out.Translations, made)
	}
	out.SetDefaults()
	return out, nil
}

// V1 returns the template in the form of version 1, which has no place for
// channel_template_overrides.
func (t *Template) V1() (*TemplateV1, error) {
	out := &TemplateV1{
		ID: t.ID, Description: t.Description, DefaultTranslation: t.DefaultTranslation,
		CreateTime: t.CreateTime, UpdateTime: t.UpdateTime,
	}
	for i := range t.Translations {
		tr := &t.Translations[i]
		content, err := Marshal(tr.Message())
		if err != nil {
			return nil, err
		}
		out.Translations = append(out.Translations, TemplateV1Translation{
			LanguageCode: tr.LanguageCode, Version: tr.Version, Content: string(content), Variables: tr.Variables,
			CreateTime: tr.CreateTime, UpdateTime: tr.UpdateTime,
		})
	}
	out.SetDefaults()
	return out, nil
}

// Shown returns the template as the API shows it: the default language first,
// without the channel.
func (t *TemplateV1) Shown() *TemplateV1 {
	out := *t
	out.Channel = TemplateChannelUnspecified
	out.Translations = slices.Clone(t.Translations)
	slices.SortStableFunc(out.Translations, func(a, b TemplateV1Translation) int {
		rank := func(tr *TemplateV1Translation) int {
			if languageKey(tr.LanguageCode) == languageKey(t.DefaultTranslation) {
				return 0
			}
			return 1
		}
		return rank(&a) - rank(&b)
	})
	return &out
}
