# Two commands do everything on a fresh Debian or Ubuntu machine:
#   make demo    install what is missing, build, start one aggregator and one agent, show a real alert
#   make test    everything, kernel tests included (as root)

SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
# Seconds that each fuzz target runs; 0 runs the seeds and the finds of earlier runs only.
FUZZ_SECONDS ?= 600

.PHONY: help setup demo demo-stop build test test-kernels bench bench-load fuzz check fix clean-demo

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: ## install what building and testing need; says what, asks nothing
	@deploy/setup.sh test

build: ## build every binary
	@deploy/setup.sh build
	$(CARGO) build --workspace --locked

demo: ## one aggregator, one agent, one real alert
	@deploy/setup.sh build
	$(CARGO) build --workspace --locked
	@deploy/demo/start.sh

demo-stop: ## end what the demo started
	@deploy/demo/stop.sh

test: ## everything; prints a closing count
	@deploy/setup.sh test
	$(CARGO) build --workspace --locked
	$(CARGO) nextest run --workspace --locked --no-fail-fast

test-kernels: ## the kernel tests and the agent on Debian's kernel, emulated; some minutes
	@deploy/setup.sh kernels
	@deploy/kernels/test.sh

bench: ## verdicts/s by number of rules, records/s from decode to verdict, kernel cost of a call; reports, gates nothing
	@deploy/setup.sh build
	$(CARGO) bench --locked -p tiercel-detection --bench engine
	$(CARGO) bench --locked -p tiercel-agent

fuzz: ## every parser of foreign text or files, FUZZ_SECONDS each (default 600); seeds from TIERCEL_COMPAT_DIR if present
	@deploy/setup.sh fuzz
	@deploy/fuzz.sh $(FUZZ_SECONDS)

bench-load: ## 2,000,000 opens, 5,000 execs, 50,000 connections under the official rules: what is received, what is lost
	@deploy/setup.sh build
	$(CARGO) build --release --locked -p tiercel-agent
	TIERCEL_LOAD_FULL=1 $(CARGO) test --release --locked -p tiercel-loadtest --test counted_load -- --nocapture

check: ## read-only gate: format, lints, dependency rules
	@deploy/setup.sh check
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) deny --locked check bans licenses sources

fix: ## the mutating twin of check
	$(CARGO) fmt --all
	$(CARGO) clippy --workspace --all-targets --fix --allow-dirty --allow-staged
