package line_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/parley-im/parley/internal/channel/channeltest"
)

// TestSchema checks what is rendered against LINE's published OpenAPI.
func TestSchema(t *testing.T) {
	t.Parallel()
	s := loadSchemas(t)
	corpus := channeltest.Corpus(t)
	delete(corpus, "explicit") // shows that nothing is added or lost
	for name, m := range corpus {
		for _, p := range render(t, m) {
			var body any
			if err := json.Unmarshal(p.Body, &body); err != nil {
				t.Fatal(err)
			}
			if err := s.check("PushMessageRequest", body, "body"); err != nil {
				t.Errorf("%s: %v\n%s", name, err, p.Body)
			}
		}
	}
}

// TestSchemaOfNotification does it for a message made of a template of
// LINE's, which the OpenAPI does not have yet: only its request's name for a
// free one.
func TestSchemaOfNotification(t *testing.T) {
	t.Parallel()
	s := loadSchemas(t)
	body := map[string]any{"to": "x", "messages": []any{map[string]any{"type": "text", "text": "Hi", "txt": "Hi"}}}
	if err := s.check("PnpMessagesRequest", body, "body"); err == nil {
		t.Error("the checker takes a member that there is not")
	}
	delete(body["messages"].([]any)[0].(map[string]any), "txt")
	if err := s.check("PnpMessagesRequest", body, "body"); err != nil {
		t.Error(err)
	}
}

// schemas is the part of OpenAPI that LINE's uses, by name.
type schemas map[string]*schema

type schema struct {
	Ref           string             `yaml:"$ref"`
	Type          string             `yaml:"type"`
	Required      []string           `yaml:"required"`
	Properties    map[string]*schema `yaml:"properties"`
	Items         *schema            `yaml:"items"`
	Enum          []string           `yaml:"enum"`
	MaxLength     int                `yaml:"maxLength"`
	MaxItems      int                `yaml:"maxItems"`
	AllOf         []*schema          `yaml:"allOf"`
	Discriminator *struct {
		PropertyName string            `yaml:"propertyName"`
		Mapping      map[string]string `yaml:"mapping"`
	} `yaml:"discriminator"`
}

func loadSchemas(t *testing.T) schemas {
	t.Helper()
	dir := os.Getenv("PARLEY_SCHEMAS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "schemas")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "line-messaging-api.yml"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("no OpenAPI of LINE's; set PARLEY_SCHEMAS: %v", err)
	}
	var doc struct {
		Components struct {
			Schemas schemas `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Components.Schemas
}

func named(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// properties collects those of a schema and of all it is made of.
func (s schemas) properties(of *schema) (props map[string]*schema, required []string) {
	props = map[string]*schema{}
	if of.Ref != "" {
		return s.properties(s[named(of.Ref)])
	}
	for _, part := range of.AllOf {
		p, r := s.properties(part)
		maps.Copy(props, p)
		required = append(required, r...)
	}
	maps.Copy(props, of.Properties)
	return props, append(required, of.Required...)
}

// check holds v against the schema of that name, or the one that v's type
// says.
func (s schemas) check(name string, v any, at string) error {
	of := s[name]
	if of == nil {
		return fmt.Errorf("%s: there is no schema %s", at, name)
	}
	members, ok := v.(map[string]any)
	if !ok {
		return s.value(of, v, at)
	}
	if d := of.Discriminator; d != nil {
		kind, _ := members[d.PropertyName].(string)
		ref := d.Mapping[kind]
		if ref == "" {
			return fmt.Errorf("%s: %s has no %s %q", at, name, d.PropertyName, kind)
		}
		of = s[named(ref)]
	}
	return s.object(of, members, at)
}

func (s schemas) object(of *schema, members map[string]any, at string) error {
	props, required := s.properties(of)
	for _, r := range required {
		if _, ok := members[r]; !ok {
			return fmt.Errorf("%s: %s is missing", at, r)
		}
	}
	var errs []error
	for name, member := range members {
		p := props[name]
		if p == nil {
			errs = append(errs, fmt.Errorf("%s: there is no %s", at, name))
			continue
		}
		errs = append(errs, s.value(p, member, at+"."+name))
	}
	return errors.Join(errs...)
}

func (s schemas) value(of *schema, v any, at string) error {
	if of.Ref != "" {
		return s.check(named(of.Ref), v, at)
	}
	switch x := v.(type) {
	case string:
		if of.Type != "string" || of.MaxLength > 0 && len([]rune(x)) > of.MaxLength || len(of.Enum) > 0 && !slices.Contains(of.Enum, x) {
			return fmt.Errorf("%s: %q is no %s", at, x, of.Type)
		}
	case float64:
		if of.Type != "number" && of.Type != "integer" {
			return fmt.Errorf("%s: %v is no %s", at, x, of.Type)
		}
	case []any:
		if of.Type != "array" || of.MaxItems > 0 && len(x) > of.MaxItems {
			return fmt.Errorf("%s: %d items are no %s", at, len(x), of.Type)
		}
		for i, item := range x {
			if err := s.value(of.Items, item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case map[string]any:
		return s.object(of, x, at)
	}
	return nil
}
