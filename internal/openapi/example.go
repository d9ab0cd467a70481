package openapi

import (
	"strings"

	"github.com/invopop/jsonschema"
	orderedmap "github.com/pb33f/ordered-map/v2"
)

const (
	exampleID   = "01J9ZQ4T6V8Y2X3W5N7M1K0HGF"
	exampleTime = "2026-02-20T12:00:00Z"
	// deepest bounds what refers to itself.
	deepest = 24
)

// example makes up a value of a schema: of an object the members it must have,
// those with an example of their own and one kind of a one-of.
func (s *schemas) example(schema *jsonschema.Schema) any { return s.sample(schema, "", deepest) }

func (s *schemas) sample(x *jsonschema.Schema, name string, depth int) any {
	if len(x.Enum) > 0 {
		return preferred(x.Enum)
	}
	if def := s.all[strings.TrimPrefix(x.Ref, components)]; x.Ref != "" && def != nil {
		return s.sample(withRequired(def, x.Required), name, depth-1)
	}
	switch {
	case depth <= 0:
		return nil
	case len(x.Examples) > 0:
		return x.Examples[0]
	case len(x.AnyOf) > 0:
		return s.sample(x.AnyOf[0], name, depth-1)
	}
	switch x.Type {
	case "object":
		return s.sampleObject(x, depth)
	case "array":
		return []any{s.sample(x.Items, strings.TrimSuffix(name, "s"), depth-1)}
	case "string":
		return sampleText(x, name)
	case "integer", "number":
		if x.Minimum != "" {
			return x.Minimum
		}
		return 1
	case "boolean":
		return true
	}
	return map[string]any{}
}

// preferred returns the most telling of the values of an enumeration.
func preferred(values []any) any {
	for _, v := range values {
		switch v {
		case "SMS", "TO_CONTACT", "MESSAGE_INBOUND", "CONVERSATION":
			return v
		}
	}
	return values[0]
}

func (s *schemas) sampleObject(x *jsonschema.Schema, depth int) any {
	out := orderedmap.New[string, any]()
	if x.Properties == nil {
		if x.AdditionalProperties != nil && x.PropertyNames != nil {
			out.Set("SMS", s.sample(x.AdditionalProperties, "", depth-1))
		}
		return out
	}
	wanted := map[string]bool{}
	for _, member := range x.Required {
		wanted[member] = true
	}
	if len(x.OneOf) > 0 && !anyIn(wanted, x.OneOf) {
		wanted[s.usual(x)] = true
	}
	for p := x.Properties.Oldest(); p != nil; p = p.Next() {
		if wanted[p.Key] || len(p.Value.Examples) > 0 {
			out.Set(p.Key, s.sample(p.Value, p.Key, depth-1))
		}
	}
	return out
}

// usual returns the member of a one-of that is shown.
func (s *schemas) usual(x *jsonschema.Schema) string {
	for _, kind := range x.OneOf {
		switch kind.Title {
		case "static_bearer", "identified_by", "app_message", "text_message":
			return kind.Title
		}
	}
	return x.OneOf[0].Title
}

func anyIn(wanted map[string]bool, kinds []*jsonschema.Schema) bool {
	for _, kind := range kinds {
		if wanted[kind.Title] {
			return true
		}
	}
	return false
}

func sampleText(x *jsonschema.Schema, name string) string {
	switch {
	case x.Format == "date-time":
		return exampleTime
	case x.Format == "uri", strings.HasSuffix(name, "url"):
		return "https://example.com/" + strings.TrimSuffix(strings.TrimSuffix(name, "url"), "_")
	case name == "id", strings.HasSuffix(name, "_id"):
		return exampleID
	}
	switch name {
	case "identity", "phone_number":
		return "12025550123"
	case "text":
		return "Hello"
	case "language_code", "default_translation":
		return "en-US"
	case "content":
		return `{"text_message":{"text":"Hello"}}`
	case "email":
		return "ann@example.com"
	case "token_type":
		return "bearer"
	case "grant_type":
		return "client_credentials"
	}
	return strings.ReplaceAll(name, "_", " ")
}
