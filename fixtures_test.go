package parley_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/parley-im/parley"
)

// fixtures returns the directory with bodies of the published API. They are
// not part of the repository.
func fixtures(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("PARLEY_FIXTURES")
	if dir == "" {
		dir = filepath.Join("..", "shared", "fixtures")
	}
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("PARLEY_FIXTURES: %v", err)
		}
		t.Skip("set PARLEY_FIXTURES to the directory of the API's JSON bodies")
	}
	return dir
}

// TestFixtures decodes every published body into the vocabulary and encodes it
// back: what comes out must be what went in.
func TestFixtures(t *testing.T) {
	t.Parallel()
	root := fixtures(t)
	types := vocabulary()
	seen := map[string]bool{}
	err := filepath.WalkDir(root, func(file string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".json" {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		pattern, ok := match(types, name)
		if !ok {
			t.Errorf("%s: no type for it", name)
			return nil
		}
		seen[pattern] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			roundTrip(t, file, types[pattern]())
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pattern := range types {
		if !seen[pattern] {
			t.Errorf("no fixture matches %s", pattern)
		}
	}
}

// vocabulary maps patterns of file names to the types of their bodies. Of
// several patterns the longest wins.
func vocabulary() map[string]func() any {
	return map[string]func() any{
		"v1/AgentDto.json":                                       of[parley.Agent],
		"v1/ChannelIdentityDto.json":                             of[parley.ChannelIdentity],
		"v1/Reason*.json":                                        of[parley.Reason],
		"v1/Recipient*.json":                                     of[parley.Recipient],
		"v1/TemplateReference*.json":                             of[parley.TemplateReference],
		"v1/TemplateReferenceField*.json":                        of[parley.OmniOverride],
		"v1/apps/App*Dto.json":                                   of[parley.App],
		"v1/apps/AppListResponseDto.json":                        of[appList],
		"v1/capability/*/*.json":                                 of[parley.QueryCapabilityRequest],
		"v1/consents/AuditRecordsResponseDto.json":               of[auditRecordList],
		"v1/consents/ConsentsListResponse*":                      of[consentList],
		"v1/contacts/Contact*Dto.json":                           of[parley.Contact],
		"v1/contacts/ContactGetChannelProfile*.json":             of[parley.ChannelProfileRequest],
		"v1/contacts/ContactGetChannelResponseDto.json":          of[parley.ChannelProfile],
		"v1/contacts/ContactMergeRequestDto.json":                of[parley.MergeContactRequest],
		"v1/contacts/ContactListResponseDtoPage?.json":           of[contactList],
		"v1/contacts/IdentityConflictsDto.json":                  of[parley.IdentityConflict],
		"v1/contacts/ListIdentityConflicts*.json":                of[conflictList],
		"v1/conversations/Conversation*.json":                    of[parley.Conversation],
		"v1/conversations/request/CreateConversation*.json":      of[parley.Conversation],
		"v1/conversations/request/InjectAppMessage*.json":        of[parley.InjectMessageRequest],
		"v1/conversations/request/InjectContactMessage*.json":    of[parley.InjectMessageRequest],
		"v1/conversations/request/InjectEvent*.json":             of[parley.InjectEventRequest],
		"v1/conversations/response/ConversationsListResponse*":   of[conversationList],
		"v1/conversations/response/*RecentMessageDto.json":       of[parley.RecentConversation],
		"v1/conversations/response/ConversationsListRecent*":     of[recentList],
		"v1/credentials/*.json":                                  of[parley.ChannelCredential],
		"v1/eventdestinations/ClientCredentialsDto.json":         of[parley.ClientCredentials],
		"v1/eventdestinations/*/EventDestination*Dto.json":       of[parley.Webhook],
		"v1/eventdestinations/*/EventDestinationsListResponse*":  of[webhookList],
		"v1/events/ConversationEventGenericEventDto.json":        of[parley.Event],
		"v1/events/request/SendEventRequestDto.json":             of[parley.SendEventRequest],
		"v1/events/response/SendEventResponseDto.json":           of[parley.SendEventResponse],
		"v1/events/response/EventsListResponse-page-?.json":      of[eventList],
		"v1/messages/AppMessage*.json":                           of[parley.AppMessage],
		"v1/messages/ContactMessage*.json":                       of[parley.ContactMessage],
		"v1/messages/ConversationMessage*.json":                  of[parley.Message],
		"v1/messages/OmniMessageOverride*.json":                  of[parley.OmniOverride],
		"v1/messages/ChoiceItemDto.json":                         of[parley.ListChoice],
		"v1/messages/ProductItemDto.json":                        of[parley.ListProduct],
		"v1/messages/ReplyToDto.json":                            of[parley.ContactMessage],
		"v1/messages/request/MessageUpdateRequestDto.json":       of[messageUpdate],
		"v1/messages/request/ListLastMessages*.json":             of[parley.FetchLastRequest],
		"v1/messages/request/Send*MessageRequestDto.json":        of[parley.SendMessageRequest],
		"v1/messages/response/SendMessageResponseDto.json":       of[parley.SendMessageResponse],
		"v1/messages/response/MessagesListResponse-page-?.json":  of[messageList],
		"v1/messages/types/*/*MessageDto.json":                   of[parley.AppMessage],
		"v1/messages/types/c*/*Message*Dto.json":                 of[parley.AppMessage],
		"v1/messages/types/list/*Dto.json":                       of[parley.AppMessage],
		"v1/messages/types/card/MessagePropertiesDto.json":       of[parley.CardProperties],
		"v1/messages/types/c*l*/Cal*MessageDto.json":             of[parley.Choice],
		"v1/messages/types/url/UrlMessageDto.json":               of[parley.Choice],
		"v1/messages/types/sharelocation/ShareLocation*Dto.json": of[parley.Choice],
		"v1/messages/types/choiceresponse/*MessageDto.json":      of[parley.ContactMessage],
		"v1/messages/types/fallback/FallbackMessageDto.json":     of[parley.ContactMessage],
		"v1/messages/types/mediacard/MediaCardMessageDto.json":   of[parley.ContactMessage],
		"v1/messages/types/productresponse/*MessageDto.json":     of[parley.ContactMessage],
		"v1/messages/types/contactinfo/NameInfoDto.json":         of[parley.ContactName],
		"v1/messages/types/contactinfo/AddressInfoDto.json":      of[parley.PostAddress],
		"v1/messages/types/contactinfo/EmailInfoDto.json":        of[parley.EmailAddress],
		"v1/messages/types/contactinfo/PhoneNumberInfoDto.json":  of[parley.PhoneNumber],
		"v1/messages/types/contactinfo/URLInfoDto.json":          of[parley.ContactURL],
		"v1/messages/types/contactinfo/OrganizationInfoDto.json": of[parley.Organization],
		"v1/messages/types/location/CoordinatesDto.json":         of[parley.Coordinates],
		"v1/projectsettings/ContactSettingsDto.json":             of[parley.ContactSettings],
		"v1/projectsettings/ProjectSettingsDto.json":             of[parley.ProjectSettings],
		"v1/projectsettings/request/*.json":                      of[parley.ProjectSettings],
		"v1/projectsettings/response/*.json":                     of[parley.ProjectSettingsAnswer],
		"v1/transcoding/request/*.json":                          of[parley.TranscodeMessageRequest],
		"v1/transcoding/response/*.json":                         of[parley.TranscodeMessageResponse],
		"templates/*.json":                                       of[parley.TemplateVariable],
		"templates/v2/*.json":                                    of[parley.ChannelTemplateOverride],
		"templates/v2/*/TemplateV2*.json":                        of[parley.Template],
		"templates/v2/*/TemplateTranslation*.json":               of[parley.TemplateTranslation],
		"templates/v2/response/TemplatesV2*.json":                of[templateList],
		"templates/v2/response/Translations*.json":               of[translationList],
	}
}

type appList struct {
	Apps []parley.App `json:"apps"`
}

type consentList struct {
	Identities    []parley.ConsentIdentity `json:"identities"`
	NextPageToken string                   `json:"next_page_token"`
}

type auditRecordList struct {
	Identity     parley.ConsentIdentity `json:"identity"`
	AuditRecords []parley.AuditRecord   `json:"audit_records"`
}

type eventList struct {
	Events        []parley.Event `json:"events"`
	NextPageToken string         `json:"next_page_token"`
}

type webhookList struct {
	Webhooks []parley.Webhook `json:"webhooks"`
}

type contactList struct {
	Contacts      []parley.Contact `json:"contacts"`
	NextPageToken string           `json:"next_page_token"`
}

type conversationList struct {
	Conversations []parley.Conversation `json:"conversations"`
	NextPageToken string                `json:"next_page_token"`
	TotalSize     int                   `json:"total_size"`
}

type recentList struct {
	Conversations []parley.RecentConversation `json:"conversations"`
	NextPageToken string                      `json:"next_page_token"`
	TotalSize     int                         `json:"total_size"`
}

type conflictList struct {
	Conflicts     []parley.IdentityConflict `json:"conflicts"`
	NextPageToken string                    `json:"next_page_token"`
}

type messageUpdate struct {
	Metadata string `json:"metadata"`
}

type messageList struct {
	Messages      []parley.Message `json:"messages"`
	NextPageToken string           `json:"next_page_token"`
}

type templateList struct {
	Templates []parley.Template `json:"templates"`
}

type translationList struct {
	Translations []parley.TemplateTranslation `json:"translations"`
}

func of[T any]() any { return new(T) }

func match(types map[string]func() any, name string) (string, bool) {
	best := ""
	for pattern := range types {
		if ok, err := filepath.Match(pattern, name); err == nil && ok && len(pattern) > len(best) {
			best = pattern
		}
	}
	return best, best != ""
}

func roundTrip(t *testing.T, file string, v any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := parley.Decode(raw, v); err != nil {
		t.Fatal(err)
	}
	encoded, err := parley.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range differences("", value(t, raw), value(t, encoded)) {
		t.Error(d)
	}
}

func value(t *testing.T, raw []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// ours are the members that we show with these values where a published body
// leaves them out: the API shows what is not set as well, the published bodies
// show what one SDK reads.
var ours = map[string]string{
	"id":                             `""`, // of what is not stored yet
	"accept_time":                    `"0001-01-01T00:00:00Z"`,
	"last_received":                  `"0001-01-01T00:00:00Z"`,
	"injected":                       `false`,
	"reply_to":                       `null`,
	"app_id":                         `""`, // of an identity
	"metadata":                       `""`,
	"channel_known_id":               `""`,
	"credential_ordinal_number":      `0`,
	"message_retry_settings":         `null`,
	"delivery_report_based_fallback": `null`,
}

// lost are the members of published bodies that we do not show: docs/quirks.md
// says why.
var lost = map[string]string{
	"message_status": `null`, // of a message; not in the API's newest description
}

// differences lists in what way got is not the JSON value want. Absent, null
// and empty are three different things.
func differences(at string, want, got any) (out []string) {
	w, isObject := want.(map[string]any)
	g, both := got.(map[string]any)
	if isObject && both {
		for name, member := range w {
			have, ok := g[name]
			switch {
			case ok:
				out = append(out, differences(at+"."+name, member, have)...)
			case lost[name] != text(member):
				out = append(out, fmt.Sprintf("%s.%s: %s is lost", at, name, text(member)))
			}
		}
		for name, member := range g {
			if _, ok := w[name]; !ok && ours[name] != text(member) {
				out = append(out, fmt.Sprintf("%s.%s: %s is added", at, name, text(member)))
			}
		}
		return out
	}
	wl, isList := want.([]any)
	gl, both := got.([]any)
	if isList && both && len(wl) == len(gl) {
		for i := range wl {
			out = append(out, differences(fmt.Sprintf("%s[%d]", at, i), wl[i], gl[i])...)
		}
		return out
	}
	if text(want) != text(got) {
		out = append(out, fmt.Sprintf("%s: want %s, got %s", at, text(want), text(got)))
	}
	return out
}

func text(v any) string {
	raw, err := parley.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}
