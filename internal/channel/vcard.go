package channel

import (
	"strings"

	"github.com/parley-im/parley"
)

// VCard writes a business card as vCard 3.0 (RFC 2426), the version phones read.
func VCard(m *parley.ContactInfoMessage) string {
	var b strings.Builder
	line := func(name string, parts ...string) {
		b.WriteString(name)
		for i, p := range parts {
			if i > 0 {
				b.WriteByte(';')
			}
			_, _ = vCardEscape.WriteString(&b, p) // a strings.Builder never fails
		}
		b.WriteString("\r\n")
	}
	n := &m.Name
	line("BEGIN:VCARD")
	line("VERSION:3.0")
	line("N:", n.LastName, n.FirstName, n.MiddleName, n.Prefix, n.Suffix)
	line("FN:", n.FullName)
	for _, p := range m.PhoneNumbers {
		line("TEL"+vCardType(p.Type)+":", p.PhoneNumber)
	}
	for _, e := range m.EmailAddresses {
		line("EMAIL"+vCardType(e.Type)+":", e.EmailAddress)
	}
	for _, a := range m.Addresses {
		line("ADR"+vCardType(a.Type)+":", "", "", "", a.City, a.State, a.Zip, country(&a))
	}
	if o := m.Organization; o != nil {
		line("ORG:", o.Company, o.Department)
		if o.Title != "" {
			line("TITLE:", o.Title)
		}
	}
	for _, u := range m.URLs {
		line("URL"+vCardType(u.Type)+":", u.URL)
	}
	if m.Birthday != "" {
		line("BDAY:", m.Birthday)
	}
	line("END:VCARD")
	return b.String()
}

var vCardEscape = strings.NewReplacer(`\`, `\\`, ",", `\,`, ";", `\;`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`)

// vCardType writes a TYPE parameter; one that would need quoting is left out.
func vCardType(t string) string {
	for _, c := range t {
		if c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return ""
		}
	}
	if t == "" {
		return ""
	}
	return ";TYPE=" + t
}

func country(a *parley.PostAddress) string {
	if a.Country != "" {
		return a.Country
	}
	return a.CountryCode
}
