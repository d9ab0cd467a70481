package twilio

import (
	"encoding/json"
	"net/url"
	"os"
	"testing"
)

// TestSignatureVector holds the formula against Twilio's own library.
func TestSignatureVector(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Twilio struct {
			Token, URL, Value string
			Params            map[string]string
		}
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	v, posted := vectors.Twilio, url.Values{}
	for name, value := range v.Params {
		posted.Set(name, value)
	}
	if got := (Account{Token: v.Token}).Signature(v.URL, posted); got != v.Value {
		t.Errorf("got %s, want %s", got, v.Value)
	}
}
