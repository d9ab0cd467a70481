package api

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parley-im/parley"
)

// TestOperationTypes sees to it that every operation can be described.
func TestOperationTypes(t *testing.T) {
	t.Parallel()
	bodiless := []string{"StopActiveConversation"}
	for _, r := range new(Server).operations() {
		if r.op == nil {
			continue
		}
		if r.op.out.Kind() == reflect.Interface {
			t.Errorf("%s: its function must return a type of its own, not %s", r.operation, r.op.out)
		}
		method, _, _ := strings.Cut(r.pattern, " ")
		needs := method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch
		if needs && r.op.in == nil && !slices.Contains(bodiless, r.operation) {
			t.Errorf("%s is a %s without a body", r.operation, method)
		}
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	both := asking(readBatchQuery, change[parley.App](new(Server).updateApp))
	var got []string
	for _, p := range both.parameters() {
		got = append(got, p.name)
	}
	if want := []string{"update_mask", "update_mask.paths", "metadataKey", "metadataValue"}; !slices.Equal(got, want) {
		t.Errorf("parameters %q, want %q", got, want)
	}
	for _, r := range new(Server).operations() {
		if r.op == nil {
			continue
		}
		seen := map[string]bool{}
		for _, p := range r.op.parameters() {
			if seen[p.name] {
				t.Errorf("%s asks for %s twice", r.operation, p.name)
			}
			seen[p.name] = true
		}
	}
}
