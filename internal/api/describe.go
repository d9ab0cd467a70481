package api

import (
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/callback"
	"github.com/parley-im/parley/internal/openapi"
)

// apiInfo says what the document describes.
func apiInfo() openapi.Info {
	return openapi.Info{
		Title:   "Parley",
		Version: "1",
		Summary: "The Conversation API, on a server of your own.",
		Description: "Unknown members of a request are ignored, and answers may get new ones. In a request, null is the same as " +
			"leaving a member out. Message bodies are kept and given back as they were sent. What is an addition to the " +
			"hosted API is marked x-parley-addition.",
		License: openapi.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
	}
}

// document describes the whole API.
func (s *Server) document() (*openapi.Document, error) {
	additions := map[string]bool{}
	for _, r := range s.ownRoutes() {
		additions[r.operation] = true
	}
	var list []openapi.Operation
	for _, r := range s.operations() {
		o := describe(&r)
		o.Addition = additions[r.operation]
		list = append(list, o)
	}
	return openapi.New(apiInfo(), tokenPath, append(list, s.ownOperations()...), callbacks())
}

// callbacks says of callbacks what their types do not.
func callbacks() openapi.Callbacks {
	text := func(s jsonschema.Schema) *jsonschema.Schema {
		s.Type = "string"
		return &s
	}
	return openapi.Callbacks{
		Headers: []openapi.Parameter{
			{
				Name: callback.HeaderSignature, In: "header", Schema: text(jsonschema.Schema{ContentEncoding: "base64"}),
				Description: "The HMAC-SHA256 of the body, a dot, the nonce, a dot and the timestamp, keyed with the webhook's secret. " +
					"Without a secret there are none of these headers.",
			},
			{
				Name: callback.HeaderTimestamp, In: "header", Schema: text(jsonschema.Schema{Pattern: "^[0-9]+$"}),
				Description: "When this attempt was made, in seconds since 1970.",
			},
			{Name: callback.HeaderNonce, In: "header", Schema: text(jsonschema.Schema{}), Description: "Differs for every attempt."},
			{
				Name: callback.HeaderAlgorithm, In: "header", Schema: text(jsonschema.Schema{Enum: []any{callback.Algorithm}}),
				Description: "How it is signed.",
			},
		},
		Taken: "The callback is delivered. It may come again, and after others that happened later.",
		Otherwise: "After 408, 425, 429, 5xx and no answer the callback is sent again, first after 5 seconds, then after twice as long " +
			"each time, for a day; so it is after 401 where it carried a token. After anything else, redirects included, it is not.",
	}
}

const tokenPath = "/oauth2/token" //nolint:gosec // a path

// tokenRequest is the form of a token request. It is read from a form, not
// decoded.
type tokenRequest struct {
	GrantType    string `json:"grant_type"` // client_credentials
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
}

// ownOperations are those that are not in a project.
func (s *Server) ownOperations() []openapi.Operation {
	failure, health := reflect.TypeFor[errorAnswer](), reflect.TypeFor[health]()
	return []openapi.Operation{
		{
			ID: "Token", Method: http.MethodPost, Path: tokenPath, Tag: "access", Open: true,
			In: reflect.TypeFor[tokenRequest](), Form: true, Out: reflect.TypeFor[tokenAnswer](),
			Error:  reflect.TypeFor[oauthError](),
			Errors: []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusInternalServerError},
		},
		{ID: "Healthz", Method: http.MethodGet, Path: "/healthz", Tag: "health", Open: true, Addition: true, Out: health},
		{
			ID: "Readyz", Method: http.MethodGet, Path: "/readyz", Tag: "health", Open: true, Addition: true, Out: health,
			Error: failure, Errors: []int{http.StatusServiceUnavailable},
		},
	}
}

// describe returns what an operation of the route table is like.
func describe(r *route) openapi.Operation {
	method, path, _ := strings.Cut(r.pattern, " ")
	o := openapi.Operation{
		ID: r.operation, Method: method, Path: path, Tag: tagOf(path),
		Error: reflect.TypeFor[errorAnswer](), Out: reflect.TypeFor[empty](),
	}
	for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
		o.Parameters = append(o.Parameters, pathParameter(m[1]))
	}
	o.Errors = []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if r.op == nil {
		o.Errors = append(o.Errors, http.StatusNotImplemented)
		return o
	}
	o.In, o.Part, o.Out = r.op.in, r.op.part, r.op.out
	for _, p := range r.op.parameters() {
		o.Parameters = append(o.Parameters, p.describe())
	}
	if method != http.MethodGet {
		o.Errors = append(o.Errors, http.StatusConflict)
	}
	if method == http.MethodPost {
		o.Parameters = append(o.Parameters, keyParameter())
		o.Errors = append(o.Errors, http.StatusUnprocessableEntity)
	}
	if r.op.in != nil || method == http.MethodPost {
		o.Errors = append(o.Errors, http.StatusRequestEntityTooLarge)
	}
	return o
}

// tagOf groups operations by the collection in their path.
func tagOf(path string) string {
	if strings.HasPrefix(path, batchPrefix) {
		return "batch"
	}
	_, rest, _ := strings.Cut(path, "{project_id}/")
	if _, inner, ok := strings.Cut(rest, "apps/{app_id}/"); ok {
		rest = inner
	}
	if i := strings.IndexAny(rest, "/:"); i >= 0 {
		rest = rest[:i]
	}
	switch rest {
	case "optins", "optouts":
		return "consents"
	}
	return rest
}

func pathParameter(name string) openapi.Parameter {
	p := openapi.Parameter{Name: name, In: "path", Required: true, Schema: &jsonschema.Schema{Type: "string"}}
	switch name {
	case "project_id", "template_id", "identity":
	case "list_type":
		p.Schema = enumSchema(parley.ConsentLists()...)
	default:
		p.Schema = idSchema()
	}
	return p
}

// keyParameter is the header that makes a POST take effect once.
func keyParameter() openapi.Parameter {
	return openapi.Parameter{
		Name: keyHeader, In: "header", Schema: &jsonschema.Schema{
			Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(maxKey)), Pattern: "^[!-~]+$",
			Extras: map[string]any{"x-parley-addition": true},
		},
		Description: "Makes the request take effect once: a repetition within a day is given the first answer again, with the header " +
			replayedHeader + ".",
	}
}

// describe returns what a query parameter is like.
func (p *parameter) describe() openapi.Parameter {
	out := openapi.Parameter{
		Name: p.name, In: "query", Required: p.required, Description: parameterWords(p.name),
		Schema: &jsonschema.Schema{Type: "string"},
	}
	switch p.kind {
	case kindText:
	case kindID:
		out.Schema = idSchema()
	case kindFlag:
		out.Schema = &jsonschema.Schema{Type: "boolean", Default: false}
	case kindEnum:
		out.Schema = enumSchema(slices.DeleteFunc(slices.Clone(p.enum), func(v string) bool { return v == "" })...)
		if p.enum[0] != "" {
			out.Schema.Default = p.enum[0]
		}
	case kindChannel:
		out.Schema = enumSchema(append(parley.Channels(), parley.ChannelUnspecified)...)
	case kindTime:
		out.Schema.Format = "date-time"
	case kindPageSize:
		out.Schema = &jsonschema.Schema{Type: "integer", Minimum: "0", Default: defaultPageSize}
		out.Description = "At most " + strconv.Itoa(p.most) + " are given at once."
	case kindList:
		out.Schema = &jsonschema.Schema{Type: "array", Items: &jsonschema.Schema{Type: "string"}}
		out.Explode = new(p.name == "update_mask.paths")
	}
	return out
}

func idSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: "^[0-9A-Za-z]{" + strconv.Itoa(parley.IDLen) + "}$"}
}

func enumSchema[T ~string](values ...T) *jsonschema.Schema {
	s := &jsonschema.Schema{Type: "string"}
	for _, v := range values {
		s.Enum = append(s.Enum, string(v))
	}
	return s
}

// parameterWords says what a query parameter is for.
func parameterWords(name string) string {
	switch name {
	case "active_channel":
		return "Only conversations that are on this channel."
	case "app_id":
		return "Only what belongs to this app."
	case "channel":
		return "Only what is on this channel."
	case "channel_identity":
		return "Only messages to or from this identity."
	case "contact_id":
		return "Only what belongs to this contact."
	case "conversation_id":
		return "Only what belongs to this conversation."
	case "direction":
		return "Only what went this way."
	case "end_time":
		return "Only what was before; exclusive."
	case "external_id":
		return "Only the contact with this external id."
	case "identity":
		return "Only the contact with this identity on the channel."
	case "language_code":
		return "Only translations in this language."
	case "messages_source":
		return "Where to look: messages of conversations, or dispatched ones."
	case "metadata_update_strategy":
		return "Whether metadata_json is replaced or patched (RFC 7386)."
	case "metadataKey":
		return "The member of the batch's metadata to search by."
	case "metadataValue":
		return "The value that member must have."
	case "only_active":
		return "Leave out conversations that were stopped."
	case "only_recipient_originated":
		return "Only messages from contacts."
	case "order":
		return "By the time of the newest message."
	case "page_token":
		return "The next_page_token of the page before."
	case "request_id":
		return "A name for the request, given back in its callback."
	case "start_time":
		return "Only what was later; exclusive."
	case "translation_version":
		return "Only this version; latest is the newest."
	case "update_mask", "update_mask.paths":
		return "The members to change, or * for all; those it names that the body lacks are cleared."
	case "view":
		return "Whether messages are shown with their metadata."
	}
	return ""
}
