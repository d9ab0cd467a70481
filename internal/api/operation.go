package api

import (
	"context"
	"reflect"

	"github.com/parley-im/parley"
)

// An operation answers one kind of request of the API with a value to encode.
// It is made by plain, with or change, which take what describes it from the
// type of the function that does the work.
type operation struct {
	run func(ctx context.Context, r *request) (any, error)

	in    reflect.Type  // of the body; nil when there is none
	part  bool          // the body has only the members to change
	out   reflect.Type  // of the answer
	reads func(*params) // reads the query parameters; nil when there are none
}

// empty is the answer of operations that have nothing to say.
type empty = parley.Empty

// plain is an operation that takes no body.
func plain[Out any](op func(ctx context.Context, r *request) (Out, error)) *operation {
	return &operation{
		run: func(ctx context.Context, r *request) (any, error) { return op(ctx, r) },
		out: reflect.TypeFor[Out](),
	}
}

// with is an operation that takes a body.
func with[In, Out any](op func(ctx context.Context, r *request, in *In) (Out, error)) *operation {
	return &operation{
		run: func(ctx context.Context, r *request) (any, error) {
			body, err := r.body()
			if err != nil {
				return nil, err
			}
			in := new(In)
			if err := parley.Decode(body, in); err != nil {
				return nil, err
			}
			return op(ctx, r, in)
		},
		in:  reflect.TypeFor[In](),
		out: reflect.TypeFor[Out](),
	}
}

// A patch is the body of a PATCH and the update mask of its query.
type patch struct {
	body []byte
	mask []string
}

// change is an operation that changes the members of a T that its body has.
func change[T, Out any](op func(ctx context.Context, r *request, c patch) (Out, error)) *operation {
	return &operation{
		run: func(ctx context.Context, r *request) (any, error) {
			body, err := r.body()
			if err != nil {
				return nil, err
			}
			mask, err := query(r, (*params).mask)
			if err != nil {
				return nil, err
			}
			return op(ctx, r, patch{body, mask})
		},
		in:    reflect.TypeFor[T](),
		part:  true,
		out:   reflect.TypeFor[Out](),
		reads: func(p *params) { p.mask() },
	}
}

// asking says which query parameters an operation takes: those of read, with
// which it reads them by calling query.
func asking[Q any](read func(*params) Q, op *operation) *operation {
	before := op.reads
	op.reads = func(p *params) {
		if before != nil {
			before(p)
		}
		read(p)
	}
	return op
}

// query reads the query parameters of a request.
func query[Q any](r *request, read func(*params) Q) (Q, error) {
	p := r.params()
	q := read(p)
	return q, p.err
}

// parameters lists the query parameters of an operation.
func (o *operation) parameters() []parameter {
	if o.reads == nil {
		return nil
	}
	p := &params{asked: new([]parameter)}
	o.reads(p)
	return *p.asked
}
