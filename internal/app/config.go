// Package app puts the server together: configuration, wiring, the order in
// which things start and stop, and the commands of the program. It is, with
// cmd, the one place where the world comes in: clock, environment, files.
package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/engine"
	"github.com/parley-im/parley/internal/store"
)

// A Secret is a setting that is never printed.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// Config is every setting of the server. Each can be given in the file named
// by --config, in the environment and as a flag, the later winning.
type Config struct {
	Listen      string `help:"Address to serve on." default:"127.0.0.1:8080" env:"PARLEY_LISTEN" yaml:"listen"`
	DataDir     string `help:"Directory for the database, media and generated keys." default:"./data" env:"PARLEY_DATA_DIR" yaml:"data_dir"`
	DatabaseURL Secret `help:"PostgreSQL URL (postgres://…); empty means SQLite in the data directory." name:"database-url" env:"PARLEY_DATABASE_URL" yaml:"database_url"`
	PublicURL   string `help:"Where providers and apps reach this server, such as https://parley.example.com." name:"public-url" env:"PARLEY_PUBLIC_URL" yaml:"public_url"`

	BootstrapProjectID string `help:"Create this project at start if absent." name:"bootstrap-project-id" env:"PARLEY_BOOTSTRAP_PROJECT_ID" yaml:"bootstrap_project_id"`
	BootstrapKeyID     string `help:"Create this access key of that project at start if absent." name:"bootstrap-key-id" env:"PARLEY_BOOTSTRAP_KEY_ID" yaml:"bootstrap_key_id"`
	BootstrapKeySecret Secret `help:"Its secret." name:"bootstrap-key-secret" env:"PARLEY_BOOTSTRAP_KEY_SECRET" yaml:"bootstrap_key_secret"`

	AllowPrivateTargets bool   `help:"Let callbacks and media reach loopback and private addresses." name:"allow-private-targets" env:"PARLEY_ALLOW_PRIVATE_TARGETS" yaml:"allow_private_targets"`
	MediaURL            Secret `help:"Bucket for inbound media, s3://KEY:SECRET@HOST/BUCKET[/PREFIX][?region=REGION]; empty means the data directory." name:"media-url" env:"PARLEY_MEDIA_URL" yaml:"media_url"`
	CheckMedia          string `help:"on asks for the media that messages name before they are sent; off leaves it to the providers." name:"check-media" enum:"on,off" default:"on" env:"PARLEY_CHECK_MEDIA" yaml:"check_media"`
	RateLimits          string `help:"on holds clients to the API's limits; off lifts every limit of ours, for load tests." name:"rate-limits" enum:"on,off" default:"on" env:"PARLEY_RATE_LIMITS" yaml:"rate_limits"`
	OutboundLimit       int64  `help:"Messages an app sends per second at most." name:"outbound-limit" default:"500" env:"PARLEY_OUTBOUND_LIMIT" yaml:"outbound_limit"`

	SettleAfter  time.Duration `help:"After an attempt whose outcome was lost, how long its message is given to show up at the provider before it is sent again." name:"settle-after" default:"5s" env:"PARLEY_SETTLE_AFTER" yaml:"settle_after"`
	UnknownAfter time.Duration `help:"Where the provider cannot be asked, how long a delivery receipt may take to tell; then the message fails." name:"unknown-after" default:"2m" env:"PARLEY_UNKNOWN_AFTER" yaml:"unknown_after"`

	ConsentKeywords    string `help:"on lets contacts opt out and in by writing one of the words below and nothing else." name:"consent-keywords" enum:"on,off" default:"on" env:"PARLEY_CONSENT_KEYWORDS" yaml:"consent_keywords"`
	ConsentChannels    string `help:"Channels on which the words count, separated by commas." name:"consent-channels" default:"SMS,MMS,RCS,WHATSAPP,VIBERBM" env:"PARLEY_CONSENT_CHANNELS" yaml:"consent_channels"`
	ConsentOptOutWords string `help:"Words that opt out, separated by commas; each also followed by MARKETING or NOTIFICATION." name:"consent-opt-out-words" default:"STOP,STOPALL,UNSUBSCRIBE" env:"PARLEY_CONSENT_OPT_OUT_WORDS" yaml:"consent_opt_out_words"`
	ConsentOptInWords  string `help:"Words that opt in again, likewise." name:"consent-opt-in-words" default:"START,UNSTOP,SUBSCRIBE" env:"PARLEY_CONSENT_OPT_IN_WORDS" yaml:"consent_opt_in_words"`

	TraceDays int64 `help:"Days for which it is kept what was done for each message, step by step; 0 notes nothing." name:"trace-days" default:"7" env:"PARLEY_TRACE_DAYS" yaml:"trace_days"`

	RetentionInterval time.Duration `help:"How often what is kept no longer is removed." name:"retention-interval" default:"1h" env:"PARLEY_RETENTION_INTERVAL" yaml:"retention_interval"`

	EncryptionKey Secret `help:"Key (base64, 32 bytes) that encrypts credentials; empty means the one generated in the data directory." name:"encryption-key" env:"PARLEY_ENCRYPTION_KEY" yaml:"encryption_key"`
	PprofListen   string `help:"Address to serve Go profiles on, for operators only; empty means none." name:"pprof-listen" env:"PARLEY_PPROF_LISTEN" yaml:"pprof_listen"`
	LogLevel      string `help:"debug, info, warn or error." name:"log-level" enum:"debug,info,warn,error" default:"info" env:"PARLEY_LOG_LEVEL" yaml:"log_level"`

	EmailListen     string `help:"Address to take in letters for channel EMAIL on, over SMTP; empty means none." name:"email-listen" env:"PARLEY_EMAIL_LISTEN" yaml:"email_listen"`
	EmailLMTPListen string `help:"Likewise over LMTP, also unix:PATH." name:"email-lmtp-listen" env:"PARLEY_EMAIL_LMTP_LISTEN" yaml:"email_lmtp_listen"`
	EmailTLSCert    string `help:"File with the certificate for STARTTLS there; empty means it is not offered." name:"email-tls-cert" env:"PARLEY_EMAIL_TLS_CERT" yaml:"email_tls_cert"`
	EmailTLSKey     string `help:"File with its key." name:"email-tls-key" env:"PARLEY_EMAIL_TLS_KEY" yaml:"email_tls_key"`

	Channels ChannelURLs `embed:"" prefix:"channels-" envprefix:"PARLEY_CHANNELS_" yaml:"channels"`
}

// maxTraceDays is the longest time messages themselves may be kept for.
const maxTraceDays = 3650

// check refuses settings that cannot work, naming them.
func (c *Config) check() error {
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return errors.New("public_url: must be an absolute http or https URL")
		}
		c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	}
	if s := string(c.DatabaseURL); s != "" && !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		return errors.New("database_url: must start with postgres://")
	}
	if c.SettleAfter < 0 || c.UnknownAfter < 0 {
		return errors.New("settle_after, unknown_after: must not be negative")
	}
	if c.TraceDays < 0 || c.TraceDays > maxTraceDays {
		return fmt.Errorf("trace_days: must be 0 to %d", maxTraceDays)
	}
	if c.RetentionInterval < time.Minute {
		return errors.New("retention_interval: must be at least 1m")
	}
	if (c.BootstrapKeyID == "") != (c.BootstrapKeySecret == "") {
		return errors.New("bootstrap_key_id: needs bootstrap_key_secret, and the other way round")
	}
	if c.BootstrapKeyID != "" && c.BootstrapProjectID == "" {
		return errors.New("bootstrap_key_id: needs bootstrap_project_id")
	}
	for _, ch := range c.keywords().Channels {
		if !ch.Known() {
			return fmt.Errorf("consent_channels: unknown channel %q", ch)
		}
	}
	if err := c.checkMail(); err != nil {
		return err
	}
	return c.Channels.check()
}

// keywords returns the words by which contacts opt out and in.
func (c *Config) keywords() engine.Keywords {
	var k engine.Keywords
	if c.ConsentKeywords != "on" {
		return k
	}
	for _, name := range words(c.ConsentChannels) {
		k.Channels = append(k.Channels, parley.Channel(strings.ToUpper(name)))
	}
	k.OptOut, k.OptIn = words(c.ConsentOptOutWords), words(c.ConsentOptInWords)
	return k
}

// words splits a list at its commas.
func words(list string) []string {
	var out []string
	for w := range strings.SplitSeq(list, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// level is the least level that is logged.
func (c *Config) level() slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return slog.LevelInfo
	}
	return l
}

// key returns the encryption key: the configured one, or the one kept in the
// data directory, made at the first start.
func (c *Config) key() ([]byte, error) {
	if c.EncryptionKey != "" {
		return decodeKey(string(c.EncryptionKey))
	}
	path := filepath.Join(c.DataDir, "encryption.key")
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own directory
	if err == nil {
		return decodeKey(strings.TrimSpace(string(text)))
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read encryption key: %w", err)
	}
	key := make([]byte, store.KeySize)
	_, _ = rand.Read(key) // crypto/rand.Read never fails
	return key, writeKey(path, base64.StdEncoding.EncodeToString(key)+"\n")
}

func decodeKey(s string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(key) != store.KeySize {
		return nil, fmt.Errorf("encryption_key: must be %d bytes in base64", store.KeySize)
	}
	return key, nil
}

// writeKey writes a file only its owner may read, whole or not at all: a key
// that is lost takes the credentials with it.
func writeKey(path, text string) (err error) {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the operator's own directory
	if err != nil {
		return fmt.Errorf("write encryption key: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write encryption key: %w", err)
	}
	return os.Rename(path+".new", path)
}

// MarshalYAML hides the secret from parley config print.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }
