package openapi

import (
	"reflect"
	"strings"
	"unicode"

	"github.com/invopop/jsonschema"

	"github.com/parley-im/parley"
)

// Callbacks says what a program cannot learn from the vocabulary about the
// requests that the server makes.
type Callbacks struct {
	Headers   []Parameter
	Taken     string // what happens after a status 2xx,
	Otherwise string // and after any other
}

// bearer is the security scheme of callbacks.
const bearer = "webhook"

// payloads yields the members of a callback one of which is there, with the
// trigger each is for.
func payloads(yield func(parley.Trigger, reflect.StructField) bool) {
	for field := range members(reflect.TypeFor[parley.Callback]()) {
		if field.Type.Kind() != reflect.Pointer {
			continue
		}
		c := new(parley.Callback)
		reflect.ValueOf(c).Elem().FieldByIndex(field.Index).Set(reflect.New(field.Type.Elem()))
		if t := c.Trigger(); t != "" && !yield(t, field) {
			return
		}
	}
}

// callbacks returns the callback of every trigger that there are some for.
func (s *schemas) callbacks(c Callbacks) map[string]map[string]*Described {
	list := map[string]map[string]*Described{}
	for t, field := range payloads {
		schema := *s.answered(reflect.TypeFor[parley.Callback]())
		schema.Required = []string{memberName(field)}
		list[string(t)] = map[string]*Described{"post": {
			ID: string(t), Summary: triggerSummary(t), Tags: []string{"callbacks"}, Parameters: c.Headers,
			Description: s.words.Comments[reflect.TypeOf(t).String()+"."+string(t)],
			RequestBody: &Body{Required: true, Content: map[string]Media{jsonType: {&schema, s.example(&schema)}}},
			Responses:   map[string]*Response{"2XX": {Description: c.Taken}, "default": {Description: c.Otherwise}},
			Security:    &[]map[string][]string{{}, {bearer: {}}},
		}}
	}
	return list
}

// triggerSummary makes words of a trigger: MESSAGE_INBOUND is "Message inbound".
func triggerSummary(t parley.Trigger) string {
	words := []rune(strings.ToLower(strings.ReplaceAll(string(t), "_", " ")))
	words[0] = unicode.ToUpper(words[0])
	return string(words)
}

// withRequired returns the schema that a reference with required members of
// its own is for.
func withRequired(def *jsonschema.Schema, members []string) *jsonschema.Schema {
	if len(members) == 0 {
		return def
	}
	both := *def
	both.Required = append(append([]string{}, def.Required...), members...)
	return &both
}
