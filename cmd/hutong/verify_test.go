package main

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hutong/bridge/record"
)

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	key, err := record.LoadKey(filepath.Join(dir, "key.pem"), true)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := record.OpenLedger(dir, key)
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	rec, err := record.Create(filepath.Join(dir, "r1"), record.Meta{RecordingID: "r1"}, record.Options{Key: key, Ledger: ledger})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rec.Finish(); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, "r1", record.ManifestName)
	ask := func(args ...string) (int, string) {
		var out, errs bytes.Buffer
		code := run(append([]string{"verify"}, args...), &out, &errs)
		return code, out.String() + errs.String()
	}
	fingerprint := record.Fingerprint(key.Public().(ed25519.PublicKey))
	if code, said := ask("--key", filepath.Join(dir, "key.pem.pub"), manifest); code != exitOK || !strings.Contains(said, fingerprint) {
		t.Errorf("%d: %s", code, said)
	}
	if code, said := ask(filepath.Join(dir, record.LedgerName)); code != exitOK || !strings.Contains(said, "1 recordings") {
		t.Errorf("%d: %s", code, said)
	}
	if _, err := record.LoadKey(filepath.Join(dir, "other.pem"), true); err != nil {
		t.Fatal(err)
	}
	if code, said := ask("--key", filepath.Join(dir, "other.pem.pub"), manifest); code != exitFailure || !strings.Contains(said, "another key") {
		t.Errorf("%d: %s", code, said)
	}
	b, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, bytes.Replace(b, []byte(`"r1"`), []byte(`"r2"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := ask(manifest); code != exitFailure || !strings.Contains(said, "WRONG") {
		t.Errorf("%d: %s", code, said)
	}
	if code, _ := ask(filepath.Join(dir, "none.json")); code != exitFailure {
		t.Errorf("%d for a file that is not there", code)
	}
	if code, _ := ask(); code != exitUsage {
		t.Errorf("%d without an argument", code)
	}
}
