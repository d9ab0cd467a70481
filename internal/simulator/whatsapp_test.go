package simulator_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley/internal/simulator"
)

const waMessages = "/graph/v23.0/10654/messages"

func newWhatsApp(t *testing.T) (*world, *hook) {
	t.Helper()
	w, h := newWorld(t), newHook(t)
	w.must(http.MethodPut, "/accounts/whatsapp/10654", map[string]any{
		"token": "tok", "app_secret": "sec", "verify_token": "verify-me", "webhook_url": h.url,
		"display_phone_number": "15550783881", "waba_id": "WABA",
		"templates": []map[string]string{{"name": "order", "language": "en_US", "body": "Hi {{1}}, order {{2}} is on its way"}},
	})
	return w, h
}

// msg is a message body with the fields all have.
func msg(to, rest string) string {
	return `{"messaging_product":"whatsapp","recipient_type":"individual","to":"` + to + `",` + rest + `}`
}

func status(in hooked) map[string]any {
	m, _ := at(in.json, "entry", 0, "changes", 0, "value", "statuses", 0).(map[string]any)
	return m
}

func inbound(in hooked) map[string]any {
	m, _ := at(in.json, "entry", 0, "changes", 0, "value", "messages", 0).(map[string]any)
	return m
}

func TestWhatsAppStatuses(t *testing.T) {
	t.Parallel()
	w, h := newWhatsApp(t)
	out := w.must(http.MethodPost, waMessages, msg("+46700000001", `"type":"text","text":{"body":"Hi"},"biz_opaque_callback_data":"mine"`), bearer...)
	id, _ := at(out, "messages", 0, "id").(string)
	if !strings.HasPrefix(id, "wamid.") || at(out, "contacts", 0, "wa_id") != "46700000001" || at(out, "contacts", 0, "input") != "+46700000001" {
		t.Fatalf("answer %v", out)
	}
	for _, want := range []string{"sent", "delivered", "read"} {
		in := h.next()
		st := status(in)
		if st["status"] != want || st["id"] != id || st["recipient_id"] != "46700000001" || st["biz_opaque_callback_data"] != "mine" {
			t.Errorf("status %v, want %s", st, want)
		}
		if got := at(in.json, "entry", 0, "changes", 0, "value", "metadata", "phone_number_id"); got != "10654" {
			t.Errorf("phone_number_id %v", got)
		}
		mac := hmac.New(sha256.New, []byte("sec"))
		mac.Write(in.body)
		if got := in.header.Get("X-Hub-Signature-256"); got != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("signature %q", got)
		}
	}
	if it := w.wait("WHATSAPP/46700000001", "status=read"); it.Text != "Hi" || it.ProviderID != id || it.Reference != "mine" {
		t.Errorf("shown %+v", it)
	}
}

func TestWhatsAppBehaviours(t *testing.T) {
	t.Parallel()
	w, h := newWhatsApp(t)
	text := `"type":"text","text":{"body":"Hi"}`
	template := `"type":"template","template":{"name":"order","language":{"code":"en_US"},"components":[{"type":"body","parameters":[{"type":"text","text":"Ann"},{"type":"text","text":"42"}]}]}`
	failed := func(want float64) {
		t.Helper()
		st := status(h.next())
		if st["status"] != "failed" || at(st, "errors", 0, "code") != want {
			t.Errorf("status %v, want failed %v", st, want)
		}
	}
	w.must(http.MethodPost, "/handsets/WHATSAPP/1001/block", nil)
	w.must(http.MethodPost, waMessages, msg("46701", text), bearer...)
	h.find(func(in hooked) bool { return status(in)["status"] == "read" })
	w.must(http.MethodPut, "/handsets/WHATSAPP/46702/behaviour", `{"deliver":"reject"}`)
	w.must(http.MethodPost, waMessages, msg("46702", text), bearer...)
	failed(131026)
	w.must(http.MethodPut, "/handsets/WHATSAPP/46703/behaviour", `{"window_closed":true,"read":false}`)
	w.must(http.MethodPost, waMessages, msg("46703", text), bearer...)
	failed(131047)
	w.must(http.MethodPost, waMessages, msg("46703", template), bearer...)
	if st := status(h.next()); st["status"] != "sent" {
		t.Errorf("template outside the window: %v", st)
	}
	if it := w.wait("WHATSAPP/46703", "type=template"); it.Text != "Hi Ann, order 42 is on its way" {
		t.Errorf("template shown as %q", it.Text)
	}
	w.must(http.MethodPut, "/handsets/WHATSAPP/46704/behaviour", `{"deliver":"rate_limit","times":1}`)
	if code, out := w.call(http.MethodPost, waMessages, msg("46704", text), bearer...); code != 400 || at(out, "error", "code") != 131056.0 {
		t.Errorf("rate limit: %d %v", code, out)
	}
	w.must(http.MethodPost, waMessages, msg("46704", text), bearer...)
	w.must(http.MethodPut, "/handsets/WHATSAPP/46705/behaviour", `{"hang":"after"}`)
	if code, out := w.call(http.MethodPost, waMessages, msg("46705", text), bearer...); code != 0 {
		t.Errorf("hang: %d %v", code, out)
	}
	w.wait("WHATSAPP/46705", "text=Hi")
	if got := w.sim.Stats()[simulator.ProviderWhatsApp]; got.Cut != 1 || got.Refused != 1 {
		t.Errorf("stats %+v", got)
	}
}

// reqs is an interactive message of some kind.
func interactive(s string) string { return `"type":"interactive","interactive":` + s }

func buttons(titles ...string) string {
	var bs []string
	for i, title := range titles {
		bs = append(bs, fmt.Sprintf(`{"type":"reply","reply":{"id":"b%d","title":%q}}`, i, title))
	}
	return interactive(`{"type":"button","body":{"text":"Pick"},"action":{"buttons":[` + strings.Join(bs, ",") + `]}}`)
}

func list(rows int, title string) string {
	var rs []string
	for i := range rows {
		rs = append(rs, fmt.Sprintf(`{"id":"r%d","title":%q,"description":"d"}`, i, title))
	}
	return interactive(`{"type":"list","header":{"type":"text","text":"H"},"body":{"text":"B"},"footer":{"text":"F"},` +
		`"action":{"button":"Menu","sections":[{"title":"S","rows":[` + strings.Join(rs, ",") + `]}]}}`)
}

func TestWhatsAppValidation(t *testing.T) {
	t.Parallel()
	w, _ := newWhatsApp(t)
	x := func(n int) string { return strings.Repeat("x", n) }
	for name, c := range map[string]struct {
		body string
		code float64
	}{
		"no product":       {`{"to":"4670000","type":"text"}`, 100},
		"no to":            {`{"messaging_product":"whatsapp","type":"text","text":{"body":"x"}}`, 100},
		"bad to":           {msg("abc", `"type":"text","text":{"body":"x"}`), 131009},
		"to oneself":       {msg("15550783881", `"type":"text","text":{"body":"x"}`), 131021},
		"bad type":         {msg("4670000", `"type":"fax"`), 100},
		"no text":          {msg("4670000", `"type":"text"`), 100},
		"empty text":       {msg("4670000", `"type":"text","text":{"body":""}`), 100},
		"long text":        {msg("4670000", `"type":"text","text":{"body":"`+x(4097)+`"}`), 100},
		"unknown key":      {msg("4670000", `"type":"text","text":{"body":"x","colour":"red"}`), 100},
		"wrong kind":       {msg("4670000", `"type":"text","text":{"body":5}`), 100},
		"id and link":      {msg("4670000", `"type":"image","image":{"id":"1","link":"https://x.example/a.jpg"}`), 100},
		"unknown media":    {msg("4670000", `"type":"image","image":{"id":"1"}`), 131009},
		"audio caption":    {msg("4670000", `"type":"audio","audio":{"link":"https://x.example/a.mp3","caption":"c"}`), 100},
		"long caption":     {msg("4670000", `"type":"image","image":{"link":"https://x.example/a.jpg","caption":"`+x(1025)+`"}`), 100},
		"four buttons":     {msg("4670000", buttons("a", "b", "c", "d")), 131009},
		"same title":       {msg("4670000", buttons("a", "a")), 131009},
		"long title":       {msg("4670000", buttons(x(21))), 131009},
		"eleven rows":      {msg("4670000", list(11, "r")), 131009},
		"long row":         {msg("4670000", list(1, x(25))), 131009},
		"long body":        {msg("4670000", interactive(`{"type":"button","body":{"text":"`+x(1025)+`"},"action":{"buttons":[{"type":"reply","reply":{"id":"a","title":"a"}}]}}`)), 131009},
		"no action":        {msg("4670000", interactive(`{"type":"button","body":{"text":"x"}}`)), 100},
		"cta without url":  {msg("4670000", interactive(`{"type":"cta_url","body":{"text":"x"},"action":{"name":"cta_url","parameters":{"display_text":"a"}}}`)), 131009},
		"latitude":         {msg("4670000", `"type":"location","location":{"latitude":91,"longitude":1}`), 131009},
		"nameless contact": {msg("4670000", `"type":"contacts","contacts":[{"name":{"formatted_name":"A"}}]`), 131009},
		"template":         {msg("4670000", `"type":"template","template":{"name":"none","language":{"code":"en_US"}}`), 132001},
		"parameters":       {msg("4670000", `"type":"template","template":{"name":"order","language":{"code":"en_US"}}`), 132000},
		"read of nothing":  {`{"messaging_product":"whatsapp","status":"read","message_id":"wamid.x"}`, 131009},
	} {
		code, out := w.call(http.MethodPost, waMessages, c.body, bearer...)
		if code < 400 || at(out, "error", "code") != c.code || at(out, "error", "fbtrace_id") == nil {
			t.Errorf("%s: got %d %v, want code %v", name, code, out, c.code)
		}
	}
	if code, out := w.call(http.MethodPost, waMessages, `{}`, "Authorization", "Bearer no"); code != 401 || at(out, "error", "code") != 190.0 {
		t.Errorf("wrong token: %d %v", code, out)
	}
	if code, out := w.call(http.MethodPost, "/graph/v23.0/1/messages", `{}`, bearer...); code != 400 || at(out, "error", "error_subcode") != 33.0 {
		t.Errorf("wrong number: %d %v", code, out)
	}
	for name, body := range map[string]string{
		"buttons":  buttons(x(20), "b", "c"),
		"list":     list(10, x(24)),
		"cta":      interactive(`{"type":"cta_url","body":{"text":"x"},"action":{"name":"cta_url","parameters":{"display_text":"a","url":"https://x.example"}}}`),
		"place":    interactive(`{"type":"location_request_message","body":{"text":"x"},"action":{"name":"send_location"}}`),
		"location": `"type":"location","location":{"latitude":"55.6","longitude":13}`,
		"contacts": `"type":"contacts","contacts":[{"name":{"formatted_name":"A B","first_name":"A"},"phones":[{"phone":"+1","type":"WORK"}]}]`,
		"header":   interactive(`{"type":"button","header":{"type":"image","image":{"link":"https://x.example/a.jpg"}},"body":{"text":"x"},"action":{"buttons":[{"type":"reply","reply":{"id":"a","title":"a"}}]}}`),
		"sticker":  `"type":"sticker","sticker":{"link":"https://x.example/a.webp"}`,
		"document": `"type":"document","document":{"link":"https://x.example/a.pdf","caption":"c","filename":"a.pdf"}`,
	} {
		if code, out := w.call(http.MethodPost, waMessages, msg("4670000", body), bearer...); code != 200 {
			t.Errorf("%s: refused %v", name, out)
		}
	}
}

func TestWhatsAppPhone(t *testing.T) {
	t.Parallel()
	w, h := newWhatsApp(t)
	w.must(http.MethodPut, "/handsets/WHATSAPP/46701", `{"name":"Ann"}`)
	w.must(http.MethodPut, "/handsets/WHATSAPP/46701/behaviour", `{"deliver":"never"}`) // no statuses in between
	w.must(http.MethodPost, "/handsets/WHATSAPP/46701/reply", `{"text":"Hello","account":"10654"}`)
	in := h.next()
	first := inbound(in)
	if at(first, "text", "body") != "Hello" || first["from"] != "46701" ||
		at(in.json, "entry", 0, "changes", 0, "value", "contacts", 0, "profile", "name") != "Ann" {
		t.Errorf("text: %s", in.body)
	}
	w.must(http.MethodPost, waMessages, map[string]any{
		"messaging_product": "whatsapp", "status": "read", "message_id": first["id"], "typing_indicator": map[string]string{"type": "text"},
	}, bearer...)
	w.wait("WHATSAPP/46701", "direction=out&status=read")
	if got := w.sim.Handsets()[0]; !got.Typing {
		t.Errorf("not typing: %+v", got)
	}

	sent := w.must(http.MethodPost, waMessages, msg("46701", buttons("Yes", "No")), bearer...)
	h.find(func(in hooked) bool { return status(in)["status"] == "sent" })
	w.must(http.MethodPost, "/handsets/WHATSAPP/46701/tap", `{"choice":2}`)
	got := inbound(h.next())
	if d := cmp.Diff(map[string]any{"type": "button_reply", "button_reply": map[string]any{"id": "b1", "title": "No"}}, got["interactive"]); d != "" {
		t.Error("button (-want +got):\n" + d)
	}
	if at(got, "context", "id") != at(sent, "messages", 0, "id") || at(got, "context", "from") != "15550783881" {
		t.Errorf("context %v", got["context"])
	}
	w.must(http.MethodPost, waMessages, msg("46701", list(3, "Row")), bearer...)
	h.next()
	w.must(http.MethodPost, "/handsets/WHATSAPP/46701/tap", `{"choice":3}`)
	if got := inbound(h.next()); at(got, "interactive", "list_reply", "id") != "r2" {
		t.Errorf("list: %v", got)
	}
	w.must(http.MethodPost, "/handsets/WHATSAPP/46701/reply", `{"location":{"latitude":1,"longitude":2,"title":"T"}}`)
	if got := inbound(h.next()); at(got, "location", "name") != "T" {
		t.Errorf("location: %v", got)
	}
	w.must(http.MethodPost, "/handsets/WHATSAPP/46701/reply", `{"contact":{"name":"Bo B","phone":"+46702"}}`)
	if got := inbound(h.next()); at(got, "contacts", 0, "phones", 0, "wa_id") != "46702" {
		t.Errorf("contact: %v", got)
	}
}

func TestWhatsAppMedia(t *testing.T) {
	t.Parallel()
	w, h := newWhatsApp(t)
	var up bytes.Buffer
	up.WriteString("--B\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n" +
		"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\nJPEG\r\n--B--\r\n")
	out := w.must(http.MethodPost, "/graph/v23.0/10654/media", up.String(),
		append([]string{"Content-Type", "multipart/form-data; boundary=B"}, bearer...)...)
	w.must(http.MethodPost, waMessages, msg("46709", fmt.Sprintf(`"type":"image","image":{"id":%q}`, out["id"])), bearer...)
	if it := w.wait("WHATSAPP/46709", "type=image"); it.Media[0].MIME != "image/jpeg" {
		t.Errorf("media %+v", it.Media)
	}
	w.must(http.MethodPost, "/handsets/WHATSAPP/46709/reply", `{"media_url":"data:image/png;base64,aGVsbG8=","caption":"c"}`)
	in := inbound(h.find(func(in hooked) bool { return inbound(in) != nil }))
	if at(in, "image", "caption") != "c" || at(in, "image", "mime_type") != "image/png" {
		t.Fatalf("image: %v", in)
	}
	node := w.must(http.MethodGet, "/graph/v23.0/"+at(in, "image", "id").(string), nil, bearer...)
	path := strings.TrimPrefix(node["url"].(string), w.base)
	if got := w.must(http.MethodGet, path, nil, bearer...); got["raw"] != "hello" {
		t.Errorf("download: %v", got)
	}
	if code, _ := w.call(http.MethodGet, path, nil); code != http.StatusNotFound {
		t.Errorf("download without token: %d", code)
	}
}

func TestWhatsAppHandshake(t *testing.T) {
	t.Parallel()
	w, h := newWorld(t), newHook(t)
	code, out := w.call(http.MethodPut, "/accounts/whatsapp/1", map[string]string{
		"token": "tok", "verify_token": "wrong", "webhook_url": h.url,
	})
	if code != http.StatusBadRequest || !strings.Contains(fmt.Sprint(out["error"]), "verify webhook") {
		t.Errorf("wrong token: %d %v", code, out)
	}
}
