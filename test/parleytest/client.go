package parleytest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
)

// Do makes one API request to a path below the project, with body as JSON
// unless it is nil, and returns the answer's status and body. An error says
// that there was no answer, so that it is not known what became of it.
func (s *Server) Do(ctx context.Context, method, path string, body any) (int, []byte, error) {
	var content io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+"/v1/projects/"+Project+path, content)
	if err != nil {
		return 0, nil, err
	}
	req.SetBasicAuth(KeyID, KeySecret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// Call is Do for a request that must be answered with 200; the answer is
// decoded into into unless that is nil.
func (s *Server) Call(tb testing.TB, method, path string, body, into any) {
	tb.Helper()
	status, answer, err := s.Do(tb.Context(), method, path, body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%d %s", status, answer)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil {
		tb.Fatalf("%s %s: %v", method, path, err)
	}
}
