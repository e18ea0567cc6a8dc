# Two commands matter: `make site` and `make test`. Both do all the set-up they need.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SHARED ?= ../shared

.PHONY: site test lint types unit conformance browser format screenshots pristine

site: $(VENV)/ready node_modules/ready  ## build demos/ into dist/
	npm run --silent bundle
	$(BIN)/edgesite build

test: lint types unit conformance browser  ## everything that CI runs
	@echo "all checks passed"

lint: $(VENV)/ready
	$(BIN)/ruff format --check generator tests demos
	$(BIN)/ruff check generator tests demos

types: $(VENV)/ready node_modules/ready
	$(BIN)/mypy
	npm run --silent types

unit: $(VENV)/ready bundles
	$(BIN)/pytest -q --ignore tests/pages --ignore tests/conformance

conformance: $(VENV)/ready bundles
	$(BIN)/pytest -q -s tests/conformance

browser: $(VENV)/ready bundles chromium
	$(BIN)/pytest -q tests/pages

.PHONY: bundles chromium
bundles: node_modules/ready
	npm run --silent bundle

chromium:
	@command -v chromium >/dev/null || (echo "installing Chromium" && \
	  $$( [ "$$(id -u)" = 0 ] || echo sudo ) sh -c 'apt-get update -qq && apt-get install -y -qq chromium')

format: $(VENV)/ready
	$(BIN)/ruff format generator tests demos
	$(BIN)/ruff check --fix generator tests demos

screenshots: site chromium  ## every page at phone and desktop width, light and dark
	$(BIN)/python tests/pages/screenshots.py

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e '.[dev]'
	@touch $@

node_modules/ready: package-lock.json
	npm ci --silent --no-audit --no-fund
	@touch $@

pristine:  ## forget everything that set-up and builds have made
	rm -rf $(VENV) node_modules dist generator/edgesite/bundles .edgesite-cache
