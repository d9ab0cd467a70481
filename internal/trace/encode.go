package trace

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/egress"
)

// maxText bounds a body, payload or error that is shown, in bytes.
const maxText = 4 << 10

// An object is a JSON object being written. Notes are encoded by hand because
// there are many for each message, and reflection would cost more than all the
// rest of them.
type object struct {
	b       []byte
	empty   bool
	secrets *Secrets
	clock   *clock
}

// A clock writes times. Most are of the same second as the one before.
type clock struct {
	second int64
	text   []byte // up to the second
}

func (c *clock) appendTo(b []byte, t time.Time) []byte {
	if s := t.Unix(); s != c.second || c.text == nil {
		c.second, c.text = s, t.UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05.")
	}
	b = append(b, c.text...)
	for micros, div := t.Nanosecond()/1000, 100_000; div > 0; div /= 10 {
		b = append(b, byte('0'+micros/div%10))
	}
	return append(b, 'Z')
}

func (o *object) name(n string) {
	if !o.empty {
		o.b = append(o.b, ',')
	}
	o.empty = false
	o.b = append(o.b, '"')
	o.b = append(o.b, n...)
	o.b = append(o.b, '"', ':')
}

func (o *object) open(n string) {
	o.name(n)
	o.begin()
}

func (o *object) begin() {
	o.b = append(o.b, '{')
	o.empty = true
}

func (o *object) close() {
	o.b = append(o.b, '}')
	o.empty = false
}

// word writes a member of our own making, unless it is empty.
func (o *object) word(n, v string) {
	if v != "" {
		o.name(n)
		o.b = appendString(o.b, v)
	}
}

// text writes a member that came from outside, without secrets, unless it is
// empty.
func (o *object) text(n, v string) {
	if v == "" {
		return
	}
	v, cut := bounded(o.secrets.hide(v))
	o.word(n, v)
	if cut {
		o.flag(n + "_truncated")
	}
}

func (o *object) number(n string, v int64) {
	if v != 0 {
		o.name(n)
		o.b = strconv.AppendInt(o.b, v, 10)
	}
}

func (o *object) flag(n string) {
	o.name(n)
	o.b = append(o.b, "true"...)
}

func (o *object) time(n string, t time.Time) {
	if t.IsZero() {
		return
	}
	o.name(n)
	o.b = append(o.clock.appendTo(append(o.b, '"'), t), '"')
}

// millis writes a duration in milliseconds.
func (o *object) millis(n string, d time.Duration) {
	if d > 0 {
		o.name(n)
		o.b = strconv.AppendFloat(o.b, float64(d.Microseconds())/1000, 'f', -1, 64)
	}
}

func (o *object) reason(r *parley.Reason) {
	if r == nil {
		return
	}
	o.open("reason")
	o.word("code", string(r.Code))
	o.text("description", r.Description)
	o.text("channel_code", r.ChannelCode)
	o.close()
}

// appendTo writes the step as a JSON object.
func (s *Step) appendTo(b []byte, c *clock) []byte {
	o := &object{b: b, secrets: s.Secrets, clock: c}
	o.begin()
	o.time("time", s.At)
	o.word("step", string(s.Kind))
	o.word("channel", string(s.Channel))
	o.text("identity", s.Identity)
	if s.Parts > 1 {
		o.number("part", int64(s.Part))
		o.number("parts", int64(s.Parts))
	}
	o.number("attempt", int64(s.Attempt))
	o.word("outcome", s.Outcome)
	o.word("status", string(s.Status))
	o.reason(s.Reason)
	o.text("provider_id", s.Provider)
	o.text("contact_id", s.Contact)
	o.text("conversation_id", s.Conversation)
	o.text("detail", s.Detail)
	o.millis("took_ms", s.Took)
	o.time("until", s.Until)
	o.number("callbacks", int64(s.Callbacks))
	o.word("trigger", string(s.Trigger))
	o.word("webhook_id", s.WebhookID)
	o.word("target", s.Target)
	o.number("http_status", int64(s.Answer))
	o.body("answer", nil, s.Body, int64(len(s.Body)))
	o.leftOut(s.LeftOut)
	o.payloads(s.Payloads)
	o.exchanges(s.Exchanges)
	o.close()
	return o.b
}

func (o *object) leftOut(list []LeftOut) {
	if len(list) == 0 {
		return
	}
	o.name("left_out")
	o.b = append(o.b, '[')
	for i := range list {
		o.item(i)
		o.word("channel", string(list[i].Channel))
		o.text("identity", list[i].Identity)
		o.word("why", list[i].Why)
		o.close()
	}
	o.b = append(o.b, ']')
}

// item begins the object number i of a list.
func (o *object) item(i int) {
	if i > 0 {
		o.b = append(o.b, ',')
	}
	o.begin()
}

func (o *object) payloads(list [][]byte) {
	if len(list) == 0 {
		return
	}
	o.name("payloads")
	o.b = append(o.b, '[')
	for i, p := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		text, _ := bounded(o.secrets.hide(hideMembers(string(p))))
		o.b = appendString(o.b, text)
	}
	o.b = append(o.b, ']')
}

func (o *object) exchanges(list []egress.Exchange) {
	if len(list) == 0 {
		return
	}
	o.name("exchanges")
	o.b = append(o.b, '[')
	for i := range list {
		x := &list[i]
		o.item(i)
		o.time("time", x.Start)
		o.word("method", x.Method)
		o.text("url", x.URL)
		o.number("status", int64(x.Status))
		o.millis("took_ms", x.Took)
		o.text("error", x.Error)
		o.open("request")
		o.headers(x.Request.Header)
		o.body("body", x.Request.Header, x.Request.Body, x.Request.Size)
		o.close()
		if x.Status != 0 {
			o.open("response")
			o.headers(x.Response.Header)
			o.body("body", x.Response.Header, x.Response.Body, x.Response.Size)
			o.close()
		}
		o.close()
	}
	o.b = append(o.b, ']')
}

// isShown reports whether the value of a header is shown. Of all others only
// the name is: there is no telling where a provider wants its key.
func isShown(header string) bool {
	switch header {
	case "Content-Type", "Content-Length", "Retry-After", "Date", "User-Agent", "Accept", "Server",
		"X-Request-Id", "X-Fb-Trace-Id", "X-Line-Request-Id":
		return true
	}
	return false
}

func (o *object) headers(h http.Header) {
	if len(h) == 0 {
		return
	}
	o.open("headers")
	var few [16]string // so that nothing is allocated
	names := few[:0]
	for n, values := range h {
		if len(values) > 0 {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		if !o.empty {
			o.b = append(o.b, ',')
		}
		o.empty = false
		if !isShown(n) {
			o.b = append(appendString(o.b, o.secrets.hide(n)), `:"`+hidden+`"`...)
			continue
		}
		text, _ := bounded(o.secrets.hide(strings.Join(h[n], ", ")))
		o.b = appendString(append(appendString(o.b, n), ':'), text)
	}
	o.close()
}

// body writes the beginning of a body of so many bytes.
func (o *object) body(n string, h http.Header, raw []byte, size int64) {
	if size == 0 {
		return
	}
	whole := int64(len(raw)) == size
	text := string(raw)
	if !whole {
		text = strings.ToValidUTF8(text, "") // it may end within a character
	}
	if len(raw) == 0 || !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		o.number(n+"_bytes", size)
		return
	}
	if strings.HasPrefix(h.Get("Content-Type"), "application/x-www-form-urlencoded") {
		text = hideForm(text)
	} else {
		text = hideMembers(text)
	}
	text = o.secrets.hide(text)
	if !whole && o.secrets != nil {
		// What the end of it is the beginning of cannot be told.
		text = text[:max(len(text)-o.secrets.longest, 0)]
	}
	text, cut := bounded(text)
	o.word(n, strings.ToValidUTF8(text, ""))
	if cut || !whole {
		o.number(n+"_bytes", size)
	}
}

// bounded cuts a text at maxText and reports whether it did.
func bounded(s string) (string, bool) {
	if len(s) <= maxText {
		return s, false
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], true
}

const hexDigits = "0123456789abcdef"

// appendString writes s as a JSON string. What is no UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
