package simulator

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// mm7Request is a submission taken apart.
type mm7Request struct {
	envelope  []byte
	contentID string // of the part with the message
	smil      []byte
	parts     []mm7Part
}

// mm7Part is a part of a message.
type mm7Part struct {
	mime, id, location string
	data               []byte
}

// mm7Parts reads SOAP with attachments: the envelope and one part with the
// message, which is multipart/related and begins with its layout.
func mm7Parts(contentType string, body []byte) (*mm7Request, error) {
	outer, err := multipartOf(contentType, body)
	if err != nil {
		return nil, err
	}
	if len(outer) != 2 || outer[0].mime != "text/xml" {
		return nil, errors.New("want an envelope and one attachment")
	}
	content, err := multipartOf(outer[1].location, outer[1].data)
	if err != nil {
		return nil, err
	}
	req := &mm7Request{envelope: outer[0].data, contentID: outer[1].id, parts: content}
	if len(content) == 0 || content[0].mime != "application/smil" {
		return nil, errors.New("the message does not begin with its layout")
	}
	req.smil = content[0].data
	return req, nil
}

// multipartOf reads the parts of a multipart/related body. The location of a
// part that is multipart itself is its whole Content-Type.
func multipartOf(contentType string, body []byte) ([]mm7Part, error) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/related" {
		return nil, fmt.Errorf("want multipart/related, got %q", kind)
	}
	var out []mm7Part
	for r := multipart.NewReader(bytes.NewReader(body), parameters["boundary"]); ; {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out, checkStart(parameters["start"], out)
		}
		if err != nil {
			return nil, fmt.Errorf("read part: %w", err)
		}
		p := mm7Part{id: strings.Trim(part.Header.Get("Content-ID"), "<>"), location: part.Header.Get("Content-Location")}
		if p.mime, _, err = mime.ParseMediaType(part.Header.Get("Content-Type")); err != nil {
			return nil, fmt.Errorf("read type of part: %w", err)
		}
		if strings.HasPrefix(p.mime, "multipart/") {
			p.location = part.Header.Get("Content-Type")
		}
		if p.data, err = io.ReadAll(part); err != nil {
			return nil, fmt.Errorf("read part: %w", err)
		}
		if part.Header.Get("Content-Transfer-Encoding") == "base64" {
			if p.data, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(p.data))); err != nil {
				return nil, fmt.Errorf("read part: %w", err)
			}
		}
		out = append(out, p)
	}
}

func checkStart(start string, parts []mm7Part) error {
	if len(parts) == 0 || start != "" && start != "<"+parts[0].id+">" {
		return errors.New("the first part is not the one named as start")
	}
	return nil
}
