package parley

import (
	"slices"
	"strings"
)

// Limits of templates. The API documents none of them.
const (
	MaxTemplateID         = 128
	MaxTranslationVersion = 64
	MaxLanguageCode       = 35 // the most a tag can need: RFC 5646, section 4.4.1
)

// Validate checks a template as a client may write it.
func (t *Template) Validate() error {
	if t.ID != "" && !IsTemplateID(t.ID) {
		return Invalid("id", "must be at most %d letters, digits and -._~", MaxTemplateID)
	}
	return validateTranslations(t.DefaultTranslation, t.Translations,
		func(tr *TemplateTranslation) (string, string) { return tr.LanguageCode, tr.Version }, (*TemplateTranslation).validate)
}

// validateTranslations checks what the translations of both versions of the
// API have in common.
func validateTranslations[T any](byDefault string, list []T, key func(*T) (language, version string), check func(*T, path) error) error {
	if err := required("default_translation", byDefault); err != nil {
		return err
	}
	if len(list) == 0 {
		return missing("translations")
	}
	seen, languages := map[[2]string]bool{}, map[string]bool{}
	for i := range list {
		p := path("translations").index(i)
		language, version := key(&list[i])
		if err := first(validateLanguage(p.field("language_code"), language), validateVersion(p.field("version"), version)); err != nil {
			return err
		}
		if err := check(&list[i], p); err != nil {
			return err
		}
		name := [2]string{languageKey(language), version}
		if seen[name] {
			return invalid(p, "version %q of %q is listed twice", version, language)
		}
		seen[name], languages[name[0]] = true, true
	}
	if !languages[languageKey(byDefault)] {
		return invalid("default_translation", "there is no translation in %q", byDefault)
	}
	return nil
}

// IsTemplateID reports whether a template can have the id: it must be able to
// stand in a URL as it is, because clients put it there as it is.
func IsTemplateID(id string) bool {
	if id == "" || len(id) > MaxTemplateID || id == "." || id == ".." {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool {
		return !isLetter(r) && !isDigit(r) && !strings.ContainsRune("-._~", r)
	})
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

// validateLanguage checks the form of a BCP-47 tag. Underscores are taken for
// dashes.
func validateLanguage(p path, code string) error {
	if code == "" {
		return missing(p)
	}
	for i, part := range strings.Split(strings.ReplaceAll(code, "_", "-"), "-") {
		odd := strings.ContainsFunc(part, func(r rune) bool { return !isLetter(r) && (i == 0 || !isDigit(r)) })
		if odd || part == "" || len(part) > 8 || (i == 0 && len(part) < 2) || len(code) > MaxLanguageCode {
			return invalid(p, "%q is not a BCP-47 language code such as en-US", code)
		}
	}
	return nil
}

func validateVersion(p path, version string) error {
	if version == LatestVersion {
		return invalid(p, "%q always is the newest version and cannot be written", version)
	}
	return atMost(p, version, MaxTranslationVersion)
}

func (t *TemplateTranslation) validate(p path) error {
	if err := first(validateMasked(t.Message(), p), validateVariables(p.field("variables"), t.Variables)); err != nil {
		return err
	}
	for ch, o := range t.ChannelTemplateOverrides {
		q := p.field("channel_template_overrides").field(string(ch))
		if ch != ChannelWhatsApp && ch != ChannelKakaoTalk {
			return invalid(q, "only WHATSAPP and KAKAOTALK have templates of their own")
		}
		if o.TemplateReference == nil {
			return missing(q.field("template_reference"))
		}
		if err := o.TemplateReference.validate(q.field("template_reference"), false); err != nil {
			return err
		}
	}
	return nil
}

// validateMasked checks a message whose strings may be placeholders.
func validateMasked(m *AppMessage, p path) error {
	masked, err := m.masked()
	if err != nil {
		return err
	}
	return masked.validate(p)
}

func validateVariables(p path, list []TemplateVariable) error {
	var keys []string
	for i := range list {
		q, key := p.index(i).field("key"), list[i].Key
		if key == "" {
			return missing(q)
		}
		if !isVariable(key) {
			return invalid(q, "must be at most %d characters without $, { and }", MaxVariable)
		}
		if slices.Contains(keys, key) {
			return invalid(q, "%q is listed twice", key)
		}
		keys = append(keys, key)
	}
	return nil
}
