package sms

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func readVectors(tb testing.TB, name string, into any) {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		tb.Fatal(err)
	}
}

func TestSegmentVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Text     string
			Encoding string
			Segments int
		}
	}
	readVectors(t, "sms-segment-vectors.json", &file)
	if len(file.Vectors) < 20 {
		t.Fatalf("%d vectors, want at least 20", len(file.Vectors))
	}
	names := map[string]encoding{"GSM-7": gsm7, "UCS-2": ucs2}
	for i, v := range file.Vectors {
		if got, want := encodingOf(v.Text), names[v.Encoding]; got != want {
			t.Errorf("vector %d %q: encoding %s, want %s", i, v.Text, got, want)
		}
		if got := countSegments(v.Text); got != v.Segments {
			t.Errorf("vector %d %q: %d segments, want %d", i, v.Text, got, v.Segments)
		}
	}
}

func TestGSM7RoundTrip(t *testing.T) {
	t.Parallel()
	all := strings.ReplaceAll(gsm7Basic, "\x1b", "") + "\f^{}\\[~]|€"
	septets, ok := encodeGSM7(all)
	if !ok {
		t.Fatal("the alphabet does not encode itself")
	}
	if got, want := len(septets), 127+10*2; got != want {
		t.Errorf("%d septets, want %d", got, want)
	}
	if got := decodeGSM7(septets); got != all {
		t.Errorf("decoded %q, want %q", got, all)
	}
	if _, ok := encodeGSM7("ï"); ok {
		t.Error("ï is not in GSM-7 but was encoded")
	}
}

func TestDecodeGSM7Escapes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   []byte
		want string
	}{
		{[]byte{0x1B, 0x65}, "€"},
		{[]byte{0x1B, 'A'}, "A"},
		{[]byte{'a', 0x1B}, "a "},
		{[]byte{0x1B, 0x1B, 'a'}, " a"},
	} {
		if got := decodeGSM7(tt.in); got != tt.want {
			t.Errorf("decodeGSM7(%x) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestPackGSM7(t *testing.T) {
	t.Parallel()
	// "hellohello" is the packing example of most SMS tutorials.
	packed := packGSM7([]byte("hellohello"), 0)
	want := []byte{0xE8, 0x32, 0x9B, 0xFD, 0x46, 0x97, 0xD9, 0xEC, 0x37}
	if diff := cmp.Diff(want, packed); diff != "" {
		t.Errorf("packed (-want +got):\n%s", diff)
	}
	for n := range 20 {
		for _, header := range []int{0, 6, 7} {
			in := strings.Repeat("x", n)
			fill := packingFill(header)
			if got := string(unpackGSM7(packGSM7([]byte(in), fill), fill)); got != in {
				t.Errorf("header %d, %d septets: got %q", header, n, got)
			}
		}
	}
}

func TestSplitKeepsCharactersWhole(t *testing.T) {
	t.Parallel()
	gsm := splitSegments(strings.Repeat("a", 152)+"€"+strings.Repeat("b", 20), gsm7, false)
	if len(gsm) != 2 || !strings.HasPrefix(gsm[1], "€") {
		t.Errorf("escape pair was split: %q", gsm)
	}
	wide := splitSegments(strings.Repeat("Ж", 65)+"😀"+strings.Repeat("Ж", 20), ucs2, true)
	if len(wide) != 2 || !strings.HasPrefix(wide[1], "😀") {
		t.Errorf("surrogate pair was split: %q", wide)
	}
}

func TestConcatenationHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []concatenation{
		{reference: 0xAB, total: 2, number: 1},
		{reference: 0xABCD, wide: true, total: 255, number: 255},
	} {
		got, header, rest, ok := parseHeader(append(c.header(), "text"...))
		if !ok || got != c || string(rest) != "text" || len(header) != len(c.header()) {
			t.Errorf("parseHeader = %+v %x %q %t, want %+v", got, header, rest, ok, c)
		}
	}
	for name, data := range map[string][]byte{
		"empty":           {},
		"longer than all": {200, 0, 3},
		"part of none":    {5, 0, 3, 1, 0, 0},
		"part past total": {5, 0, 3, 1, 2, 3},
		"ports only":      {6, 5, 4, 0, 1, 0, 2},
		"bad element":     {3, 0, 9, 1},
	} {
		if _, _, _, ok := parseHeader(data); ok {
			t.Errorf("%s: stated a concatenation", name)
		}
	}
}

func TestSimplifyTypography(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"“quoted” – it’s…": `"quoted" - it's...`,
		"tab\there":        "tab here",
		"“naïve”":          "“naïve”",
		"plain":            "plain",
	} {
		if got := simplifyTypography(in); got != want {
			t.Errorf("simplifyTypography(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzSplitSegments(f *testing.F) {
	f.Add("hello €", false)
	f.Add(strings.Repeat("😀", 60), true)
	f.Add(strings.Repeat("[", 300), false)
	f.Fuzz(func(t *testing.T, text string, wide bool) {
		e := encodingOf(text)
		single, part := e.limits(wide)
		segments := splitSegments(text, e, wide)
		if got := strings.Join(segments, ""); got != text {
			t.Fatalf("joined %q, want %q", got, text)
		}
		limit := part
		if len(segments) == 1 {
			limit = single
		}
		for _, s := range segments {
			n := 0
			for _, r := range s {
				n += e.units(r)
			}
			if n > limit {
				t.Fatalf("segment of %d units, limit %d", n, limit)
			}
			checkCoding(t, e, s)
		}
	})
}

// checkCoding checks that s survives its encoding.
func checkCoding(t *testing.T, e encoding, s string) {
	t.Helper()
	var back string
	if e == gsm7 {
		septets, ok := encodeGSM7(s)
		if !ok {
			t.Fatalf("%q does not encode", s)
		}
		back = decodeGSM7(septets)
	} else {
		back = decodeUCS2(encodeUCS2(s))
	}
	if utf8.ValidString(s) && back != s {
		t.Fatalf("decoded %q, want %q", back, s)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add([]byte{5, 0, 3, 1, 2, 1, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, header, rest, _ := parseHeader(data)
		if len(header)+len(rest) != len(data) {
			t.Fatalf("%d + %d octets of %d", len(header), len(rest), len(data))
		}
		decodeGSM7(rest)
		unpackGSM7(rest, packingFill(len(header)))
		decodeUCS2(rest)
	})
}
