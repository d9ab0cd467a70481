package viberbm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/channeltest"
	"github.com/parley-im/parley/internal/channel/viberbm"
)

const infobipKey = "003026bbc133714df1834b8638bb496e-8f4b3d9a"

func infobipCredential() *parley.ChannelCredential {
	return &parley.ChannelCredential{
		Channel: parley.ChannelViberBM, Provider: "infobip",
		StaticBearer:     &parley.StaticBearer{ClaimedIdentity: "Shop", Token: infobipKey},
		CallbackSecret:   "callback-secret-of-the-test",
		ProviderSettings: json.RawMessage(`{"base_url":"https://xyz123.api.infobip.com"}`),
	}
}

func infobipSuite() channeltest.Suite {
	return channeltest.Suite{
		Channel: viberbm.New(), Credential: infobipCredential(), Testdata: "testdata/infobip",
		Sign: func(c *channel.Conn, r *http.Request, _ []byte) {
			r.SetBasicAuth("parley", c.Credential.CallbackSecret)
		},
		Check: infobipLimits,
	}
}

func TestInfobip(t *testing.T) {
	t.Parallel()
	channeltest.Run(t, infobipSuite())
}

func FuzzReceiveInfobip(f *testing.F) { channeltest.FuzzReceive(f, infobipSuite()) }

// infobipFileName is what a file's name must look like (Infobip OpenAPI
// Specification, ViberOutboundFileContent).
var infobipFileName = regexp.MustCompile(`.*\.(docx?|dotx?|xlsx?|f?ods|f?odt|rtf|odf|txt|info|pdf|xps|pdax|eps|csv|xlsm|xltx)$`)

// infobipLimits checks what the specification says of a message.
func infobipLimits(p channel.Payload) error {
	var m struct {
		Sender       string
		Destinations []struct{ To string }
		Content      struct {
			Type, Text, MediaURL, FileName string
			Button                         *struct{ Title, Action string }
		}
		Options struct{ Label string }
	}
	if err := json.Unmarshal(p.Body, &m); err != nil {
		return err
	}
	c := m.Content
	switch {
	case m.Sender != "Shop" || len(m.Destinations) != 1 || m.Destinations[0].To == "":
		return fmt.Errorf("from %q to %v", m.Sender, m.Destinations)
	case utf8.RuneCountInString(c.Text) > 1000 || len(c.MediaURL) > 1000:
		return errors.New("too long")
	case c.Type == "TEXT" && c.Text == "", c.Type == "IMAGE" && c.MediaURL == "", c.Type == "FILE" && !infobipFileName.MatchString(c.FileName):
		return fmt.Errorf("a %s that lacks something", c.Type)
	case !slices.Contains([]string{"TEXT", "IMAGE", "FILE", "LIST"}, c.Type):
		return fmt.Errorf("type %q", c.Type)
	case c.Button != nil && (c.Button.Title == "" || c.Button.Action == "" || c.Text == "" || utf8.RuneCountInString(c.Button.Title) > 30):
		return fmt.Errorf("button %+v", *c.Button)
	case (c.Type != "TEXT" || c.Button != nil) && m.Options.Label != "PROMOTIONAL":
		return errors.New("a transactional message that is not words alone")
	}
	return nil
}

// TestInfobipCheck refuses what cannot work, by its name.
func TestInfobipCheck(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]string{
		``: "",
		`{"base_url":"https://xyz123.api.infobip.com/"}`:          "",
		`{"category":"transaction"}`:                              "",
		`{"base_url":"xyz123.api.infobip.com"}`:                   "provider_settings.base_url",
		`{"base_url":"http://xyz123.api.infobip.com"}`:            "provider_settings.base_url",
		`{"base_url":"https://xyz123.api.infobip.com/viber"}`:     "provider_settings.base_url",
		`{"base_url":"https://user:word@xyz123.api.infobip.com"}`: "provider_settings.base_url",
		`{"base_url":""}`:              "provider_settings.base_url",
		`{"base_url":7}`:               "provider_settings.base_url",
		`{"category":"TRANSACTIONAL"}`: "provider_settings.category",
		`{"base_url":"https://x.api.infobip.com","api_key":"abc"}`: "provider_settings.api_key",
	} {
		c := infobipCredential()
		c.ProviderSettings = json.RawMessage(settings)
		err := viberbm.New().Check(c)
		if e, _ := errors.AsType[*parley.Error](err); (err == nil) != (want == "") || e != nil && e.Field != want {
			t.Errorf("%s: got error %v, want one about %q", settings, err, want)
		}
	}
	for bearer, want := range map[parley.StaticBearer]string{
		{ClaimedIdentity: "Shop", Token: "a key"}: "static_bearer.token",
		{ClaimedIdentity: "Shop"}:                 "static_bearer.token",
		{Token: infobipKey}:                       "static_bearer.claimed_identity",
	} {
		c := infobipCredential()
		c.StaticBearer = &bearer
		if e, ok := errors.AsType[*parley.Error](viberbm.New().Check(c)); !ok || e.Field != want {
			t.Errorf("%+v: got error %v, want one about %s", bearer, e, want)
		}
	}
}

// TestInfobipAddresses lets those in who know the address they were given, or
// the password.
func TestInfobipAddresses(t *testing.T) {
	t.Parallel()
	const ours, theirs = "5ec2e75ec2e75ec2e75ec2e75ec2e700", "callback-secret-of-the-test"
	for _, tc := range []struct {
		secret, rest, password string
		want                   error
	}{
		{secret: theirs, rest: ours},
		{secret: theirs, rest: theirs},
		{secret: theirs, rest: "/" + theirs + "/"},
		{secret: theirs, password: theirs},
		{secret: theirs, want: channel.ErrForged},
		{secret: theirs, rest: "other", password: "other", want: channel.ErrForged},
		{secret: theirs, password: ours, want: channel.ErrForged},
		{rest: ours},
		{},
	} {
		cred := infobipCredential()
		cred.CallbackSecret = tc.secret
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.SetPathValue("rest", tc.rest)
		if tc.password != "" {
			r.SetBasicAuth("parley", tc.password)
		}
		_, err = viberbm.New().Receive(&channel.Conn{Credential: cred, Secret: ours}, r, []byte(`{"results":[]}`))
		if !errors.Is(err, tc.want) {
			t.Errorf("%+v: got error %v", tc, err)
		}
	}
}
