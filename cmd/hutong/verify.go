package main

import (
	"crypto/ed25519"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"hutong/bridge/record"
)

var verifyCommand = command{
	name:     "verify",
	synopsis: "MANIFEST...",
	summary:  "check that recordings are whole and unchanged",
	help: `Checks manifest.json of a recording: its signature, the SHA-256 and the length of every file beside it, its journal,
and the ledger in the directory above, where there is one. Given a ledger.jsonl it checks that no recording is missing.
Exits with 0 when everything is as it was written, with 1 otherwise. Without --key any key may have signed: compare the
fingerprint it prints with that of your gateway (GET /api/v1/recordings/status).`,
	run: verify,
}

func verify(flags *flag.FlagSet, args []string, out, errs io.Writer) int {
	file := flags.String("key", "", "FILE of the public key (PEM) that has to have signed, such as data/recording_key.pem.pub")
	if code, done := parse(flags, args, 1, 1000); done {
		return code
	}
	var trust []ed25519.PublicKey
	if *file != "" {
		b, err := os.ReadFile(*file)
		if err != nil {
			fmt.Fprintf(errs, "hutong verify: --key: %v\n", err)
			return exitUsage
		}
		key, err := record.ParsePublicPEM(b)
		if err != nil {
			fmt.Fprintf(errs, "hutong verify: --key %s: %v\n", *file, err)
			return exitUsage
		}
		trust = append(trust, key)
	}
	code := exitOK
	for _, path := range flags.Args() {
		if !verifyOne(path, trust, out, errs) {
			code = exitFailure
		}
	}
	return code
}

func verifyOne(path string, trust []ed25519.PublicKey, out, errs io.Writer) bool {
	if filepath.Base(path) == record.LedgerName {
		there, problems, err := record.VerifyLedger(path, trust...)
		if err != nil {
			fmt.Fprintf(errs, "%s: %v\n", path, err)
			return false
		}
		for _, p := range problems {
			fmt.Fprintf(out, "%s: WRONG: %s\n", path, p)
		}
		if len(problems) == 0 {
			fmt.Fprintf(out, "%s: ok, %d recordings are there\n", path, there)
		}
		return len(problems) == 0
	}
	r, err := record.Verify(path, trust...)
	if err != nil {
		fmt.Fprintf(errs, "%v\n", err)
		return false
	}
	for _, n := range r.Notes {
		fmt.Fprintf(out, "%s: note: %s\n", path, n)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(out, "%s: WRONG: %s\n", path, p)
	}
	if len(r.Problems) > 0 {
		return false
	}
	fmt.Fprintf(out, "%s: ok, %d files, signed by %s\n", path, len(r.Manifest.Files), record.Fingerprint(r.Key))
	return true
}
