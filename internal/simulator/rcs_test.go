package simulator

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestRCSRefuses posts what Google refuses.
func TestRCSRefuses(t *testing.T) {
	t.Parallel()
	sim := New(Options{Now: time.Now})
	t.Cleanup(sim.Close)
	if err := sim.Put(t.Context(), ProviderRCSGoogle, "agent", RCSGoogleAccount{Token: "access"}); err != nil {
		t.Fatal(err)
	}
	handler := sim.Handler()
	post := func(token, path, body string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/rcs-google/v1/phones/"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const path = "%2B46700000001/agentMessages?agentId=agent&messageId="
	chips := func(n int, label string) string {
		chip := `{"reply":{"text":"` + label + `","postbackData":"p"}}`
		return `{"contentMessage":{"text":"a","suggestions":[` + strings.TrimSuffix(strings.Repeat(chip+",", n), ",") + `]}}`
	}
	for _, c := range []struct {
		token, path, body, want string
	}{
		{"other", path + "1", chips(1, "a"), "UNAUTHENTICATED"},
		{"access", "%2B46700000001/agentMessages?messageId=1", chips(1, "a"), "PERMISSION_DENIED"},
		{"access", "46700000001/agentMessages?agentId=agent&messageId=1", chips(1, "a"), "INVALID_ARGUMENT"},
		{"access", path, chips(1, "a"), "messageId"},
		{"access", path + "1", chips(12, "a"), "at most 11"},
		{"access", path + "1", chips(1, strings.Repeat("a", 26)), "at most 25"},
		{"access", path + "1", `{"contentMessage":{"text":"` + strings.Repeat("a", 3073) + `"}}`, "at most 3072"},
		{"access", path + "1", `{"contentMessage":{}}`, "Exactly one"},
		{"access", path + "1", `{"contentMessage":{"text":"a"},"colour":"red"}`, "colour"},
		{"access", path + "1", `{"contentMessage":{"text":"a"},"ttl":"9999999s"}`, "15 days"},
		{"access", path + "1", `{"contentMessage":{"richCard":{"carouselCard":{"cardWidth":"SMALL","cardContents":[{"title":"a"}]}}}}`, "2 to 10"},
		{"access", path + "1", `{"contentMessage":{"contentInfo":{"fileUrl":"nowhere"}}}`, "valid URL"},
	} {
		if code, answer := post(c.token, c.path, c.body); code/100 != 4 || !strings.Contains(answer, c.want) {
			t.Errorf("%s: got %d %s, want %s", c.body, code, answer, c.want)
		}
	}
	for _, want := range []int{http.StatusOK, http.StatusConflict} {
		if code, answer := post("access", path+"2", chips(11, "a")); code != want {
			t.Errorf("got %d %s, want %d", code, answer, want)
		}
	}
}

// TestRCSTokens asks for access tokens that nobody gets.
func TestRCSTokens(t *testing.T) {
	t.Parallel()
	sim := New(Options{Now: time.Now})
	t.Cleanup(sim.Close)
	for want, form := range map[string]url.Values{
		"unsupported_grant_type": {"grant_type": {"password"}},
		"invalid_grant":          {"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {"a.b.c"}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/rcs-google/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		sim.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("got %d %s, want %s", w.Code, w.Body, want)
		}
	}
}
