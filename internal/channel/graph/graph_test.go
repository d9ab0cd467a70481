package graph_test

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/parley-im/parley/internal/channel/graph"
)

// TestGenuine checks a signature that was made by other code, and what must
// not pass.
func TestGenuine(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/signature-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Meta struct {
			Secret string `json:"app_secret"`
			Body   string `json:"body"`
			Value  string `json:"value"`
		} `json:"meta"`
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	v := vectors.Meta
	for name, tt := range map[string]struct {
		account   graph.Account
		signature string
		want      bool
	}{
		"right":         {graph.Account{AppSecret: v.Secret}, v.Value, true},
		"not hex":       {graph.Account{AppSecret: v.Secret}, "sha256=x", false},
		"another hash":  {graph.Account{AppSecret: v.Secret}, "sha1=" + v.Value[7:], false},
		"cut":           {graph.Account{AppSecret: v.Secret}, v.Value[:len(v.Value)-2], false},
		"another key":   {graph.Account{AppSecret: "other"}, v.Value, false},
		"no key":        {graph.Account{}, v.Value, false},
		"not looked at": {graph.Account{Unsigned: true}, "", true},
	} {
		r := &http.Request{Header: http.Header{"X-Hub-Signature-256": {tt.signature}}}
		if got := tt.account.Genuine(r, []byte(v.Body)); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

func TestInstant(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Time{
		`1459991487`:         time.Unix(1459991487, 0),
		`"1459991487"`:       time.Unix(1459991487, 0),
		`1459991487970`:      time.UnixMilli(1459991487970),
		`0`:                  {},
		`-1`:                 {},
		`"soon"`:             {},
		`{}`:                 {},
		`999999999999999999`: {},
	} {
		var got graph.Instant
		if err := json.Unmarshal([]byte(in), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", in, got, err, want)
		}
	}
}
