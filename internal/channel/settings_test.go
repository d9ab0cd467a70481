package channel_test

import (
	"encoding/json"
	"testing"

	"github.com/parley-im/parley/internal/channel"
)

// common is what several providers' settings have.
type common struct {
	Secret string `json:"secret"`
	Verify *bool  `json:"verify"`
}

func TestDecodeSettings(t *testing.T) {
	t.Parallel()
	type settings struct {
		common
		Codes map[string]string `json:"codes"`
		Port  int               `json:"port"`
	}
	for raw, want := range map[string]string{
		``:                                  "",
		` null `:                            "",
		`{}`:                                "",
		`{"port":7,"secret":"s"}`:           "",
		`{"ports":7}`:                       "provider_settings.ports: is not a setting of provider x, which has codes, port, secret, verify",
		`{"Port":7}`:                        "provider_settings.Port: is not a setting of provider x, which has codes, port, secret, verify",
		`{"port":"7"}`:                      "provider_settings.port: must not be a JSON string",
		`{"verify":1}`:                      "provider_settings.verify: must not be a JSON number",
		`{"codes":{"a":1}}`:                 "provider_settings.codes: must not be a JSON number",
		`[]`:                                "provider_settings: must be a JSON object",
		`{"port":7}{"port":8}`:              "provider_settings: must be a JSON object",
		`{"port":99999999999999999999}`:     "provider_settings.port: must not be a JSON number 99999999999999999999",
		`{"codes":{"a":"b"},"verify":null}`: "",
	} {
		s := settings{Port: 1}
		got := ""
		if err := channel.DecodeSettings(json.RawMessage(raw), "provider x", &s); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
	const want = "provider_settings.a: is not a setting of provider x, which has none"
	if err := channel.DecodeSettings(json.RawMessage(`{"a":1}`), "provider x", new(struct{})); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
