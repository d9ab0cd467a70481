package parley_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

func FuzzSendMessageRequest(f *testing.F) {
	f.Add(send(f, ""))
	f.Add(send(f, `"ttl": "10s", "channel_properties": {"a": "b"}, "conversation_metadata": {"a": [1, 2.5e3]}`))
	fuzz[*parley.SendMessageRequest](f, "v1/messages/request/Send*")
}

func FuzzApp(f *testing.F) {
	f.Add([]byte(`{"display_name": "An app", "channel_credentials": [{"channel": "SMS", "static_bearer": {"claimed_identity": "a", "token": "b"}}]}`))
	fuzz[*parley.App](f, "v1/apps/App*")
}

func FuzzWebhook(f *testing.F) {
	f.Add([]byte(`{"app_id": "` + someID + `", "target": "https://hook.example/a", "triggers": ["MESSAGE_INBOUND"]}`))
	fuzz[*parley.Webhook](f, "v1/eventdestinations/request/*")
}

func FuzzContact(f *testing.F) {
	f.Add([]byte(`{"channel_identities": [{"channel": "SMS", "identity": "+15551234567"}], "language": "EN"}`))
	fuzz[*parley.Contact](f, "v1/contacts/Contact*")
}

// fuzz decodes and validates bodies. Nothing may panic, an error must be fit
// to be shown, and what is valid must still be valid, and the same, after it
// was stored and read back.
func fuzz[P interface {
	*T
	Validate() error
}, T any](f *testing.F, pattern string) {
	f.Helper()
	seed(f, pattern)
	f.Fuzz(func(t *testing.T, body []byte) {
		request := P(new(T))
		err := parley.Decode(body, request)
		if err == nil {
			if d, ok := any(request).(interface{ SetDefaults() }); ok {
				d.SetDefaults()
			}
			err = request.Validate()
		}
		if err != nil {
			if parley.CodeOf(err) != parley.CodeInvalidArgument {
				t.Errorf("got error %v, want an invalid argument", err)
			}
			return
		}
		stored, err := parley.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		again := P(new(T))
		if err := parley.Decode(stored, again); err != nil {
			t.Fatalf("%s: %v", stored, err)
		}
		if err := again.Validate(); err != nil {
			t.Errorf("%s is not valid any more: %v", stored, err)
		}
		if twice, err := parley.Marshal(again); err != nil || !bytes.Equal(stored, twice) {
			t.Errorf("changed by storing:\n%s\n%s (%v)", stored, twice, err)
		}
	})
}

// seed adds the published bodies, where they are at hand, with their ids made
// real ones.
func seed(f *testing.F, pattern string) {
	f.Helper()
	dir := os.Getenv("PARLEY_FIXTURES")
	if dir == "" {
		dir = filepath.Join("..", "shared", "fixtures")
	}
	files, err := fs.Glob(os.DirFS(dir), pattern)
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			f.Fatal(err)
		}
		text := string(raw)
		for _, id := range []string{"my app ID", "an app id", "my contact ID", "my MESSENGER app id"} {
			text = strings.ReplaceAll(text, id, someID)
		}
		f.Add([]byte(text))
	}
}
