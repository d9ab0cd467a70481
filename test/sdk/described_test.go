package sdk

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/parley-im/parley/internal/openapi/openapitest"
)

// described returns an address in front of the server at which every answer is
// held against what the server's own /openapi.json says.
func described(t *testing.T, server string) string {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	oracle, err := openapitest.New(openAPI(t, server))
	if err != nil {
		t.Fatal(err)
	}
	var answers atomic.Int64
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.Out.Header.Del("Accept-Encoding") // the body is to be read here
		},
		ModifyResponse: func(answer *http.Response) error {
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				return err
			}
			answer.Body = io.NopCloser(bytes.NewReader(body))
			answers.Add(1)
			got := openapitest.Answer{Status: answer.StatusCode, Header: answer.Header, Body: string(body)}
			if err := oracle.Check(answer.Request, got); err != nil {
				t.Errorf("%s %s: not as /openapi.json says: %v\n%d %s", answer.Request.Method, answer.Request.URL, err, got.Status, body)
			}
			return nil
		},
	})
	t.Cleanup(func() {
		proxy.Close()
		t.Logf("%d answers are as /openapi.json says, unless reported", answers.Load())
		if answers.Load() == 0 {
			t.Error("no answer came by to be checked")
		}
	})
	return proxy.URL
}

func openAPI(t *testing.T, server string) []byte {
	t.Helper()
	answer, err := http.Get(server + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	document, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s", answer.Status)
	}
	if err != nil {
		t.Fatalf("/openapi.json: %v", err)
	}
	return document
}
