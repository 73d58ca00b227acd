# Everything here works with python3 (3.11 or newer) and make alone; Chromium, PostgreSQL and a JDK with Maven serve a few
# tests only.
# `make help` lists the targets. Override: PYTHON=python3.12, PORT=9000, ARGS="-k infant".

PYTHON ?= python3
PORT ?= 8080
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
SBOM := $(VENV)/sbom/.installed
SBOM_BIN := $(VENV)/sbom/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
# Writes versions and hashes for every platform; the files never say where packages came from.
LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/lock/bin/uv pip compile --quiet --upgrade --universal \
  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links

# Prints a list of requirements that stands in pyproject.toml, one a line.
required = $(PYTHON) -c 'import tomllib; data = tomllib.load(open("pyproject.toml", "rb")); print(*$(1), sep="\n")'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test test-interop check fix golden docs screenshots bench lock sbom audit clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-12s %s\n", $$1, $$2 }'

run: $(RUNTIME) ## set everything up, then run the demo on 127.0.0.1:$PORT (8080)
	@exec $(BIN)/cds-service demo --port $(PORT)

test: $(DEV) $(SBOM) ## set everything up, then run the whole test suite (ARGS go to pytest)
	@$(BIN)/pytest $(ARGS)

test-interop: $(DEV) ## the same answers from FHIR servers of other makers (needs a JDK and Maven)
	@$(BIN)/pytest tests/interop $(ARGS)

check: $(DEV) ## formatting, lint, types, and lint of the guideline data
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/cds-service lint

fix: $(DEV) ## format, and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

golden: $(DEV) ## rewrite approved cards and the requests made from the charts, and show what changed
	$(BIN)/python -m tests.unit.card_builder.golden
	@git --no-pager diff --stat -- cards/examples fhir_fixtures/requests

docs: $(DEV) ## rewrite the generated reference in docs/generated, and docs/conformance.md
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/conformance.py
	@git --no-pager diff --stat -- docs

screenshots: $(DEV) ## take the pictures of docs/images from a running demo (needs Chromium)
	$(BIN)/python docs/screenshots.py
	@git --no-pager diff --stat -- docs/images

bench: $(DEV) ## measure this machine: latency, throughput and CPU per request
	$(BIN)/python -m benchmarks $(ARGS)

lock: $(BIN)/python ## resolve the dependencies again and write both lock files
	$(BIN)/python -m venv $(VENV)/lock && $(VENV)/lock/bin/python -m pip --quiet install uv
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
	$(LOCK) pyproject.toml --extra postgres --extra gunicorn -c requirements-dev.lock -o deploy/requirements.lock
	$(call required,data["build-system"]["requires"]) | $(LOCK) - -c requirements-dev.lock -o deploy/build.lock
	$(call required,data["project"]["optional-dependencies"]["sbom"]) | $(LOCK) - -o deploy/sbom.lock

sbom: $(SBOM) ## write dist/sbom.json: what the image holds, in CycloneDX
	@mkdir -p dist
	$(SBOM_BIN)/cyclonedx-py requirements --pyproject pyproject.toml --short-PURLs --output-reproducible \
	  --output-file dist/sbom.json deploy/requirements.lock

audit: $(DEV) ## ask whether a locked version has a known vulnerability (says so when nobody can be asked)
	@BIN=$(BIN) deploy/audit

clean: ## remove the environment and every cache
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# -- the environment: built once, again only when a lock file or pyproject.toml changes --------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; $(PYTHON) is older or absent. Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "This Python cannot make environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked dependencies (about a minute, once)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "Installing the development tools (once)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

$(SBOM): deploy/sbom.lock | $(BIN)/python
	@echo "Installing the tool for the bill of materials (once)"
	@$(BIN)/python -m venv --clear $(VENV)/sbom
	@$(SBOM_BIN)/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r deploy/sbom.lock
	@touch $@
