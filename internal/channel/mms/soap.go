package mms

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// The bounds of an envelope. Real ones have some thirty elements.
const (
	maxElements = 2000
	maxDepth    = 32
)

// An element is an XML element by its local name: relays disagree about
// prefixes and namespaces, and some get them wrong.
type element struct {
	name, space, text string
	children          []*element
}

// doubleColon finds names such as soap-env::Header, which relays do send.
var doubleColon = regexp.MustCompile(`(</?[A-Za-z_][\w.-]*):{2,}`)

var errEnvelope = errors.New("not an MM7 envelope")

// parseEnvelope reads a SOAP envelope leniently.
func parseEnvelope(raw []byte) (*element, error) {
	dec := xml.NewDecoder(bytes.NewReader(doubleColon.ReplaceAll(raw, []byte("$1:"))))
	dec.Strict = false
	// What claims another encoding is ASCII or UTF-8 all the same.
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	root := new(element)
	stack := []*element{root}
	for n := 0; ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errEnvelope, err)
		}
		top := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			n++
			if n > maxElements || len(stack) > maxDepth {
				return nil, fmt.Errorf("%w: too many elements", errEnvelope)
			}
			e := &element{name: t.Name.Local, space: t.Name.Space}
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		case xml.CharData:
			top.text += string(t)
		}
	}
	if root.find("Envelope") == nil {
		return nil, errEnvelope
	}
	return root, nil
}

// find returns the first element of that name anywhere below e, or nil.
func (e *element) find(name string) *element {
	if e == nil {
		return nil
	}
	for _, child := range e.children {
		if child.name == name {
			return child
		}
		if found := child.find(name); found != nil {
			return found
		}
	}
	return nil
}

// value returns the text of the element at a path of names, each anywhere
// below the one before, or "".
func (e *element) value(names ...string) string {
	for _, name := range names {
		e = e.find(name)
	}
	if e == nil {
		return ""
	}
	return strings.TrimSpace(e.text)
}

// address returns the address in an element such as Sender, as digits where it
// is a number.
func (e *element) address() string {
	if e == nil {
		return ""
	}
	for _, kind := range []string{"Number", "ShortCode", "RFC2822Address"} {
		if v := e.value(kind); v != "" {
			v, _, _ = strings.Cut(v, "/TYPE=")
			return strings.TrimPrefix(v, "+")
		}
	}
	return strings.TrimPrefix(strings.TrimSpace(e.text), "+")
}

// An envelope is written from the transaction and the content of the body.
func envelope(namespace, transaction string, body *xmlWriter) string {
	w := new(xmlWriter)
	w.raw(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/"><soap-env:Header>` +
		`<mm7:TransactionID xmlns:mm7="`)
	w.escape(namespace)
	w.raw(`" soap-env:mustUnderstand="1">`)
	w.escape(transaction)
	w.raw(`</mm7:TransactionID></soap-env:Header><soap-env:Body>`)
	w.raw(body.b.String())
	w.raw(`</soap-env:Body></soap-env:Envelope>`)
	return w.b.String()
}

// An xmlWriter writes XML in memory, which cannot fail.
type xmlWriter struct{ b bytes.Buffer }

func (w *xmlWriter) raw(s string) { w.b.WriteString(s) }

func (w *xmlWriter) escape(s string) { _ = xml.EscapeText(&w.b, []byte(s)) }

// element writes an element without attributes, unless it is empty.
func (w *xmlWriter) element(name, text string) {
	if text == "" {
		return
	}
	w.raw("<" + name + ">")
	w.escape(text)
	w.raw("</" + name + ">")
}
