package simulator_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley/internal/simulator"
)

const batches = "/sms-sinch/xms/v1/plan1/batches"

var bearer = []string{"Authorization", "Bearer tok"}

func newSinch(t *testing.T) (*world, *hook) {
	t.Helper()
	w, h := newWorld(t), newHook(t)
	w.must(http.MethodPut, "/accounts/sms-sinch/plan1", map[string]string{
		"token": "tok", "callback_url": h.url, "callback_secret": "shh", "default_originator": "12345",
	})
	return w, h
}

func TestSinchBatch(t *testing.T) {
	t.Parallel()
	w, h := newSinch(t)
	out := w.must(http.MethodPost, batches, `{"from":"Shop","to":["+46700000001"],"body":"Hello €","type":"mt_text",
		"delivery_report":"per_recipient","client_reference":"ref-1","flash_message":true}`, bearer...)
	id := out["id"].(string)
	if d := cmp.Diff([]any{"46700000001"}, out["to"]); d != "" || out["canceled"] != false || len(id) != 26 {
		t.Errorf("answer %v", out)
	}
	for _, want := range []struct {
		status string
		code   float64
	}{{"Dispatched", 401}, {"Delivered", 0}} {
		in := h.next()
		got := map[string]any{}
		for _, k := range []string{"type", "batch_id", "recipient", "code", "status", "client_reference"} {
			got[k] = in.json[k]
		}
		if d := cmp.Diff(map[string]any{
			"type": "recipient_delivery_report_sms", "batch_id": id, "recipient": "46700000001",
			"code": want.code, "status": want.status, "client_reference": "ref-1",
		}, got); d != "" {
			t.Error("report (-want +got):\n" + d)
		}
		mac := hmac.New(sha256.New, []byte("shh"))
		mac.Write([]byte(string(in.body) + "." + in.header.Get("X-Sinch-Webhook-Signature-Nonce") + "." +
			in.header.Get("X-Sinch-Webhook-Signature-Timestamp")))
		if got := in.header.Get("X-Sinch-Webhook-Signature"); got != base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			t.Errorf("signature %q", got)
		}
	}
	it := w.wait("SMS/%2B46700000001", "status=delivered")
	if it.Text != "Hello €" || it.Sender != "Shop" || !it.Flash || it.Parts != 1 || it.Reference != "ref-1" {
		t.Errorf("shown: %+v", it)
	}
	list := w.must(http.MethodGet, batches+"?client_reference=ref-1&page_size=10", nil, bearer...)
	if list["count"] != 1.0 || at(list, "batches", 0, "id") != id {
		t.Errorf("list: %v", list)
	}
	if got := w.must(http.MethodGet, batches+"/"+id, nil, bearer...); got["id"] != id {
		t.Errorf("show: %v", got)
	}
}

func TestSinchReports(t *testing.T) {
	t.Parallel()
	w, h := newSinch(t)
	w.must(http.MethodPut, "/handsets/SMS/46702/behaviour", `{"deliver":"reject","fail_code":413}`)
	w.must(http.MethodPost, batches, `{"to":["46701","46702"],"body":"x","delivery_report":"full"}`, bearer...)
	want := []any{
		map[string]any{"code": 0.0, "status": "Delivered", "count": 1.0, "recipients": []any{"46701"}},
		map[string]any{"code": 413.0, "status": "Rejected", "count": 1.0, "recipients": []any{"46702"}},
	}
	if d := cmp.Diff(want, h.next().json["statuses"]); d != "" {
		t.Error("statuses (-want +got):\n" + d)
	}
	if it := w.wait("SMS/46702", "status=failed"); it.Code != "413" {
		t.Errorf("shown: %+v", it)
	}
	w.must(http.MethodPut, "/handsets/SMS/46703/behaviour", `{"deliver":"never"}`)
	out := w.must(http.MethodPost, batches, `{"to":["46703"],"body":"x","delivery_report":"per_recipient_final"}`, bearer...)
	if got := w.must(http.MethodDelete, batches+"/"+out["id"].(string), nil, bearer...); got["canceled"] != true {
		t.Errorf("cancelled: %v", got)
	}
	if got := h.next().json; got["status"] != "Cancelled" || got["code"] != 407.0 {
		t.Errorf("report of the cancelled: %v", got)
	}
}

func TestSinchErrors(t *testing.T) {
	t.Parallel()
	w, _ := newSinch(t)
	w.must(http.MethodPut, "/handsets/SMS/46704/behaviour", `{"deliver":"rate_limit","retry_after":2}`)
	w.must(http.MethodPut, "/handsets/SMS/46705/behaviour", `{"deliver":"refuse","fail_code":"syntax_invalid_parameter_format"}`)
	text := strings.Repeat("x", 161)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"no json":        {`{`, 400, "syntax_invalid_json"},
		"wrong type":     {`{"to":"46700","body":"x"}`, 400, "syntax_invalid_parameter_format"},
		"nobody":         {`{"to":[],"body":"x"}`, 400, "syntax_constraint_violation"},
		"bad number":     {`{"to":["abc"],"body":"x"}`, 400, "syntax_invalid_parameter_format"},
		"long sender":    {`{"from":"TwelveLetters","to":["46700"],"body":"x"}`, 400, "syntax_invalid_parameter_format"},
		"empty":          {`{"to":["46700"],"body":""}`, 400, "syntax_constraint_violation"},
		"long":           {`{"to":["46700"],"body":"` + strings.Repeat("x", 2001) + `"}`, 400, "syntax_constraint_violation"},
		"too many parts": {`{"to":["46700"],"body":"` + text + `","max_number_of_message_parts":1}`, 400, "syntax_constraint_violation"},
		"no report":      {`{"to":["46700"],"body":"x","delivery_report":"some"}`, 400, "syntax_invalid_parameter_format"},
		"no media":       {`{"to":["46700"],"type":"mt_media","body":{"message":"x"}}`, 400, "syntax_invalid_parameter_format"},
		"too fast":       {`{"to":["46704"],"body":"x"}`, 429, "too_many_requests"},
		"refused":        {`{"to":["46705"],"body":"x"}`, 403, "syntax_invalid_parameter_format"},
	} {
		status, out := w.call(http.MethodPost, batches, c.body, bearer...)
		if status != c.status || out["code"] != c.code || out["text"] == "" {
			t.Errorf("%s: got %d %v, want %d %s", name, status, out, c.status, c.code)
		}
	}
	if status, _ := w.call(http.MethodPost, batches, `{}`, "Authorization", "Bearer no"); status != http.StatusUnauthorized {
		t.Errorf("wrong token: %d", status)
	}
	if status, _ := w.call(http.MethodGet, batches+"/none", nil, bearer...); status != http.StatusNotFound {
		t.Errorf("no batch: %d", status)
	}
	out := w.must(http.MethodPost, batches, `{"to":["46706"],"body":"`+text+`","max_number_of_message_parts":1,"truncate_concat":true}`, bearer...)
	if it := w.wait("SMS/46706", ""); it.ProviderID != out["id"] || len(it.Text) != 160 {
		t.Errorf("truncated to %d characters", len(it.Text))
	}
}

func TestSinchInbound(t *testing.T) {
	t.Parallel()
	w, h := newSinch(t)
	w.must(http.MethodPost, "/handsets/SMS/46707/reply", `{"text":"STOP"}`)
	in := h.next().json
	delete(in, "id")
	delete(in, "sent_at")
	delete(in, "received_at")
	if d := cmp.Diff(map[string]any{
		"type": "mo_text", "from": "46707", "to": "12345", "body": "STOP", "operator_id": "24001",
	}, in); d != "" {
		t.Error("(-want +got):\n" + d)
	}
	w.must(http.MethodPost, batches, `{"from":"+4670000","to":["46707"],"body":"1. Yes 2. No"}`, bearer...)
	w.must(http.MethodPost, "/handsets/SMS/46707/tap", `{"choice":"Yes"}`)
	if in := h.next().json; in["body"] != "Yes" || in["to"] != "+4670000" {
		t.Errorf("tap: %v", in)
	}
	w.must(http.MethodPost, "/handsets/SMS/46707/reply", `{"media_url":"data:image/png,x","more_media":["data:image/gif,y"],"subject":"Sun","caption":"pic"}`)
	in = h.next().json
	if in["type"] != "mo_media" || at(in, "body", "message") != "pic" || at(in, "body", "subject") != "Sun" ||
		at(in, "body", "media", 1, "content_type") != "image/gif" {
		t.Errorf("media: %v", in)
	}
	status, _ := w.call(http.MethodGet, strings.TrimPrefix(at(in, "body", "media", 0, "url").(string), w.base), nil)
	if status != http.StatusOK {
		t.Errorf("media: %d", status)
	}
	var th simulator.Thread
	raw, err := json.Marshal(w.must(http.MethodGet, "/handsets/SMS/46707", nil))
	if err == nil {
		err = json.Unmarshal(raw, &th)
	}
	if err != nil || th.Total != 4 || th.Unread != 0 {
		t.Errorf("thread: %+v %v", th.HandsetInfo, err)
	}
}
