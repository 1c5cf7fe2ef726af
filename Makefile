# Tactful's commands. `make` alone lists them; each sets up what it needs, once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# One worker a core. `make test PYTEST="-x tests/rules"` narrows the run.
PYTEST ?= -n auto --dist worksteal

PACKAGES := $(VENV)/.packages
PROJECT := $(VENV)/.project
DEMO := $(VENV)/.demo
COMPILE := pip compile --quiet --universal --python-version 3.11 --upgrade \
	--generate-hashes --no-header --no-annotate

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo demo-distributed test sim lint format check bench chaos lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(PROJECT) $(DEMO) ## replay four weeks of a grocer on the virtual clock
	@$(BIN)/python -m demo

demo-distributed: $(PROJECT) $(DEMO) ## the same shop today, on PostgreSQL, Redis and Celery workers
	@$(BIN)/python -m demo.distributed

test: $(PROJECT) $(DEMO) ## run every test
	@$(BIN)/python -m pytest $(PYTEST)

sim: $(PROJECT) ## simulate SEEDS=1000 runs with faults, FROM=0 on
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),1000) --from $(or $(FROM),0)

lint: $(PROJECT) ## formatting, lint, types and import arrows
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(PROJECT) ## lay the code out and mend what lint can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

check: lint test ## lint and test

bench: $(PROJECT) $(DEMO) ## measure, print, and keep benchmarks/latest.json
	@$(BIN)/python -m benchmarks

chaos: $(PROJECT) ## a trial by fire on real servers: make chaos MINUTES=10 SEED=7
	@$(BIN)/python -m tests.chaos --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED))

lock: $(PROJECT) ## resolve pyproject.toml anew into the two locks
	@$(PIP) install -qq uv
	@$(BIN)/uv $(COMPILE) --group dev --all-extras pyproject.toml --output-file requirements.lock
	@$(BIN)/uv $(COMPILE) --no-deps --group pyproject.toml:demo --output-file requirements-demo.lock

setup: $(PROJECT) ## only the virtual environment, for an editor

clean: ## forget the virtual environment and every cache
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# Set-up, in three steps that are each repeated only when what they read has changed. Wheels only: a source
# package would run its own code, and fetch unhashed build tools, at installation.

$(PACKAGES): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "Tactful needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one, for instance:  make PYTHON=python3.13 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(VENV) (once; a minute or so) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -qq --require-hashes --only-binary :all: -r requirements.lock
	@touch $@

$(PROJECT): pyproject.toml $(PACKAGES)
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(DEMO): requirements-demo.lock $(PACKAGES)
	@echo "Fetching the demo's data (once, 30 MB or so) ..."
	@$(PIP) install -qq --no-deps --require-hashes --only-binary :all: -r requirements-demo.lock
	@touch $@
