package api

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

// A published is a request body of the published API: which operation it is
// for and where what it says can be read.
type published struct {
	files string // a pattern of file names
	op    string // method and path; {app} and the like are ids
	in    string // what the body is put into, at %s

	first string // a path to post to before
	fresh bool   // needs a server without what the others left

	// back is where what was sent is read back: "" is the answer itself,
	// nowhere is nowhere. Compared is the member called sent, which is called
	// got there, or the whole body.
	back, sent, got string
}

const (
	toSend   = "POST P/messages:send"
	sentBack = "P/messages/{id}"
	toInject = "POST P/conversations/{conversation}:inject-message"
	injected = "P/messages?end_time={now}&conversation_id={conversation}"
	nowhere  = "nowhere"

	inSend    = `{"app_id":"{app}","recipient":{"contact_id":"{contact}"},"message":%s}`
	inOmni    = `{"app_id":"{app}","recipient":{"contact_id":"{contact}"},"message":{"explicit_channel_omni_message":{"SMS":%s}}}`
	inAgent   = `{"app_id":"{app}","recipient":{"contact_id":"{contact}"},"message":{"text_message":{"text":"x"},"agent":%s}}`
	inChoice  = `{"app_id":"{app}","recipient":{"contact_id":"{contact}"},"message":{"choice_message":{"choices":[%s]}}}`
	inContact = `{"direction":"TO_APP","accept_time":"{time}","contact_id":"{contact}",
		"channel_identity":{"channel":"SMS","identity":"15551230001"},"contact_message":%s}`
	inApp      = `{"display_name":"x","channel_credentials":[%s]}`
	inTemplate = `{"default_translation":"fr-FR","translations":[%s]}`
)

// publishedRequests is every request body there is.
func publishedRequests() []published {
	message := func(files, in string) published {
		return published{files: files, op: toSend, in: in, back: sentBack, sent: "message", got: "app_message"}
	}
	contact := func(files, in string) published {
		return published{files: files, op: toInject, in: in, back: injected, sent: "contact_message", got: "contact_message"}
	}
	whole := func(files, op, back string) published { return published{files: files, op: op, back: back} }
	return []published{
		whole(`v1/apps/App.*Request`, "POST P/apps", "P/apps/{id}"),
		whole(`v1/apps/App.*Request`, "PATCH P/apps/{other_app}", "P/apps/{other_app}"),
		{files: `v1/credentials/.*Request`, op: "POST P/apps", in: inApp, back: "P/apps/{id}", sent: "channel_credentials", got: "channel_credentials"},
		whole(`v1/eventdestinations/request/`, "POST P/webhooks", "P/webhooks/{id}"),
		whole(`v1/contacts/Contact(Create|Update)`, "POST P/contacts", "P/contacts/{id}"),
		whole(`v1/contacts/Contact(Create|Update)`, "PATCH P/contacts/{other_contact}", "P/contacts/{other_contact}"),
		{files: `v1/conversations/request/Create`, op: "POST P/conversations", first: "P/conversations/{conversation}:stop", back: "P/conversations/{id}"},
		whole(`v1/conversations/ConversationRequest`, "PATCH P/conversations/{conversation}", "P/conversations/{conversation}"),
		{files: `v1/conversations/request/InjectApp`, op: toInject, back: injected, sent: "app_message", got: "app_message"},
		contact(`v1/conversations/request/InjectContact`, ""),
		{
			files: `v1/conversations/request/InjectEvent`, op: "POST P/conversations/{conversation}:inject-event",
			back: "P/events/{id}", sent: "app_event", got: "app_event",
		},
		{files: `v1/events/request/`, op: "POST P/events:send", back: "P/events/{id}", sent: "event", got: "app_event"},
		whole(`v1/capability/request/`, "POST P/capability:query", ""),
		whole(`v1/contacts/ContactMerge`, "POST P/contacts/{contact}:merge", nowhere),
		whole(`v1/contacts/ContactGetChannelProfile`, "POST P/contacts:getChannelProfile", nowhere),
		{files: `v1/projectsettings/request/`, op: "POST P/settings", fresh: true, sent: "contact_settings", got: "settings.contact_settings"},
		message(`v1/messages/request/Send`, ""),
		whole(`v1/messages/request/ListLast`, "POST P/messages:fetch-last-message", nowhere),
		whole(`v1/messages/request/MessageUpdate`, "PATCH P/messages/{message}", "P/messages/{message}"),
		message(`v1/messages/AppMessage`, inSend),
		message(`v1/messages/OmniMessageOverride|v1/TemplateReferenceFieldWithVersion`, inOmni),
		message(`v1/AgentDto`, inAgent),
		message(`types/(text|media|card|carousel|choice|location|list|template|contactinfo)/\w+Message(Choice|Product|With)?\w*Dto`, inSend),
		message(`types/(url|call|calendar|sharelocation)/\w*MessageDto`, inChoice),
		contact(`v1/messages/ContactMessage`, inContact),
		contact(`types/(choiceresponse|mediacard|fallback|productresponse)/\w*MessageDto`, inContact),
		whole(`v1/transcoding/request/`, "POST P/messages:transcode", nowhere),
		whole(`templates/v2/request/TemplateV2`, "POST /v2/projects/project-1/templates", "/v2/projects/project-1/templates/{id}"),
		{
			files: `templates/v2/request/TemplateTranslation`, op: "POST /v2/projects/project-1/templates", in: inTemplate,
			back: "/v2/projects/project-1/templates/{id}",
		},
	}
}

// realistic replaces the placeholders of the published bodies by what the server
// accepts. These are ids and times, and what its own documentation refuses.
func realistic(member string, v any, ids map[string]string) any {
	s, isString := v.(string)
	switch member {
	case "app_id", "contact_id", "conversation_id", "message_id":
		if id, ok := ids[strings.TrimSuffix(member, "_id")]; ok && s != "" {
			return id
		}
	case "template_id":
		return "another-template"
	case "id": // of a template; other ids are ignored
		return "a-template"
	case "language_code":
		if s == "another language" {
			return "de-DE"
		}
	case "accept_time":
		return ids["time"]
	case "url", "thumbnail_url", "callback_url":
		if isString && !strings.HasPrefix(s, "https://") {
			return "https://a.example/a"
		}
	case "identity": // phone numbers are shown without +
		return strings.TrimPrefix(s, "+")
	case "ttl": // at least 3 seconds
		return "3s"
	case "conversation_metadata": // an object
		return map[string]any{"a": "b"}
	case "processing_strategy": // DISPATCH_ONLY takes no contact_id
		return "DEFAULT"
	case "channel_priority_order": // channels of the app
		return []any{"SMS"}
	case "page_token":
		return ""
	case "source_id":
		return ids["other_contact"]
	case "channels":
		return []any{"SMS"}
	case "carousel_message": // at most 3 choices below the cards
		if m, ok := v.(map[string]any); ok {
			if choices, ok := m["choices"].([]any); ok {
				m["choices"] = choices[:min(len(choices), 3)]
			}
		}
	}
	return v
}

// TestPublishedRequests sends every request body of the published API and
// reads it back: what it says must be there, equal.
func TestPublishedRequests(t *testing.T) {
	t.Parallel()
	dir := os.DirFS(publishedDir(t))
	h := newHarness(t)
	h.call("POST", "/v2/projects/project-1/templates", `{"id":"another-template","default_translation":"de-DE","translations":[
		{"language_code":"de-DE","version":"another version","text_message":{"text":"x"}}]}`).into(t, new(any))
	rows := publishedRequests()
	used := make([]bool, len(rows))
	check(t, fs.WalkDir(dir, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := fs.ReadFile(dir, file)
		check(t, err)
		found := false
		for i, row := range rows {
			if regexp.MustCompile(row.files).MatchString(file) {
				found, used[i] = true, true
				h := h
				if row.fresh {
					h = newHarness(t)
				}
				row.try(t, h, file, string(raw))
			}
		}
		if !found && strings.Contains(file, "equest") && !strings.Contains(file, "ConversationMessage") {
			t.Errorf("%s: no operation for it", file)
		}
		return nil
	}))
	for i, row := range rows {
		if !used[i] {
			t.Errorf("no fixture matches %s", row.files)
		}
	}
}

// publishedDir is the directory with bodies of the published API. They are not
// part of the repository.
func publishedDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PARLEY_FIXTURES")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "fixtures")
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("PARLEY_FIXTURES: %v", err)
		}
		t.Skip("set PARLEY_FIXTURES to the directory of the API's JSON bodies")
	}
	return dir
}

// try sends one body and compares it with what is read back.
func (p *published) try(t *testing.T, h *harness, file, raw string) {
	t.Helper()
	ids := h.world(t)
	if strings.HasSuffix(p.op, ":getChannelProfile") {
		raw = strings.ReplaceAll(raw, "MESSENGER", "TELEGRAM") // a channel there is
	}
	if p.in != "" {
		raw = strings.Replace(p.in, "%s", raw, 1)
	}
	body := replaced("", decoded(t, raw), ids)
	if p.first != "" {
		h.call("POST", filled(p.first, ids), "{}").into(t, new(any))
	}
	method, path, _ := strings.Cut(p.op, " ")
	a := h.call(method, filled(path, ids), encoded(t, body))
	if ids["id"] = idOf(t, a.body); a.status == 200 && p.back != "" && p.back != nowhere {
		a = h.call("GET", filled(p.back, ids), "")
	}
	got, ok := decoded(t, a.body).(map[string]any)
	if a.status != 200 || !ok {
		t.Errorf("%s: %s: status %d: %s", file, p.op, a.status, a.body)
		return
	}
	if messages, list := got["messages"].([]any); list && len(messages) > 0 {
		got, _ = messages[0].(map[string]any)
	}
	if outer, inner, nested := strings.Cut(p.got, "."); nested {
		got, _ = got[outer].(map[string]any)
		p.got = inner
	}
	want, _ := body.(map[string]any)
	if m, ok := want["contact_message"].(map[string]any); ok && m["reply_to"] == nil {
		m["reply_to"] = nil // always shown
	}
	switch {
	case p.back == nowhere:
	case p.sent == "channel_credentials": // with read-only members
		said(t, file, want[p.sent], got[p.got])
	case p.sent != "":
		if diff := cmp.Diff(want[p.sent], got[p.got]); diff != "" {
			t.Errorf("%s (-sent +read back):\n%s", file, diff)
		}
	default:
		said(t, file, want, got)
	}
}

// world makes an app with everything below it and returns their ids.
func (h *harness) world(t testing.TB) map[string]string {
	t.Helper()
	const contact = `{"language":"EN_US","channel_identities":[{"channel":"TELEGRAM","identity":"42"}]}`
	ids := map[string]string{"app": h.app(t, conversationApp), "other_app": h.app(t, dispatchApp)}
	made := func(path, body string) string {
		a := h.call("POST", path, filled(body, ids))
		if a.status != 200 {
			t.Fatalf("%s: %s", path, a.body)
		}
		return idOf(t, a.body)
	}
	ids["contact"], ids["other_contact"] = made("P/contacts", contact), made("P/contacts", contact)
	ids["message"] = made("P/messages:send", strings.Replace(inSend, "%s", `{"text_message":{"text":"x"}}`, 1))
	var m parley.Message
	h.call("GET", "P/messages/"+ids["message"], "").into(t, &m)
	ids["conversation"] = m.ConversationID
	ids["now"] = h.clock.now().Format(time.RFC3339Nano)
	ids["time"] = h.clock.now().Add(-time.Minute).Format(time.RFC3339)
	return ids
}

func filled(s string, ids map[string]string) string {
	for name, id := range ids {
		s = strings.ReplaceAll(s, "{"+name+"}", id)
	}
	return s
}

// replaced returns v with real values for placeholders.
func replaced(member string, v any, ids map[string]string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, m := range v {
			out[name] = replaced(name, realistic(name, m, ids), ids)
		}
		if c, ok := v["channel"].(string); ok && v["identity"] != nil && v["app_id"] != nil && !parley.Channel(c).AppScoped() {
			out["app_id"] = "" // these belong to no app
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = replaced(member, v[i], ids)
		}
		return out
	case string:
		return filled(v, ids)
	}
	return v
}

// said checks that every member of want is in got, equal; got may have more
// that the server adds.
func said(t *testing.T, at string, want, got any) {
	t.Helper()
	w, isObject := want.(map[string]any)
	g, both := got.(map[string]any)
	if isObject && both {
		for name := range w {
			if name != "id" {
				said(t, at+" "+name, w[name], g[name])
			}
		}
		return
	}
	wl, isList := want.([]any)
	gl, both := got.([]any)
	if strings.HasSuffix(at, " translations") && len(wl) < len(gl) {
		gl = gl[:len(wl)] // copies of version "latest" follow
	}
	if isList && both && len(wl) == len(gl) {
		for i := range wl {
			said(t, at, wl[i], gl[i])
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-sent +read back):\n%s", at, diff)
	}
}

// decoded and encoded keep the digits of numbers.
func decoded(t *testing.T, raw string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	var v any
	check(t, d.Decode(&v))
	return v
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	raw, err := parley.Marshal(v)
	check(t, err)
	return string(raw)
}
