.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
# One thread a worker: pytest-xdist already uses every core.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/.core: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=23.1'
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/.dev: .venv/.core
	$(BIN)/python -m pip install --quiet --editable '.[test,bench,dev]'
	@touch $@

.PHONY: check
check: .venv/.core ## The oracle's verdict on the built-in methods (under a minute)
	$(BIN)/metainfl check

.PHONY: test
test: .venv/.dev ## All tests and laws
	$(ONE_THREAD) $(BIN)/python -m pytest -n auto --dist worksteal --durations=25

.PHONY: lint
lint: .venv/.dev ## ruff (lint and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	mkdir -p .venv/types && ln -sfn ../../reference .venv/types/metainfl_reference
	MYPYPATH=.venv/types $(BIN)/mypy

.PHONY: lowest
lowest: ## What computes, at the lower bounds of pyproject.toml on the oldest Python here; learn2learn
	mkdir -p .venv && bash .ci/lowest

.PHONY: truth
truth: .venv/.dev ## The reference against its second routes, as a table
	$(BIN)/python -m metainfl_reference

.PHONY: docs
docs: .venv/.dev ## Rewrite the measured tables and figures in docs
	$(BIN)/python -m metainfl_reference --errata > docs/errata.md
	$(BIN)/python -m bench.first_order_error --draw
	$(BIN)/python -m bench.ledger
	$(BIN)/python -m bench.verdicts
	$(BIN)/python -m bench.reproduced

.venv/.docs: .venv/.core
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

.PHONY: site
site: .venv/.docs ## The documentation site, in docs/_build; its gallery is executed (two minutes)
	$(ONE_THREAD) $(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build

.PHONY: wheel
wheel: .venv/.dev ## Build sdist and wheel, install each outside the checkout, import both packages
	bash .ci/packages $(BIN)/python

.PHONY: clean
clean: ## Remove the environment and all build products
	rm -rf .venv build dist docs/_build docs/_gallery *.egg-info .hypothesis .pytest_cache .mypy_cache .ruff_cache
