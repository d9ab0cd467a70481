package api

import (
	"net/http/httptest"
	"testing"
)

func TestSplitVerb(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/v1/projects/p/conversations/01A:stop":             "/v1/projects/p/conversations/01A/:stop",
		"/v1/projects/p/conversations/01A%3Astop":           "/v1/projects/p/conversations/01A/:stop",
		"/v1/projects/p/conversations/01A%3ainject-message": "/v1/projects/p/conversations/01A/:inject-message",
		"/v1/projects/p/contacts/a%3Ab%2Fc:merge":           "/v1/projects/p/contacts/a%3Ab%2Fc/:merge",
		"/v1/projects/p/contacts/01A:stop":                  "/v1/projects/p/contacts/01A:stop",
		"/v1/projects/p/contacts/:merge":                    "/v1/projects/p/contacts/:merge",
		"/v1/projects/p/contacts:getChannelProfile":         "/v1/projects/p/contacts:getChannelProfile",
		"/v1/projects/p/apps/x/consents/identities/a:merge": "/v1/projects/p/apps/x/consents/identities/a:merge",
		"/": "/",
	} {
		r := httptest.NewRequest("POST", path, nil)
		if got := splitVerb(r).URL.EscapedPath(); got != want {
			t.Errorf("%s becomes %s, want %s", path, got, want)
		}
		if got := r.URL.EscapedPath(); got != path {
			t.Errorf("the request itself was changed to %s", got)
		}
	}
}

// TestVerbs checks that verbs reach their operations and nothing else does.
func TestVerbs(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	h.call("POST", "P/conversations/"+id+":stop", "").fails(t, 404, "NOT_FOUND", "")
	h.call("POST", "P/conversations/"+id+"%3Astop", "").fails(t, 404, "NOT_FOUND", "")
	h.call("POST", "P/contacts/"+id+":merge", `{"source_id":"01ARZ3NDEKTSV4RRFFQ69G5FAW"}`).fails(t, 404, "NOT_FOUND", "")
	h.call("POST", "P/messages%3Asend", "{}").fails(t, 400, "INVALID_ARGUMENT", "app_id")
	h.call("POST", "P/conversations/"+id+":start", "").fails(t, 405, "METHOD_NOT_ALLOWED", "")
	h.call("GET", "P/contacts/"+id+":start", "").fails(t, 404, "NOT_FOUND", "")
	h.call("GET", "P/contacts/a%2Fb", "").fails(t, 404, "NOT_FOUND", "")
}
