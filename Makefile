# Everything a person does with this tree. `make help` lists it. Go and Node are assumed; what the tests need beyond
# them are Debian packages, which `make deps` installs when they are missing.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
CONFIG ?= configs/dev.yaml
# How long each fuzz target runs in `make test`.
FUZZTIME ?= 3s
FUZZ_PACKAGES ?= ./...
FUZZ_PARALLEL ?= 2
# Packages tested at once under the race detector, where nothing but the processor is waited for.
TEST_PARALLEL ?= 2
# These tests have media in real time, which a busy machine spoils: they run one after the other, and what only computes
# gets the time that they leave, and none of theirs.
MEDIA_PACKAGES := ./bridge/h264 ./bridge/mix ./bridge/record ./bridge/rtmp ./bridge/testmedia ./cmd/hutong
E2E_PACKAGE := ./gateway/e2e
LEFTOVER := $(shell command -v chrt >/dev/null && echo chrt --idle 0 || echo nice -n 19)
RACE = CGO_ENABLED=1 go test -race -vet=off -timeout 25m
# A command whose tests may fail: what they said of it comes again at the end, after the logs of browsers and gateways.
told = log=$$(mktemp); trap 'rm -f "$$log"' EXIT; $(1) 2>&1 | tee "$$log" || { \
	echo "what failed:"; grep -E '^ *--- FAIL|^ +[a-z0-9_]+_test\.go:|^FAIL|DATA RACE|^panic:|goleak' "$$log"; exit 1; }

# Flags for hutong-bench, such as BENCH_FLAGS="-v".
BENCH_FLAGS ?=

# -buildvcs=false: the version comes from above, and a tree owned by another user must build too.
GOBUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false
LDFLAGS := -s -w -X main.version=$(VERSION)

PACKAGES := chromium ffmpeg rtmpdump gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
	gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly gstreamer1.0-libav fonts-noto-cjk iproute2 ca-certificates gcc libc6-dev

NODE_MODULES := web/node_modules/.package-lock.json
MINIPROGRAM_MODULES := web/miniprogram/node_modules/.package-lock.json
PAGE := web/dist/index.html
PAGE_SOURCES := $(shell find web \( -name node_modules -o -name dist -o -name miniprogram \) -prune -o -type f ! -name '*.go' ! -name '*.md' -print 2>/dev/null)
GOFILES = $$(find . \( -name node_modules -o -name .git \) -prune -o -name '*.go' -print)

.PHONY: help
help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null \
		|| sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1    \2/p' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build what is needed and start the gateway on loopback (CONFIG=FILE for another configuration)
	@exec bin/hutong serve --config $(CONFIG)

.PHONY: run-lan
run-lan: build ## the same on all addresses with https, to try it on a phone in this network
	@bin/hutong cert
	@printf '\n%s\n%s\n\n' "On a phone in the same network open an https address below. The browser warns once, because nobody" \
		"vouches for the certificate: choose to go on. Access is open to everybody in the network."
	@exec bin/hutong serve --config configs/lan.yaml

.PHONY: build
build: $(PAGE) ## build bin/hutong: one static binary with the page inside
	$(GOBUILD) -ldflags '$(LDFLAGS)' -o bin/hutong ./cmd/hutong

# npm writes the lock file's copy at the end of a good install.
$(NODE_MODULES): web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

$(MINIPROGRAM_MODULES): web/miniprogram/package.json web/miniprogram/package-lock.json
	cd web/miniprogram && npm ci --no-audit --no-fund
	@touch $@

# The build empties web/dist, and the placeholder that git keeps there goes with it.
$(PAGE): $(NODE_MODULES) $(PAGE_SOURCES)
	cd web && npm run build
	@touch web/dist/.keep $@

.PHONY: deps
deps: $(NODE_MODULES) $(MINIPROGRAM_MODULES) ## install what the tests need, where it is missing
	@if ! command -v dpkg-query >/dev/null; then \
		echo "not a Debian system: install the equivalents of $(PACKAGES)"; \
	else \
		missing=""; \
		for p in $(PACKAGES); do \
			[ "$$(dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null || true)" = installed ] || missing="$$missing $$p"; \
		done; \
		if [ -n "$$missing" ]; then \
			sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
			echo "installing$$missing"; \
			$$sudo apt-get update -qq; \
			$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
		fi; \
	fi

.PHONY: test
test: deps build lint ## run every test, with real browsers and media tools, under the race detector
	CGO_ENABLED=1 go build -race -buildvcs=false ./... # not beside media
	$(MAKE) --no-print-directory -j3 --output-sync=target test-web test-media fuzz FUZZ_PARALLEL=1
	$(MAKE) --no-print-directory -j2 --output-sync=target test-e2e test-rest

.PHONY: test-media
test-media: # whose media run in real time
	@$(call told,$(RACE) -p 1 $(MEDIA_PACKAGES))

.PHONY: test-e2e
test-e2e:
	@$(call told,$(RACE) $(E2E_PACKAGE))

.PHONY: test-rest
test-rest: # all others
	@$(call told,$(LEFTOVER) env $(RACE) -p $(TEST_PARALLEL) $$(go list ./... | grep -vxF "$$(go list $(MEDIA_PACKAGES) $(E2E_PACKAGE))"))

.PHONY: test-short
test-short: ## run what one runs every minute: the Go tests that -short leaves, without the race detector
	go test -short -timeout 5m ./...

.PHONY: lint
lint: ## check formatting, vet, and that everything builds without a C compiler
	@unformatted=$$(gofmt -l $(GOFILES)); if [ -n "$$unformatted" ]; then \
		echo "not formatted; run make fmt:"; echo "$$unformatted"; exit 1; fi
	CGO_ENABLED=0 go build -buildvcs=false ./...
	go vet ./...

.PHONY: test-web
test-web: deps ## check and test the page, and the mini-program against a gateway that runs
	cd web && npm run --if-present check && npm run --if-present test
	cd web/miniprogram && npm test

# Every fuzz target of the tree for $(FUZZTIME), each package linked once for all of its own. Until Go 1.27 the engine now and
# then reports its own deadline as a failure of the target, without an input (go.dev/issue/75804); that, and only that, does
# not count.
.PHONY: fuzz
fuzz: ## fuzz every parser briefly (FUZZTIME=1m for longer, FUZZ_PACKAGES=./bridge/flv for one)
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; log=$$tmp/log; \
	cache=$$(go env GOCACHE)/fuzz; \
	go list -f '{{.Dir}} {{.ImportPath}}' $(FUZZ_PACKAGES) | while read -r dir package; do \
		targets=$$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$dir"/*_test.go 2>/dev/null || true); \
		[ -n "$$targets" ] || continue; \
		$(LEFTOVER) go test -c -fuzz . -o "$$tmp/fuzz.test" "$$package"; \
		for target in $$targets; do \
			if (cd "$$dir" && $(LEFTOVER) "$$tmp/fuzz.test" -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) \
				-test.parallel $(FUZZ_PARALLEL) -test.fuzzcachedir "$$cache/$$package") >"$$log" 2>&1 </dev/null; then \
				echo "ok  	$$package $$target $$(grep -o 'execs: [0-9]*' "$$log" | tail -1)"; \
			elif grep -q 'context deadline exceeded' "$$log" && ! grep -Eq 'Failing input|panic:|fatal error:' "$$log"; then \
				echo "ok  	$$package $$target (ended by the engine's own deadline)"; \
			else \
				cat "$$log"; exit 1; \
			fi; \
		done; \
	done

bin/hutong-bench: FORCE
	$(GOBUILD) -ldflags '-s -w' -o $@ ./cmd/hutong-bench

.PHONY: bench
bench: build bin/hutong-bench ## measure everything and write docs/benchmarks.md's table (on a quiet machine)
	bin/hutong-bench suite $(BENCH_FLAGS)

.PHONY: bench-quick
bench-quick: build bin/hutong-bench ## the same in a minute, with few players
	bin/hutong-bench suite -quick -out bin/quick.jsonl $(BENCH_FLAGS)

.PHONY: profiles
profiles: build bin/hutong-bench ## write where the gateway's time goes under load, and what it allocates, into docs/bench/profiles
	bin/hutong-bench profiles $(BENCH_FLAGS)

.PHONY: bench-check
bench-check: ## compare the counted work of forwarding a packet with the committed figures; make test does it too
	go test -count=1 -v -run '^TestWork' ./sfu

.PHONY: soak
soak: build bin/hutong-bench ## ten minutes of players coming and going: memory and goroutines must stay flat
	bin/hutong-bench soak $(BENCH_FLAGS)

.PHONY: screenshots
screenshots: build ## take pictures of every state of the call page, the console and the page of callers into screenshots/
	rm -rf screenshots && mkdir screenshots
	SCREENSHOTS=$(CURDIR)/screenshots go test ./gateway/e2e -run '^(TestPageStates|TestDeskPages)$$' -count=1 -timeout 15m

.PHONY: fmt
fmt: ## format the Go code
	gofmt -w $(GOFILES)

.PHONY: clean
clean: ## remove what was built; the data directory and web/node_modules stay
	rm -rf bin screenshots
	find web/dist -mindepth 1 ! -name .keep -delete

.PHONY: FORCE
FORCE:
