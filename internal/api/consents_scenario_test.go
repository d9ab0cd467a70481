package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// optOut puts identities on a list of an app.
func (h *harness) optOut(t *testing.T, app string, list parley.ConsentList, identities ...string) {
	t.Helper()
	var changes []store.ConsentChange
	for _, id := range identities {
		changes = append(changes, store.ConsentChange{Identity: id, List: list})
	}
	check(t, h.api.engine.PutConsents(t.Context(), testProject, app, changes, parley.OriginAPI))
}

func TestConsents(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	lists := "P/apps/" + app + "/consents/"
	h.optOut(t, app, parley.OptOutAll, "+15551230001", "15551230002")
	h.optOut(t, app, parley.OptOutMarketing, "15551230001")
	record := func(list string) string {
		return `{"origin":"ORIGIN_API","operation":"OPERATION_INSERT","list_type":"` + list + `","project_id":"` + testProject +
			`","app_id":"` + app + `","datetime":"2026-03-04T05:06:07.891234Z"}`
	}
	audit := func(identity, records string) string {
		return `{"identity":{"identity":"` + identity + `"},"audit_records":[` + records + `]}`
	}
	both := audit("15551230001", record("OPT_OUT_ALL")+","+record("OPT_OUT_MARKETING"))
	h.run(t, []step{
		{
			method: "GET", path: lists + "OPT_OUT_ALL",
			want: `{"identities":[{"identity":"15551230001"},{"identity":"15551230002"}],"next_page_token":""}`,
		},
		{method: "GET", path: lists + "OPT_OUT_MARKETING?page_size=500", want: `{"identities":[{"identity":"15551230001"}],"next_page_token":""}`},
		{method: "GET", path: lists + "OPT_OUT_NOTIFICATION", want: `{"identities":[],"next_page_token":""}`},
		{method: "GET", path: lists + "identities/15551230001", want: both},
		{method: "GET", path: lists + "identities/+15551230001", want: both},
		{method: "GET", path: lists + "identities/%2B15551230001", want: both},
		{method: "GET", path: lists + "identities/OPT_OUT_ALL", want: audit("OPT_OUT_ALL", "")},
		{method: "GET", path: "P/apps/01ARZ3NDEKTSV4RRFFQ69G5FAV/consents/OPT_OUT_ALL", status: 404},
		{method: "GET", path: "P/apps/01ARZ3NDEKTSV4RRFFQ69G5FAV/consents/identities/1", status: 404},
		{method: "GET", path: lists, status: 404},
		{method: "DELETE", path: "P/apps/" + app, want: `{}`},
		{method: "GET", path: lists + "OPT_OUT_ALL", status: 404},
		{method: "GET", path: lists + "identities/15551230001", status: 404},
	})
	other := h.app(t, dispatchApp)
	for path, field := range map[string]string{
		other + "/consents/OPT_OUT":                  "list_type",
		other + "/consents/identities":               "list_type",
		"x/consents/OPT_OUT_ALL":                     "app_id",
		"x/consents/identities/1":                    "app_id",
		other + "/consents/OPT_OUT_ALL?page_size=x":  "page_size",
		other + "/consents/OPT_OUT_ALL?page_token=x": "page_token",
	} {
		h.call("GET", "P/apps/"+path, "").fails(t, 400, "INVALID_ARGUMENT", field)
	}
	a := h.call("GET", "/v1/projects/another/apps/"+other+"/consents/OPT_OUT_ALL", "")
	a.fails(t, 403, "PERMISSION_DENIED", "")
}

// TestConsentPaging walks a list while identities come and go.
func TestConsentPaging(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	var stay, leave []string
	for n := range 30 {
		id := fmt.Sprintf("1555%07d", n)
		h.optOut(t, app, parley.OptOutAll, id)
		if n%3 == 2 {
			leave = append(leave, id)
		} else {
			stay = append(stay, id)
		}
	}
	n := 30
	got := walk(t, h, "P/apps/"+app+"/consents/OPT_OUT_ALL?page_size=4", func(l *consentPage) (ids []string, next string) {
		for _, id := range l.Identities {
			ids = append(ids, id.Identity)
		}
		return ids, l.NextPageToken
	}, func() {
		h.optOut(t, app, parley.OptOutAll, fmt.Sprintf("1555%07d", n))
		n++
		check(t, h.api.engine.PutConsents(t.Context(), testProject, app,
			[]store.ConsentChange{{Identity: leave[0], List: parley.OptOutAll, Remove: true}}, parley.OriginAPI))
		leave = leave[1:]
	})
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("an identity is met twice or out of order: %v", got)
	}
	met := slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(stay, id) })
	if diff := cmp.Diff(stay, met); diff != "" {
		t.Errorf("identities that stayed (-want +got):\n%s", diff)
	}
}

func TestOptRegistration(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	h.call("POST", "P/webhooks", `{"app_id":"`+app+`","target":"https://x.example/a","triggers":["OPT_IN","OPT_OUT"]}`).into(t, new(empty))
	body := `{"app_id":"` + app + `","channels":["SMS"],
		"recipient":{"identified_by":{"channel_identities":[{"channel":"SMS","identity":"+15551230001","app_id":""}]}}}`
	list := "P/apps/" + app + "/consents/OPT_OUT_ALL"
	with := func(old, new string) string { return strings.Replace(body, old, new, 1) }
	h.run(t, []step{
		{
			method: "POST", path: "P/optouts:register?request_id=r%201", body: body, jobs: "callback:1",
			want: `{"opt_out":` + body + `,"request_id":"r 1"}`,
		},
		{method: "GET", path: list, want: `{"identities":[{"identity":"15551230001"}],"next_page_token":""}`},
		{method: "POST", path: "P/optins:register", body: body, jobs: "callback:1", want: `{"opt_in":` + body + `,"request_id":"*"}`},
		{method: "POST", path: "P/optins%3Aregister", body: body, jobs: "callback:1"},
		{method: "GET", path: list, want: `{"identities":[],"next_page_token":""}`},
		{method: "POST", path: "P/optouts:register", body: with("SMS", "TELEGRAM"), jobs: "callback:1"}, // reported as failed
		{method: "GET", path: list, want: `{"identities":[],"next_page_token":""}`},
		{method: "POST", path: "P/optouts:register", body: with(app, "01ARZ3NDEKTSV4RRFFQ69G5FAV"), status: 404},
	})
	for body, field := range map[string]string{
		`{}`:                                "app_id",
		with(app, "x"):                      "app_id",
		with(`["SMS"]`, `[]`):               "channels",
		with(`["SMS"]`, `["SMS","PIGEON"]`): "channels[1]",
		with(`"recipient"`, `"x"`):          "recipient",
	} {
		for _, path := range []string{"P/optins:register", "P/optouts:register"} {
			h.call("POST", path, body).fails(t, 400, "INVALID_ARGUMENT", field)
		}
	}
	h.call("POST", "P/optins:register?request_id="+strings.Repeat("x", 129), body).fails(t, 400, "INVALID_ARGUMENT", "request_id")
}
