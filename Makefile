# Everything a contributor or CI does with this repository. Only Go is needed; `make` alone lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
BIN := $(CURDIR)/bin
TOOL := $(GO) tool -modfile=internal/tools/go.mod
# Components are the folders that mdatagen describes.
COMPONENTS := $(sort $(dir $(wildcard processor/*/metadata.yaml receiver/*/metadata.yaml exporter/*/metadata.yaml extension/*/metadata.yaml)))

# Properties are tried with the same cases in each run of `make test`, so that what passed once passes again; `make properties` tries
# CHECKS others, from PROPERTIES (0: another seed each time).
export RAPID_SEED ?= 1
CHECKS ?= 1000
PROPERTIES ?= 0
# How long each fuzz target runs, and how often each benchmark is repeated.
FUZZTIME ?= 20s
COUNT ?= 1
# How many operations `make bench-scale` and `make bench-store` hold open, and further flags for them (bin/scale -help).
OPEN ?= 1000000
SCALE_FLAGS ?=
# The seed of what happens in `make chaos`, how many times as long as usual everything may take on this machine, and how its scenarios run: one after
# the other.
SEED ?= 1
PATIENCE ?= 1
CHAOS = $(GO) test -tags e2e -count=1 -v -timeout 60m -parallel 1 ./test/chaos -seed $(SEED) -patience $(PATIENCE)
# A result file of an earlier `make bench` to compare with.
BASE ?=

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

.PHONY: run
run: build $(BIN)/demo $(BIN)/servers ## Start Jaeger, Alertmanager, the collector and steady traffic; Ctrl-C stops everything
	@$(BIN)/demo --bin $(BIN)

.PHONY: build
build: ## Build the collector and the workload generator into bin/
	$(GO) build -trimpath -o $(BIN)/ ./cmd/...

.PHONY: test
test: ## Run every test that needs Go alone, with the race detector
	GO=$(GO) internal/tools/test.sh -race -timeout 30m ./...

.PHONY: days
days: ## Run nine simulated days of a shop, and days with restarts, in full size: without the race detector
	$(GO) test -count=1 -timeout 15m ./test/days

.PHONY: e2e
e2e: build $(BIN)/jaeger $(BIN)/alertmanager $(BIN)/prometheus ## Run the built binary against a real Jaeger, Alertmanager and Prometheus
	$(GO) test -tags e2e -count=1 -p 1 -v -timeout 30m ./test/e2e/... ./cmd/asyncgen/internal/judged

.PHONY: store
store: ## Hold the store to its contract in a real PostgreSQL (installed if it is missing and that is allowed), and on disks that are full or read-only
	internal/tools/postgres/install.sh
	$(GO) test -tags e2e -count=1 -race -timeout 10m ./internal/store/postgres ./internal/store/sqlite

.PHONY: chaos
chaos: build $(BIN)/jaeger $(BIN)/alertmanager ## Kill collectors and take servers away under load, in full length (an hour; as root, with the programs of a PostgreSQL server); SEED=1, PATIENCE=1
	$(CHAOS) -run 'Kills' -operations 100000 -rate 200 -kills 20 -slack 500ms
	$(CHAOS) -run 'Restarts' -operations 30000 -restarts 50
	$(CHAOS) -run 'Collectors' -operations 40000 -rate 200 -kills 20
	$(CHAOS) -run 'Trouble|DatabaseAway' -operations 20000 -trouble 30s

.PHONY: chaos-short
chaos-short: build $(BIN)/jaeger $(BIN)/alertmanager ## The same in a few minutes, all scenarios at once
	$(GO) test -tags e2e -count=1 -v -timeout 15m -parallel 4 ./test/chaos -seed $(SEED)

.PHONY: conformance
conformance: ## Replay recorded telemetry of real applications and show verdicts, hops and alarms beside the truth
	$(GO) test -count=1 -v -run 'TestOrders|TestTrueTime|TestHops|TestDamage' ./test/conformance | grep -vE '^(=== | *--- PASS)'

.PHONY: failures
failures: ## Record again what the programs of test/grouping fail with (each language whose tools are there; .NET: DOTNET=folder, mcs)
	test/grouping/testdata/programs/record.sh test/grouping/testdata/failures

.PHONY: generate
generate: ## Write again what is generated: component metadata, the collector's main, dashboards
	@for dir in $(COMPONENTS); do echo "mdatagen $$dir" && (cd $$dir && $(GO) tool -modfile=$(CURDIR)/internal/tools/go.mod mdatagen metadata.yaml); done
	$(TOOL) builder --config builder-config.yaml --skip-get-modules --skip-compilation
	gofmt -w cmd/throughline
	$(GO) run ./deploy/grafana/generate deploy/grafana/dashboards

.PHONY: lint
lint: $(BIN)/golangci-lint ## Check formatting, common mistakes and the direction of imports
	$(BIN)/golangci-lint run ./...

.PHONY: rules
rules: $(BIN)/promtool ## Check and test the Prometheus rules of deploy/
	$(BIN)/promtool check config deploy/prometheus/prometheus.yaml
	$(BIN)/promtool test rules deploy/prometheus/tests/*.yaml

.PHONY: bench
bench: ## Run the benchmarks; COUNT=10 BASE=old.out compares with an earlier run
	@packages=$$(git grep -lE '^func Benchmark' -- '*_test.go' | xargs -r -n1 dirname | sort -u | sed 's,^,./,'); \
	$(GO) test -short -run '^$$' -bench . -benchmem -count=$(COUNT) $$packages | tee bench.out
	$(if $(BASE),$(TOOL) benchstat $(BASE) bench.out)

.PHONY: bench-scale
bench-scale: ## Measure with OPEN (1,000,000) open operations: a table, and a picture in .run/scale
	$(GO) build -trimpath -o $(BIN)/ ./cmd/throughline ./test/scale
	$(BIN)/scale -bin $(BIN) -out .run/scale -open $(OPEN) $(SCALE_FLAGS)

.PHONY: bench-store
bench-store: ## Measure what a store costs, restarts, and a flood of distinct IDs: a table, and a picture in .run/store
	$(GO) build -trimpath -o $(BIN)/ ./cmd/throughline ./test/scale
	$(BIN)/scale -about store -bin $(BIN) -out .run/store -open $(OPEN) $(SCALE_FLAGS)

.PHONY: pictures
pictures: build $(BIN)/jaeger $(BIN)/alertmanager $(BIN)/prometheus ## Draw docs/images again, from what a real Jaeger and a real Prometheus return
	$(GO) run ./test/picture -bin $(BIN)
	$(GO) test -tags e2e -count=1 -run 'TestQueueOutage' ./test/e2e -picture $(CURDIR)/docs/images/queue-outage.png

.PHONY: properties
properties: ## Try every property with CHECKS (1000) cases that no other run has tried; PROPERTIES=seed repeats one
	@packages=$$(git grep -lF 'pgregory.net/rapid' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,'); \
	RAPID_SEED=$(PROPERTIES) RAPID_CHECKS=$(CHECKS) RAPID_NOFAILFILE=true $(GO) test -count=1 -timeout 60m $$packages

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	@git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | while IFS=: read -r file match; do \
		target=$${match#func }; echo "fuzz $$(dirname $$file) $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file); done

.PHONY: ocb-example
ocb-example: $(BIN)/asyncgen ## Build and try the third-party collector of docs/ocb
	docs/ocb/build.sh $(BIN)

.PHONY: clean
clean: ## Remove what was built and what a local run left behind
	rm -rf $(BIN) .run bench.out docs/ocb/_build

# Foreign programs are built from a module of their own each, so that their dependencies never mix with ours.
$(BIN)/jaeger: internal/tools/jaeger/go.mod internal/tools/jaeger/go.sum
	$(GO) -C internal/tools/jaeger build -trimpath -o $@ github.com/jaegertracing/jaeger/cmd/jaeger

$(BIN)/alertmanager: internal/tools/alertmanager/go.mod internal/tools/alertmanager/go.sum
	$(GO) -C internal/tools/alertmanager build -trimpath -o $@ github.com/prometheus/alertmanager/cmd/alertmanager

$(BIN)/prometheus $(BIN)/promtool: internal/tools/prometheus/go.mod internal/tools/prometheus/go.sum
	$(GO) -C internal/tools/prometheus build -trimpath -o $@ github.com/prometheus/prometheus/cmd/$(@F)

$(BIN)/golangci-lint: internal/tools/lint/go.mod internal/tools/lint/go.sum
	$(GO) -C internal/tools/lint build -trimpath -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: $(BIN)/demo
$(BIN)/demo:
	$(GO) build -trimpath -o $@ ./test/demo

.PHONY: $(BIN)/asyncgen
$(BIN)/asyncgen:
	$(GO) build -trimpath -o $@ ./cmd/asyncgen

# Jaeger and Alertmanager for `make run`: nothing to build where a container engine can run the official images.
.PHONY: $(BIN)/servers
$(BIN)/servers:
	@if docker info >/dev/null 2>&1 || podman info >/dev/null 2>&1; then :; else $(MAKE) --no-print-directory $(BIN)/jaeger $(BIN)/alertmanager; fi
