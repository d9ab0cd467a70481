package openapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle []byte

// Style returns the page's style sheet. The page expects it beside itself as
// style.css.
func Style() []byte { return bytes.Clone(pageStyle) }

// Page returns the document as a web page that needs no script and nothing
// from elsewhere but its style sheet.
func (d *Document) Page() ([]byte, error) {
	t, err := template.New("page").Funcs(template.FuncMap{
		"schema": d.schemaView, "curl": d.curl, "json": indented, "statuses": d.statuses,
	}).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, d.pageView()); err != nil {
		return nil, fmt.Errorf("make the page: %w", err)
	}
	return b.Bytes(), nil
}

// A pageView is what the page's template is given.
type pageView struct {
	Info   Info
	Groups []groupView

	Callbacks []operationView
	Schemas   []namedSchema
}

type groupView struct {
	Name       string
	Operations []operationView
}

type operationView struct {
	*Described
	Method string
	Path   string
}

type namedSchema struct {
	Name   string
	Schema *jsonschema.Schema
}

func (d *Document) pageView() pageView {
	v := pageView{Info: d.Info}
	for _, tag := range d.Tags {
		g := groupView{Name: tag.Name}
		for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
			for _, method := range []string{"post", "get", "put", "patch", "delete"} {
				if o := d.Paths[path][method]; o != nil && o.Tags[0] == tag.Name {
					g.Operations = append(g.Operations, operationView{o, strings.ToUpper(method), path})
				}
			}
		}
		v.Groups = append(v.Groups, g)
	}
	for _, name := range slices.Sorted(maps.Keys(d.Webhooks)) {
		v.Callbacks = append(v.Callbacks, operationView{d.Webhooks[name]["post"], http.MethodPost, name})
	}
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		v.Schemas = append(v.Schemas, namedSchema{name, d.Components.Schemas[name]})
	}
	return v
}

// A schemaView is a schema as the page shows it.
type schemaView struct {
	Type     string
	Link     string // to the schema it is of
	About    string
	Limits   string
	Kinds    []string // one of these members is there,
	Instead  string   // or what this says
	Members  []memberView
	Addition bool
}

type memberView struct {
	Name     string
	Required bool
	View     schemaView
}

// schemaView returns what is shown of a schema without following references.
func (d *Document) schemaView(s *jsonschema.Schema) schemaView {
	v := schemaView{About: s.Description, Limits: limits(s), Addition: s.Extras["x-parley-addition"] == true}
	v.Type, v.Link = typeOf(s)
	for _, kind := range s.OneOf {
		if kind.Not != nil {
			v.Instead = kind.Title
			continue
		}
		v.Kinds = append(v.Kinds, kind.Title)
	}
	if s.Properties != nil {
		for p := s.Properties.Oldest(); p != nil; p = p.Next() {
			v.Members = append(v.Members, memberView{p.Key, slices.Contains(s.Required, p.Key), d.schemaView(p.Value)})
		}
	}
	return v
}

// typeOf names the type of a schema, and the schema it refers to.
func typeOf(s *jsonschema.Schema) (words, link string) {
	switch {
	case s.Ref != "":
		link = strings.TrimPrefix(s.Ref, components)
		return link, link
	case len(s.AnyOf) == 2 && s.AnyOf[1].Type == "null":
		words, link = typeOf(s.AnyOf[0])
		return words + " or null", link
	case s.Type == "array" && s.Items != nil:
		words, link = typeOf(s.Items)
		return "array of " + words, link
	case s.Type == "object" && s.Properties == nil && s.AdditionalProperties != nil:
		words, link = typeOf(s.AdditionalProperties)
		return "object of " + words, link
	case s.Format != "":
		return s.Type + ", " + s.Format, ""
	case s.Type == "":
		return "anything", ""
	}
	return s.Type, ""
}

// limits says which values a schema allows.
func limits(s *jsonschema.Schema) string {
	var out []string
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprint(v))
		}
		out = append(out, strings.Join(values, ", "))
	}
	if s.MaxLength != nil {
		out = append(out, "at most "+strconv.FormatUint(*s.MaxLength, 10)+" characters")
	}
	if s.MinItems != nil {
		out = append(out, "at least "+strconv.FormatUint(*s.MinItems, 10))
	}
	if s.MaxItems != nil {
		out = append(out, "at most "+strconv.FormatUint(*s.MaxItems, 10))
	}
	if s.Minimum != "" && s.Maximum != "" {
		out = append(out, s.Minimum.String()+" to "+s.Maximum.String())
	}
	if s.Pattern != "" {
		out = append(out, s.Pattern)
	}
	if s.Default != nil {
		out = append(out, fmt.Sprintf("default %v", s.Default))
	}
	if s.ReadOnly {
		out = append(out, "set by the server")
	}
	return strings.Join(out, "; ")
}

// A statusView is one answer an operation can give.
type statusView struct {
	Code    string
	Words   string
	Schema  schemaView
	Example any
}

func (d *Document) statuses(o *Described) []statusView {
	var list []statusView
	for _, code := range slices.Sorted(maps.Keys(o.Responses)) {
		r := o.Responses[code]
		if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
			r = d.Components.Responses[name]
		}
		m := r.Content[jsonType]
		list = append(list, statusView{code, r.Description, d.schemaView(m.Schema), m.Example})
	}
	return list
}

// curl returns a command that makes the request of the example. What is to be
// filled in is a shell variable.
func (d *Document) curl(o operationView) (string, error) {
	var b strings.Builder
	b.WriteString("curl")
	if o.Method != http.MethodGet {
		b.WriteString(" -X " + o.Method)
	}
	if o.Security == nil {
		b.WriteString(` -u "$KEY_ID:$KEY_SECRET"`)
	}
	path := o.Path
	for _, p := range o.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", "${"+strings.ToUpper(p.Name)+"}")
		}
	}
	sign := "?"
	for _, p := range o.Parameters {
		if p.In == "query" && p.Required {
			path += sign + p.Name + "=${" + strings.ToUpper(p.Name) + "}"
			sign = "&"
		}
	}
	b.WriteString(` "$PARLEY` + path + `"`)
	if o.RequestBody == nil {
		return b.String(), nil
	}
	if _, form := o.RequestBody.Content[jsonType]; !form {
		b.WriteString(" \\\n" + `  -u "$KEY_ID:$KEY_SECRET" -d grant_type=client_credentials`)
		return b.String(), nil
	}
	example, err := indented(o.RequestBody.Content[jsonType].Example)
	if err != nil {
		return "", err
	}
	b.WriteString(" \\\n  -H 'Content-Type: application/json' \\\n  -d '" + strings.ReplaceAll(example, "'", `'\''`) + "'")
	return b.String(), nil
}

func indented(v any) (string, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	return string(b), err
}
