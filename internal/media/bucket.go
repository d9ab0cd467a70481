package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// A Bucket is a place for files in an object store that speaks Amazon's S3
// protocol. Files pass through Options.Dir on their way there, so that none is
// ever held in memory.
type Bucket struct {
	client *minio.Client
	bucket string
	prefix string
}

// ParseBucket reads the address of a bucket:
//
//	s3://KEY:SECRET@HOST[:PORT]/BUCKET[/PREFIX][?region=REGION][&tls=off]
//
// Without KEY and SECRET those of the AWS_ environment variables or of the
// machine's role are used. No error shows the secret.
func ParseBucket(address string, transport http.RoundTripper) (*Bucket, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return nil, errors.New("must look like s3://KEY:SECRET@HOST/BUCKET")
	}
	bucket, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if bucket == "" {
		return nil, errors.New("must name a bucket: s3://KEY:SECRET@HOST/BUCKET")
	}
	q := u.Query()
	tls := q.Get("tls")
	if tls != "" && tls != "on" && tls != "off" {
		return nil, errors.New("tls must be on or off")
	}
	for name := range q {
		if name != "region" && name != "tls" {
			return nil, fmt.Errorf("there is no option %q", name)
		}
	}
	creds := credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.IAM{Client: &http.Client{Transport: transport}},
	})
	if u.User != nil {
		secret, _ := u.User.Password()
		creds = credentials.NewStaticV4(u.User.Username(), secret, "")
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: creds, Secure: tls != "off", Region: q.Get("region"), Transport: transport,
	})
	if err != nil {
		return nil, errors.New("the host cannot be used")
	}
	return &Bucket{client: client, bucket: bucket, prefix: prefix}, nil
}

func (b *Bucket) depot(incoming *directory) depot { return &objects{Bucket: b, incoming: incoming} }

// objects keeps files in a bucket. What is known of a file is its object's
// metadata, so that the two appear at once.
type objects struct {
	*Bucket
	incoming *directory
}

// The metadata of an object; the store adds its own prefix.
const metaFilename = "Filename"

func (o *objects) key(name string) string { return path.Join(o.prefix, name) }

func (o *objects) keep(ctx context.Context, name, temp string, a *about) error {
	f, err := o.incoming.root.Open(temp)
	if err != nil {
		return err
	}
	_, err = o.client.PutObject(ctx, o.bucket, o.key(name), f, a.Size, minio.PutObjectOptions{
		ContentType: a.ContentType, UserMetadata: map[string]string{metaFilename: a.Filename},
		// One request, so that the object is there whole or not at all; stores take
		// 5 GiB in one, far above what is received.
		DisableMultipart: true,
	})
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("put it in the bucket: %w", err)
	}
	return o.incoming.discard(temp)
}

func (o *objects) open(ctx context.Context, name string) (io.ReadSeekCloser, *about, error) {
	// The object is read while the answer is written, long after this returns.
	obj, err := o.client.GetObject(context.WithoutCancel(ctx), o.bucket, o.key(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, nil, notThere(err)
	}
	info, err := obj.Stat()
	if err != nil {
		return nil, nil, errors.Join(notThere(err), obj.Close())
	}
	return obj, &about{
		ContentType: info.ContentType, Filename: info.UserMetadata[metaFilename], Size: info.Size, SavedAt: info.LastModified,
	}, nil
}

func (o *objects) has(ctx context.Context, name string) bool {
	_, err := o.client.StatObject(ctx, o.bucket, o.key(name), minio.StatObjectOptions{})
	return err == nil
}

func (o *objects) remove(ctx context.Context, name string) error {
	// An object that is not there counts as removed.
	if err := o.client.RemoveObject(ctx, o.bucket, o.key(name), minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("remove it from the bucket: %w", err)
	}
	return nil
}

// notThere makes the store's word for a missing object the one callers know.
func notThere(err error) error {
	if r := minio.ToErrorResponse(err); r.Code == minio.NoSuchKey {
		return fmt.Errorf("%w: %s", fs.ErrNotExist, r.Code)
	}
	return fmt.Errorf("read from the bucket: %w", err)
}
