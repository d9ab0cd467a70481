// Package openapi describes the API as an OpenAPI 3.1 document. It is told
// the operations with the Go types of what goes in and out, reflects on those
// types, and adds what types cannot say: one-ofs, limits and which members a
// request must have. It knows the vocabulary but not the server.
package openapi

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/invopop/jsonschema"
)

// An Operation is one operation to describe.
type Operation struct {
	ID     string
	Method string
	Path   string // with {names}
	Tag    string // the group it is shown in

	In   reflect.Type // of the body; nil when there is none
	Part bool         // the body has only the members to change
	Form bool         // the body is an HTML form
	Out  reflect.Type // of the answer

	Parameters []Parameter
	Errors     []int        // the other statuses it can answer with
	Error      reflect.Type // of the answer then

	// Open says that no credentials are needed; the endpoint for tokens takes
	// them in another way.
	Open bool
	// Addition says that the hosted API has no such operation.
	Addition bool
}

// A Parameter is one value in the path, the query or the header of a request.
type Parameter struct {
	Name        string             `json:"name"`
	In          string             `json:"in"` // path, query or header
	Description string             `json:"description,omitempty"`
	Required    bool               `json:"required,omitempty"`
	Schema      *jsonschema.Schema `json:"schema"`
	Style       string             `json:"style,omitempty"`
	Explode     *bool              `json:"explode,omitempty"`
}

// A Document is an OpenAPI document. It has the parts that this package
// writes.
type Document struct {
	OpenAPI    string                           `json:"openapi"`
	Info       Info                             `json:"info"`
	Servers    []Server                         `json:"servers"`
	Security   []map[string][]string            `json:"security"`
	Tags       []Tag                            `json:"tags"`
	Paths      map[string]map[string]*Described `json:"paths"`
	Webhooks   map[string]map[string]*Described `json:"webhooks"`
	Components Components                       `json:"components"`

	types map[string]bool // what is described, as package.type
}

// Info says what is described.
type Info struct {
	Title       string  `json:"title"`
	Version     string  `json:"version"`
	Summary     string  `json:"summary,omitempty"`
	Description string  `json:"description,omitempty"`
	License     License `json:"license"`
}

// License is the licence of the server.
type License struct {
	Name       string `json:"name"`
	Identifier string `json:"identifier"` // SPDX
}

// Server is where the API is.
type Server struct {
	URL string `json:"url"`
}

// Tag is a group of operations.
type Tag struct {
	Name string `json:"name"`
}

// Described is an operation as the document has it.
type Described struct {
	ID          string                 `json:"operationId"`
	Summary     string                 `json:"summary"`
	Description string                 `json:"description,omitempty"`
	Tags        []string               `json:"tags"`
	Parameters  []Parameter            `json:"parameters,omitempty"`
	RequestBody *Body                  `json:"requestBody,omitempty"`
	Responses   map[string]*Response   `json:"responses"`
	Security    *[]map[string][]string `json:"security,omitempty"`
	Addition    bool                   `json:"x-parley-addition,omitempty"`
}

// Body is the body of a request.
type Body struct {
	Required bool             `json:"required"`
	Content  map[string]Media `json:"content"`
}

// Media is a body of one media type.
type Media struct {
	Schema  *jsonschema.Schema `json:"schema"`
	Example any                `json:"example,omitempty"`
}

// Response is an answer of one status, or a reference to one.
type Response struct {
	Ref         string            `json:"$ref,omitempty"`
	Description string            `json:"description,omitempty"`
	Headers     map[string]Header `json:"headers,omitempty"`
	Content     map[string]Media  `json:"content,omitempty"`
}

// Header is a header of an answer.
type Header struct {
	Description string             `json:"description"`
	Schema      *jsonschema.Schema `json:"schema"`
}

// Components are what the document refers to.
type Components struct {
	Schemas         jsonschema.Definitions    `json:"schemas"`
	Responses       map[string]*Response      `json:"responses"`
	SecuritySchemes map[string]SecurityScheme `json:"securitySchemes"`
}

// SecurityScheme is a way to authenticate.
type SecurityScheme struct {
	Type        string           `json:"type"`
	Description string           `json:"description,omitempty"`
	Scheme      string           `json:"scheme,omitempty"`
	Flows       map[string]*Flow `json:"flows,omitempty"`
}

// Flow is a way to get an OAuth 2.0 token.
type Flow struct {
	TokenURL string            `json:"tokenUrl"`
	Scopes   map[string]string `json:"scopes"`
}

const jsonType = "application/json"

// New returns the document of the operations and of the callbacks, which are
// those of the vocabulary. info says what the API is; tokenURL is where access
// tokens are given.
func New(info Info, tokenURL string, operations []Operation, callbacks Callbacks) (*Document, error) {
	words, err := readVocabulary()
	if err != nil {
		return nil, err
	}
	s, err := newSchemas(words, operations)
	if err != nil {
		return nil, err
	}
	d := &Document{
		OpenAPI:  "3.1.0",
		Info:     info,
		Servers:  []Server{{URL: "/"}},
		Security: []map[string][]string{{"basic": {}}, {"oauth2": {}}},
		Paths:    map[string]map[string]*Described{},
		types:    map[string]bool{},
		Components: Components{
			Schemas:   s.definitions(),
			Responses: map[string]*Response{},
			SecuritySchemes: map[string]SecurityScheme{
				"basic": {Type: "http", Scheme: "basic", Description: "An access key as the user name and its secret as the password."},
				"oauth2": {
					Type: "oauth2", Description: "A token for an access key, good for an hour.",
					Flows: map[string]*Flow{"clientCredentials": {TokenURL: tokenURL, Scopes: map[string]string{}}},
				},
				bearer: {Type: "http", Scheme: "bearer", Description: "A token got with the webhook's client_credentials, if it has any."},
			},
		},
	}
	d.Webhooks = s.callbacks(callbacks)
	for _, f := range []*form{s.in, s.out} {
		for _, t := range f.types {
			d.types[t.String()] = true
		}
	}
	for i := range operations {
		o := &operations[i]
		if d.Paths[o.Path] == nil {
			d.Paths[o.Path] = map[string]*Described{}
		}
		described := s.describe(o)
		d.Paths[o.Path][strings.ToLower(o.Method)] = described
		for _, status := range o.Errors {
			described.Responses[strconv.Itoa(status)] = d.failure(status, s.answered(o.Error))
		}
		if !slices.Contains(d.Tags, Tag{o.Tag}) {
			d.Tags = append(d.Tags, Tag{o.Tag})
		}
	}
	return d, nil
}

// Describes reports whether the document has to do with a type, which is named
// as in package.type.
func (d *Document) Describes(name string) bool { return d.types[name] }

// describe returns an operation as the document has it.
func (s *schemas) describe(o *Operation) *Described {
	d := &Described{
		ID: o.ID, Summary: summary(o.ID), Tags: []string{o.Tag}, Parameters: o.Parameters, Addition: o.Addition,
		Responses: map[string]*Response{},
	}
	if o.Addition {
		d.Description = "An addition: the hosted API has no such operation."
	}
	if o.Open {
		d.Security = &[]map[string][]string{}
	}
	if o.In != nil {
		media := jsonType
		if o.Form {
			media = "application/x-www-form-urlencoded"
		}
		schema := s.sent(o)
		d.RequestBody = &Body{Required: true, Content: map[string]Media{media: {schema, s.example(schema)}}}
	}
	answer := s.answered(o.Out)
	d.Responses["200"] = response(http.StatusOK, Media{answer, s.example(answer)})
	return d
}

// failure returns the answer of an error status: the operations with the same
// one refer to it.
func (d *Document) failure(status int, schema *jsonschema.Schema) *Response {
	name := strings.ReplaceAll(http.StatusText(status), " ", "")
	r := response(status, Media{Schema: schema})
	if d.Components.Responses[name] == nil {
		d.Components.Responses[name] = r
	}
	if d.Components.Responses[name].Content[jsonType].Schema != schema {
		return r
	}
	return &Response{Ref: "#/components/responses/" + name}
}

// response describes the answers of one status.
func response(status int, m Media) *Response {
	return &Response{
		Description: http.StatusText(status),
		Headers: map[string]Header{"X-Request-Id": {
			"Names the request in the server's log.", &jsonschema.Schema{Type: "string"},
		}},
		Content: map[string]Media{jsonType: m},
	}
}

// summary makes words of an operation id: V2ListTranslations is "List
// translations (v2)".
func summary(id string) string {
	after := ""
	if rest, ok := strings.CutPrefix(id, "V2"); ok {
		id, after = rest, " (v2)"
	}
	if rest, ok := strings.CutPrefix(id, "Batch_"); ok {
		id, after = rest, " (Batch API)"
	}
	var b strings.Builder
	for i, r := range id {
		next := i+1 < len(id) && unicode.IsLower(rune(id[i+1]))
		if i > 0 && unicode.IsUpper(r) && next {
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String() + after
}

// JSON encodes the document.
func (d *Document) JSON() ([]byte, error) { return json.MarshalIndent(d, "", " ") }
