package telegram_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A schema is the published description of the Bot API: which parameters a
// method takes and which members an object has.
type schema struct {
	Methods map[string]object `json:"methods"`
	Types   map[string]object `json:"types"`
}

type object struct {
	Fields []struct {
		Name     string   `json:"name"`
		Types    []string `json:"types"`
		Required bool     `json:"required"`
	} `json:"fields"`
	Subtypes []string `json:"subtypes"`
}

// loadSchema reads the schema, which is not ours to distribute.
func loadSchema(t *testing.T) *schema {
	t.Helper()
	dir := os.Getenv("PARLEY_SCHEMAS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "schemas")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "telegram-bot-api.json"))
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("the schema of the Bot API is needed in CI: %v", err)
	}
	if err != nil {
		t.Skipf("no schema of the Bot API; set PARLEY_SCHEMAS: %v", err)
	}
	s := new(schema)
	if err := json.Unmarshal(raw, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// request checks the body of a call and returns what is wrong with it.
func (s *schema) request(body []byte) error {
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		return err
	}
	name, ok := members["method"].(string)
	if !ok {
		return fmt.Errorf("no method in %s", body)
	}
	delete(members, "method")
	m, ok := s.Methods[name]
	if !ok {
		return fmt.Errorf("no method %q", name)
	}
	return s.object(name, m, members)
}

func (s *schema) object(path string, o object, members map[string]any) error {
	known := map[string]bool{}
	for _, f := range o.Fields {
		known[f.Name] = true
		value, present := members[f.Name]
		if !present {
			if f.Required {
				return fmt.Errorf("%s: %s is missing", path, f.Name)
			}
			continue
		}
		if err := s.anyOf(path+"."+f.Name, f.Types, value); err != nil {
			return err
		}
	}
	for name := range members {
		if !known[name] {
			return fmt.Errorf("%s: unknown member %s", path, name)
		}
	}
	return nil
}

func (s *schema) anyOf(path string, types []string, value any) error {
	var errs []string
	for _, typ := range types {
		err := s.value(path, typ, value)
		if err == nil {
			return nil
		}
		errs = append(errs, err.Error())
	}
	return fmt.Errorf("%s fits none of %v: %s", path, types, strings.Join(errs, "; "))
}

func (s *schema) value(path, typ string, value any) error {
	if inner, ok := strings.CutPrefix(typ, "Array of "); ok {
		all, ok := value.([]any)
		if !ok {
			return fmt.Errorf("%s is no array", path)
		}
		for i, v := range all {
			if err := s.value(fmt.Sprintf("%s[%d]", path, i), inner, v); err != nil {
				return err
			}
		}
		return nil
	}
	var ok bool
	switch typ {
	case "String":
		_, ok = value.(string)
	case "Boolean", "True":
		_, ok = value.(bool)
	case "Integer":
		n, number := value.(json.Number)
		ok = number && !strings.ContainsAny(n.String(), ".eE")
	case "Float":
		_, ok = value.(json.Number)
	case "InputFile": // an upload; ours are addresses
	default:
		return s.named(path, typ, value)
	}
	if !ok {
		return fmt.Errorf("%s is no %s: %v", path, typ, value)
	}
	return nil
}

// named checks an object of a named type.
func (s *schema) named(path, typ string, value any) error {
	o, ok := s.Types[typ]
	if !ok {
		return fmt.Errorf("%s: the schema has no type %s", path, typ)
	}
	if len(o.Subtypes) > 0 {
		return s.anyOf(path, slices.Clone(o.Subtypes), value)
	}
	members, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is no object", path)
	}
	return s.object(path, o, members)
}
