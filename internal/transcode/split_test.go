package transcode_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/transcode"
)

const family = "👨‍👩‍👧‍👦" // 7 code points, 25 bytes, 11 UTF-16 units

func TestSplit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		limit      int
		unit       channel.Unit
		want       []string
	}{
		{"empty", "", 5, channel.Characters, nil},
		{"fits", "hello", 5, channel.Characters, []string{"hello"}},
		{"no limit", strings.Repeat("a ", 9), 0, channel.Bytes, []string{strings.Repeat("a ", 9)}},
		{"words", "one two three", 8, channel.Characters, []string{"one two", "three"}},
		{"a word ends at the limit", "one two three", 7, channel.Characters, []string{"one two", "three"}},
		{"lines first", "aaa bbb\nccc ddd", 11, channel.Characters, []string{"aaa bbb", "ccc ddd"}},
		{"not after a short line", "a\nbbb cccc dddd", 11, channel.Characters, []string{"a\nbbb cccc", "dddd"}},
		{"long word", "abcdefgh", 3, channel.Characters, []string{"abc", "def", "gh"}},
		{"long word after a short one", "a bcdefgh", 4, channel.Characters, []string{"a", "bcde", "fgh"}},
		{"spaces at the cut", "one     two", 5, channel.Characters, []string{"one", "two"}},
		{"white space alone", "      ", 4, channel.Characters, []string{"    "}},
		{"bytes", "äöü", 4, channel.Bytes, []string{"äö", "ü"}},
		{"surrogates", "😀😀😀", 3, channel.UTF16, []string{"😀", "😀", "😀"}},
		{"accents", "e\u0301e\u0301", 3, channel.Characters, []string{"e\u0301", "e\u0301"}},
		{"skin", "👋🏽👋🏽", 3, channel.Characters, []string{"👋🏽", "👋🏽"}},
		{"flags", "🇩🇪🇫🇷", 3, channel.Characters, []string{"🇩🇪", "🇫🇷"}},
		{"keycaps", "1️⃣2️⃣", 4, channel.Characters, []string{"1️⃣", "2️⃣"}},
		{"sequences", family + family, 10, channel.Characters, []string{family, family}},
		{"a sequence over the limit", family, 4, channel.Characters, []string{"👨‍👩‍", "👧‍👦"}},
		{"a code point over the limit", "😀a", 1, channel.UTF16, []string{"😀", "a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, transcode.Split(tt.text, tt.limit, tt.unit)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTruncate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text  string
		limit int
		unit  channel.Unit
		want  string
	}{
		{"short", 20, channel.Characters, "short"},
		{"short", 0, channel.Characters, "short"},
		{"exactly", 7, channel.Characters, "exactly"},
		{"too long", 7, channel.Characters, "too lo…"},
		{"too long", 5, channel.Characters, "too…"},
		{"too long", 7, channel.Bytes, "too…"},
		{"😀😀😀", 4, channel.UTF16, "😀…"},
		{"😀😀", 2, channel.UTF16, "…"},
		{"long", 1, channel.Characters, "l"},
		{"long", 2, channel.Bytes, "lo"},
	}
	for _, tt := range tests {
		if got := transcode.Truncate(tt.text, tt.limit, tt.unit); got != tt.want {
			t.Errorf("Truncate(%q, %d, %v) = %q, want %q", tt.text, tt.limit, tt.unit, got, tt.want)
		}
	}
}

func TestLength(t *testing.T) {
	t.Parallel()
	want := map[channel.Unit]int{channel.Characters: 7, channel.Bytes: 25, channel.UTF16: 11}
	for unit, n := range want {
		if got := transcode.Length(family, unit); got != n {
			t.Errorf("got length %d in unit %v, want %d", got, unit, n)
		}
	}
}

// FuzzSplit checks that pieces keep the limit, are valid, and together say
// everything but white space.
func FuzzSplit(f *testing.F) {
	f.Add("one two three", 4, 0)
	f.Add(family+"\n"+family, 3, 2)
	f.Add("a\u0301\u0302\u0303 \r\n b", 2, 1)
	f.Fuzz(func(t *testing.T, text string, limit, unit int) {
		text = strings.ToValidUTF8(text, "")
		u := []channel.Unit{channel.Characters, channel.Bytes, channel.UTF16}[uint(unit)%3]
		limit = max(limit%5000, 4) // no code point is longer than 4 in any unit
		pieces := transcode.Split(text, limit, u)
		for _, piece := range pieces {
			if n := transcode.Length(piece, u); n > limit || n == 0 || !utf8.ValidString(piece) {
				t.Errorf("piece %q of %d units, limit %d", piece, n, limit)
			}
		}
		if got, want := dense(pieces...), dense(text); got != want {
			t.Errorf("got the words %q, want %q", got, want)
		}
		short := transcode.Truncate(text, limit, u)
		if n := transcode.Length(short, u); n > limit || !utf8.ValidString(short) {
			t.Errorf("truncated to %q, %d units, limit %d", short, n, limit)
		}
		if !slices.Equal(pieces, transcode.Split(text, limit, u)) {
			t.Error("the second time is different")
		}
	})
}

// dense is text without white space.
func dense(text ...string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, strings.Join(text, ""))
}
