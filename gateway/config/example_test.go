package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// line is one option as the production file documents it.
type line struct{ value, comment string }

// documented reads configs/hutong.yaml the way a person does: each option's value and the comment right above it.
func documented(t *testing.T, path string) map[string]line {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]line{}
	var section []string
	comment := ""
	for text := range strings.SplitSeq(string(content), "\n") {
		trimmed := strings.TrimSpace(text)
		if strings.HasPrefix(trimmed, "#") {
			comment += strings.TrimSpace(strings.TrimPrefix(trimmed, "#")) + " "
			continue
		}
		if key, value, ok := strings.Cut(trimmed, ":"); ok {
			depth := (len(text) - len(strings.TrimLeft(text, " "))) / 2
			section = append(section[:depth], key)
			found[strings.Join(section, ".")] = line{strings.TrimSpace(value), strings.TrimSpace(comment)}
		}
		comment = ""
	}
	return found
}

// shown is a default as the file writes it.
func shown(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case string:
		if x == "" {
			return `""`
		}
		return x
	case []string:
		if len(x) == 0 {
			return "[]"
		}
		return `["` + strings.Join(x, `", "`) + `"]`
	case []ICEServer, []APIKey, []SignedURL:
		return "[]"
	case bool:
		if x {
			return "true"
		}
		return "false"
	case interface{ String() string }:
		return x.String()
	}
	return fmt.Sprint(v.Interface())
}

func TestProductionFileDocumentsEveryOption(t *testing.T) {
	production := filepath.Join("..", "..", "configs", "hutong.yaml")
	found := documented(t, production)
	if problems := Check(production); len(problems) > 0 {
		t.Fatalf("does not load: %v", problems)
	}
	cfg, err := Load(production, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range options(Default()) {
		entry, ok := found[o.path]
		if !ok {
			t.Errorf("%s is missing", o.path)
			continue
		}
		text, value, ok := strings.Cut(entry.comment, "Default: ")
		if !ok || len(text) < 20 && o.path != "http.tls.key" {
			t.Errorf("%s: the comment above it says %q: want what it does and its default", o.path, entry.comment)
		}
		if want := shown(o.value); strings.TrimSuffix(value, ".") != want {
			t.Errorf("%s: the comment says the default is %q, it is %q", o.path, strings.TrimSuffix(value, "."), want)
		}
		got := options(cfg)[i].value.Interface()
		isAddress := o.path == "http.address" || o.path == "rtmp.address" || strings.HasPrefix(o.path, "webrtc.") && strings.HasSuffix(o.path, "_address")
		switch address, _ := got.(string); {
		case isAddress && (isLoopback(address) || !strings.HasPrefix(address, ":")):
			t.Errorf("%s is %v: the production file listens on all addresses", o.path, got)
		case !isAddress && !reflect.DeepEqual(got, o.value.Interface()):
			t.Errorf("%s is %v in the file, %v by default", o.path, got, o.value.Interface())
		}
		for bound, tag := range map[string]string{"rom ": o.tag.Get("min"), "o ": o.tag.Get("max")} {
			if _, number := o.value.Interface().(int); tag != "" && !number && !strings.Contains(entry.comment, bound+tag) {
				t.Errorf("%s: the comment does not name the bound %s", o.path, tag)
			}
		}
	}
}

func TestDevFileIsOpenOnLoopbackWithEverythingOn(t *testing.T) {
	cfg, err := Load(filepath.Join("..", "..", "configs", "dev.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range listenersOf(cfg) {
		if l.address != "" && !isLoopback(l.address) {
			t.Errorf("%s is %s, want loopback", l.path, l.address)
		}
	}
	if !cfg.Metrics.Enabled || !cfg.Pprof.Enabled || !cfg.WebRTC.OfferLoopback() {
		t.Error("metrics, pprof and loopback candidates are not all on")
	}
}
