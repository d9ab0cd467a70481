package parley_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parley-im/parley"
)

func TestPatchContact(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		mask       []string
		change     func(*parley.Contact) // of what comes out
	}{
		{"nothing", `{}`, nil, func(*parley.Contact) {}},
		{"one member", `{"email": "b@b.example"}`, nil, func(c *parley.Contact) { c.Email = "b@b.example" }},
		{"null clears", `{"email": null}`, nil, func(c *parley.Contact) { c.Email = "" }},
		{"empty clears", `{"email": ""}`, nil, func(c *parley.Contact) { c.Email = "" }},
		{
			"the id is ignored", `{"id": "another", "metadata": "m2"}`, nil,
			func(c *parley.Contact) { c.Metadata = "m2" },
		},
		{"unknown members are ignored", `{"shoe_size": 43}`, nil, func(*parley.Contact) {}},
		{
			"lists are replaced", `{"channel_priority": ["RCS"]}`, nil,
			func(c *parley.Contact) { c.ChannelPriority = []parley.Channel{"RCS"} },
		},
		{
			"the mask chooses", `{"email": "b@b.example", "metadata": "m2"}`,
			[]string{"metadata"},
			func(c *parley.Contact) { c.Metadata = "m2" },
		},
		{
			"the mask clears what is absent", `{"metadata": "m2"}`,
			[]string{"email", "metadata"},
			func(c *parley.Contact) { c.Email, c.Metadata = "", "m2" },
		},
		{
			"the mask is in camel case", `{"display_name": "Eve", "email": "b@b.example"}`,
			[]string{"displayName"},
			func(c *parley.Contact) { c.DisplayName = "Eve" },
		},
		{
			"everything", `{"id": "another", "display_name": "Eve", "language": "DE"}`,
			[]string{"*"},
			func(c *parley.Contact) { *c = parley.Contact{ID: someID, DisplayName: "Eve", Language: "DE"} },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := someContact()
			got, err := before.Patch([]byte(tt.body), tt.mask)
			if err != nil {
				t.Fatal(err)
			}
			want := someContact()
			tt.change(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(someContact(), before); diff != "" {
				t.Errorf("the original was changed (-want +got):\n%s", diff)
			}
		})
	}
}

func someContact() *parley.Contact {
	return &parley.Contact{
		ID:                someID,
		ChannelIdentities: []parley.ChannelIdentity{{Channel: parley.ChannelSMS, Identity: "15551234567"}},
		ChannelPriority:   []parley.Channel{parley.ChannelSMS, parley.ChannelWhatsApp},
		DisplayName:       "Ada", Email: "a@a.example", Metadata: "m1", Language: "EN",
	}
}

func TestPatchErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		mask       []string
		want       string
	}{
		{"a read-only member in the mask", `{"id": "x"}`, []string{"id"}, "update_mask"},
		{"an unknown member in the mask", `{}`, []string{"shoe_size"}, "update_mask"},
		{"a wrong type", `{"email": 5}`, nil, "email"},
		{"a path into text", `{"email": {"x": 1}}`, []string{"email.x"}, "update_mask"},
		{"a path into a list", `{}`, []string{"channel_identities.channel"}, "update_mask"},
		{"a list", `[]`, nil, ""},
		{"null", `null`, nil, ""},
		{"not JSON", `{`, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := someContact().Patch([]byte(tt.body), tt.mask)
			if got := field(err); got != tt.want {
				t.Errorf("got field %q, want %q (%v)", got, tt.want, err)
			}
		})
	}
}

// TestPatchApp follows a path into an object: only its end is touched.
func TestPatchApp(t *testing.T) {
	t.Parallel()
	app := &parley.App{ID: someID, DisplayName: "An app"}
	app.SetDefaults()
	app.RetentionPolicy = &parley.RetentionPolicy{RetentionType: parley.RetentionConversationExpire, TTLDays: 30}
	got, err := app.Patch([]byte(`{"retention_policy": {"ttl_days": 7}, "display_name": "Another"}`), []string{"retention_policy.ttl_days"})
	if err != nil {
		t.Fatal(err)
	}
	want := &parley.RetentionPolicy{RetentionType: parley.RetentionConversationExpire, TTLDays: 7}
	if diff := cmp.Diff(want, got.RetentionPolicy); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.DisplayName != "An app" {
		t.Errorf("got the name %q, which the mask does not list", got.DisplayName)
	}
	if app.RetentionPolicy.TTLDays != 30 {
		t.Error("the original was changed")
	}
}

// TestPatchNested changes members of objects, with masks and without.
func TestPatchNested(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		mask       []string
		want       *parley.RetentionPolicy // nil: the mask is refused
	}{
		{"one member", `{"retention_policy": {"ttl_days": 7}}`, nil, policy(parley.RetentionConversationExpire, 7)},
		{"none", `{"retention_policy": {}}`, nil, policy(parley.RetentionConversationExpire, 30)},
		{"an unknown one", `{"retention_policy": {"x": 1}}`, nil, policy(parley.RetentionConversationExpire, 30)},
		{"one that is null", `{"retention_policy": {"ttl_days": null}}`, nil, policy(parley.RetentionConversationExpire, 0)},
		{"the whole", `{"retention_policy": {"ttl_days": 7}}`, []string{"retention_policy"}, policy("", 7)},
		{"a path", `{"retention_policy": {"ttl_days": 7}}`, []string{"retention_policy.ttl_days"}, policy(parley.RetentionConversationExpire, 7)},
		{"camel case", `{"retention_policy": {"ttl_days": 7}}`, []string{"retentionPolicy.ttlDays"}, policy(parley.RetentionConversationExpire, 7)},
		{"no such member", `{}`, []string{"retention_policy.days"}, nil},
		{"too deep", `{}`, []string{"retention_policy.ttl_days.x"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			app := &parley.App{ID: someID, DisplayName: "An app"}
			app.SetDefaults()
			app.RetentionPolicy = policy(parley.RetentionConversationExpire, 30)
			got, err := app.Patch([]byte(tt.body), tt.mask)
			if tt.want == nil {
				if field(err) != "update_mask" {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got.RetentionPolicy); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func policy(kind string, days int64) *parley.RetentionPolicy {
	return &parley.RetentionPolicy{RetentionType: kind, TTLDays: days}
}

func TestPatchWebhook(t *testing.T) {
	t.Parallel()
	webhook := &parley.Webhook{
		ID: someID, AppID: someID, Target: "https://a.example", TargetType: parley.TargetHTTP,
		Triggers:          []parley.Trigger{parley.TriggerMessageInbound},
		ClientCredentials: &parley.ClientCredentials{ClientID: "a", ClientSecret: "b", Endpoint: "https://t.example"},
	}
	got, err := webhook.Patch([]byte(`{"target": "https://b.example", "client_credentials": null}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Target != "https://b.example" || got.ClientCredentials != nil || len(got.Triggers) != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestMergePatch has the examples of RFC 7386 that are about objects.
func TestMergePatch(t *testing.T) {
	t.Parallel()
	tests := []struct{ object, change, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{``, `{"a":1}`, `{"a":1}`},
		{`null`, `{"a":1}`, `{"a":1}`},
		{`{"a":1}`, ``, `{"a":1}`},
		{`{"a":1}`, `{ "a" : { "b" : "<&>" } }`, `{"a":{"b":"<&>"}}`},
	}
	for _, tt := range tests {
		got, err := parley.MergePatch(json.RawMessage(tt.object), json.RawMessage(tt.change))
		if err != nil {
			t.Errorf("%s with %s: %v", tt.object, tt.change, err)
			continue
		}
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%s with %s (-want +got):\n%s", tt.object, tt.change, diff)
		}
	}
	if _, err := parley.MergePatch(json.RawMessage(`{}`), json.RawMessage(`[]`)); err == nil {
		t.Error("a list was accepted")
	}
}
