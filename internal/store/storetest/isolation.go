package storetest

import (
	"testing"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// testIsolation stores everything in one project and asks for it from another.
func testIsolation(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for _, p := range []string{"p1", "p2"} {
		value(s.CreateProject(ctx, p, ""))(t)
	}
	value(s.CreateKey(ctx, "p1", "", ""))(t)
	who := phone("46700000001")
	appID, hookID := s.NewID(), s.NewID()
	must(t, s.PutApp(ctx, "p1", app(appID)))
	must(t, s.PutWebhook(ctx, "p1", webhook(hookID, appID, "https://example.com/")))
	must(t, s.AddTemplate(ctx, "p1", &store.Template{ID: "t", V2: &parley.Template{}}))
	w := Accept(s, "p1", appID, who)
	must(t, s.Commit(ctx, w))
	m := w.Accept.Message
	seen := &store.ProviderID{ProjectID: "p1", AppID: appID, Channel: who.Channel, ID: "x", MessageID: m.ID, Part: store.Inbound}
	must(t, s.Commit(ctx, &store.Write{Arrive: &store.Arrival{
		Seen: seen, Media: &store.MediaRef{ProjectID: "p1", ID: "media", AppID: appID, Ref: "r"},
	}}))

	absent := func(what string, err error) {
		t.Helper()
		isCode(t, what+" from another project", parley.CodeNotFound, err)
	}
	_, err := s.App(ctx, "p2", appID)
	absent("App", err)
	_, err = s.Webhook(ctx, "p2", hookID)
	absent("Webhook", err)
	_, err = s.Template(ctx, "p2", "t")
	absent("Template", err)
	absent("SetTemplate", s.SetTemplate(ctx, "p2", &store.Template{ID: "t", V2: &parley.Template{}}))
	absent("DeleteTemplate", s.DeleteTemplate(ctx, "p2", "t"))
	_, err = s.Contact(ctx, "p2", m.ContactID)
	absent("Contact", err)
	_, err = s.Conversation(ctx, "p2", m.ConversationID)
	absent("Conversation", err)
	_, err = s.Message(ctx, "p2", m.ID)
	absent("Message", err)
	_, err = s.MediaRef(ctx, "p2", "media")
	absent("MediaRef", err)
	_, err = s.DeleteContact(ctx, "p2", m.ContactID)
	absent("DeleteContact", err)
	absent("DeleteApp", s.DeleteApp(ctx, "p2", appID))
	absent("DeleteWebhook", s.DeleteWebhook(ctx, "p2", hookID))
	_, err = s.DeleteConversation(ctx, "p2", m.ConversationID)
	absent("DeleteConversation", err)
	absent("DeleteMessage", s.DeleteMessage(ctx, "p2", m.ID))
	absent("SetMessageMetadata", s.SetMessageMetadata(ctx, "p2", m.ID, "x"))

	none := func(what string, n int, err error) {
		t.Helper()
		must(t, err)
		if n != 0 {
			t.Errorf("%s shows another project's", what)
		}
	}
	apps, err := s.Apps(ctx, "p2")
	none("Apps", len(apps), err)
	keys, err := s.Keys(ctx, "p2")
	none("Keys", len(keys), err)
	hooks, err := s.ProjectWebhooks(ctx, "p2")
	none("ProjectWebhooks", len(hooks), err)
	hooks, err = s.Webhooks(ctx, "p2", appID)
	none("Webhooks", len(hooks), err)
	templates, err := s.Templates(ctx, "p2")
	none("Templates", len(templates), err)
	for _, f := range []store.ContactFilter{{Limit: 9}, {Limit: 9, Identity: &who}} {
		contacts, err := s.Contacts(ctx, "p2", f)
		none("Contacts", len(contacts), err)
	}
	conversations, total, err := s.Conversations(ctx, "p2", store.ConversationFilter{Limit: 9})
	none("Conversations", len(conversations)+total, err)
	messages, err := s.Messages(ctx, "p2", store.MessageFilter{Limit: 9, ContactID: m.ContactID})
	none("Messages", len(messages), err)
	last, err := s.LastSent(ctx, "p2", appID, m.ContactID, who, time.Unix(0, 0))
	none("LastSent", len(last), err)
	before, err := s.SentBefore(ctx, "p2", appID, m.ContactID, who, "Z")
	none("SentBefore", len(before), err)
	owner, err := s.IdentityOwner(ctx, "p2", who)
	none("IdentityOwner", len(owner), err)
	active, err := s.ActiveConversation(ctx, "p2", appID, m.ContactID)
	if err != nil || active != nil {
		t.Errorf("ActiveConversation from another project: %+v, %v", active, err)
	}
	found, err := s.FindProviderID(ctx, "p2", appID, who.Channel, "x")
	if err != nil || found != nil {
		t.Errorf("FindProviderID from another project: %+v, %v", found, err)
	}
	inbound, err := s.InboundProviderID(ctx, "p2", appID, m.ID)
	none("InboundProviderID", len(inbound), err)
	must(t, s.ChangeConsents(ctx, consentOf(appID, store.ConsentChange{Identity: who.Identity, List: parley.OptOutAll})))
	has, err := s.HasConsents(ctx, "p2", appID)
	on, err2 := s.OnConsentList(ctx, "p2", appID, who.Identity, parley.OptOutAll)
	if err != nil || err2 != nil || has || on {
		t.Errorf("consents of another project: %v, %v, %v, %v", has, on, err, err2)
	}
	entries, err := s.ConsentEntries(ctx, "p2", appID, parley.OptOutAll, "", 9)
	none("ConsentEntries", len(entries), err)
	records, err := s.AuditRecords(ctx, "p2", appID, who.Identity)
	none("AuditRecords", len(records), err)
	foreign := *seen
	foreign.ProjectID = "p2"
	ranks, err := s.FoldPart(ctx, &foreign, store.RankRead)
	none("FoldPart", len(ranks), err)

	// The same ids and identities in another project are other people's.
	twin := Accept(s, "p2", appID, who)
	twin.Accept.Message.ID = m.ID
	again := &store.Write{Arrive: &store.Arrival{Seen: &foreign}}
	mustAll(t, commitAll(t, s, []*store.Write{twin, again}))
	if !twin.Accept.ContactCreated || !twin.Accept.ConversationStarted || again.Arrive.Repeat {
		t.Error("a project was given another one's contact, conversation or provider id")
	}
}
