package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Telegram's own limits (core.telegram.org/bots/api, sendMessage, sendPhoto,
// "Sending files", InlineKeyboardButton, read 2026-11-22).
const (
	tgTextMost     = 4096 // characters
	tgCaptionMost  = 1024 // characters
	tgCallbackMost = 64   // bytes of callback_data
	tgButtonsMost  = 100
	tgAlbumMost    = 10
	tgUploadMost   = 50 << 20
	tgPhotoMost    = 10 << 20
	tgDownloadMost = 20 << 20
	tgVCardMost    = 2048
)

// ProviderTelegram is the Bot API.
const ProviderTelegram = "telegram"

// TelegramAccount is what a bot's token gives access to.
type TelegramAccount struct {
	Username string `json:"username,omitempty"` // default simulator_bot
	Name     string `json:"name,omitempty"`     // default Simulator
}

var tgToken = regexp.MustCompile(`^[0-9]+:[A-Za-z0-9_-]+$`)

// put makes or changes a bot. A token is digits (the bot's user id), a colon
// and letters.
func (t *telegram) put(_ context.Context, token string, doc json.RawMessage) error {
	var a TelegramAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if !tgToken.MatchString(token) {
		return errors.New("telegram token: want digits, a colon and letters")
	}
	id, err := strconv.ParseInt(token[:strings.IndexByte(token, ':')], 10, 64)
	if err != nil {
		return fmt.Errorf("telegram token: %w", err)
	}
	user := tgUser{
		ID: id, IsBot: true, FirstName: orElse(a.Name, "Simulator"), Username: orElse(a.Username, "simulator_bot"),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.bots[token]; b != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.user = user
		return nil
	}
	t.bots[token] = newTgBot(t.sim, token, user)
	return nil
}

// telegram is the Bot API.
type telegram struct {
	sim     *Simulator
	methods map[string]tgMethod

	mu       sync.Mutex
	bots     map[string]*tgBot
	messages map[key]int64 // the last message id of each chat
}

// A tgMethod is one method of the API: it returns the result or an error the
// caller is shown.
type tgMethod func(c *tgCall) (any, error)

func newTelegram(s *Simulator) *telegram {
	t := &telegram{sim: s, bots: map[string]*tgBot{}, messages: map[key]int64{}}
	t.methods = map[string]tgMethod{
		"getme":                  t.getMe,
		"logout":                 func(*tgCall) (any, error) { return true, nil },
		"close":                  func(*tgCall) (any, error) { return true, nil },
		"setmycommands":          func(*tgCall) (any, error) { return true, nil },
		"setwebhook":             t.setWebhook,
		"deletewebhook":          t.deleteWebhook,
		"getwebhookinfo":         t.getWebhookInfo,
		"getupdates":             t.getUpdates,
		"sendmessage":            t.send(tgText),
		"sendphoto":              t.send(tgMedia("photo")),
		"sendvideo":              t.send(tgMedia("video")),
		"sendaudio":              t.send(tgMedia("audio")),
		"sendvoice":              t.send(tgMedia("voice")),
		"senddocument":           t.send(tgMedia("document")),
		"sendanimation":          t.send(tgMedia("animation")),
		"sendsticker":            t.send(tgMedia("sticker")),
		"sendlocation":           t.send(tgLocation),
		"sendvenue":              t.send(tgVenueContent),
		"sendcontact":            t.send(tgContactContent),
		"sendmediagroup":         t.sendMediaGroup,
		"sendchataction":         t.sendChatAction,
		"answercallbackquery":    t.answerCallbackQuery,
		"setmessagereaction":     t.setMessageReaction,
		"editmessagetext":        t.editMessageText,
		"editmessagereplymarkup": t.editMessageReplyMarkup,
		"deletemessage":          t.deleteMessage,
		"getfile":                t.getFile,
		"getchat":                t.getChat,
	}
	return t
}

func (t *telegram) name() string    { return ProviderTelegram }
func (t *telegram) channel() string { return ChannelTelegram }

func (t *telegram) routes(mux *http.ServeMux) {
	mux.HandleFunc("/telegram/{bot}/{method}", t.serve)
	mux.HandleFunc("GET /telegram/file/{bot}/{path...}", t.serveFile)
	mux.HandleFunc("/telegram/", func(w http.ResponseWriter, _ *http.Request) {
		writeTelegram(w, nil, &tgError{Code: http.StatusNotFound, Description: "Not Found"})
	})
}

// tgError is an error as the API words it.
type tgError struct {
	Code        int    `json:"error_code"`
	Description string `json:"description"`
	RetryAfter  int    `json:"-"`
}

func (e *tgError) Error() string { return e.Description }

// tgBad is a 400 of the API.
func tgBad(text string) *tgError {
	return &tgError{Code: http.StatusBadRequest, Description: "Bad Request: " + text}
}

// serve answers one call of the Bot API.
func (t *telegram) serve(w http.ResponseWriter, r *http.Request) {
	bot, err := t.bot(r.PathValue("bot"))
	if err != nil {
		writeTelegram(w, nil, err)
		return
	}
	// Method names are case-insensitive.
	method := t.methods[strings.ToLower(r.PathValue("method"))]
	if method == nil {
		writeTelegram(w, nil, &tgError{Code: http.StatusNotFound, Description: "Not Found: method not found"})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, tgUploadMost+1<<20)
	c := &tgCall{t: t, bot: bot, req: r}
	if err := c.parse(r); err != nil {
		writeTelegram(w, nil, err)
		return
	}
	result, err := method(c)
	t.sim.cutIfAsked(r, ProviderTelegram, err)
	writeTelegram(w, result, err)
}

// bot finds the account a path segment such as bot123:abc names.
func (t *telegram) bot(segment string) (*tgBot, error) {
	token, ok := strings.CutPrefix(segment, "bot")
	if !ok || !tgToken.MatchString(token) {
		return nil, &tgError{Code: http.StatusNotFound, Description: "Not Found"}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.bots[token]; b != nil {
		return b, nil
	}
	return nil, &tgError{Code: http.StatusUnauthorized, Description: "Unauthorized"}
}

// accounts lists the tokens.
func (t *telegram) accounts() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.bots))
}

func writeTelegram(w http.ResponseWriter, result any, err error) {
	if err == nil {
		writeJSON(w, http.StatusOK, map[string]any{"ok": true, "result": result})
		return
	}
	var te *tgError
	if !errors.As(err, &te) {
		te = &tgError{Code: http.StatusInternalServerError, Description: "Internal Server Error: " + err.Error()}
	}
	body := map[string]any{"ok": false, "error_code": te.Code, "description": te.Description}
	if te.RetryAfter > 0 {
		body["parameters"] = map[string]int{"retry_after": te.RetryAfter}
		w.Header().Set("Retry-After", strconv.Itoa(te.RetryAfter))
	}
	writeJSON(w, te.Code, body)
}

// tgCall is one request: its parameters in one form, however they came.
type tgCall struct {
	t      *telegram
	bot    *tgBot
	req    *http.Request
	params map[string]string // JSON values that are not strings stay JSON
	files  map[string]*file  // multipart uploads by field name
	native json.RawMessage
}

// parse reads the parameters from query string, form, multipart or JSON.
func (c *tgCall) parse(r *http.Request) error {
	c.params, c.files = map[string]string{}, map[string]*file{}
	for k, v := range r.URL.Query() {
		c.params[k] = v[0]
	}
	typ, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var err error
	switch typ {
	case "application/json":
		err = c.parseJSON(r)
	case "multipart/form-data":
		err = c.parseMultipart(r)
	case "application/x-www-form-urlencoded":
		if err = r.ParseForm(); err == nil {
			for k, v := range r.PostForm {
				c.params[k] = v[0]
			}
		}
	}
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &tgError{Code: http.StatusRequestEntityTooLarge, Description: "Request Entity Too Large"}
	}
	if err != nil {
		return tgBad("can't parse request: " + err.Error())
	}
	if c.native == nil {
		c.native, err = encode(c.params)
	}
	return err
}

func (c *tgCall) parseJSON(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if len(body) == 0 {
		return nil
	}
	var in map[string]json.RawMessage
	if json.Unmarshal(body, &in) != nil {
		return errors.New("can't parse JSON object")
	}
	c.native = body
	for k, raw := range in {
		var s string
		switch {
		case string(raw) == "null":
		case raw[0] == '"' && json.Unmarshal(raw, &s) == nil:
			c.params[k] = s
		default:
			c.params[k] = string(raw)
		}
	}
	return nil
}

func (c *tgCall) parseMultipart(r *http.Request) error {
	mr, err := r.MultipartReader()
	if err != nil {
		return fmt.Errorf("read multipart: %w", err)
	}
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read multipart: %w", err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return fmt.Errorf("read multipart: %w", err)
		}
		if part.FileName() == "" {
			c.params[part.FormName()] = string(data)
			continue
		}
		typ := part.Header.Get("Content-Type")
		if typ == "" || typ == "application/octet-stream" {
			typ = mimeOf(part.FileName())
		}
		c.files[part.FormName()] = c.t.sim.media.put(data, typ, part.FileName())
		c.params[part.FormName()] = "attach://" + part.FormName()
	}
}

// object reads a parameter that holds JSON; absent leaves v alone.
func (c *tgCall) object(name string, v any) error {
	p := c.params[name]
	if p == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(p), v); err != nil {
		return tgBad("can't parse " + strings.ReplaceAll(name, "_", " ") + " JSON object")
	}
	return nil
}

// flag reads a boolean parameter.
func (c *tgCall) flag(name string) bool {
	switch strings.ToLower(c.params[name]) {
	case "true", "yes", "1":
		return true
	}
	return false
}

// integer reads a number; absent or malformed is 0.
func (c *tgCall) integer(name string) int64 {
	n, err := strconv.ParseInt(c.params[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// chat finds the private chat the call is about.
func (c *tgCall) chat() (key, int64, error) {
	id := c.params["chat_id"]
	if id == "" {
		return key{}, 0, tgBad("chat_id is empty")
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 {
		// Groups and channels are not simulated: to the bot they do not exist.
		return key{}, 0, tgBad("chat not found")
	}
	return newKey(ChannelTelegram, id), n, nil
}
