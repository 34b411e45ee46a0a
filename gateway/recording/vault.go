package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcerrors"

	"hutong/gateway/config"
)

// errUnconfirmed says that the store has not what it was given.
var errUnconfirmed = errors.New("the store does not confirm the upload")

// vault is the store of whole recordings. Without a bucket there is none.
type vault struct {
	bucket  *blob.Bucket
	s3      *s3.Client // nil where the store is another
	name3   string     // the bucket's there
	prefix  string
	timeout time.Duration
	wake    chan struct{}
}

func openVault(ctx context.Context, c config.RecordingStore) (*vault, error) {
	v := &vault{prefix: c.Prefix, timeout: c.Timeout.Std(), wake: make(chan struct{}, 1)}
	if c.URL == "" {
		return v, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("recording.store.url is not a URL")
	}
	if u.Scheme == "file" {
		v.bucket, err = fileblob.OpenBucket(u.Path, &fileblob.Options{CreateDir: true, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	} else {
		v.name3 = u.Host
		v.bucket, v.s3, err = openS3(ctx, u, c)
	}
	if err != nil {
		return nil, fmt.Errorf("recording.store.url: %w", err)
	}
	return v, nil
}

// openS3 does not talk to the store: one that is away when the gateway starts is
// waited for.
func openS3(ctx context.Context, u *url.URL, c config.RecordingStore) (*blob.Bucket, *s3.Client, error) {
	q := u.Query()
	var load []func(*awsconfig.LoadOptions) error
	if r := q.Get("region"); r != "" {
		load = append(load, awsconfig.WithRegion(r))
	} else {
		load = append(load, awsconfig.WithDefaultRegion("us-east-1"))
	}
	if c.AccessKey != "" {
		load = append(load, awsconfig.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, "")))
	}
	cfg, err := awsconfig.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, nil, err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		if e := q.Get("endpoint"); e != "" {
			o.BaseEndpoint = aws.String(e)
		}
		o.UsePathStyle = q.Get("use_path_style") == "true"
		// Stores other than AWS's know nothing of newer checksums.
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	})
	b, err := s3blob.OpenBucket(ctx, client, u.Host, nil)
	return b, client, err
}

func (v *vault) close() {
	if v.bucket != nil {
		v.bucket.Close()
	}
}

func (v *vault) signal() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

func (v *vault) name(id, file string) string { return path.Join(v.prefix, id, file) }

// put brings a file to the store, and returns once the store has confirmed it. A
// store that takes nothing for a while is given up.
func (v *vault) put(ctx context.Context, id, name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	patience := time.AfterFunc(v.timeout, cancel)
	defer patience.Stop()
	if v.s3 != nil && info.Size() > leastPart {
		if err := v.putParts(ctx, v.name(id, name), contentType(name), f, info.Size(), func() { patience.Reset(v.timeout) }); err != nil {
			return fmt.Errorf("uploading %s: %w", name, err)
		}
		patience.Reset(v.timeout)
		return v.confirm(ctx, id, name, info.Size())
	}
	w, err := v.bucket.NewWriter(ctx, v.name(id, name), &blob.WriterOptions{ContentType: contentType(name), MaxConcurrency: 1})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, progress{f, func() { patience.Reset(v.timeout) }})
	if err != nil {
		cancel() // so that Close does not keep half a file
		w.Close()
		return fmt.Errorf("uploading %s: %w", name, err)
	}
	patience.Reset(4 * v.timeout) // the last parts are on their way
	if err := w.Close(); err != nil {
		return fmt.Errorf("uploading %s: %w", name, err)
	}
	return v.confirm(ctx, id, name, info.Size())
}

// confirm asks the store for what it was given.
func (v *vault) confirm(ctx context.Context, id, name string, size int64) error {
	a, err := v.bucket.Attributes(ctx, v.name(id, name))
	if err != nil {
		return fmt.Errorf("%w: %s: %w", errUnconfirmed, name, err)
	}
	if a.Size != size {
		return fmt.Errorf("%w: %s has %d bytes there, and %d here", errUnconfirmed, name, a.Size, size)
	}
	return nil
}

type progress struct {
	io.Reader
	made func()
}

func (p progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b[:min(len(b), 256<<10)])
	p.made()
	return n, err
}

// remove deletes files of a recording. What is not there is deleted already.
func (v *vault) remove(ctx context.Context, id string, names []string) error {
	if v.bucket == nil {
		return nil
	}
	for _, name := range names {
		if v.s3 != nil && strings.HasSuffix(name, ".mp4") {
			if err := v.forget(ctx, v.name(id, name)); err != nil {
				return fmt.Errorf("deleting what was uploaded of %s: %w", name, err)
			}
		}
		if err := v.bucket.Delete(ctx, v.name(id, name)); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fmt.Errorf("deleting %s: %w", name, err)
		}
	}
	return nil
}

func contentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".mp4"):
		return "video/mp4"
	case strings.HasSuffix(name, ".json"):
		return "application/json"
	}
	return "application/x-ndjson"
}
