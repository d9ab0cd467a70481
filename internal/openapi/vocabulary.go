package openapi

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode"
)

//go:embed vocabulary.json
var vocabularyFile []byte

// A Vocabulary is what a program cannot learn by reflection about its own
// types. A test of package api reads it out of the source code.
type Vocabulary struct {
	// Comments are the first sentences about types, by package.type, and the
	// comments on fields, by package.type.field.
	Comments map[string]string `json:"comments"`
	// Values are the constants of string types, by package.type.
	Values map[string][]string `json:"values"`
}

func readVocabulary() (*Vocabulary, error) {
	v := new(Vocabulary)
	if err := json.Unmarshal(vocabularyFile, v); err != nil {
		return nil, fmt.Errorf("decode vocabulary.json: %w", err)
	}
	return v, nil
}

// comment returns what the code says about a type or, unless field is empty,
// about a field of it.
func (v *Vocabulary) comment(t reflect.Type, field string) string {
	if field == "" {
		return strings.Replace(v.Comments[t.String()], t.Name(), schemaName(t), 1)
	}
	words := v.Comments[t.String()+"."+field]
	if f, ok := t.FieldByName(field); ok {
		// Comments name the field, readers know the member.
		words = regexp.MustCompile(`\b`+field+`\b`).ReplaceAllString(words, memberName(f))
	}
	return words
}

// schemaName is what a type is called in the document. The types of answers
// are not exported.
func schemaName(t reflect.Type) string {
	name := []rune(t.Name())
	if len(name) == 0 || t.PkgPath() == "" {
		return ""
	}
	name[0] = unicode.ToUpper(name[0])
	return string(name)
}
