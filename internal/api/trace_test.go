package api

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/parley-im/parley"
)

// TestTrace asks for what happened to a message. Here that is only that it was
// accepted, because no queue runs.
func TestTrace(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	app := h.app(t, dispatchApp)
	var sent parley.SendMessageResponse
	h.call("POST", "P/messages:send", text(app, "15551230001", "Hello")).into(t, &sent)
	var got struct {
		MessageID string `json:"message_id"`
		Tracing   bool   `json:"tracing"`
		Steps     []map[string]json.RawMessage
	}
	// It is not listed, and can be asked about all the same.
	h.call("GET", "P/messages/"+sent.MessageID+"/trace", "").into(t, &got)
	if got.MessageID != sent.MessageID || got.Tracing || len(got.Steps) != 1 {
		t.Fatalf("trace: %+v", got)
	}
	for name, want := range map[string]string{
		"step": `"accepted"`, "time": `"2026-03-04T05:06:07.891234Z"`, "app_id": `"` + app + `"`, "processing_mode": `"DISPATCH"`,
		"channels": `[{"channel":"SMS","identity":"15551230001","app_id":""}]`, "message": `{"text_message":{"text":"Hello"}}`,
	} {
		if string(got.Steps[0][name]) != want {
			t.Errorf("%s is %s, want %s", name, got.Steps[0][name], want)
		}
	}

	h.call("GET", "P/messages/01W4FFL35P4NC4K35MESSAGE01/trace", "").fails(t, http.StatusNotFound, parley.CodeNotFound, "")
	h.call("GET", "P/messages/nonsense/trace", "").fails(t, http.StatusNotFound, parley.CodeNotFound, "")
	h.call("POST", "P/messages/"+sent.MessageID+"/trace", "{}").fails(t, http.StatusMethodNotAllowed, parley.CodeMethodNotAllowed, "")

	_, err := h.store.CreateProject(t.Context(), "project-2", "Other")
	check(t, err)
	_, err = h.store.CreateKey(t.Context(), "project-2", "key-2", "secret-2")
	check(t, err)
	h.call("GET", "/v1/projects/project-2/messages/"+sent.MessageID+"/trace", "").fails(t, http.StatusForbidden, parley.CodePermissionDenied, "")
	other := h.request("GET", "/v1/projects/project-2/messages/"+sent.MessageID+"/trace", "")
	other.SetBasicAuth("key-2", "secret-2")
	h.do(other).fails(t, http.StatusNotFound, parley.CodeNotFound, "")
}
