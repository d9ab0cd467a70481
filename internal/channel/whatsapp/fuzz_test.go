package whatsapp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/channel/whatsapp"
)

// FuzzReceive checks that no body, genuine as it may be, breaks the promises
// of channel.Inbound.
func FuzzReceive(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "receive", "*.http"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if _, body, ok := bytes.Cut(raw, []byte("\n\n")); ok {
			f.Add(body)
		}
	}
	c := credential()
	c.ProviderSettings = json.RawMessage(`{"verify_signatures":false}`)
	cn := conn(c, "")
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
		got, err := whatsapp.New().Receive(cn, r, body)
		if err != nil && !errors.Is(err, channel.ErrMalformed) {
			t.Fatalf("got error %v, want ErrMalformed", err)
		}
		for _, in := range got.Inbound {
			kinds := 0
			for _, set := range []bool{
				in.Message != nil, in.MessageEvent != nil, in.Receipt != nil, in.ChannelEvent != nil, in.Unsupported != "",
			} {
				if set {
					kinds++
				}
			}
			if kinds != 1 {
				t.Errorf("an Inbound is %d things: %+v", kinds, in)
			}
			if in.Message != nil && in.Message.Content() == nil {
				t.Errorf("a message without a body: %+v", in)
			}
			if in.ChannelEvent == nil && in.Receipt == nil && in.From.Identity == "" {
				t.Errorf("it comes from nobody: %+v", in)
			}
			if _, err := json.Marshal(in); err != nil {
				t.Errorf("it cannot be stored: %v", err)
			}
		}
	})
}
