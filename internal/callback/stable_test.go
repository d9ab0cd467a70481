package callback

import (
	"encoding/json"
	"testing"
)

// TestStable holds what callbacks are made of against what Node 22 answers to
// JSON.stringify(JSON.parse(…)).
func TestStable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":[1,-2,0,true,null,"x"],"b":{}}`:                ``,
		`"smörgås 👍"`:                                        ``,
		`"\"\\\b\f\n\r\t\u0000\u001f"`:                       ``,
		`"sm\u00f6rg\u00E5s \/ \ud83d\udc4d"`:                `"smörgås / 👍"`,
		`"\u2028 \u0022 \u005c \u000a \u007f"`:               "\"\u2028 \\\" \\\\ \\n \x7f\"",
		`"\u001F \ud800"`:                                    "\"\\u001f \uFFFD\"",
		`{"a\u0062":"\\u2028"}`:                              `{"ab":"\\u2028"}`,
		`[55.0,55.610477,-0,-0.0,1e3,1E+2,0.1]`:              `[55,55.610477,0,0,1000,100,0.1]`,
		`[1e21,1e20,1e-7,1.5e-6,123456789012345678]`:         `[1e+21,100000000000000000000,1e-7,0.0000015,123456789012345680]`,
		`{"token":5741311803571720069,"n":9007199254740993}`: `{"token":5741311803571720000,"n":9007199254740992}`,
		`[1e999,999999999999999,9999999999999999]`:           `[null,999999999999999,10000000000000000]`,
		"\"\xff\"": "\"\uFFFD\"",
	} {
		if want == "" {
			want = text
		}
		got := string(stable([]byte(text)))
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if again := string(stable([]byte(got))); again != got {
			t.Errorf("%s: got %s, and of that %s", text, got, again)
		}
	}
}

func FuzzStable(f *testing.F) {
	f.Add(`{"a":[-0,1.50,"\u00e5\n"],"b":1e-9}`)
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		once := stable([]byte(text))
		if !json.Valid(once) {
			t.Fatalf("%q became %q", text, once)
		}
		if twice := stable(once); string(twice) != string(once) {
			t.Fatalf("%q became %q, and that %q", text, once, twice)
		}
	})
}

func BenchmarkStable(b *testing.B) {
	text := []byte(`{"app_id":"01W4FFL35P4NC4K35CONVAPP01","accepted_time":"2024-06-06T14:42:42.721Z","message":{"id":"01","direction":"TO_APP","contact_message":{"text_message":{"text":"Hi"},"reply_to":null}}}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		stable(text)
	}
}
