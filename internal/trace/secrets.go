package trace

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/parley-im/parley"
)

// hidden stands for what was taken out.
const hidden = "***"

// minSecret is the length from which a secret is looked for. What is shorter
// is none, and would blot out ordinary words.
const minSecret = 4

// Secrets are texts that must not be shown, in every form in which they may
// turn up in an address or a body. The nil Secrets are none.
type Secrets struct {
	forms   []string // longest first, so that none is shown in part
	longest int
}

// NewSecrets returns the secrets given, without those too short to be any.
func NewSecrets(texts ...string) *Secrets {
	s := new(Secrets)
	for _, t := range texts {
		if len(t) < minSecret {
			continue
		}
		s.add(t, url.QueryEscape(t), url.PathEscape(t))
		// In JSON, and in JSON that is a string in JSON.
		for _, quote := range []func(string) string{inJSON, inHTMLJSON, inPHPJSON} {
			s.add(quote(t), quote(quote(t)))
		}
	}
	slices.SortFunc(s.forms, func(a, b string) int { return len(b) - len(a) })
	if len(s.forms) > 0 {
		s.longest = len(s.forms[0])
	}
	return s
}

func (s *Secrets) add(forms ...string) {
	for _, f := range forms {
		if !slices.Contains(s.forms, f) {
			s.forms = append(s.forms, f)
		}
	}
}

// inJSON returns s as it is within a JSON string.
func inJSON(s string) string {
	q := appendString(nil, s)
	return string(q[1 : len(q)-1])
}

// inHTMLJSON is inJSON as it is written by those who fear browsers.
func inHTMLJSON(s string) string {
	return strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(inJSON(s))
}

// inPHPJSON is inJSON as PHP writes it.
func inPHPJSON(s string) string { return strings.ReplaceAll(inJSON(s), "/", `\/`) }

// hide returns s without the secrets.
func (s *Secrets) hide(text string) string {
	if s == nil {
		return text
	}
	for _, f := range s.forms {
		if strings.Contains(text, f) {
			text = strings.ReplaceAll(text, f, hidden)
		}
	}
	return text
}

// OfCredential returns what is secret in a credential: every text in it but
// those that are known to name an account. More are further secrets that go
// with it.
func OfCredential(c *parley.ChannelCredential, more ...string) *Secrets {
	open := *c
	open.State = nil
	raw, err := parley.Marshal(&open)
	if err != nil {
		return NewSecrets(more...) // it came from JSON, so it can become JSON
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return NewSecrets(more...)
	}
	settings := doc["provider_settings"]
	for _, public := range []string{"provider_settings", "provider", "channel", "channel_known_id"} {
		delete(doc, public)
	}
	out := slices.Clone(more)
	texts(doc, "", func(name, text string) {
		if !slices.Contains(accountNames(), name) {
			out = append(out, text)
		}
	})
	// Of a provider's own settings most are hosts, numbers and switches.
	texts(settings, "", func(name, text string) {
		if secretName(name) {
			out = append(out, text)
		}
	})
	return NewSecrets(out...)
}

// accountNames are the members of credentials that name an account.
func accountNames() []string {
	return []string{
		"claimed_identity", "account_id", "business_account_id", "kakaotalk_plus_friend_id", "app_id",
		"business_chat_account_id", "merchant_id", "default_sender", "username",
	}
}

// texts calls f for every text within a JSON value, with the name of the
// nearest member that holds it.
func texts(v any, name string, f func(name, text string)) {
	switch v := v.(type) {
	case map[string]any:
		for n, member := range v {
			texts(member, n, f)
		}
	case []any:
		for _, member := range v {
			texts(member, name, f)
		}
	case string:
		f(name, v)
	}
}

// secretName reports whether what has this name is usually a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// secretWords are what the names of secrets have in them.
var secretWords = [...]string{"token", "secret", "password", "assertion", "api_key", "apikey", "private"}

// hideMembers takes the values of secret members out of a JSON body: some
// providers answer with a token that no credential has. It does not need the
// body to be whole.
func hideMembers(body string) string {
	if !secretName(body) {
		return body // as nearly always
	}
	var b strings.Builder
	rest := body
	for {
		name, value, after, ok := nextString(rest)
		if !ok {
			b.WriteString(rest)
			return b.String()
		}
		b.WriteString(rest[:value])
		rest = rest[value:]
		if after && secretName(name) {
			end := stringEnd(rest)
			b.WriteString(`"` + hidden + `"`)
			rest = rest[end:]
		}
	}
}

// nextString finds the next string in JSON text. Where another string follows
// as its value, member is true and end is where that begins; else end is where
// the string ends.
func nextString(text string) (name string, end int, member, ok bool) {
	start := strings.IndexByte(text, '"')
	if start < 0 {
		return "", 0, false, false
	}
	length := stringEnd(text[start:])
	name = text[start : start+length]
	end = start + length
	rest := strings.TrimLeft(text[end:], " \t\r\n")
	if !strings.HasPrefix(rest, ":") {
		return name, end, false, true
	}
	rest = strings.TrimLeft(rest[1:], " \t\r\n")
	if !strings.HasPrefix(rest, `"`) {
		return name, end, false, true
	}
	return name, len(text) - len(rest), true, true
}

// stringEnd returns the length of the JSON string that text begins with, or of
// the text when that is cut off.
func stringEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// hideForm takes the values of secret fields out of a form.
func hideForm(body string) string {
	pairs := strings.Split(body, "&")
	for i, p := range pairs {
		if name, _, ok := strings.Cut(p, "="); ok && secretName(name) {
			pairs[i] = name + "=" + hidden
		}
	}
	return strings.Join(pairs, "&")
}
