# Three commands are enough: `make demo`, `make check`, `make help`.
# Each one first makes .venv, which costs nothing when the lock has not changed.

SHELL := /bin/sh
BIN := .venv/bin
# 0 runs the tests in one process; `auto` takes as many as there are cores, up to four.
JOBS ?= auto
# `make lock UPGRADE=--upgrade` takes the newest versions; otherwise only what changed moves.
UPGRADE ?=
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock' \
	$(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format check lock bench clean system-packages

help: ## Show the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

setup: ## Make .venv with exactly the locked packages, and this checkout in it.
	@sh .ci/setup

demo: setup ## Load the departures of 2013, serve them live, print the address; Ctrl-C ends it.
	@exec $(BIN)/livetally demo

test: setup system-packages ## Run every test; JOBS=0 for one process.
	@$(BIN)/pytest -n $(JOBS) --maxprocesses 4 --dist loadfile

lint: setup ## Check form, types, import rules and house rules; all of them, also after a failure.
	@failed=; \
	$(BIN)/ruff format --check . || failed="$$failed format"; \
	$(BIN)/ruff check . || failed="$$failed ruff"; \
	$(BIN)/mypy || failed="$$failed mypy"; \
	$(BIN)/lint-imports || failed="$$failed imports"; \
	$(BIN)/pytest -q tests/tidy || failed="$$failed tidy"; \
	[ -z "$$failed" ] || { echo "lint: these failed:$$failed"; exit 1; }

format: setup ## Put the code into form, and mend what can be mended safely.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint test ## Everything that CI runs.

lock: setup ## Compile the lock files again from pyproject.toml.
	$(COMPILE) requirements-uv.in -o requirements-uv.txt
	$(COMPILE) requirements-build.in -o requirements-build.txt
	$(COMPILE) pyproject.toml -o requirements.txt
	$(COMPILE) pyproject.toml --all-extras --group dev --constraints requirements.txt -o requirements-dev.txt
	$(COMPILE) tests/requirements-s3.in -o tests/requirements-s3.txt
	$(BIN)/python .ci/sbom.py

bench: setup ## Run every benchmark; each prints its figure beside a baseline.
	@set -e; for benchmark in benchmarks/bench_*.py; do $(BIN)/python "$$benchmark"; done

clean: ## Remove what was made here; the data directory stays.
	rm -rf .venv .venv-s3 dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

system-packages:
	@sh tests/system_packages.sh
	@sh tests/node_packages.sh
	@sh tests/s3_packages.sh
