package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley/internal/simulator"
)

const tgToken = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"

func newTelegram(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.must(http.MethodPut, "/accounts/telegram/"+tgToken, map[string]string{"username": "shop_bot", "name": "Shop"})
	return w
}

func tg(method string) string { return "/telegram/bot" + tgToken + "/" + method }

// client is somebody else's Bot API client: what it can read, others can.
func client(t *testing.T, w *world, o ...bot.Option) *bot.Bot {
	t.Helper()
	b, err := bot.New(tgToken, append(o, bot.WithServerURL(w.base+"/telegram"))...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTelegramClientSends(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	b, ctx := client(t, w), t.Context()
	me, err := b.GetMe(ctx)
	if err != nil || me.Username != "shop_bot" || me.ID != 110201543 {
		t.Fatalf("getMe = %+v, %v", me, err)
	}
	keyboard := models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{
		{{Text: "Yes", CallbackData: "y"}}, {{Text: "Site", URL: "https://x.example/"}},
	}}
	sends := map[string]func() (*models.Message, error){
		"text": func() (*models.Message, error) {
			return b.SendMessage(ctx, &bot.SendMessageParams{
				ChatID: 42, Text: "a <b>bold</b> & <a href=\"https://x.example\">link</a>", ParseMode: "HTML", ReplyMarkup: keyboard,
			})
		},
		"photo": func() (*models.Message, error) {
			return b.SendPhoto(ctx, &bot.SendPhotoParams{
				ChatID: 42, Photo: &models.InputFileString{Data: "https://x.example/a.jpg"}, Caption: "cap",
			})
		},
		"document": func() (*models.Message, error) {
			return b.SendDocument(ctx, &bot.SendDocumentParams{
				ChatID: 42, Document: &models.InputFileUpload{Filename: "a.pdf", Data: strings.NewReader("%PDF")},
			})
		},
		"venue": func() (*models.Message, error) {
			return b.SendVenue(ctx, &bot.SendVenueParams{ChatID: 42, Latitude: 55.6, Longitude: 13, Title: "HQ", Address: "Street 1"})
		},
		"location": func() (*models.Message, error) {
			return b.SendLocation(ctx, &bot.SendLocationParams{ChatID: 42, Latitude: 55.6, Longitude: 13})
		},
		"contact": func() (*models.Message, error) {
			return b.SendContact(ctx, &bot.SendContactParams{ChatID: 42, PhoneNumber: "+4670", FirstName: "Ann"})
		},
		"sticker": func() (*models.Message, error) {
			return b.SendSticker(ctx, &bot.SendStickerParams{ChatID: 42, Sticker: &models.InputFileString{Data: "https://x.example/s.webp"}})
		},
	}
	ids := map[int]bool{}
	for kind, send := range sends {
		m, err := send()
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if m.Chat.ID != 42 || m.Date == 0 || ids[m.ID] {
			t.Errorf("%s: got %+v", kind, m)
		}
		ids[m.ID] = true
	}
	got := w.wait("TELEGRAM/42", "type=text")
	if got.Text != "a bold & link" {
		t.Errorf("text shown = %q", got.Text)
	}
	want := []simulator.Choice{
		{Index: 1, Title: "Yes", Kind: "callback", Payload: "y"},
		{Index: 2, Title: "Site", Kind: "url", URL: "https://x.example/"},
	}
	if d := cmp.Diff(want, got.Choices); d != "" {
		t.Error("choices (-want +got):\n" + d)
	}
	album, err := b.SendMediaGroup(ctx, &bot.SendMediaGroupParams{ChatID: 42, Media: []models.InputMedia{
		&models.InputMediaPhoto{Media: "https://x.example/1.jpg", Caption: "one"},
		&models.InputMediaPhoto{Media: "attach://two", MediaAttachment: strings.NewReader("bytes")},
	}})
	if err != nil || len(album) != 2 || album[0].MediaGroupID == "" {
		t.Errorf("sendMediaGroup = %v, %v", album, err)
	}
}

func TestTelegramErrors(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	long := strings.Repeat("x", 4097)
	w.must(http.MethodPost, "/handsets/TELEGRAM/7/block", nil)
	w.must(http.MethodPut, "/handsets/TELEGRAM/8/behaviour", map[string]any{"deliver": "rate_limit", "retry_after": 3})
	w.must(http.MethodPut, "/handsets/TELEGRAM/9/behaviour", map[string]any{
		"deliver": "reject", "fail_code": "400 Bad Request: failed to get HTTP URL content",
	})
	button := func(b string) string {
		return `{"chat_id":1,"text":"x","reply_markup":{"inline_keyboard":[[` + b + `]]}}`
	}
	for _, c := range []struct {
		name, path, body string
		status           int
		want             string
	}{
		{"no text", tg("sendMessage"), `{"chat_id":1}`, 400, "Bad Request: message text is empty"},
		{"blank text", tg("sendMessage"), `{"chat_id":1,"text":"  "}`, 400, "Bad Request: text must be non-empty"},
		{"long text", tg("sendMessage"), `{"chat_id":1,"text":"` + long + `"}`, 400, "Bad Request: message is too long"},
		{"no chat", tg("sendMessage"), `{"text":"x"}`, 400, "Bad Request: chat_id is empty"},
		{"strange chat", tg("sendMessage"), `{"chat_id":"@nobody","text":"x"}`, 400, "Bad Request: chat not found"},
		{"long caption", tg("sendPhoto"), `{"chat_id":1,"photo":"https://x.example/a.jpg","caption":"` + long + `"}`, 400, "Bad Request: message caption is too long"},
		{"no photo", tg("sendPhoto"), `{"chat_id":1}`, 400, "Bad Request: there is no photo in the request"},
		{"bad photo", tg("sendPhoto"), `{"chat_id":1,"photo":"nonsense"}`, 400, "Bad Request: wrong file identifier/HTTP URL specified"},
		{"long data", tg("sendMessage"), button(`{"text":"a","callback_data":"` + long[:65] + `"}`), 400, "Bad Request: BUTTON_DATA_INVALID"},
		{"tel button", tg("sendMessage"), button(`{"text":"a","url":"tel:+4670"}`), 400, "Bad Request: inline keyboard button URL 'tel:+4670' is invalid: Unsupported URL protocol"},
		{"local button", tg("sendMessage"), button(`{"text":"a","url":"http://localhost/x"}`), 400, "Bad Request: inline keyboard button URL 'http://localhost/x' is invalid: Wrong HTTP URL"},
		{"bad html", tg("sendMessage"), `{"chat_id":1,"text":"<b>x","parse_mode":"HTML"}`, 400, `Bad Request: can't parse entities: Can't find end tag corresponding to start tag "b"`},
		{"no json", tg("sendMessage"), `{`, 400, "Bad Request: can't parse request: can't parse JSON object"},
		{"quote of nothing", tg("sendMessage"), `{"chat_id":1,"text":"x","reply_parameters":{"message_id":99}}`, 400, "Bad Request: message to be replied not found"},
		{"blocked", tg("sendMessage"), `{"chat_id":7,"text":"x"}`, 403, "Forbidden: bot was blocked by the user"},
		{"too fast", tg("sendMessage"), `{"chat_id":8,"text":"x"}`, 429, "Too Many Requests: retry after 3"},
		{"scripted", tg("sendMessage"), `{"chat_id":9,"text":"x"}`, 400, "Bad Request: failed to get HTTP URL content"},
		{"unknown token", "/telegram/bot1:abc/getMe", `{}`, 401, "Unauthorized"},
		{"malformed token", "/telegram/botabc/getMe", `{}`, 404, "Not Found"},
		{"unknown method", tg("sendNothing"), `{}`, 404, "Not Found: method not found"},
		{"old query", tg("answerCallbackQuery"), `{"callback_query_id":"1"}`, 400, "Bad Request: query is too old and response timeout expired or query ID is invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, out := w.call(http.MethodPost, c.path, c.body)
			if status != c.status || out["ok"] != false || out["description"] != c.want || out["error_code"] != float64(c.status) {
				t.Errorf("got %d %v, want %d %q", status, out, c.status, c.want)
			}
			if wait := at(out, "parameters", "retry_after"); c.status == 429 && wait != 3.0 {
				t.Errorf("retry_after = %v", wait)
			}
		})
	}
}

func TestTelegramWebhook(t *testing.T) {
	t.Parallel()
	w, h := newTelegram(t), newHook(t)
	w.must(http.MethodPost, tg("setWebhook"), map[string]any{
		"url": h.url, "secret_token": "s3cret_-", "allowed_updates": []string{"message", "callback_query", "my_chat_member", "message_reaction"},
	})
	h.fail <- http.StatusInternalServerError // retried
	out := w.must(http.MethodPost, "/handsets/TELEGRAM/42/start", map[string]string{"payload": "deep"})
	in := h.next()
	if got := in.header.Get("X-Telegram-Bot-Api-Secret-Token"); got != "s3cret_-" {
		t.Errorf("secret header = %q", got)
	}
	if got := at(in.json, "message", "text"); got != "/start deep" {
		t.Errorf("text = %v", got)
	}
	w.wait("TELEGRAM/42", "direction=out&status=accepted&text=/start")
	th, _ := w.sim.Thread(simulator.ChannelTelegram, "42")
	if d := cmp.Diff(string(in.body), string(th.Items[0].Native)); d != "" || out["id"] != th.Items[0].ID {
		t.Error("native is not what was posted (-posted +native):\n" + d)
	}

	sent := w.must(http.MethodPost, tg("sendMessage"),
		`{"chat_id":42,"text":"Pick","reply_markup":{"inline_keyboard":[[{"text":"A","callback_data":"pa"},{"text":"B","callback_data":"pb"}]]}}`)
	w.must(http.MethodPost, "/handsets/TELEGRAM/42/tap", `{"choice":"B"}`)
	in = h.next()
	if got, want := at(in.json, "callback_query", "message", "message_id"), at(sent, "result", "message_id"); got != want {
		t.Errorf("callback of message %v, want %v", got, want)
	}
	if got := at(in.json, "callback_query", "data"); got != "pb" {
		t.Errorf("data = %v", got)
	}
	w.must(http.MethodPost, tg("answerCallbackQuery"), map[string]any{"callback_query_id": at(in.json, "callback_query", "id"), "text": "Thanks"})
	if got := w.wait("TELEGRAM/42", "text=Pick").Notice; got != "Thanks" {
		t.Errorf("notice = %q", got)
	}

	w.must(http.MethodPost, "/handsets/TELEGRAM/42/block", nil)
	if got := at(h.next().json, "my_chat_member", "new_chat_member", "status"); got != "kicked" {
		t.Errorf("blocked: status %v", got)
	}
	w.must(http.MethodPost, "/handsets/TELEGRAM/42/unblock", nil)
	if got := at(h.next().json, "my_chat_member", "new_chat_member", "status"); got != "member" {
		t.Errorf("unblocked: status %v", got)
	}
	w.must(http.MethodPost, "/handsets/TELEGRAM/42/reply", `{"location":{"latitude":1.5,"longitude":2,"title":"Cafe","address":"St"}}`)
	if got := at(h.next().json, "message", "venue", "location", "latitude"); got != 1.5 {
		t.Errorf("venue at %v", got)
	}
	w.must(http.MethodPost, "/handsets/TELEGRAM/42/reply", `{"contact":{"name":"Bo","phone":"+46701"}}`)
	if got := at(h.next().json, "message", "contact", "phone_number"); got != "+46701" {
		t.Errorf("contact %v", got)
	}
	status, _ := w.call(http.MethodPost, tg("getUpdates"), `{}`)
	if status != http.StatusConflict {
		t.Errorf("getUpdates with a webhook: %d", status)
	}
}

func TestTelegramMediaFromPhone(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	w.must(http.MethodPost, "/handsets/TELEGRAM/42/reply",
		`{"media_url":"data:image/jpeg;base64,aGVsbG8=","caption":"look"}`)
	got := w.must(http.MethodPost, tg("getUpdates"), `{}`)
	m := at(got, "result", 0, "message")
	if at(m, "caption") != "look" {
		t.Fatalf("update = %v", got)
	}
	f := w.must(http.MethodPost, tg("getFile"), map[string]any{"file_id": at(m, "photo", 0, "file_id")})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		fmt.Sprintf("%s/telegram/file/bot%s/%s", w.base, tgToken, at(f, "result", "file_path")), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "hello" {
		t.Errorf("file = %q", body)
	}
}

// TestTelegramClientPolls lets the independent client poll for updates and
// answer them.
func TestTelegramClientPolls(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b := client(t, w, bot.WithDefaultHandler(func(ctx context.Context, b *bot.Bot, u *models.Update) {
		if u.Message != nil {
			_, _ = b.SendMessage(ctx, &bot.SendMessageParams{
				ChatID: u.Message.Chat.ID, Text: "You said " + u.Message.Text,
				ReplyParameters: &models.ReplyParameters{MessageID: u.Message.ID},
			})
		}
	}))
	done := make(chan struct{})
	go func() { defer close(done); b.Start(ctx) }()
	sent := w.must(http.MethodPost, "/handsets/TELEGRAM/42/reply", `{"text":"hi"}`)
	got := w.wait("TELEGRAM/42", "text=You+said+hi")
	if got.ReplyTo != sent["id"] {
		t.Errorf("reply to %q, want %q", got.ReplyTo, sent["id"])
	}
	cancel()
	<-done
}

func TestTelegramHang(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	for _, c := range []struct {
		hang  string
		shown int
	}{{"before", 0}, {"after", 1}} {
		phone := "/handsets/TELEGRAM/" + map[string]string{"before": "50", "after": "51"}[c.hang]
		w.must(http.MethodPut, phone+"/behaviour", map[string]any{"hang": c.hang, "times": 1})
		status, out := w.call(http.MethodPost, tg("sendMessage"), map[string]any{"chat_id": phone[len("/handsets/TELEGRAM/"):], "text": "x"})
		if status != 0 {
			t.Errorf("hang %s: answered %d %v", c.hang, status, out)
		}
		th := decode[simulator.Thread](t, w.must(http.MethodGet, phone, nil))
		if len(th.Items) != c.shown || th.Behaviour.Hang != "" {
			t.Errorf("hang %s: %d items shown, behaviour %+v", c.hang, len(th.Items), th.Behaviour)
		}
	}
}

// TestTelegramSchema holds results and updates against the published types.
func TestTelegramSchema(t *testing.T) {
	t.Parallel()
	var spec tgSpec
	if err := json.Unmarshal(schema(t, "telegram-bot-api.json"), &spec); err != nil {
		t.Fatal(err)
	}
	w := newTelegram(t)
	for _, c := range []struct{ method, body string }{
		{"getMe", `{}`},
		{"getWebhookInfo", `{}`},
		{"getChat", `{"chat_id":42}`},
		{"sendMessage", `{"chat_id":42,"text":"<i>x</i>","parse_mode":"HTML","reply_markup":{"inline_keyboard":[[{"text":"A","callback_data":"a"}]]}}`},
		{"sendPhoto", `{"chat_id":42,"photo":"https://x.example/a.jpg","caption":"c"}`},
		{"sendVideo", `{"chat_id":42,"video":"https://x.example/a.mp4"}`},
		{"sendAudio", `{"chat_id":42,"audio":"https://x.example/a.mp3"}`},
		{"sendVoice", `{"chat_id":42,"voice":"https://x.example/a.ogg"}`},
		{"sendDocument", `{"chat_id":42,"document":"https://x.example/a.pdf"}`},
		{"sendAnimation", `{"chat_id":42,"animation":"https://x.example/a.gif"}`},
		{"sendSticker", `{"chat_id":42,"sticker":"https://x.example/a.webp"}`},
		{"sendLocation", `{"chat_id":42,"latitude":1,"longitude":2}`},
		{"sendVenue", `{"chat_id":42,"latitude":1,"longitude":2,"title":"t","address":"a"}`},
		{"sendContact", `{"chat_id":42,"phone_number":"1","first_name":"f","reply_parameters":{"message_id":1}}`},
		{"sendMediaGroup", `{"chat_id":42,"media":[{"type":"photo","media":"https://x.example/1.jpg"},{"type":"video","media":"https://x.example/1.mp4"}]}`},
		{"editMessageText", `{"chat_id":42,"message_id":1,"text":"y"}`},
	} {
		out := w.must(http.MethodPost, tg(c.method), c.body)
		if err := spec.check(spec.Methods[c.method].Returns, out["result"]); err != nil {
			t.Errorf("%s: %v", c.method, err)
		}
	}
	for _, body := range []string{
		`{"text":"/help me"}`, `{"media_url":"/media/sample.png","caption":"c"}`,
		`{"media_url":"data:audio/ogg,xx"}`, `{"media_url":"data:application/pdf,xx"}`,
		`{"location":{"latitude":1,"longitude":2,"title":"t","address":"a"}}`,
		`{"contact":{"name":"Bo","phone":"1"}}`, `{"text":"quote","reply_to":"1"}`, `{"reaction":"👍","reply_to":"1"}`,
	} {
		w.must(http.MethodPost, "/handsets/TELEGRAM/42/reply", body)
	}
	w.must(http.MethodPost, tg("sendMessage"), `{"chat_id":42,"text":"x","reply_markup":{"inline_keyboard":[[{"text":"A","callback_data":"a"}]]}}`)
	w.must(http.MethodPost, "/handsets/TELEGRAM/42/tap", `{"choice":1}`)
	w.must(http.MethodPost, "/handsets/TELEGRAM/42/block", `{}`)
	out := w.must(http.MethodPost, tg("getUpdates"), `{"limit":100}`)
	if n := len(out["result"].([]any)); n != 9 {
		t.Errorf("%d updates, want 9: reactions are sent only when asked for", n)
	}
	if err := spec.check([]string{"Array of Update"}, out["result"]); err != nil {
		t.Error(err)
	}
}

// TestTelegramReactionTakenBack: what bots are told names the reaction that was
// there.
func TestTelegramReactionTakenBack(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	const asked = `{"allowed_updates":["message_reaction"]}`
	w.must(http.MethodPost, tg("getUpdates"), asked)
	w.must(http.MethodPost, tg("sendMessage"), `{"chat_id":42,"text":"x"}`)
	for _, emoji := range []string{"👍", "❤", ""} {
		w.must(http.MethodPost, "/handsets/TELEGRAM/42/reply", `{"reaction":"`+emoji+`","reply_to":"1"}`)
	}
	out, err := json.Marshal(w.must(http.MethodPost, tg("getUpdates"), asked)["result"])
	if err != nil {
		t.Fatal(err)
	}
	var updates []struct {
		Reaction struct {
			Old []struct{ Emoji string } `json:"old_reaction"`
			New []struct{ Emoji string } `json:"new_reaction"`
		} `json:"message_reaction"`
	}
	if err := json.Unmarshal(out, &updates); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range updates {
		for _, was := range u.Reaction.Old {
			got = append(got, "-"+was.Emoji)
		}
		for _, is := range u.Reaction.New {
			got = append(got, "+"+is.Emoji)
		}
	}
	if d := cmp.Diff([]string{"+👍", "-👍", "+❤", "-❤"}, got); d != "" {
		t.Errorf("reactions (-want +got):\n%s", d)
	}
}

// tgSpec is the machine-readable Bot API.
type tgSpec struct {
	Methods map[string]struct{ Returns []string }
	Types   map[string]struct {
		Fields []struct {
			Name     string
			Types    []string
			Required bool
		}
		Subtypes []string
	}
}

// check tells whether v is of one of the types.
func (s *tgSpec) check(types []string, v any) error {
	var errs []error
	for _, typ := range types {
		err := s.is(typ, v)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *tgSpec) is(typ string, v any) error {
	if elem, ok := strings.CutPrefix(typ, "Array of "); ok {
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("want %s, got %T", typ, v)
		}
		for i, e := range list {
			if err := s.is(elem, e); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
		return nil
	}
	switch x := v.(type) {
	case string:
		if typ == "String" {
			return nil
		}
	case bool:
		if typ == "Boolean" {
			return nil
		}
	case float64:
		if typ == "Float" || typ == "Integer" && x == float64(int64(x)) {
			return nil
		}
	case map[string]any:
		return s.object(typ, x)
	}
	return fmt.Errorf("want %s, got %v", typ, v)
}

func (s *tgSpec) object(typ string, v map[string]any) error {
	def, ok := s.Types[typ]
	if !ok {
		return fmt.Errorf("want %s, got an object", typ)
	}
	if len(def.Subtypes) > 0 {
		return s.check(def.Subtypes, v)
	}
	known := map[string]bool{}
	for _, f := range def.Fields {
		known[f.Name] = true
		field, set := v[f.Name]
		if !set && f.Required {
			return fmt.Errorf("%s.%s is missing", typ, f.Name)
		}
		if set {
			if err := s.check(f.Types, field); err != nil {
				return fmt.Errorf("%s.%s: %w", typ, f.Name, err)
			}
		}
	}
	for name := range v {
		if !known[name] {
			return fmt.Errorf("%s has no field %s", typ, name)
		}
	}
	return nil
}

func TestTelegramMultipart(t *testing.T) {
	t.Parallel()
	w := newTelegram(t)
	var body bytes.Buffer
	body.WriteString("--B\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n42\r\n" +
		"--B\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.jpg\"\r\n\r\nJPEG\r\n--B--\r\n")
	out := w.must(http.MethodPost, tg("sendPhoto"), body.String(), "Content-Type", "multipart/form-data; boundary=B")
	if at(out, "result", "photo", 0, "file_size") != 4.0 {
		t.Errorf("got %v", out)
	}
	out = w.must(http.MethodPost, tg("sendMessage"), "chat_id=42&text=a+b", "Content-Type", "application/x-www-form-urlencoded")
	if at(out, "result", "text") != "a b" {
		t.Errorf("got %v", out)
	}
}
