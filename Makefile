# Two commands matter: `make site` and `make test`. Both do all the set-up they need:
# Python 3.11 or newer, Node 20 or newer and npm are all that must be there.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CODE   := generator tests demos hatch_build.py

.PHONY: site test lint types unit conformance browser
.PHONY: bundles chromium engines wheel format screenshots picture pristine

site: $(VENV)/ready bundles  ## build demos/ into dist/
	$(BIN)/edgesite build

test: lint types unit conformance browser  ## everything that CI runs
	@echo "all checks passed"

lint: $(VENV)/ready
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

types: $(VENV)/ready node_modules/ready
	$(BIN)/mypy
	npm run --silent check

unit: $(VENV)/ready bundles chromium
	$(BIN)/pytest -q -n auto --ignore tests/pages --ignore tests/conformance

conformance: $(VENV)/ready bundles
	$(BIN)/pytest -q -s tests/conformance

browser: $(VENV)/ready bundles engines
	$(BIN)/pytest -q -n auto tests/pages

wheel: $(VENV)/ready bundles  ## what `pip install` takes, in build/
	$(BIN)/python -m build --no-isolation --outdir build

format: $(VENV)/ready
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

screenshots: $(VENV)/ready bundles chromium  ## every page at phone and desktop width, light and dark
	$(BIN)/python -m tests.pages.screenshots

picture: $(VENV)/ready bundles chromium  ## the pictures of the README
	$(BIN)/python -m tests.pages.screenshots --readme

bundles: node_modules/ready
	npm run --silent bundle

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  $(call install,chromium)

engines: chromium node_modules/ready  ## the other engines that pages and model.js are tested in
	@command -v firefox-esr >/dev/null || $(call install,firefox-esr)
	@command -v WebKitWebDriver >/dev/null || $(call install,webkit2gtk-driver)
	@command -v Xvfb >/dev/null || $(call install,xvfb)
	@command -v deno >/dev/null || [ -x node_modules/.bin/deno ] || \
	  npm install --no-save --loglevel=error deno@2

# Debian's and Ubuntu's package of a browser, which the tests need.
install = { echo "installing $(1), which the browser tests need"; \
	  as_root=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$as_root apt-get update -qq && $$as_root apt-get install -y -qq $(1) >/dev/null; }

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -e '.[dev]'
	@touch $@

node_modules/ready: package-lock.json
	npm ci --loglevel=error
	@touch $@

pristine:  ## forget everything that set-up and builds have made
	rm -rf $(VENV) node_modules dist build screenshots generator/edgesite/bundles .edgesite-cache
