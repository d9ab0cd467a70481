package storetest

import (
	"fmt"
	"testing"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// consentOf returns changes of one app's lists by a client.
func consentOf(appID string, changes ...store.ConsentChange) *store.Consents {
	return &store.Consents{ProjectID: "p1", AppID: appID, Origin: parley.OriginAPI, Changes: changes}
}

func testConsents(t *testing.T, s *store.Store) {
	ctx := t.Context()
	const who = "46700000001"
	on := func(appID string, lists ...parley.ConsentList) bool {
		return value(s.OnConsentList(ctx, "p1", appID, who, lists...))(t)
	}
	all := store.ConsentChange{Identity: who, List: parley.OptOutAll}
	off := store.ConsentChange{Identity: who, List: parley.OptOutAll, Remove: true}
	if value(s.HasConsents(ctx, "p1", "a1"))(t) || on("a1", parley.ConsentLists()...) {
		t.Error("there are consents before there are any")
	}
	must(t, s.ChangeConsents(ctx, consentOf("a1", off, all, all, store.ConsentChange{Identity: who, List: parley.OptOutMarketing})))
	mo := consentOf("a1", all)
	mo.Origin = parley.OriginMO
	// By the committer, as what a contact writes comes; the second is a repeat.
	seen := func() *store.Write {
		p := &store.ProviderID{ProjectID: "p1", AppID: "a1", Channel: parley.ChannelSMS, ID: "x", Part: store.Inbound}
		return &store.Write{Arrive: &store.Arrival{Seen: p, Consents: mo}}
	}
	mustAll(t, commitAll(t, s, []*store.Write{seen(), seen()}))
	if !value(s.HasConsents(ctx, "p1", "a1"))(t) || value(s.HasConsents(ctx, "p1", "a2"))(t) {
		t.Error("HasConsents does not tell the apps apart")
	}
	if !on("a1", parley.OptOutNotification, parley.OptOutAll) || on("a1", parley.OptOutNotification) || on("a2", parley.OptOutAll) {
		t.Error("OnConsentList does not tell lists or apps apart")
	}
	must(t, s.ChangeConsents(ctx, consentOf("a1", off)))
	if on("a1", parley.OptOutAll) || !on("a1", parley.OptOutMarketing) {
		t.Error("a removal is not of the one list")
	}
	records := value(s.AuditRecords(ctx, "p1", "a1", who))(t)
	var got []string
	for _, r := range records {
		if r.ProjectID != "p1" || r.AppID != "a1" || r.Datetime.IsZero() {
			t.Errorf("audit record %+v", r)
		}
		got = append(got, fmt.Sprintf("%s %s %s", r.Operation, r.ListType, r.Origin))
	}
	equal(t, "audit records", []string{
		"OPERATION_INSERT OPT_OUT_ALL ORIGIN_API", "OPERATION_INSERT OPT_OUT_MARKETING ORIGIN_API",
		"OPERATION_UPDATE OPT_OUT_ALL ORIGIN_MO", "OPERATION_DELETE OPT_OUT_ALL ORIGIN_API",
	}, got)
}

// testConsentsPaging reads a list page by page while entries come and go.
func testConsentsPaging(t *testing.T, s *store.Store) {
	const n = 60
	identity := func(i int) string { return fmt.Sprintf("4670%07d", i) }
	change := func(i int, remove bool) *store.Consents {
		return consentOf("a1", store.ConsentChange{Identity: identity(i), List: parley.OptOutAll, Remove: remove})
	}
	for i := range n {
		must(t, s.ChangeConsents(t.Context(), change(i, false)))
	}
	stays := func(i int) bool { return i%3 != 0 }
	var ids []string
	for _, e := range value(s.ConsentEntries(t.Context(), "p1", "a1", parley.OptOutAll, "", n))(t) {
		ids = append(ids, e.ID)
	}
	disturb(t, n, func(i int) error {
		if !stays(i) {
			if err := s.ChangeConsents(t.Context(), change(i, true)); err != nil {
				return err
			}
		}
		return s.ChangeConsents(t.Context(), change(n+i, false))
	}, func() {
		var got []string
		for after := ""; ; {
			page := value(s.ConsentEntries(t.Context(), "p1", "a1", parley.OptOutAll, after, 7))(t)
			for _, e := range page {
				got = append(got, e.ID)
			}
			if len(page) < 7 {
				break
			}
			after = page[len(page)-1].ID
		}
		seenOnce(t, ids, stays, got)
	})
}
