package channeltest

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

// secrets lists the values of a credential whose names say that they are
// secret, wherever they are.
func secrets(t testing.TB, c *parley.ChannelCredential) []string {
	t.Helper()
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var out []string
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for n, member := range v {
				walk(n, member)
			}
		case []any:
			for _, member := range v {
				walk(name, member)
			}
		case string:
			if v != "" && secretName(name) {
				if len(v) < 6 {
					t.Errorf("the credential's %s is too short to be searched for", name)
				}
				out = append(out, v)
			}
		}
	}
	walk("", doc)
	return append(out, connSecret)
}

func secretName(name string) bool {
	for _, word := range []string{"token", "secret", "key", "password"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// noSecret fails the test where text holds a secret, as it is or as part of an
// address.
func (s *Suite) noSecret(t *testing.T, what, text string) {
	t.Helper()
	for _, secret := range s.Secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			if strings.Contains(text, form) {
				t.Errorf("%s: holds the secret %q", what, secret)
				break
			}
		}
	}
}
