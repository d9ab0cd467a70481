package openapitest

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/openapi"
)

// theSchemas are made once: they are only read.
var theSchemas = sync.OnceValues(compile)

// schemas are those of the callbacks by trigger; "" is any.
type schemas map[parley.Trigger]*jsonschema.Schema

// document is as much of the document as is about callbacks.
func document() (*openapi.Document, error) {
	return openapi.New(openapi.Info{}, "", nil, openapi.Callbacks{})
}

func compile() (schemas, error) {
	d, err := document()
	if err != nil {
		return nil, err
	}
	text, err := d.JSON()
	if err != nil {
		return nil, err
	}
	c, _, err := compiler(text)
	if err != nil {
		return nil, err
	}
	s := schemas{}
	for trigger := range d.Webhooks {
		at := documentURL + "#/webhooks/" + trigger + "/post/requestBody/content/application~1json/schema"
		if s[parley.Trigger(trigger)], err = c.Compile(at); err != nil {
			return nil, err
		}
	}
	s[""], err = c.Compile(documentURL + "#/components/schemas/Callback")
	return s, err
}

// Callback reports how the body of a callback differs from what the document
// says of those of its trigger; "" is any trigger.
func Callback(trigger parley.Trigger, body []byte) error {
	all, err := theSchemas()
	if err != nil {
		return err
	}
	s := all[trigger]
	if s == nil {
		return fmt.Errorf("there are no callbacks for %s", trigger)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	if err := s.Validate(value); err != nil {
		return fmt.Errorf("callback for %q: %w\n%s", trigger, err, body)
	}
	return nil
}
