# Footprints. On a fresh Debian with git, make and Python 3.11 with venv, `make demo` and `make test` do everything.
#
#   make demo            start the platform, drop sample files, wait, and show what became of them
#   make demo DATA=DIR   the same with the partners' files in DIR
#   make test            what CI runs: all checks, then all tests      (ARGS= for pytest: make test ARGS="-k ports")
#   make check           linters and types only
#   make bench           measure, and print ratios to baselines of the same run: docs/benchmark.md (ARGS="load" for a part)
#   make up, make down   start or stop the embedded stack

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

DATA ?=
ARGS ?=
export FOOTPRINTS_DATA ?= $(abspath ../shared/data)

.PHONY: help install demo test check bench up down clean

help:
	@sed -n 's/^#   //p' Makefile

install: $(INSTALLED)

# The lock pins every package by hash. uv installs it in seconds; where it cannot be had, pip does the same slowly.
$(INSTALLED): requirements.lock pyproject.toml .ci/installer.lock .ci/build.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Footprints needs Python 3.11 or later: make PYTHON=python3.11")'
	@echo "Installing into $(VENV)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .ci/build.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r .ci/installer.lock \
		&& $(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --compile-bytecode -r requirements.lock \
		|| { echo "uv did not do it; pip takes some minutes"; \
		     $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/footprints demo $(if $(DATA),--data $(DATA))

up: $(INSTALLED)
	@$(BIN)/footprints up

# Without an installation there is nothing to stop.
down:
	@test ! -x $(BIN)/footprints || $(BIN)/footprints down

check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar sql

# Two files of tests at a time, each process with servers of its own; with ARGS as they say.
test: check
	$(BIN)/pytest $(or $(ARGS),-n 2 --dist loadfile)

bench: $(INSTALLED)
	@$(BIN)/python tests/bench/run.py $(ARGS)

clean: down
	rm -rf $(VENV) build plugins/*.egg-info .mypy_cache .ruff_cache .pytest_cache
