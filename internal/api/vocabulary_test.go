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
// the code says: vocabulary.json is read out of the code.
func TestVocabulary(t *testing.T) {
	t.Parallel()
	v := openapi.Vocabulary{Comments: map[string]string{}, Values: map[string][]string{}}
	doc, err := new(Server).document()
	check(t, err)
	for _, dir := range []string{"../..", ".", "../engine"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		check(t, err)
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				readSource(t, doc, &v, file)
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

func readSource(t *testing.T, doc *openapi.Document, v *openapi.Vocabulary, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	check(t, err)
	f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments)
	check(t, err)
	described := func(name string) (string, bool) {
		name = f.Name.Name + "." + name
		return name, doc.Describes(name)
	}
	for _, d := range f.Decls {
		d, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if name, ok := described(s.Name.Name); ok {
					readType(v, name, d, s)
				}
			case *ast.ValueSpec:
				if of, ok := s.Type.(*ast.Ident); ok && d.Tok == token.CONST {
					if name, ok := described(of.Name); ok {
						readValues(t, v, name, s)
					}
				}
			}
		}
	}
}

// readType notes the comments on a type and its fields.
func readType(v *openapi.Vocabulary, name string, d *ast.GenDecl, s *ast.TypeSpec) {
	note(v, name, new(doc.Package).Synopsis(d.Doc.Text()))
	fields, ok := s.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, field := range fields.Fields.List {
		words := field.Doc.Text()
		if words == "" {
			words = field.Comment.Text()
		}
		for _, f := range field.Names {
			if f.IsExported() {
				note(v, name+"."+f.Name, words)
			}
		}
	}
}

func note(v *openapi.Vocabulary, name, words string) {
	if words = strings.Join(strings.Fields(words), " "); words != "" {
		v.Comments[name] = words
	}
}

// readValues notes the values of typed constants.
func readValues(t *testing.T, v *openapi.Vocabulary, name string, s *ast.ValueSpec) {
	t.Helper()
	for _, value := range s.Values {
		if lit, ok := value.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			check(t, err)
			note(v, name+"."+text, s.Comment.Text())
			v.Values[name] = append(v.Values[name], text)
		}
	}
}
