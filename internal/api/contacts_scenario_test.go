package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

const nobody = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// identities is JSON of channel identities, written CHANNEL, identity.
func identities(pairs ...string) string {
	s := ""
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			s += ","
		}
		s += `{"channel":"` + pairs[i] + `","identity":"` + pairs[i+1] + `","app_id":""}`
	}
	return "[" + s + "]"
}

// subscribed makes an app whose webhook hears of everything about contacts.
func subscribed(app string) []step {
	return []step{
		{method: "POST", path: "P/apps", body: app, save: "app"},
		{method: "POST", path: "P/webhooks", body: `{"app_id":"{app}","target":"https://x.example/a","triggers":["CONTACT_CREATE",
			"CONTACT_UPDATE","CONTACT_DELETE","CONTACT_MERGE","CONTACT_IDENTITIES_DUPLICATION"]}`},
	}
}

func TestMergeContact(t *testing.T) {
	t.Parallel()
	contact := func(id, identities, priority, name, email, language string) string {
		return fmt.Sprintf(`{"id":%q,"channel_identities":%s,"channel_priority":%s,"display_name":%q,"email":%q,
			"external_id":"","metadata":"","language":%q}`, id, identities, priority, name, email, language)
	}
	h := newHarness(t)
	h.run(t, append(subscribed(conversationApp), []step{
		{
			method: "POST", path: "P/contacts", save: "to", jobs: "callback:1",
			body: `{"channel_identities":` + identities("WHATSAPP", "15551230001", "MMS", "15551230001") + `,
				"channel_priority":["MMS","WHATSAPP"],"email":"kept@x.example"}`,
		},
		{
			method: "POST", path: "P/contacts", save: "from", jobs: "callback:1",
			body: `{"channel_identities":` + identities("SMS", "15551230002", "MMS", "15551230002") + `,
				"channel_priority":["SMS"],"display_name":"Ann","email":"lost@x.example","language":"EN_US"}`,
		},
		// What is refused changes nothing.
		{method: "POST", path: "P/contacts/{to}:merge", body: `{}`, status: 400},
		{method: "POST", path: "P/contacts/{to}:merge", body: `{"source_id":"x"}`, status: 400},
		{method: "POST", path: "P/contacts/{to}:merge", body: `{"source_id":"{to}"}`, status: 400},
		{method: "POST", path: "P/contacts/{to}:merge", body: `{"source_id":"{from}","strategy":"MIX"}`, status: 400},
		{method: "POST", path: "P/contacts/{to}:merge", body: `{"source_id":"` + nobody + `"}`, status: 404},
		{method: "POST", path: "P/contacts/" + nobody + ":merge", body: `{"source_id":"{from}"}`, status: 404},
		{method: "POST", path: "P/contacts/x:merge", body: `{"source_id":"{from}"}`, status: 404},
		{method: "GET", path: "P/contacts/{from}", want: contact("{from}", identities("SMS", "15551230002", "MMS", "15551230002"),
			`["SMS"]`, "Ann", "lost@x.example", "EN_US")},
		{
			method: "POST", path: "P/contacts/{to}:merge", body: `{"source_id":"{from}","strategy":"MERGE"}`, jobs: "callback:1",
			want: contact("{to}", identities("WHATSAPP", "15551230001", "MMS", "15551230001", "SMS", "15551230002"),
				`["MMS","WHATSAPP","SMS"]`, "Ann", "kept@x.example", "EN_US"),
		},
		{method: "GET", path: "P/contacts/{from}", status: 404},
		{method: "POST", path: "P/contacts/{to}:merge", body: `{"source_id":"{from}"}`, status: 404},
		{method: "GET", path: "P/contacts?channel=MMS&identity=15551230002", want: `{"contacts":[],"next_page_token":""}`},
	}...))
	h.call("POST", "P/contacts/"+nobody+":merge", `{"source_id":"`+nobody+`"}`).fails(t, 400, "INVALID_ARGUMENT", "source_id")
	h.call("POST", "P/contacts/"+nobody+":merge", `{"source_id":"`+parley.FirstID(h.clock.now())+`","strategy":"MIX"}`).
		fails(t, 400, "INVALID_ARGUMENT", "strategy")
}

// TestDuplication: a message that finds a shared identity says so, and one
// that names identities nobody has makes them its contact's.
func TestDuplication(t *testing.T) {
	t.Parallel()
	create := step{
		method: "POST", path: "P/contacts", save: "contact", jobs: "callback:1",
		body: `{"channel_identities":` + identities("SMS", "15551230001") + `}`,
	}
	h := newHarness(t)
	steps := subscribed(conversationApp)
	h.run(t, append(steps, create, create))
	var apps struct{ Apps []parley.App }
	h.call("GET", "P/apps", "").into(t, &apps)
	app := apps.Apps[0].ID
	both := `{"app_id":"` + app + `","recipient":{"identified_by":{"channel_identities":` +
		identities("SMS", "15551230002", "TELEGRAM", "42") + `}},"message":{"text_message":{"text":"x"}}}`
	h.run(t, []step{
		{method: "POST", path: "P/messages:send", body: text(app, "15551230001", "x"), jobs: "callback:1,send:1"},
		{method: "POST", path: "P/messages:send", body: text(app, "15551230001", "x"), jobs: "callback:1,send:1"},
		{method: "POST", path: "P/messages:send", body: text(app, "15551230002", "x"), jobs: "callback:1,send:1"}, // created
		{method: "POST", path: "P/messages:send", body: both, jobs: "callback:1,send:1"},                          // updated
		{method: "POST", path: "P/messages:send", body: both, jobs: "send:1"},
	})
	var list contactList
	h.call("GET", "P/contacts?channel=TELEGRAM&identity=42", "").into(t, &list)
	if len(list.Contacts) != 1 || len(list.Contacts[0].ChannelIdentities) != 2 {
		t.Errorf("contacts with the new identity: %+v", list.Contacts)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	settings := func(on bool) string {
		return fmt.Sprintf(`{"project_id":%q,"settings":{"contact_settings":{"unified_contact_id_enabled":%v}}}`, testProject, on)
	}
	const on, off = `{"contact_settings":{"unified_contact_id_enabled":true}}`, `{"contact_settings":{"unified_contact_id_enabled":false}}`
	h := newHarness(t)
	h.run(t, []step{
		{method: "GET", path: "P/settings", status: 404},
		{method: "PATCH", path: "P/settings", body: on, status: 404},
		{method: "DELETE", path: "P/settings", status: 404},
		{method: "POST", path: "P/settings", body: off, want: settings(false)},
		{method: "POST", path: "P/settings", body: on, status: 409},
		{method: "GET", path: "P/settings", want: settings(false)},
		{method: "PATCH", path: "P/settings", body: on, want: settings(true)},
		{method: "PATCH", path: "P/settings", body: `{}`, want: settings(true)},
		{method: "PATCH", path: "P/settings", body: `{"contact_settings":{}}`, want: settings(true)},
		{method: "PATCH", path: "P/settings?update_mask=contact_settings.unified_contact_id_enabled", body: `{}`, want: settings(false)},
		{method: "PATCH", path: "P/settings?update_mask=contact_settings", body: on, want: settings(true)},
		{method: "DELETE", path: "P/settings", want: `{}`},
		{method: "GET", path: "P/settings", status: 404},
		{method: "POST", path: "P/settings", body: `{}`, want: settings(false)},
		// Contacts that share a number stand in the way.
		{method: "POST", path: "P/contacts", body: `{"channel_identities":` + identities("SMS", "15551230001") + `}`, save: "one"},
		{method: "POST", path: "P/contacts", body: `{"channel_identities":` + identities("RCS", "15551230001") + `}`, save: "two"},
		{
			method: "GET", path: "P/contacts:identityConflicts",
			want: `{"conflicts":[{"identity":"15551230001","channels":["RCS","SMS"],"contact_ids":["{one}","{two}"]}],"next_page_token":""}`,
		},
		{method: "PATCH", path: "P/settings", body: on, status: 400},
		{method: "GET", path: "P/settings", want: settings(false)},
		{method: "POST", path: "P/contacts/{one}:merge", body: `{"source_id":"{two}"}`},
		{method: "GET", path: "P/contacts:identityConflicts", want: `{"conflicts":[],"next_page_token":""}`},
		{method: "PATCH", path: "P/settings", body: on, want: settings(true)},
	})
	h.call("PATCH", "P/settings?update_mask=project_id", `{}`).fails(t, 400, "INVALID_ARGUMENT", "update_mask")
	h.call("PATCH", "P/settings", `{"contact_settings":{"unified_contact_id_enabled":"x"}}`).
		fails(t, 400, "INVALID_ARGUMENT", "contact_settings.unified_contact_id_enabled")
}

func TestUnifiedContacts(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	contact := func(identities string) string {
		return `{"id":"{contact}","channel_identities":` + identities + `,"channel_priority":[],"display_name":"Unknown","email":"",
			"external_id":"","metadata":"","language":"UNSPECIFIED"}`
	}
	const n, m = "15551230001", "15551230002"
	all := identities("SMS", n, "TELEGRAM", "42", "MMS", n, "RCS", n)
	steps := subscribed(conversationApp)
	h.run(t, append(steps, []step{
		{
			method: "POST", path: "P/contacts", save: "before", jobs: "callback:1",
			body: `{"channel_identities":` + identities("MMS", m) + `}`,
		},
		{method: "POST", path: "P/settings", body: `{"contact_settings":{"unified_contact_id_enabled":true}}`},
		{
			method: "POST", path: "P/contacts", save: "contact", jobs: "callback:1", want: contact(all),
			body: `{"channel_identities":` + identities("SMS", "+"+n, "TELEGRAM", "42") + `}`,
		},
		// The number is somebody's, on any of the channels, and nowhere else.
		{method: "POST", path: "P/contacts", body: `{"channel_identities":` + identities("RCS", n) + `}`, status: 409},
		{method: "POST", path: "P/contacts", body: `{"channel_identities":` + identities("SMS", m) + `}`, status: 409},
		{method: "POST", path: "P/contacts", body: `{"channel_identities":` + identities("WHATSAPP", n) + `}`, jobs: "callback:1"},
		{
			method: "PATCH", path: "P/contacts/{contact}", body: `{"channel_identities":` + identities("RCS", "1") + `}`, jobs: "callback:1",
			want: contact(identities("RCS", "1", "SMS", "1", "MMS", "1")),
		},
		{method: "PATCH", path: "P/contacts/{contact}", body: `{"channel_identities":` + identities("RCS", m) + `}`, status: 409},
	}...))
	// Sending finds them on any of the channels and completes them.
	var apps struct{ Apps []parley.App }
	h.call("GET", "P/apps", "").into(t, &apps)
	h.run(t, []step{
		{method: "POST", path: "P/messages:send", body: text(apps.Apps[0].ID, m, "x"), jobs: "callback:1,send:1"}, // CONTACT_UPDATE
		{method: "POST", path: "P/messages:send", body: text(apps.Apps[0].ID, m, "x"), jobs: "send:1"},
		{method: "POST", path: "P/messages:send", body: text(apps.Apps[0].ID, "1", "x"), jobs: "send:1"},
		{method: "POST", path: "P/messages:send", body: text(apps.Apps[0].ID, "2", "x"), jobs: "callback:1,send:1"}, // CONTACT_CREATE
	})
	for _, number := range []string{m, "1", "2"} {
		for _, ch := range parley.UnifiedChannels() {
			var list contactList
			h.call("GET", "P/contacts?channel="+string(ch)+"&identity="+number, "").into(t, &list)
			if len(list.Contacts) != 1 || len(list.Contacts[0].ChannelIdentities) != 3 {
				t.Errorf("contacts of %s on %s: %+v", number, ch, list.Contacts)
			}
		}
	}
}

// TestConflictPages walks through the conflicts while some are resolved and
// others come.
func TestConflictPages(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	put := func(number string) string {
		var c parley.Contact
		h.call("POST", "P/contacts", `{"channel_identities":`+identities("SMS", number)+`}`).into(t, &c)
		return c.ID
	}
	var second []string
	for i := range 30 {
		number := strconv.Itoa(100 + i)
		put(number)
		second = append(second, put(number))
	}
	var got []string
	for token, page := "", 0; ; page++ {
		var list conflictList
		h.call("GET", "P/contacts:identityConflicts?page_size=4&page_token="+token, "").into(t, &list)
		for _, c := range list.Conflicts {
			got = append(got, c.Identity)
		}
		if token = list.NextPageToken; token == "" {
			break
		}
		// One that was listed and one further on are resolved, one comes.
		for _, i := range []int{4 * page, 4*page + 6} {
			if i < len(second) {
				h.call("DELETE", "P/contacts/"+second[i], "")
			}
		}
		put("0" + strconv.Itoa(page))
		put("0" + strconv.Itoa(page))
	}
	seen := map[string]bool{}
	for i, identity := range got {
		if i > 0 && got[i-1] >= identity {
			t.Fatalf("%s comes after %s", identity, got[i-1])
		}
		seen[identity] = true
	}
	for i := range 30 {
		if gone := i%4 == 2 && i > 4; !gone && !seen[strconv.Itoa(100+i)] {
			t.Errorf("conflict %d is missing: %v", 100+i, got)
		}
	}
	h.call("GET", "P/contacts:identityConflicts?page_token=abc", "").fails(t, 400, "INVALID_ARGUMENT", "page_token")
	var list conflictList
	h.call("GET", "P/contacts:identityConflicts?page_size=100", "").into(t, &list)
	if len(list.Conflicts) != maxContacts {
		t.Errorf("%d conflicts on a page, want at most %d", len(list.Conflicts), maxContacts)
	}
}

// TestContactsIsolation: another project's key is refused, another project's
// ids are not there.
func TestContactsIsolation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, err := h.store.CreateProject(t.Context(), "project-2", "Other")
	check(t, err)
	_, err = h.store.CreateKey(t.Context(), "project-2", "key-2", "secret-2")
	check(t, err)
	other := func(method, path, body string) *http.Request {
		r := h.request(method, path, body)
		r.SetBasicAuth("key-2", "secret-2")
		return r
	}
	var c, d parley.Contact
	h.call("POST", "P/contacts", `{"channel_identities":`+identities("SMS", "15551230001")+`}`).into(t, &c)
	h.do(other("POST", "/v1/projects/project-2/contacts", `{"channel_identities":`+identities("SMS", "15551230001")+`}`)).into(t, &d)
	h.call("POST", "P/settings", `{}`)
	for _, path := range []string{"/contacts:identityConflicts", "/settings"} {
		h.do(other("GET", "P"+path, "")).fails(t, 403, "PERMISSION_DENIED", "")
	}
	h.do(other("POST", "P/contacts/"+c.ID+":merge", `{"source_id":"`+nobody+`"}`)).fails(t, 403, "PERMISSION_DENIED", "")
	h.call("POST", "P/contacts/"+c.ID+":merge", `{"source_id":"`+d.ID+`"}`).fails(t, 404, "NOT_FOUND", "")
	h.do(other("POST", "/v1/projects/project-2/contacts/"+d.ID+":merge", `{"source_id":"`+c.ID+`"}`)).fails(t, 404, "NOT_FOUND", "")
	h.do(other("GET", "/v1/projects/project-2/settings", "")).fails(t, 404, "NOT_FOUND", "")
	var list conflictList
	h.call("GET", "P/contacts:identityConflicts", "").into(t, &list)
	if diff := cmp.Diff([]*parley.IdentityConflict{}, list.Conflicts); diff != "" {
		t.Errorf("conflicts between projects:\n%s", diff)
	}
}

func TestChannelProfile(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, conversationApp)
	var c parley.Contact
	h.call("POST", "P/contacts", `{"channel_identities":`+identities("SMS", "15551230001")+`}`).into(t, &c)
	var known parley.Contact
	h.call("POST", "P/contacts", `{"channel_identities":`+identities("SMS", "15551230001", "TELEGRAM", "43")+`}`).into(t, &known)
	ask := func(recipient string) string {
		return `{"app_id":"` + app + `","recipient":` + recipient + `,"channel":"TELEGRAM"}`
	}
	by := `{"identified_by":{"channel_identities":` + identities("TELEGRAM", "42") + `}}`
	h.run(t, []step{
		{method: "POST", path: "P/contacts:getChannelProfile", body: ask(by), want: `{"profile_name":"Chat 42"}`},
		{method: "POST", path: "P/contacts:getChannelProfile", body: ask(`{"contact_id":"` + known.ID + `"}`), want: `{"profile_name":"Chat 43"}`},
	})
	stranger := ask(`{"identified_by":{"channel_identities":` + identities("TELEGRAM", "nobody") + `}}`)
	a := h.call("POST", "P/contacts:getChannelProfile", stranger)
	a.fails(t, 404, "NOT_FOUND", "")
	if !strings.Contains(a.body, "NO_PROFILE_AVAILABLE") {
		t.Errorf("of a stranger: %s", a.body)
	}
	for _, tc := range []struct {
		app, recipient, channel string
		status                  int
		code                    parley.Code
		field                   string
	}{
		{"", by, "TELEGRAM", 400, "INVALID_ARGUMENT", "app_id"},
		{nobody, by, "TELEGRAM", 404, "NOT_FOUND", ""},
		{app, `null`, "TELEGRAM", 400, "INVALID_ARGUMENT", "recipient"},
		{app, `{}`, "TELEGRAM", 400, "INVALID_ARGUMENT", "recipient"},
		{app, `{"contact_id":"` + nobody + `"}`, "TELEGRAM", 404, "NOT_FOUND", ""},
		{app, by, "", 400, "INVALID_ARGUMENT", "channel"},
		{app, by, "PIGEON", 400, "INVALID_ARGUMENT", "channel"},
		{app, by, "SMS", 400, "INVALID_ARGUMENT", "recipient.identified_by.channel_identities"},
		{app, `{"contact_id":"` + c.ID + `"}`, "TELEGRAM", 400, "INVALID_ARGUMENT", "recipient.contact_id"},
		{app, `{"contact_id":"` + c.ID + `"}`, "SMS", 400, "INVALID_ARGUMENT", "channel"},
	} {
		body := `{"app_id":"` + tc.app + `","recipient":` + tc.recipient + `,"channel":"` + tc.channel + `"}`
		h.call("POST", "P/contacts:getChannelProfile", body).fails(t, tc.status, tc.code, tc.field)
	}
}
