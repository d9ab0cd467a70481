package api

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-im/parley/internal/openapi"
)

// TestVocabulary keeps what the document says about types the same as what
// the code says: vocabulary.json is read out of the vocabulary and this
// package.
func TestVocabulary(t *testing.T) {
	t.Parallel()
	v := openapi.Vocabulary{Comments: map[string]string{}, Values: map[string][]string{}}
	for _, dir := range []string{"../..", "."} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		check(t, err)
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				readSource(t, &v, file)
			}
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	check(t, e.Encode(v))
	golden(t, "../openapi/vocabulary.json", b.String())
}

func readSource(t *testing.T, v *openapi.Vocabulary, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	check(t, err)
	f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
	check(t, err)
	for _, d := range f.Decls {
		d, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				readType(v, d, s)
			case *ast.ValueSpec:
				readValues(t, v, d, s)
			}
		}
	}
}

// readType notes the comments on a struct that is JSON, and on string types.
func readType(v *openapi.Vocabulary, d *ast.GenDecl, s *ast.TypeSpec) {
	fields, isStruct := s.Type.(*ast.StructType)
	if _, named := s.Type.(*ast.Ident); !isStruct && !named {
		return
	}
	wire := !isStruct
	if isStruct {
		for _, field := range fields.Fields.List {
			if field.Tag == nil || !strings.Contains(field.Tag.Value, "json:") {
				continue
			}
			wire = true
			words := field.Doc.Text()
			if words == "" {
				words = field.Comment.Text()
			}
			for _, name := range field.Names {
				note(v, s.Name.Name+"."+name.Name, words)
			}
		}
	}
	if wire {
		note(v, s.Name.Name, new(doc.Package).Synopsis(d.Doc.Text()))
	}
}

func note(v *openapi.Vocabulary, name, words string) {
	if words = strings.Join(strings.Fields(words), " "); words != "" {
		v.Comments[name] = words
	}
}

// readValues notes the values of typed constants.
func readValues(t *testing.T, v *openapi.Vocabulary, d *ast.GenDecl, s *ast.ValueSpec) {
	t.Helper()
	of, ok := s.Type.(*ast.Ident)
	if d.Tok != token.CONST || !ok || !of.IsExported() {
		return
	}
	for _, value := range s.Values {
		if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			check(t, err)
			v.Values[of.Name] = append(v.Values[of.Name], text)
		}
	}
}
