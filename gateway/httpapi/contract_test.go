package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/errors"

	"hutong/docs"
)

// contract is the description of the API, which requests and answers are held
// against.
var contract = sync.OnceValues(func() (validator.Validator, error) {
	d, err := libopenapi.NewDocument(docs.OpenAPI)
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(d)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return v, nil
})

func described(t *testing.T) validator.Validator {
	t.Helper()
	v, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestDescriptionIsValid(t *testing.T) {
	if ok, errs := described(t).ValidateDocument(); !ok {
		for _, e := range errs {
			t.Error(told(e))
		}
	}
}

func told(e *errors.ValidationError) string {
	s := e.Message + ": " + e.Reason
	for _, f := range e.SchemaValidationErrors {
		s += "\n  " + f.FieldPath + ": " + f.Reason
	}
	return s
}

// call makes a REST call and holds it against the description: the answer always,
// the request when it succeeded.
func call(t *testing.T, method, url, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	v := described(t)
	resp.Body = io.NopCloser(bytes.NewReader(got))
	if ok, errs := v.ValidateHttpResponse(req, resp); !ok {
		for _, e := range errs {
			t.Errorf("the answer %d %s to %s %s is not as described: %s", resp.StatusCode, got, method, req.URL.Path, told(e))
		}
	}
	if resp.StatusCode < 300 {
		req.Body = io.NopCloser(strings.NewReader(body))
		if ok, errs := v.ValidateHttpRequest(req); !ok {
			for _, e := range errs {
				t.Errorf("the request %s %s %s is not as described: %s", method, req.URL.Path, body, told(e))
			}
		}
	}
	return resp.StatusCode, string(got), resp.Header
}
