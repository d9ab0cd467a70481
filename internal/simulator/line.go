package simulator

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ProviderLINE is LINE's Messaging API.
const ProviderLINE = "line"

// LINEAccount is an official account: a channel of the Messaging API.
type LINEAccount struct {
	Token      string `json:"token"`                 // channel access token
	Secret     string `json:"secret"`                // channel secret; signs webhooks
	WebhookURL string `json:"webhook_url,omitempty"` // what the API sets, too
	Name       string `json:"name,omitempty"`        // default Simulator
	BasicID    string `json:"basic_id,omitempty"`    // default @simulator
}

// line is the Messaging API.
type line struct {
	sim      *Simulator
	channels accountSet[LINEAccount]

	mu       sync.Mutex
	seq      int64
	accepted map[string]lineAccepted // by token and retry key
}

// lineAccepted is a push that was taken, for those that repeat it.
type lineAccepted struct {
	requestID string
	sent      []map[string]string
}

func newLINE(s *Simulator) *line { return &line{sim: s, accepted: map[string]lineAccepted{}} }

func (l *line) name() string       { return ProviderLINE }
func (l *line) channel() string    { return ChannelLINE }
func (l *line) accounts() []string { return l.channels.ids() }

// put makes or changes an official account; a webhook set by the API stays
// unless another is given.
func (l *line) put(_ context.Context, id string, doc json.RawMessage) error {
	var a LINEAccount
	if err := readAccount(doc, &a); err != nil {
		return err
	}
	if id == "" || a.Token == "" {
		return errors.New("line account: want an id and a token")
	}
	a.Name, a.BasicID = orElse(a.Name, "Simulator"), orElse(a.BasicID, "@simulator")
	if old, ok := l.channels.get(id); ok {
		a.WebhookURL = orElse(a.WebhookURL, old.WebhookURL)
	}
	l.channels.set(id, a)
	return nil
}

func (l *line) routes(mux *http.ServeMux) {
	const bot = "/line/v2/bot/"
	mux.HandleFunc("GET "+bot+"info", l.guard(l.info))
	mux.HandleFunc("GET "+bot+"profile/{user}", l.guard(l.profile))
	mux.HandleFunc("GET "+bot+"channel/webhook/endpoint", l.guard(l.webhook))
	mux.HandleFunc("PUT "+bot+"channel/webhook/endpoint", l.guard(l.setWebhook))
	mux.HandleFunc("POST "+bot+"chat/loading/start", l.guard(l.loading))
	mux.HandleFunc("POST "+bot+"message/push", l.guard(l.push))
	mux.HandleFunc("POST "+bot+"message/pnp/templated/push", l.guard(l.notifyByTemplate))
	mux.HandleFunc("POST /line/bot/pnp/push", l.guard(l.notify))
	mux.HandleFunc("GET "+bot+"message/{id}/content", l.content)
	mux.HandleFunc("/line/", func(w http.ResponseWriter, _ *http.Request) {
		l.write(w, lineAnswer{status: http.StatusNotFound, body: &lineError{Message: "Not found"}})
	})
}

// lineError is an error as the API words it.
type lineError struct {
	Status  int               `json:"-"`
	After   int               `json:"-"` // seconds, of Retry-After
	Message string            `json:"message"`
	Details []lineErrorDetail `json:"details,omitempty"`
}

type lineErrorDetail struct {
	Message  string `json:"message"`
	Property string `json:"property"`
}

func (e *lineError) Error() string { return e.Message }

func lineBad(message string) *lineError {
	return &lineError{Status: http.StatusBadRequest, Message: message}
}

// lineDetail is the error of a property of the body.
func lineDetail(property, message string) *lineError {
	return &lineError{
		Status: http.StatusBadRequest, Message: "The request body has 1 error(s)",
		Details: []lineErrorDetail{{message, property}},
	}
}

// A lineAnswer is what the API answers; the zero status is 200.
type lineAnswer struct {
	status int
	header map[string]string
	body   any
}

// lineCall is one request: whose it is, and its body.
type lineCall struct {
	*http.Request
	id      string
	account LINEAccount
	body    json.RawMessage
}

func (c *lineCall) read(v any) error {
	if json.Unmarshal(c.body, v) != nil {
		return lineBad("The request body could not be parsed as JSON")
	}
	return nil
}

// guard finds the account of the token, and words answers and errors.
func (l *line) guard(op func(c *lineCall) (lineAnswer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := l.serve(r, op)
		l.sim.cutIfAsked(r, ProviderLINE, err)
		if err != nil {
			var le *lineError
			if !errors.As(err, &le) {
				le = &lineError{Status: http.StatusInternalServerError, Message: "Internal Server Error"}
			}
			answer = lineAnswer{status: le.Status, body: le}
			if le.After > 0 {
				answer.header = map[string]string{"Retry-After": strconv.Itoa(le.After)}
			}
		}
		l.write(w, answer)
	}
}

func (l *line) serve(r *http.Request, op func(c *lineCall) (lineAnswer, error)) (lineAnswer, error) {
	c := &lineCall{Request: r}
	var ok bool
	if c.id, c.account, ok = l.owner(r); !ok {
		return lineAnswer{}, &lineError{
			Status: http.StatusUnauthorized, Message: "Authentication failed. Confirm that the access token in the authorization header is valid.",
		}
	}
	var err error
	const most = 2 << 20
	if c.body, err = io.ReadAll(io.LimitReader(r.Body, most+1)); err != nil || len(c.body) > most {
		return lineAnswer{}, &lineError{Status: http.StatusRequestEntityTooLarge, Message: "Payload Too Large"}
	}
	return op(c)
}

func (l *line) owner(r *http.Request) (string, LINEAccount, bool) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return l.channels.find(func(a LINEAccount) bool { return token != "" && a.Token == token })
}

func (l *line) write(w http.ResponseWriter, a lineAnswer) {
	w.Header().Set("X-Line-Request-Id", newUUID())
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.body == nil {
		a.body = struct{}{}
	}
	writeJSON(w, a.status, a.body)
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// botUserID is the account as webhooks name it.
func botUserID(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "U" + hex.EncodeToString(sum[:16])
}

func (l *line) info(c *lineCall) (lineAnswer, error) {
	return lineAnswer{body: map[string]string{
		"userId": botUserID(c.id), "basicId": c.account.BasicID, "displayName": c.account.Name,
		"chatMode": "bot", "markAsReadMode": "auto",
	}}, nil
}

// profile tells of friends alone.
func (l *line) profile(c *lineCall) (lineAnswer, error) {
	user := c.PathValue("user")
	if !lineUser.MatchString(user) || l.sim.phones.hasLeft(newKey(ChannelLINE, user)) {
		return lineAnswer{}, &lineError{Status: http.StatusNotFound, Message: "Not found"}
	}
	name := ""
	l.sim.phones.locked(newKey(ChannelLINE, user), func(h *handset) { name = h.name })
	return lineAnswer{body: map[string]string{"userId": user, "displayName": name, "language": "en"}}, nil
}

func (l *line) webhook(c *lineCall) (lineAnswer, error) {
	return lineAnswer{body: map[string]any{"endpoint": c.account.WebhookURL, "active": true}}, nil
}

// setWebhook accepts http too, unlike the real one.
func (l *line) setWebhook(c *lineCall) (lineAnswer, error) {
	var in struct {
		Endpoint string `json:"endpoint"`
	}
	if err := c.read(&in); err != nil {
		return lineAnswer{}, err
	}
	const most = 500
	if u, err := url.Parse(in.Endpoint); err != nil || u.Host == "" || len(in.Endpoint) > most {
		return lineAnswer{}, lineBad("Invalid webhook endpoint URL")
	}
	c.account.WebhookURL = in.Endpoint
	l.channels.set(c.id, c.account)
	return lineAnswer{}, nil
}

// loading shows the loading animation, which is what composing is on LINE.
func (l *line) loading(c *lineCall) (lineAnswer, error) {
	in := struct {
		ChatID  string `json:"chatId"`
		Seconds int    `json:"loadingSeconds"`
	}{Seconds: 20}
	if err := c.read(&in); err != nil {
		return lineAnswer{}, err
	}
	if !lineUser.MatchString(in.ChatID) {
		return lineAnswer{}, lineDetail("chatId", "invalid")
	}
	if in.Seconds < 5 || in.Seconds > 60 || in.Seconds%5 != 0 {
		return lineAnswer{}, lineDetail("loadingSeconds", "must be a multiple of 5 from 5 to 60")
	}
	l.sim.phones.typing(newKey(ChannelLINE, in.ChatID), time.Duration(in.Seconds)*time.Second)
	return lineAnswer{status: http.StatusAccepted}, nil
}

// content serves what a phone sent.
func (l *line) content(w http.ResponseWriter, r *http.Request) {
	if _, _, ok := l.owner(r); !ok {
		l.write(w, lineAnswer{status: http.StatusUnauthorized, body: &lineError{Message: "Authentication failed"}})
		return
	}
	f := l.sim.media.get(r.PathValue("id"))
	if f == nil {
		l.write(w, lineAnswer{status: http.StatusNotFound, body: &lineError{Message: "Not found"}})
		return
	}
	data, mime, err := l.sim.media.bytesOf(r.Context(), f)
	if err != nil {
		l.write(w, lineAnswer{status: http.StatusGone, body: &lineError{Message: "Gone"}})
		return
	}
	serveFile(w, data, mime)
}

var (
	lineUser  = regexp.MustCompile(`^U[0-9a-f]{32}$`)
	lineHash  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	lineRetry = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// nextID makes a message id: a long number, as LINE has them.
func (l *line) nextID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	return strconv.FormatInt(460_000_000_000_000_000+l.seq, 10)
}

// post is a webhook call of the account, signed.
func (l *line) post(account, order string, body []byte) *post {
	return &post{
		provider: ProviderLINE, order: order, body: body,
		target: func() (string, http.Header) {
			a, _ := l.channels.get(account)
			return a.WebhookURL, http.Header{
				"User-Agent":       {"LineBotWebhook/2.0"},
				"X-Line-Signature": {base64.StdEncoding.EncodeToString(signature(sha256.New, a.Secret, body))},
			}
		},
	}
}
