package simulator

import (
	"errors"
	"io"
	"net/http"
	"strings"
)

// upload is POST /{phone_number_id}/media.
func (wa *whatsapp) upload(r *http.Request, token string) (any, error) {
	if _, _, err := wa.owned(r, token); err != nil {
		return nil, err
	}
	mr, err := r.MultipartReader()
	if err != nil {
		return nil, waRequired("file")
	}
	fields := map[string]string{}
	var data []byte
	var name string
	for {
		part, err := mr.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, waError(131053, "The upload could not be read")
		}
		b, err := io.ReadAll(io.LimitReader(part, mediaFileLimit+1))
		if err != nil {
			return nil, waError(131053, "The upload could not be read")
		}
		if part.FormName() != "file" {
			fields[part.FormName()] = string(b)
			continue
		}
		data, name = b, part.FileName()
		if fields["type"] == "" {
			fields["type"] = part.Header.Get("Content-Type")
		}
	}
	switch {
	case fields["messaging_product"] != "whatsapp":
		return nil, waRequired("messaging_product")
	case len(data) == 0:
		return nil, waRequired("file")
	case len(data) > mediaFileLimit:
		return nil, waError(131053, "The file is too large")
	}
	f := wa.sim.media.put(data, orElse(fields["type"], mimeOf(name)), name)
	return map[string]string{"id": f.id}, nil
}

// node is GET /{id}: a file, or the number itself.
func (wa *whatsapp) node(r *http.Request, token string) (any, error) {
	id := r.PathValue("id")
	if a, ok := wa.numbers.get(id); ok && a.Token == token {
		return map[string]any{
			"id": id, "display_phone_number": a.DisplayPhoneNumber, "verified_name": "Simulator", "quality_rating": "GREEN",
		}, nil
	}
	f := wa.sim.media.get(id)
	if f == nil {
		return nil, unknownObject(id)
	}
	return map[string]any{
		"messaging_product": "whatsapp", "id": f.id, "mime_type": f.mime, "sha256": f.sha256,
		"file_size": len(f.data), "url": "http://" + r.Host + "/graph/download/media/" + f.id,
	}, nil
}

func (wa *whatsapp) deleteMedia(r *http.Request, _ string) (any, error) {
	if !wa.sim.media.remove(r.PathValue("id")) {
		return nil, unknownObject(r.PathValue("id"))
	}
	return map[string]bool{"success": true}, nil
}

// download serves the bytes of a file. Like Meta's media host it wants the
// token too.
func (wa *whatsapp) download(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	f := wa.sim.media.get(r.PathValue("id"))
	if !wa.knows(token) || f == nil {
		http.Error(w, "The URL is not available", http.StatusNotFound)
		return
	}
	data, typ, err := wa.sim.media.bytesOf(r.Context(), f)
	if err != nil {
		http.Error(w, "The file is not available", http.StatusNotFound)
		return
	}
	serveFile(w, data, typ)
}
