package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/invopop/jsonschema"

	"github.com/parley-im/parley"
)

const (
	reflected  = "#/$defs/" // how the reflector refers
	components = "#/components/schemas/"

	// inputSuffix is the end of the name of a schema that is stricter or laxer
	// in requests than in answers.
	inputSuffix = "Input"
)

// A form is what the types look like in requests or in answers.
type form struct {
	sent   bool
	words  *Vocabulary
	schema map[reflect.Type]*jsonschema.Schema // of the types asked for
	defs   jsonschema.Definitions
	types  map[string]reflect.Type // of the definitions
	clash  error                   // there are types that would have one name
}

// schemas are the schemas of a document's operations.
type schemas struct {
	words  *Vocabulary
	in     *form
	out    *form
	differ map[string]bool // the definitions that have an input form
	all    jsonschema.Definitions
}

func newSchemas(words *Vocabulary, operations []Operation) (*schemas, error) {
	s := &schemas{words: words, in: newForm(words, true), out: newForm(words, false)}
	for i := range operations {
		if o := &operations[i]; o.In != nil {
			s.in.add(o.In)
		}
		if o := &operations[i]; o.Out != nil {
			s.out.add(o.Out)
		}
		if o := &operations[i]; o.Error != nil {
			s.out.add(o.Error)
		}
	}
	s.out.add(reflect.TypeFor[parley.Callback]())
	s.in.refine()
	s.out.refine()
	s.compare()
	return s, errors.Join(s.in.clash, s.out.clash)
}

func newForm(words *Vocabulary, sent bool) *form {
	return &form{
		sent: sent, words: words, schema: map[reflect.Type]*jsonschema.Schema{},
		defs: jsonschema.Definitions{}, types: map[string]reflect.Type{},
	}
}

// add reflects on a type and the types it is made of.
func (f *form) add(t reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if f.schema[t] != nil {
		return
	}
	r := &jsonschema.Reflector{
		Anonymous: true, AllowAdditionalProperties: true,
		LookupComment: f.words.comment, Mapper: f.special,
		Namer: func(t reflect.Type) string {
			name := schemaName(t)
			if known := f.types[name]; known != nil && known != t {
				f.clash = errors.Join(f.clash, fmt.Errorf("%s and %s would both be called %s", known, t, name))
			}
			if name != "" {
				f.types[name] = t
			}
			return name
		},
	}
	s := r.ReflectFromType(t)
	for name, def := range s.Definitions {
		if f.defs[name] == nil {
			f.defs[name] = def
		}
	}
	s.Version, s.Definitions = "", nil
	f.schema[t] = s
}

// special returns the schemas of types whose JSON is not that of their kind.
func (f *form) special(t reflect.Type) *jsonschema.Schema {
	switch {
	case t == reflect.TypeFor[parley.Seconds]():
		return &jsonschema.Schema{Type: "string", Pattern: `^[0-9]+(\.[0-9]*)?s?$`}
	case t == reflect.TypeFor[time.Time]():
		return &jsonschema.Schema{Type: "string", Format: "date-time"}
	case t.Kind() == reflect.String && len(f.words.Values[t.String()]) > 1:
		name := schemaName(t)
		f.defs[name] = &jsonschema.Schema{Type: "string", Description: f.words.comment(t, ""), Enum: texts(f.words.Values[t.String()]...)}
		return &jsonschema.Schema{Ref: reflected + name}
	}
	return nil
}

// refine adds what types do not say.
func (f *form) refine() {
	for name, def := range f.defs {
		t := f.types[name]
		if t == nil || t.Kind() != reflect.Struct || def.Properties == nil {
			continue
		}
		for field := range members(t) {
			f.refineMember(def, name, field)
		}
		if required, ok := neededFor(t); ok && f.sent {
			def.Required = required
		}
		oneOf(def, t)
	}
}

// refineMember adds what the type of a member does not say.
func (f *form) refineMember(def *jsonschema.Schema, owner string, field reflect.StructField) {
	member, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	s, ok := def.Properties.Get(member)
	if !ok {
		return
	}
	if field.Type.Kind() == reflect.Map && field.Type.Key() == reflect.TypeFor[parley.Channel]() {
		s.PropertyNames = &jsonschema.Schema{Ref: reflected + "Channel"}
		f.special(field.Type.Key())
	}
	if rule := rules()[owner+"."+member]; rule != nil {
		rule(s)
	}
	nullable := field.Type.Kind() == reflect.Pointer && slices.Contains(def.Required, member) && !neverNull(owner, member)
	if (nullable && !f.sent) || shownNull(owner, member) {
		about := s.Description
		s.Description = ""
		def.Properties.Set(member, &jsonschema.Schema{
			Description: about,
			AnyOf:       []*jsonschema.Schema{s, {Type: "null"}},
		})
	}
}

// members yields the fields of a struct that are on the wire, those of
// embedded structs included.
func members(t reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, field := range reflect.VisibleFields(t) {
			if field.IsExported() && !field.Anonymous && !yield(field) {
				return
			}
		}
	}
}

// compare finds the definitions that are not the same in requests and in
// answers, because of themselves or of what they refer to.
func (s *schemas) compare() {
	s.differ = map[string]bool{}
	for again := true; again; {
		again = false
		for name, in := range s.in.defs {
			out := s.out.defs[name]
			if out == nil || s.differ[name] {
				continue
			}
			refers := false
			walk(in, func(x *jsonschema.Schema) { refers = refers || s.differ[strings.TrimPrefix(x.Ref, reflected)] })
			if refers || encoded(in) != encoded(out) {
				s.differ[name], again = true, true
			}
		}
	}
}

func encoded(s *jsonschema.Schema) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// definitions returns every schema of the document by name, after which the
// schemas refer to one another by those names.
func (s *schemas) definitions() jsonschema.Definitions {
	if s.all != nil {
		return s.all
	}
	s.all = jsonschema.Definitions{}
	maps.Copy(s.all, s.out.defs)
	for name, def := range s.in.defs {
		if s.differ[name] {
			s.all[name+inputSuffix] = def
		} else if s.all[name] == nil {
			s.all[name] = def
		}
	}
	for _, f := range []*form{s.out, s.in} {
		seen := map[*jsonschema.Schema]bool{}
		rename := func(x *jsonschema.Schema) {
			if name, ok := strings.CutPrefix(x.Ref, reflected); ok && !seen[x] {
				seen[x] = true
				x.Ref = components + name
				if f.sent && s.differ[name] {
					x.Ref += inputSuffix
				}
			}
		}
		for _, def := range f.defs {
			walk(def, rename)
		}
		for _, root := range f.schema {
			walk(root, rename)
		}
	}
	return s.all
}

// answered returns the schema of an answer.
func (s *schemas) answered(t reflect.Type) *jsonschema.Schema {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return s.out.schema[t]
}

// sent returns the schema of a request's body. That of a change is the
// resource's without required members.
func (s *schemas) sent(o *Operation) *jsonschema.Schema {
	ref := s.in.schema[o.In]
	if !o.Part {
		return ref
	}
	name := schemaName(o.In)
	full := s.all[strings.TrimPrefix(ref.Ref, components)]
	part := *full
	part.Required, part.OneOf = nil, nil
	part.Description = "What is to change: with an update mask the members it names, else those that are there."
	s.all[name+"Update"] = &part
	return &jsonschema.Schema{Ref: components + name + "Update"}
}

// walk calls visit with a schema and every schema in it.
func walk(s *jsonschema.Schema, visit func(*jsonschema.Schema)) {
	if s == nil {
		return
	}
	visit(s)
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf} {
		for _, x := range list {
			walk(x, visit)
		}
	}
	for _, x := range []*jsonschema.Schema{s.Not, s.Items, s.AdditionalProperties, s.PropertyNames} {
		walk(x, visit)
	}
	if s.Properties != nil {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			walk(p.Value, visit)
		}
	}
}

func texts(values ...string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
