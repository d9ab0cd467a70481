// Package openapitest checks a server's answers and callbacks against its own
// description.
package openapitest

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// An Oracle knows from /openapi.json, read by a library that had no part in
// writing it, what the server may answer. It may be used by many at a time.
type Oracle struct {
	operations []described
	failure    *jsonschema.Schema
}

// An Answer is what the server said to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

type described struct {
	id      string
	method  string
	path    *regexp.Regexp
	weight  int // of the path: literal text comes before {names}
	query   map[string]bool
	answers map[int]*jsonschema.Schema
}

const documentURL = "https://parley.test/openapi.json"

// New reads the document, as /openapi.json answers it.
func New(document []byte) (*Oracle, error) {
	c, doc, err := compiler(document)
	if err != nil {
		return nil, err
	}
	o := new(Oracle)
	for path, methods := range doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			d, err := readOperation(c, doc, path, method, op.(map[string]any))
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			o.operations = append(o.operations, d)
		}
	}
	slices.SortFunc(o.operations, func(a, b described) int { return b.weight - a.weight })
	o.failure, err = c.Compile(documentURL + "#/components/schemas/ErrorAnswer")
	return o, err
}

// compiler returns what compiles the schemas of a document, and the document.
func compiler(document []byte) (*jsonschema.Compiler, map[string]any, error) {
	raw, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	return c, raw.(map[string]any), c.AddResource(documentURL, raw)
}

// readOperation reads one operation of the document.
func readOperation(c *jsonschema.Compiler, doc map[string]any, path, method string, op map[string]any) (described, error) {
	literal := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "")
	pattern := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")
	d := described{
		id: op["operationId"].(string), method: strings.ToUpper(method), path: regexp.MustCompile("^" + pattern + "$"),
		weight: len(literal), query: map[string]bool{}, answers: map[int]*jsonschema.Schema{},
	}
	if list, ok := op["parameters"].([]any); ok {
		for _, p := range list {
			if p := p.(map[string]any); p["in"] == "query" {
				d.query[p["name"].(string)] = true
			}
		}
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	for status, answer := range op["responses"].(map[string]any) {
		at := "#/paths/" + escape(path) + "/" + method + "/responses/" + status
		if ref, ok := answer.(map[string]any)["$ref"].(string); ok {
			at = ref
		}
		code, err := strconv.Atoi(status)
		if err != nil {
			return d, err
		}
		if d.answers[code], err = c.Compile(documentURL + at + "/content/application~1json/schema"); err != nil {
			return d, err
		}
	}
	return d, nil
}

// Check reports how the answer to a request differs from the document. Of what
// is not of the API it knows nothing.
func (o *Oracle) Check(r *http.Request, a Answer) error {
	for _, prefix := range []string{"/channels/", "/media/", "/metrics", "/openapi.json", "/docs"} {
		if strings.HasPrefix(r.URL.Path, prefix) && a.Status < http.StatusBadRequest {
			return nil // not of the API
		}
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	schema := o.failure
	if d := o.find(method, r.URL.EscapedPath()); d != nil {
		if schema = d.answers[a.Status]; schema == nil {
			return fmt.Errorf("%s has no answer %d", d.id, a.Status)
		}
		for name := range r.URL.Query() {
			if a.Status == http.StatusOK && !d.query[name] {
				return fmt.Errorf("%s has no parameter %s", d.id, name)
			}
		}
	} else if a.Status < http.StatusBadRequest {
		return fmt.Errorf("there is no such operation")
	}
	if got := a.Header.Get("Content-Type"); got != "application/json" {
		return fmt.Errorf("its type is %q", got)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(a.Body)))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// find returns the operation a request is for.
func (o *Oracle) find(method, path string) *described {
	path = strings.NewReplacer("%3A", ":", "%3a", ":").Replace(path)
	for i := range o.operations {
		if d := &o.operations[i]; d.method == method && d.path.MatchString(path) {
			return d
		}
	}
	return nil
}
