package email

import (
	"fmt"
	"strings"
	"testing"
)

func TestUnquoted(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"Tea": "Tea",
		"Tea\n\nOn Mon, Nov 23, 2026 at 9:00 AM The Shop <shop@example.com> wrote:\n\n> Coffee?\n> Tea?": "Tea",
		"Tea\n\nOn Mon, Nov 23, 2026 at 9:00 AM The Shop <shop@example.com>\nwrote:\n> Coffee?":          "Tea",
		"Tee\nAm 23.11.26 um 09:00 schrieb Laden:\n> Kaffee?":                                            "Tee",
		"My points:\n> yours\n":      "My points:",
		"> Coffee?\nYes\n> Tea?\nNo": "> Coffee?\nYes\n> Tea?\nNo",
		"> Coffee?":                  "> Coffee?",
		"Tea\n\n-----Original Message-----\nFrom: Shop\nX": "Tea",
		"-----Original Message-----\nFrom: Shop\nX":        "-----Original Message-----\nFrom: Shop\nX",
		"": "",
	} {
		if got := unquoted(said); got != want {
			t.Errorf("%q: got %q, want %q", said, got, want)
		}
	}
}

func TestHTMLText(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]string{
		"<p>One</p><p>Two</p>":                              "One\n\nTwo",
		"One<br>Two<div>Three</div>Four":                    "One\nTwo\nThree\nFour",
		"a<b>b</b> c":                                       "ab c",
		"<table><tr><td>1</td><td>2</td></tr></table>":      "1 2",
		"<head><title>x</title><body>Words":                 "Words",
		"<style>p{}</style><script>x</script>&lt;b&gt;":     "<b>",
		`<a href="javascript:x">here</a>`:                   "here",
		`<a href="https://x.example/"><img alt="logo"></a>`: "logo (https://x.example/)",
		"</a></p></style>Still":                             "Still",
		"<p>un<p>closed <a href='https://x.example":         "un\n\nclosed",
	} {
		if got := htmlText([]byte(page)); got != want {
			t.Errorf("%q: got %q, want %q", page, got, want)
		}
	}
}

// TestLimits refuses letters that are made to keep us busy.
func TestLimits(t *testing.T) {
	t.Parallel()
	parts, nested := "--b\r\n\r\nx\r\n", ""
	for i := range maxNesting + 1 {
		nested += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	for name, letter := range map[string]string{
		"parts":   "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat(parts, maxParts) + "--b--\r\n",
		"nesting": nested + "\r\nx\r\n",
		"header":  strings.Repeat("X-Long: "+strings.Repeat("x", 900)+"\r\n", 300) + "\r\nx\r\n",
	} {
		if m, err := parse([]byte("From: a@b.example\r\n" + letter)); err == nil {
			t.Errorf("%s: got %q", name, m.words)
		}
	}
	m, err := parse([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat(parts, maxParts-1) + "--b--\r\n"))
	if err != nil || len(m.words) != 3*(maxParts-1)-2 {
		t.Errorf("%v, %v", m, err)
	}
}
