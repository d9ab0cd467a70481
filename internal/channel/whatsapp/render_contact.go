package whatsapp

import (
	"github.com/parley-im/parley"
)

// contact shows a business card.
func (r *renderer) contact(m *parley.ContactInfoMessage) {
	c := contact{Name: nameOf(&m.Name), Birthday: m.Birthday}
	for _, p := range m.PhoneNumbers {
		c.Phones = append(c.Phones, contactPhone{Phone: p.PhoneNumber, Type: p.Type})
	}
	for _, e := range m.EmailAddresses {
		c.Emails = append(c.Emails, contactEmail{Email: e.EmailAddress, Type: e.Type})
	}
	for _, a := range m.Addresses {
		c.Addresses = append(c.Addresses, contactPlace{
			City: a.City, State: a.State, Zip: a.Zip, Country: a.Country, CountryCode: a.CountryCode, Type: a.Type,
		})
	}
	for _, u := range m.URLs {
		c.URLs = append(c.URLs, contactURL{URL: u.URL, Type: u.Type})
	}
	if o := m.Organization; o != nil {
		c.Org = &contactOrg{Company: o.Company, Department: o.Department, Title: o.Title}
	}
	r.add(message{Type: "contacts", Contacts: []contact{c}})
}

// nameOf returns the name in WhatsApp's form, in which one part beside the
// formatted name is required.
func nameOf(n *parley.ContactName) contactName {
	out := contactName{
		FormattedName: n.FullName, FirstName: n.FirstName, LastName: n.LastName,
		MiddleName: n.MiddleName, Prefix: n.Prefix, Suffix: n.Suffix,
	}
	if out == (contactName{FormattedName: n.FullName}) {
		out.FirstName = n.FullName
	}
	return out
}
