package recording

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// leastPart is the size of the parts in which large files go to S3; a store wants
	// 5 MiB at least.
	leastPart = 8 << 20
	// mostParts are what S3 takes of one file, and some to spare.
	mostParts = 9_000
)

// partSize follows from the file's size alone, so that another life of the gateway
// cuts it in the same way.
func partSize(size int64) int64 {
	n := (size + mostParts - 1) / mostParts
	return max(leastPart, (n+1<<20-1)>>20<<20)
}

// putParts brings a large file to S3 and goes on where a former try, or a former
// life, was cut off: the store knows which parts it has.
func (v *vault) putParts(ctx context.Context, key, kind string, f *os.File, size int64, made func()) error {
	upload, have, err := v.begun(ctx, key)
	if err != nil || upload == "" {
		out, err := v.s3.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &v.name3, Key: &key, ContentType: &kind})
		if err != nil {
			return err
		}
		upload, have = aws.ToString(out.UploadId), nil
	}
	var parts []types.CompletedPart
	step := partSize(size)
	for at := int64(0); at < size; at += step {
		n, length := int32(len(parts)+1), min(step, size-at)
		sum := md5.New() // S3 calls a part by it
		if _, err := io.Copy(sum, io.NewSectionReader(f, at, length)); err != nil {
			return err
		}
		made()
		tag, there := have[n]
		if there = there && strings.Trim(tag, `"`) == hex.EncodeToString(sum.Sum(nil)); !there {
			out, err := v.s3.UploadPart(ctx, &s3.UploadPartInput{Bucket: &v.name3, Key: &key, UploadId: &upload, PartNumber: &n, ContentLength: &length,
				Body: part{io.NewSectionReader(f, at, length), made}})
			if err != nil {
				return fmt.Errorf("part %d: %w", n, err)
			}
			tag = aws.ToString(out.ETag)
		}
		parts = append(parts, types.CompletedPart{ETag: aws.String(tag), PartNumber: aws.Int32(n)})
	}
	_, err = v.s3.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &v.name3, Key: &key, UploadId: &upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	return err
}

// part is what is uploaded at once; made is told that it goes on.
type part struct {
	*io.SectionReader
	made func()
}

func (p part) Read(b []byte) (int, error) {
	p.made()
	return p.SectionReader.Read(b[:min(len(b), 256<<10)])
}

// begun finds the newest upload of a file that was cut off, and the tags of its
// parts by their numbers. upload is "" if there is none.
func (v *vault) begun(ctx context.Context, key string) (upload string, tags map[int32]string, err error) {
	open, err := v.s3.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &v.name3, Prefix: &key})
	if err != nil {
		return "", nil, err
	}
	for _, u := range open.Uploads {
		if aws.ToString(u.Key) == key {
			upload = aws.ToString(u.UploadId)
		}
	}
	if upload == "" {
		return "", nil, nil
	}
	tags = map[int32]string{}
	pages := s3.NewListPartsPaginator(v.s3, &s3.ListPartsInput{Bucket: &v.name3, Key: &key, UploadId: &upload})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", nil, err
		}
		for _, p := range page.Parts {
			tags[aws.ToInt32(p.PartNumber)] = aws.ToString(p.ETag)
		}
	}
	return upload, tags, nil
}

// forget drops what there is of uploads of a file that were cut off, which a store
// keeps, and charges for.
func (v *vault) forget(ctx context.Context, key string) error {
	upload, _, err := v.begun(ctx, key)
	if err != nil || upload == "" {
		return err
	}
	_, err = v.s3.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &v.name3, Key: &key, UploadId: &upload})
	var gone *types.NoSuchUpload
	if errors.As(err, &gone) {
		return nil
	}
	return err
}
