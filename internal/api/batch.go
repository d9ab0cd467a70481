package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/parley-im/parley"
)

// batchPrefix is put before the paths of requests to the Batch API's host:
// they are the same as those of the Conversation API and mean something else.
// It works on every other host, too.
const batchPrefix = "/batch"

// maxBatchBody bounds a request of a thousand recipients, in bytes.
const maxBatchBody = 8 << 20

// batchOperation starts the names of the Batch API's operations.
const batchOperation = "Batch_"

// batchRoutes is every operation of the Batch API.
func (s *Server) batchRoutes() []route {
	const project = batchPrefix + "/v1/projects/{project_id}"
	return []route{
		{batchOperation + "SendBatch", "POST " + project + "/messages", with(s.sendBatch)},
		{batchOperation + "CancelBatch", "DELETE " + project + "/messages", with(s.cancelBatch)},
		{batchOperation + "GetBatchStatusesByMetadata", "GET " + project + "/messages", asking(readBatchQuery, plain(s.listBatches))},
		{batchOperation + "GetBatchStatus", "GET " + project + "/messages/{batch_id}", plain(s.getBatch)},
		{batchOperation + "CreateContacts", "POST " + project + "/contacts", with(s.createContacts)},
		{batchOperation + "DeleteContacts", "DELETE " + project + "/contacts", with(s.deleteContacts)},
		{batchOperation + "InsertConsents", "POST " + project + "/consents", with(s.insertConsents)},
	}
}

// batchHost leads a request to the Batch API's host, such as
// us.conversationbatch.api.example, to the Batch API's paths.
func batchHost(r *http.Request) *http.Request {
	host := "." + strings.ToLower(r.Host)
	if !strings.Contains(host, ".conversationbatch.") || !strings.HasPrefix(r.URL.Path, "/v1/projects/") {
		return r
	}
	return withPath(r, batchPrefix+r.URL.EscapedPath())
}

func (s *Server) sendBatch(ctx context.Context, r *request, b *parley.SendBatchRequest) (*parley.SendBatchResponse, error) {
	return s.engine.SendBatch(ctx, r.project, b)
}

func (s *Server) cancelBatch(ctx context.Context, r *request, c *parley.CancelBatchRequest) (empty, error) {
	return empty{}, s.engine.CancelBatches(ctx, r.project, c)
}

func (s *Server) listBatches(ctx context.Context, r *request) ([]*parley.Batch, error) {
	q, err := query(r, readBatchQuery)
	if err != nil {
		return nil, err
	}
	return s.engine.Batches(ctx, r.project, q.key, q.value)
}

// A batchQuery is the member of metadata that batches are looked for by.
type batchQuery struct{ key, value string }

func readBatchQuery(p *params) batchQuery {
	return batchQuery{p.required("metadataKey"), p.text("metadataValue")}
}

func (s *Server) getBatch(ctx context.Context, r *request) (*parley.Batch, error) {
	id, err := r.id("batch_id", "batch")
	if err != nil {
		return nil, err
	}
	return s.engine.Batch(ctx, r.project, id)
}

func (s *Server) createContacts(ctx context.Context, r *request, c *parley.CreateContactsRequest) (empty, error) {
	return empty{}, s.engine.CreateContacts(ctx, r.project, c)
}

func (s *Server) insertConsents(ctx context.Context, r *request, c *parley.InsertConsentsRequest) (*parley.InsertConsentsResponse, error) {
	return s.engine.InsertConsents(ctx, r.project, c)
}

func (s *Server) deleteContacts(ctx context.Context, r *request, c *parley.DeleteContactsRequest) (empty, error) {
	return empty{}, s.engine.DeleteContacts(ctx, r.project, c)
}
