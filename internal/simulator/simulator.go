package simulator

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The channels handsets can be on.
const (
	ChannelAppleBC       = "APPLEBC"
	ChannelEmail         = "EMAIL"
	ChannelInstagram     = "INSTAGRAM"
	ChannelKakaoTalk     = "KAKAOTALK"
	ChannelKakaoTalkChat = "KAKAOTALKCHAT"
	ChannelLINE          = "LINE"
	ChannelMessenger     = "MESSENGER"
	ChannelMMS           = "MMS"
	ChannelRCS           = "RCS"
	ChannelSMS           = "SMS"
	ChannelTelegram      = "TELEGRAM"
	ChannelViber         = "VIBER"
	ChannelViberBM       = "VIBERBM"
	ChannelWeChat        = "WECHAT"
	ChannelWhatsApp      = "WHATSAPP"
)

// Options says how a Simulator behaves. Only Now is required.
type Options struct {
	// Logger receives one line per surprise; nil discards them. Message text
	// and identities are logged at debug only.
	Logger *slog.Logger
	// Now is the clock used for every time shown. It must run with real time:
	// delays are measured by timers.
	Now func() time.Time
	// HTTP posts webhooks and fetches the media of replies. Nil means a client
	// with keep-alive and a 10 s limit that reaches any address.
	HTTP *http.Client
	// MaxItems is how many messages a handset keeps; older ones are
	// forgotten, and WHATSAPP reports no more about them. 0 means 1,000.
	MaxItems int
	// MaxHandsets is how many handsets there may be; the oldest is forgotten
	// for a new one. 0 means 50,000.
	MaxHandsets int
	// ReadAfter is how long after delivery a WHATSAPP handset reads a message
	// when its behaviour does not say. 0 means 1 s.
	ReadAfter time.Duration
	// Workers is how many webhooks are posted at a time. 0 means 32.
	Workers int
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxItems <= 0 {
		o.MaxItems = 1000
	}
	if o.MaxHandsets <= 0 {
		o.MaxHandsets = 50_000
	}
	if o.ReadAfter <= 0 {
		o.ReadAfter = time.Second
	}
	if o.Workers <= 0 {
		o.Workers = 32
	}
	if o.HTTP == nil {
		o.HTTP = webhookClient(o.Workers)
	}
	return o
}

// A Simulator plays the providers and the phones of their users. It is safe
// for concurrent use; what it knows is lost when it is closed.
type Simulator struct {
	opts   Options
	log    *slog.Logger
	now    func() time.Time
	phones *phones
	media  *mediaStore
	poster *poster
	timers *timers
	stats  *stats

	providers []provider
	reached   atomic.Pointer[string] // address it was last asked at

	ctx    context.Context // done when the simulator is closed
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// New returns a running simulator without accounts or handsets. Close it to
// stop what it does in the background.
func New(o Options) *Simulator { return newSimulator(o, (*Simulator).newProviders) }

func newSimulator(o Options, providers func(*Simulator) []provider) *Simulator {
	o = o.withDefaults()
	s := &Simulator{
		opts:   o,
		log:    o.Logger,
		now:    o.Now,
		phones: newPhones(o),
		media:  newMediaStore(o.HTTP),
		timers: newTimers(o.Now),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.providers = providers(s)
	s.stats = newStats(s.providers)
	s.poster = newPoster(s.ctx, o, s.timers, s.stats)
	s.tasks.Go(func() { s.timers.run(s.ctx) })
	s.tasks.Go(s.poster.run)
	return s
}

// Close stops posting webhooks, ends SMPP sessions and waits for everything
// running in the background. What was not yet posted is lost.
func (s *Simulator) Close() {
	s.cancel()
	s.tasks.Wait()
	s.opts.HTTP.CloseIdleConnections()
}

// Handler serves the providers' HTTP interfaces, each under its own prefix,
// and the control API. See the package comment.
func (s *Simulator) Handler() http.Handler {
	mux := http.NewServeMux()
	s.controlRoutes(mux)
	s.media.routes(mux)
	for _, p := range s.providers {
		p.routes(mux)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at := s.reached.Load(); at == nil || *at != r.Host {
			s.reached.Store(&r.Host)
		}
		mux.ServeHTTP(w, r)
	})
}

// base is the address the simulator is reached at, as far as it was asked.
func (s *Simulator) base() string {
	if at := s.reached.Load(); at != nil {
		return "http://" + *at
	}
	return ""
}

// Errors the control API turns into 404 and 409; anything else a handset is
// asked to do and cannot is a 400.
var (
	errNotFound = errors.New("not found")
	errConflict = errors.New("conflict")
)

// route finds the account a handset's owner is talking to: the one named, the
// one that wrote last, or the only one there is.
func (s *Simulator) route(phone key, account string) (provider, string, error) {
	last, ok := s.phones.last(phone, func(it *Item) bool {
		return it.Direction == In && (account == "" || it.Account == account)
	})
	if ok {
		return s.provider(last.Provider), last.Account, nil
	}
	var found provider
	var name string
	for _, p := range s.providersOf(phone.channel) {
		for _, a := range p.accounts() {
			if account != "" && a != account {
				continue
			}
			if found != nil {
				return nil, "", errors.New("several accounts could be meant: name one in account")
			}
			found, name = p, a
		}
	}
	if found == nil {
		return nil, "", errors.New("no such account on this channel")
	}
	return found, name, nil
}

// hangError asks for the connection to be cut as the behaviour says.
type hangError struct{ b Behaviour }

func (hangError) Error() string { return "cut" }

func asHang(err error) (hangError, bool) { return errors.AsType[hangError](err) }

// abort ends the exchange without an answer, as a cut connection does. It is
// how net/http documents doing so; the server recovers it silently.
func abort() { panic(http.ErrAbortHandler) }

// hang holds the connection open as long as the behaviour says and cuts it.
func (s *Simulator) hang(r *http.Request, b Behaviour) {
	t := time.NewTimer(time.Duration(b.HangFor))
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	case <-s.ctx.Done():
	}
	abort()
}
