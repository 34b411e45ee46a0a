package main

import (
	"bytes"
	"strings"
	"testing"

	"hutong/gateway/auth"
)

func TestPassword(t *testing.T) {
	var out, errs bytes.Buffer
	if code := hashPassword(strings.NewReader("correct horse\n"), &out, &errs); code != exitOK {
		t.Fatalf("%d: %s", code, &errs)
	}
	if ok, err := auth.CheckPassword(strings.TrimSpace(out.String()), "correct horse"); !ok || err != nil {
		t.Errorf("%s: %t, %v", &out, ok, err)
	}
	if code := hashPassword(strings.NewReader("short"), &out, &errs); code != exitFailure || !strings.Contains(errs.String(), "at least 8") {
		t.Errorf("a short one: %d %s", code, &errs)
	}
}
