package openapi

import (
	"reflect"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/parley-im/parley"
)

// A choice says of which members of an object exactly one is set.
type choice struct {
	members []string
	// instead are members one of which can stand for all of those.
	instead []string
	none    bool // there may be none of them
}

// choiceOf returns the one-of of a type, or nil. Bodies are told from other
// members by the sealed interface that they implement.
func choiceOf(t reflect.Type) *choice {
	switch t {
	case reflect.TypeFor[parley.AppMessage]():
		return &choice{
			members: implementing[parley.Content](t),
			instead: []string{"explicit_channel_message", "explicit_channel_omni_message", "channel_specific_message"},
		}
	case reflect.TypeFor[parley.OmniOverride]():
		return &choice{members: append(implementing[parley.Content](t), "template_reference")}
	case reflect.TypeFor[parley.TemplateTranslation]():
		return &choice{members: implementing[parley.Content](t)}
	case reflect.TypeFor[parley.ContactMessage]():
		return &choice{members: implementing[parley.ContactContent](t)}
	case reflect.TypeFor[parley.Choice]():
		return &choice{members: implementing[parley.ChoiceContent](t)}
	case reflect.TypeFor[parley.AppEvent](), reflect.TypeFor[parley.ContactEvent](),
		reflect.TypeFor[parley.ContactMessageEvent](), reflect.TypeFor[parley.LINEEnterprise](),
		reflect.TypeFor[parley.ListItem](), reflect.TypeFor[parley.InjectMessageRequest](),
		reflect.TypeFor[parley.Message](), reflect.TypeFor[parley.Event](), reflect.TypeFor[parley.EventInbound]():
		return &choice{members: objects(t, "channel_identity")}
	case reflect.TypeFor[parley.Callback]():
		c := new(choice)
		for _, field := range payloads {
			c.members = append(c.members, memberName(field))
		}
		return c
	case reflect.TypeFor[parley.OptResponse]():
		return &choice{members: objects(t)}
	case reflect.TypeFor[parley.Recipient]():
		return &choice{members: []string{"contact_id", "identified_by"}}
	case reflect.TypeFor[parley.FetchLastRequest]():
		return &choice{members: []string{"channel_identities", "contact_ids"}}
	case reflect.TypeFor[parley.CancelBatchRequest]():
		return &choice{members: []string{"batch_id", "metadata_key"}}
	case reflect.TypeFor[parley.ChannelCredential]():
		return &choice{members: objects(t, "state"), none: true}
	}
	return nil
}

// implementing names the members of a struct that implement an interface.
func implementing[I any](t reflect.Type) []string {
	var names []string
	for field := range members(t) {
		if field.Type.Implements(reflect.TypeFor[I]()) && optional(field) {
			names = append(names, memberName(field))
		}
	}
	return names
}

// objects names the members of a struct that are objects and may be absent.
func objects(t reflect.Type, but ...string) []string {
	var names []string
	for field := range members(t) {
		name := memberName(field)
		if field.Type.Kind() == reflect.Pointer && optional(field) && !slices.Contains(but, name) {
			names = append(names, name)
		}
	}
	return names
}

func memberName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

func optional(field reflect.StructField) bool {
	return strings.Contains(field.Tag.Get("json"), ",omit")
}

// oneOf puts the one-of of a type into its schema.
func oneOf(def *jsonschema.Schema, t reflect.Type) {
	c := choiceOf(t)
	if c == nil {
		return
	}
	set := having(c.members)
	def.OneOf = append(def.OneOf, set...)
	if c.none || c.instead != nil {
		title := "none"
		if c.instead != nil {
			title = "overrides only"
		}
		def.OneOf = append(def.OneOf, &jsonschema.Schema{
			Title: title,
			Not:   &jsonschema.Schema{AnyOf: having(c.members)},
			AnyOf: having(c.instead),
		})
	}
}

// having returns a schema for each member that says that it is there.
func having(members []string) []*jsonschema.Schema {
	var list []*jsonschema.Schema
	for _, m := range members {
		list = append(list, &jsonschema.Schema{Title: m, Required: []string{m}})
	}
	return list
}
