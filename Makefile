# Every target makes .venv by itself; nothing but python3 (3.11 or newer), git and make is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
GPUS ?= $(or $(filter-out 0,$(shell nvidia-smi -L 2>/dev/null | grep -c ^GPU)),1)
STAMP := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help quickstart test cross check docs clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

quickstart: $(STAMP)  ## Run the package once from end to end, and write report.html and demo.html in runs/quickstart
	@$(BIN)/signwise quickstart

reproduce-%: $(STAMP)  ## Train a table of results, or go on with it: reproduce-cifar10 EXTRA="--epochs 2" (signwise list tables)
	@$(if $(filter 1,$(GPUS)),$(BIN)/signwise,$(BIN)/torchrun --standalone --nproc-per-node $(GPUS) -m signwise) reproduce $* $(EXTRA)

test: $(STAMP)  ## Run the tests and doctests, without those marked slow
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --maxprocesses 4

cross: $(STAMP)  ## Run the slow tests of what is compiled: on emulators, in Chromium, against hostile files
	@OMP_NUM_THREADS=1 $(BIN)/pytest -q -n auto --maxprocesses 4 --dist loadfile -m slow tests/runtime tests/export

check: $(STAMP)  ## Check lint, format, types and import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy src/signwise
	@$(BIN)/lint-imports --no-logo

docs: $(STAMP)  ## Build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean:  ## Remove .venv, caches and built files; keeps runs/
	@rm -rf $(VENV) site build dist .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis src/*.egg-info
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "signwise needs Python 3.11 or newer, and '$(PYTHON)' was not found. Install it, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "signwise needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name a newer one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Installing signwise into $(VENV) (the first time takes some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
