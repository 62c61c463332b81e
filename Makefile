# Every target works from a fresh clone; the second run of each is quick.
#
#   make install   set up .venv with everything, and build the pages' assets
#   make run       start the example CRM, a worker, Valkey and the simulated Meta
#   make test      lint, then every test, the browser's too
#   make lint      ruff, mypy, import-linter, tsc
#   make bench     what is fast, and how fast, each against its floor (half an hour)
#   make sustained Meta's rule for the webhook, held for five minutes
#   make soak      the memory of web and worker over half an hour
#   make converge  two thousand stories in any order, against the plain one (two hours)
#   make faults    kill, cut off and fill up what it stands on, under load (three quarters of an hour)
#   make hosts     the same over several hosts made of network namespaces (a quarter of an hour; root)
#   make assets    bundle the scripts and styles of the pages
#   make dist      the wheel and the sdist, in dist/
#   make constraints   resolve every dependency anew and write constraints.txt
#   make clean     remove what the others made; ./var, the demo's data, stays

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := install
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# setuptools warns of editable installs whatever one does; pip says what goes wrong by itself.
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --disable-pip-version-check --quiet
ASSETS := flask_messenger/ui/assets
STATIC := flask_messenger/ui/static
MANIFEST := $(STATIC)/manifest.json
ASSET_SOURCES := $(shell find $(ASSETS) -name node_modules -prune -o -type f -print)
PYTEST_ARGS ?=
TEST_PROCESSES ?= 2
# What PYTEST_ARGS chooses may lie in one of the two runs only: 5 is pytest's word for "no tests".
NONE_IS_FINE := || [ $$? -eq 5 ]

.PHONY: install run test lint format bench sustained soak converge faults hosts assets dist constraints clean

install: $(VENV)/.installed $(MANIFEST)

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "flask_messenger needs Python 3.11 or newer; '$(PYTHON)' here says: $$($(PYTHON) --version 2>&1 | head -1)" >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "'$(PYTHON) -m venv' failed. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml setup.cfg constraints.txt
	@echo "Installing the dependencies into $(VENV) (a minute or two, once)"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]' || { \
		echo "pip could not install the dependencies; the lines above say which." >&2; exit 1; }
	@touch $@

assets: $(MANIFEST)

$(MANIFEST): $(VENV)/.installed $(ASSET_SOURCES) tools/assets.py
	@$(BIN)/python tools/assets.py build
	@touch $@

run: install
	@$(BIN)/python -m example_app.run

lint: install
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/assets.py check

format: install
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

test: lint
	@$(BIN)/python tools/chromium.py
	@$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile -m 'not alone' $(PYTEST_ARGS) $(NONE_IS_FINE)
	@$(BIN)/python -m pytest -m alone $(PYTEST_ARGS) $(NONE_IS_FINE)

bench: install
	@$(BIN)/python -m benchmarks all

sustained: install
	@$(BIN)/python -m benchmarks sustained

soak: install
	@$(BIN)/python -m benchmarks soak

converge: install
	@CONVERGENCE_EXAMPLES=2000 $(BIN)/python -m pytest tests/ingest/test_convergence.py

faults: install
	@$(BIN)/python tools/fault_programs.py
	@$(BIN)/python -m tests.faults

hosts: install
	@$(BIN)/python tools/fault_programs.py
	@$(BIN)/python -m tests.hosts

dist: install
	@$(BIN)/python -m build

constraints:
	@$(PYTHON) tools/constraints.py

clean:
	rm -rf $(VENV) $(ASSETS)/node_modules $(STATIC) build dist *.egg-info
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
