# Every target that needs Python first makes .venv from requirements.lock, once.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first interpreter that is new enough; override with `make PYTHON=/path/to/python lab`.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

BIN := .venv/bin
STAMP := .venv/.made-from-lock
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))

# Two processes of one thread each beat one process of two threads, so every process gets one.
WORKERS ?= 2
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# Anything more for pytest: `make test-unit ARGS='-k curriculum -x'`.
ARGS ?=

# Hidden numbers of the assignment are drawn with it: choose your own.
SEED ?= 7

export TOKENIZERS_PARALLELISM := false
export HF_HUB_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help lab tour quick test test-unit test-thorough test-notebooks test-trust coverage audit test-browser engine live lint-engine wheel-test screenshots notebooks exercises slides class book lint checkpoints lock clean

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'

$(STAMP): requirements.lock pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer found. Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Installing the packages of requirements.lock into .venv; the first time takes some minutes and 2 GB."
	[ -x $(BIN)/pip ] || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -r requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	@touch $@

lab: $(STAMP)  ## open JupyterLab at the first notebook, on this computer only
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --ServerApp.root_dir="$(CURDIR)" \
		--LabApp.default_url=/lab/tree/notebooks/00_tour.ipynb $(ARGS)

tour: $(STAMP)  ## train a small planner from nothing, write a report and a live page (about a quarter of an hour)
	$(BIN)/atp-lite tour $(ARGS)

quick: $(STAMP)  ## the tests that matter while you type, in less than a minute
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not thorough and not browser and not large" $(ARGS) tests

test: $(STAMP)  ## unit tests and every notebook; both run even if one fails
	@status=0; \
	$(MAKE) --no-print-directory test-unit || status=1; \
	$(MAKE) --no-print-directory test-notebooks || status=1; \
	exit $$status

test-unit: $(STAMP)  ## unit tests; ARGS='-k name' picks some
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) $(ARGS) tests

coverage: $(STAMP)  ## lines and branches of the package that the unit tests reach; fails below the floor of pyproject.toml
	$(BIN)/python -m coverage erase
	$(ONE_THREAD) $(BIN)/python -m coverage run -m pytest -m "not browser and not large" -n $(WORKERS) $(ARGS) tests
	$(BIN)/python -m coverage combine -q
	$(BIN)/python -m coverage report

audit:  ## known weaknesses of the packages of requirements.lock (pip-audit, in a fresh environment; needs the network)
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer found. Install one, or name it: make PYTHON=/path/to/python audit" >&2; exit 1; }
	set -eu; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(PYTHON) -m venv "$$fresh"; \
	"$$fresh/bin/python" -m pip install -q pip-audit; \
	"$$fresh/bin/pip-audit" --disable-pip --no-deps -r requirements.lock

test-trust: $(STAMP)  ## hours: fuzzing, runs that are killed at random moments, lines that are broken on purpose (docs/trust.md)
	$(ONE_THREAD) $(BIN)/python -m tests.trust.fuzz
	$(ONE_THREAD) $(BIN)/python -m tests.mutations
	$(ONE_THREAD) $(BIN)/python -m tests.trust.kills $(ARGS)

test-thorough: $(STAMP)  ## tests of half a minute and more: the book, bundled checkpoints against their cards, weights in slices, same seed same bits
	$(ONE_THREAD) $(BIN)/python -m pytest -m thorough -n $(WORKERS) --dist loadscope $(ARGS) tests

test-notebooks: $(STAMP)  ## run every notebook again and compare each cell with its saved output
	@[ -n "$(NOTEBOOKS)" ] || { echo "There are no notebooks in notebooks/, so nothing was compared." >&2; exit 1; }
	$(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --nbval --nbval-current-env \
		--nbval-cell-timeout 1200 --nbval-sanitize-with tests/nbval_sanitize.cfg $(ARGS) $(NOTEBOOKS)

test-browser: $(STAMP) web/node_modules  ## the explorers in a real browser, the pages' engine beside PyTorch; needs chromium and node (apt-get)
	$(ONE_THREAD) $(BIN)/python -m pytest -m browser -n $(WORKERS) --dist loadfile $(ARGS) tests

web/node_modules: web/package.json web/package-lock.json
	npm ci --prefix web
	@touch $@

engine: web/node_modules  ## build the live site of atp_lite/views/assets from web/; needs node 20
	npm run --prefix web build

live: $(STAMP)  ## the live site with the bundled planners, to open from disk: build/live/index.html
	$(ONE_THREAD) $(BIN)/atp-lite live --out build/live $(ARGS)

lint-engine: web/node_modules  ## types (tsc, strict) and style (eslint) of web/; needs node 20
	npm run --prefix web lint

wheel-test: $(STAMP)  ## build the wheel, install it in a fresh environment, use it from another folder
	$(BIN)/python -m tools.wheel_test

screenshots: $(STAMP)  ## the pictures of the explorers in docs/img; needs chromium
	$(ONE_THREAD) $(BIN)/python -m tools.screenshots

notebooks: $(STAMP)  ## badges and install cells anew, then every notebook run in place; ARGS=00 runs those that begin so
	$(BIN)/python -m tools.badges
	$(ONE_THREAD) $(BIN)/python -m tools.notebooks $(ARGS)

exercises: $(STAMP)  ## the notebooks without their solutions: exercises/
	$(BIN)/python -m tools.notebooks --without-solutions exercises

slides: $(STAMP) web/node_modules  ## the notebooks as slides, build/slides; needs node 20; ARGS=00 makes one
	$(BIN)/python -m tools.slides build/slides $(ARGS)

class: $(STAMP)  ## pack a class for a room without internet: build/class; SEED=7 ARGS=--packages
	$(BIN)/python -m tools.classroom build/class --seed $(SEED) $(ARGS)

book: $(STAMP)  ## the course as pages to read offline: build/book/index.html
	rm -rf build/book
	$(ONE_THREAD) $(BIN)/python -m sphinx -W --keep-going -E -q -c docs -d build/book-doctrees . build/book
	@echo "open build/book/index.html"

lint: $(STAMP)  ## style (ruff), the order of the imports (import-linter), types (mypy, strict)
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

checkpoints: $(STAMP)  ## train the bundled checkpoints anew
	$(BIN)/atp-lite checkpoints $(ARGS)

lock:  ## write requirements.lock anew from pyproject.toml, in a fresh environment
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer found. Install one, or name it: make PYTHON=/path/to/python lock" >&2; exit 1; }
	set -eu -o pipefail; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(PYTHON) -m venv "$$fresh"; \
	"$$fresh/bin/python" -m pip install -e '.[dev,pretrained]'; \
	sed -n '/^#/p' requirements.lock > "$$fresh/lock"; \
	"$$fresh/bin/python" -m pip freeze --all --exclude-editable --exclude pip --exclude atp-lite \
		| sed -E 's/\+[A-Za-z0-9.]+$$//' \
		| grep -ivE '^(nvidia|cuda|triton)' \
		| LC_ALL=C sort -f >> "$$fresh/lock"; \
	if grep -nE '^[^#].*( @ |//)' "$$fresh/lock"; then echo "a package came from a file or an address, not from an index" >&2; exit 1; fi; \
	cmp -s "$$fresh/lock" requirements.lock || cp "$$fresh/lock" requirements.lock

clean:  ## remove .venv, runs and caches; data stays
	rm -rf .venv runs build dist exercises docs/api .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis *.egg-info
	find . -name .git -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints -o -name .virtual_documents \) -type d -prune -exec rm -rf {} +
