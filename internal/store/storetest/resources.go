package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

func testProjects(t *testing.T, s *store.Store) {
	ctx := t.Context()
	equal(t, "projects at first", []store.Project(nil), value(s.Projects(ctx))(t))
	var want []store.Project
	for _, id := range []string{"p2", "p1", "p3"} {
		p, err := s.CreateProject(ctx, id, "the "+id)
		must(t, err)
		p.CreatedAt = p.CreatedAt.Truncate(time.Microsecond)
		want = append(want, p)
	}
	slices.SortFunc(want, func(a, b store.Project) int { return a.CreatedAt.Compare(b.CreatedAt) })
	equal(t, "projects", want, value(s.Projects(ctx))(t))
	_, err := s.CreateProject(ctx, "p1", "again")
	isCode(t, "CreateProject of one that exists", parley.CodeAlreadyExists, err)
	for id, want := range map[string]bool{"p1": true, "p9": false} {
		if got := value(s.HasProject(ctx, id))(t); got != want {
			t.Errorf("HasProject(%s) = %v", id, got)
		}
	}
}

func testAccessKeys(t *testing.T, s *store.Store) {
	ctx := t.Context()
	value(s.CreateProject(ctx, "p1", ""))(t)
	named := value(s.CreateKey(ctx, "p1", "key-1", "sesame"))(t)
	made := value(s.CreateKey(ctx, "p1", "", ""))(t)
	if made.ID == "" || len(made.Secret) < 24 || made.ID == made.Secret {
		t.Errorf("a key was made up poorly: id of %d, secret of %d characters", len(made.ID), len(made.Secret))
	}
	_, err := s.CreateKey(ctx, "p1", "key-1", "other")
	isCode(t, "CreateKey of one that exists", parley.CodeAlreadyExists, err)
	_, err = s.CreateKey(ctx, "p9", "", "")
	isCode(t, "CreateKey without project", parley.CodeNotFound, err)

	for _, k := range []store.AccessKey{named, made} {
		equal(t, "project of key", "p1", value(s.CheckKey(ctx, k.ID, k.Secret))(t))
		equal(t, "project of key", "p1", value(s.KeyProject(ctx, k.ID))(t))
	}
	_, err = s.CheckKey(ctx, "key-1", made.Secret)
	isCode(t, "CheckKey with another key's secret", parley.CodeUnauthenticated, err)
	_, err = s.CheckKey(ctx, "key-9", "sesame")
	isCode(t, "CheckKey of an unknown key", parley.CodeUnauthenticated, err)
	for _, k := range value(s.Keys(ctx, "p1"))(t) {
		if k.Secret != "" || k.ProjectID != "p1" || !k.RevokedAt.IsZero() {
			t.Errorf("listed key %+v: want it good and without secret", k)
		}
	}

	must(t, s.RevokeKey(ctx, "key-1"))
	isCode(t, "RevokeKey twice", parley.CodeNotFound, s.RevokeKey(ctx, "key-1"))
	_, err = s.CheckKey(ctx, "key-1", "sesame")
	isCode(t, "CheckKey of a revoked key", parley.CodeUnauthenticated, err)
	_, err = s.KeyProject(ctx, "key-1")
	isCode(t, "KeyProject of a revoked key", parley.CodeUnauthenticated, err)
	revoked := 0
	for _, k := range value(s.Keys(ctx, "p1"))(t) {
		if !k.RevokedAt.IsZero() {
			revoked++
		}
	}
	equal(t, "revoked keys", 1, revoked)
}

func testSigningKeys(t *testing.T, s *store.Store) {
	ctx := t.Context()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var want []store.SigningKey
	for i, id := range []string{"a", "b", "c"} {
		k := store.SigningKey{ID: id, Secret: []byte("secret of " + id), CreatedAt: start.Add(time.Duration(i) * time.Hour)}
		must(t, s.AddSigningKey(ctx, k, start.Add(time.Minute)))
		want = append([]store.SigningKey{k}, want...)
	}
	equal(t, "signing keys", want[:2], value(s.SigningKeys(ctx))(t)) // the oldest is past the cutoff
	one, again, other := value(s.Derive("media"))(t), value(s.Derive("media"))(t), value(s.Derive("paging"))(t)
	equal(t, "key derived twice", one, again)
	if len(one) != store.KeySize || string(one) == string(other) {
		t.Error("keys derived for two purposes are alike")
	}
}

// app returns an app with something in every part that is stored apart.
func app(id string) *parley.App {
	a := &parley.App{
		ID: id, DisplayName: "app " + id, ProcessingMode: parley.ModeConversation,
		CallbackSettings: &parley.CallbackSettings{SecretForOverriddenCallbackURLs: "override-secret-" + id},
		ChannelCredentials: []parley.ChannelCredential{{
			Channel: parley.ChannelTelegram, Telegram: &parley.TelegramCredentials{Token: "telegram-token-" + id},
		}},
	}
	a.SetDefaults()
	return a
}

func testApps(t *testing.T, s *store.Store) {
	ctx := t.Context()
	value(s.CreateProject(ctx, "p1", ""))(t)
	ids := []string{s.NewID(), s.NewID(), s.NewID()}
	var want []*parley.App
	for _, id := range ids {
		must(t, s.PutApp(ctx, "p1", app(id)))
		want = append(want, app(id))
	}
	equal(t, "apps", want, value(s.Apps(ctx, "p1"))(t))
	equal(t, "app", want[1], value(s.App(ctx, "p1", ids[1]))(t))
	equal(t, "project of app", "p1", value(s.AppProject(ctx, ids[2]))(t))
	var refs []store.AppRef
	for _, id := range ids {
		refs = append(refs, store.AppRef{ProjectID: "p1", AppID: id})
	}
	equal(t, "refs", refs, value(s.AppRefs(ctx))(t))

	want[0].DisplayName, want[0].ChannelCredentials, want[0].CallbackSettings = "renamed", nil, nil
	must(t, s.PutApp(ctx, "p1", want[0]))
	equal(t, "app changed", want[0], value(s.App(ctx, "p1", ids[0]))(t))

	must(t, s.DeleteApp(ctx, "p1", ids[0]))
	isCode(t, "DeleteApp twice", parley.CodeNotFound, s.DeleteApp(ctx, "p1", ids[0]))
	_, err := s.App(ctx, "p1", ids[0])
	isCode(t, "App of one that is gone", parley.CodeNotFound, err)
	_, err = s.AppProject(ctx, ids[0])
	isCode(t, "AppProject of one that is gone", parley.CodeNotFound, err)
	equal(t, "apps left", want[1:], value(s.Apps(ctx, "p1"))(t))
}

func webhook(id, appID, target string) *parley.Webhook {
	return &parley.Webhook{
		ID: id, AppID: appID, Target: target, TargetType: parley.TargetHTTP, Secret: "webhook-secret-" + id,
		Triggers: []parley.Trigger{parley.TriggerMessageInbound},
		ClientCredentials: &parley.ClientCredentials{
			ClientID: "client", ClientSecret: "client-secret-" + id, Endpoint: "https://auth.example.com/token",
		},
	}
}

func testWebhooks(t *testing.T, s *store.Store) {
	ctx := t.Context()
	value(s.CreateProject(ctx, "p1", ""))(t)
	apps, ids := []string{s.NewID(), s.NewID()}, []string{s.NewID(), s.NewID(), s.NewID()}
	want := []*parley.Webhook{
		webhook(ids[0], apps[0], "https://example.com/1"), webhook(ids[1], apps[1], "https://example.com/1"),
		webhook(ids[2], apps[0], "https://example.com/2"),
	}
	for _, w := range want {
		must(t, s.PutWebhook(ctx, "p1", w))
	}
	equal(t, "webhooks of the project", want, value(s.ProjectWebhooks(ctx, "p1"))(t))
	equal(t, "webhooks of an app", []*parley.Webhook{want[0], want[2]}, value(s.Webhooks(ctx, "p1", apps[0]))(t))
	equal(t, "webhook", want[1], value(s.Webhook(ctx, "p1", ids[1]))(t))

	want[0].Secret, want[0].ClientCredentials, want[0].Triggers = "", nil, []parley.Trigger{}
	must(t, s.PutWebhook(ctx, "p1", want[0]))
	equal(t, "webhook changed", want[0], value(s.Webhook(ctx, "p1", ids[0]))(t))
	twin := *want[2]
	twin.Target = want[0].Target
	isCode(t, "PutWebhook with the target of another", parley.CodeInvalidArgument, s.PutWebhook(ctx, "p1", &twin))

	must(t, s.DeleteWebhook(ctx, "p1", ids[2]))
	isCode(t, "DeleteWebhook twice", parley.CodeNotFound, s.DeleteWebhook(ctx, "p1", ids[2]))
	_, err := s.Webhook(ctx, "p1", ids[2])
	isCode(t, "Webhook of one that is gone", parley.CodeNotFound, err)
	equal(t, "webhooks left", want[:1], value(s.Webhooks(ctx, "p1", apps[0]))(t))
}
