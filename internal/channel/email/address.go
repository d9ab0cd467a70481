package email

import (
	"net/mail"
	"regexp"
	"strings"

	"github.com/parley-im/parley/internal/channel"
)

// A letter of ours is known by the key of its attempt, which is in its
// Message-ID and in the address that it comes back to if it cannot be
// delivered (VERP): whoever reports of it names one or the other.

// maxBounces is what the local part of the bounce address may have beside the
// key (64 in all, RFC 5321, 4.5.3.1.1).
const maxBounces = 20

// maxLocal is the longest local part.
const maxLocal = 64

// idOf is the Message-ID of the letter of an attempt.
func (a *account) idOf(key string) channel.ProviderID {
	return channel.ProviderID("<" + key + "@" + a.domain() + ">")
}

// keyOf is the key of the attempt whose letter has the id; false for a letter
// that is not ours.
func (a *account) keyOf(id channel.ProviderID) (string, bool) {
	key, domain, ok := strings.Cut(strings.Trim(string(id), "<>"), "@")
	return key, ok && key != "" && strings.EqualFold(domain, a.domain())
}

// returnPath is where the letter of an attempt goes back to, or "" for where it
// is from.
func (a *account) returnPath(key string) string {
	local, domain, ok := strings.Cut(a.bounces, "@")
	if !ok || len(local)+1+len(key) > maxLocal {
		return a.bounces
	}
	return local + "+" + key + "@" + domain
}

// bounceKey is the key in an address that a letter of ours went back to. Some
// servers write addresses in lower case; keys are in upper case.
func (a *account) bounceKey(address string) string {
	local, domain, _ := strings.Cut(a.bounces, "@")
	rest, ok := strings.CutPrefix(strings.ToLower(address), local+"+")
	key, at, _ := strings.Cut(rest, "@")
	if !ok || local == "" || at != domain {
		return ""
	}
	return strings.ToUpper(key)
}

// isBounce reports whether an address is that of bounces, which is no person's.
func (a *account) isBounce(address string) bool {
	return a.bounces != "" && (strings.EqualFold(address, a.bounces) || a.bounceKey(address) != "")
}

// addresses are where the account takes letters, beside what follows a +.
func (a *account) addresses() []string {
	out := []string{strings.ToLower(a.from.Address)}
	for _, more := range []string{a.replyTo, a.bounces} {
		if more != "" {
			out = append(out, more)
		}
	}
	return out
}

// addressee is which of its addresses a letter was written to.
func (a *account) addressee(m *incoming, env envelope) string {
	if env.to != "" {
		return strings.ToLower(env.to)
	}
	for _, field := range []string{"To", "Cc"} {
		list, err := m.head.AddressList(field)
		if err != nil {
			continue
		}
		for _, to := range list {
			for _, own := range a.addresses() {
				if strings.EqualFold(to.Address, own) || withoutDetail(to.Address) == own {
					return strings.ToLower(to.Address)
				}
			}
		}
	}
	return strings.ToLower(a.from.Address)
}

// withoutDetail is an address in lower case without what follows a + in it.
func withoutDetail(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(address), "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

// addressOf is the one address in a field in lower case, or "".
func addressOf(field string) string {
	a, err := mail.ParseAddress(field)
	if err != nil {
		return ""
	}
	return strings.ToLower(a.Address)
}

var messageID = regexp.MustCompile(`<[^<>\s]{1,250}>`)

// messageIDs are the ids in a field, of whatever else is in it.
func messageIDs(field string) []channel.ProviderID {
	var out []channel.ProviderID
	for _, id := range messageID.FindAllString(field, maxParts) {
		out = append(out, channel.ProviderID(id))
	}
	return out
}
