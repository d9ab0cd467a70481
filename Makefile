# Every command of this repository, one target each. `make` lists them.
#
# Builds are pure Go. Only the tests turn cgo on: the race detector needs it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export CGO_ENABLED := 0

# PKG narrows `make test` and `make lint`; ARGS is passed on by run, test,
# bench and sdk:  make test PKG=./internal/store/... ARGS='-run Claim -v'
PKG ?= ./...
ARGS ?=

GOLANGCI_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.9.0

# A tool is rebuilt when its version or the Go release changes: a linter built
# with an older Go refuses code for a newer one.
tools := $(CURDIR)/bin/tools
go_release := $(shell go env GOVERSION)
golangci_stamp := $(tools)/.golangci-lint-$(GOLANGCI_VERSION)-$(go_release)
govulncheck_stamp := $(tools)/.govulncheck-$(GOVULNCHECK_VERSION)-$(go_release)
golangci := $(tools)/golangci-lint

.PHONY: help
help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## start the server and the simulator on this machine
	@exec bin/parley dev $(ARGS)

.PHONY: build
build: ## leave the binary at bin/parley
	go build -trimpath -o bin/parley ./cmd/parley

.PHONY: setup
setup: ## install what the tests need, saying what
	@scripts/setup

.PHONY: test
test: setup ## run all tests under the race detector, in random order
	@scripts/test $(ARGS) $(PKG)

.PHONY: sdk
sdk: setup ## run the official Node SDK against the binary
	@scripts/test -count=1 -v $(ARGS) ./test/sdk/...

.PHONY: fuzz
fuzz: ## fuzz every target for FUZZTIME each (10s); ARGS narrows them
	@FUZZTIME='$(or $(FUZZTIME),10s)' scripts/fuzz $(ARGS)

.PHONY: golden
golden: ## rewrite the golden files; review the diff
	@scripts/golden

.PHONY: bench
bench: build ## measure throughput beside a bare net/http server
	go run ./test/bench $(ARGS)

.PHONY: fmt
fmt: $(golangci_stamp) ## format the code
	$(golangci) fmt

.PHONY: check
check: format-check lint vet tidy-check vulncheck ## everything but the tests: format, lint, vet, modules, vulnerabilities

.PHONY: format-check
format-check: $(golangci_stamp)
	$(golangci) fmt --diff

.PHONY: lint
lint: $(golangci_stamp)
	$(golangci) config verify
	$(golangci) run $(PKG)

.PHONY: vet
vet:
	go vet ./...

.PHONY: tidy-check
tidy-check:
	go mod tidy -diff

.PHONY: vulncheck
vulncheck: $(govulncheck_stamp)
	@scripts/vulncheck $(tools)/govulncheck

.PHONY: cross
cross: ## build for the other platforms, leaving nothing behind
	GOOS=linux GOARCH=arm64 go build -o /dev/null ./cmd/parley
	GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/parley
	GOOS=windows GOARCH=amd64 go build -o /dev/null ./cmd/parley

# Tools are for this machine, whatever GOOS the caller has set.
install_tool = GOOS= GOARCH= GOFLAGS= GOBIN=$(tools) go install

$(golangci_stamp):
	@echo "check: building golangci-lint $(GOLANGCI_VERSION) into bin/tools (once)"
	@mkdir -p $(tools) && rm -f $(tools)/.golangci-lint-*
	@$(install_tool) github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@touch $@

$(govulncheck_stamp):
	@echo "check: building govulncheck $(GOVULNCHECK_VERSION) into bin/tools (once)"
	@mkdir -p $(tools) && rm -f $(tools)/.govulncheck-*
	@$(install_tool) golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	@touch $@
