# Two commands do everything, set-up included: `make run` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PIP_TOOLS := pip-tools==7.6.2
# How many test processes, and what else to tell pytest: make tests ARGS="-k refresh"
TEST_PROCESSES ?= 2
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
# As root there is nobody else whose files pip could spoil: .venv is the only place written to.
export PIP_ROOT_USER_ACTION := ignore

.PHONY: help
help: ## print this list
	@echo "usage: make TARGET"
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# --- set-up ------------------------------------------------------------------------------------

# Sets $$python to the first candidate that runs and is new enough (a name on PATH may be a shim
# that does not run). One that can also make a complete environment wins over one that cannot.
# The system's own comes first: distributions build theirs with profile-guided optimisation, and the
# same code takes up to a third less of the processor than in one that a version manager compiled.
define find_python
python=; bare=; \
for candidate in $(PYTHON) /usr/bin/python3 python3.13 python3.12 python3.11 python3; do \
    "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
    if "$$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then python=$$candidate; break; fi; \
    bare=$${bare:-$$candidate}; \
done
endef

# Debian ships Python without ensurepip. Where a pip is there all the same, it can fill an
# environment made without one; otherwise a single package is missing, and the message names it.
define make_environment
$(find_python); \
rm -rf $(VENV); \
if [ -n "$$python" ]; then \
    echo "install: making $(VENV) with $$("$$python" --version)"; \
    "$$python" -m venv $(VENV); \
elif [ -n "$$bare" ] && "$$bare" -m venv --without-pip $(VENV) >/dev/null 2>&1 \
        && "$$bare" -m pip --python $(BIN)/python install --quiet pip >/dev/null 2>&1; then \
    echo "install: making $(VENV) with $$("$$bare" --version) and its pip"; \
else \
    rm -rf $(VENV); \
    if [ -n "$$bare" ]; then \
        echo "install: $$bare cannot make a virtual environment; run: apt-get install python3-venv" >&2; \
    else \
        echo "install: Python 3.11 or newer is needed; run: apt-get install python3-venv (or make PYTHON=...)" >&2; \
    fi; \
    exit 1; \
fi
endef

.PHONY: install
install: $(INSTALLED) ## make .venv with all that running and testing need; start nothing

$(INSTALLED): requirements.lock pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { $(make_environment); }
	@echo "install: installing the locked requirements"
	@$(BIN)/python -m pip install --quiet --only-binary :all: --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: lock
# With the oldest Python there is, so that what only it needs is locked too.
lock: PYTHON ?= python3.11
lock: ## remake all locked requirements (newest versions: make lock ARGS=--upgrade)
	@$(find_python); \
	tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	"$${python:?none that can make a virtual environment}" -m venv "$$tools"; \
	"$$tools/bin/python" -m pip install --quiet "$(PIP_TOOLS)"; \
	compile() { \
	    CUSTOM_COMPILE_COMMAND="make lock" "$$tools/bin/pip-compile" --quiet --generate-hashes \
	        --allow-unsafe --no-strip-extras \
	        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links $(ARGS) "$$@"; \
	}; \
	compile --all-extras --build-deps-for editable --output-file requirements.lock pyproject.toml; \
	compile --constraint requirements.lock --output-file requirements-run.lock pyproject.toml; \
	for peer in benchmarks/peers/programs/*/requirements.in; do \
	    compile --output-file "$${peer%.in}.lock" "$$peer"; \
	done

.PHONY: clean
clean: ## remove .venv, caches and build leftovers (data/ stays)
	@rm -rf $(VENV) build dist *.egg-info .coverage .coverage.* htmlcov \
	    .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- run ---------------------------------------------------------------------------------------

.PHONY: run
run: install ## migrate, make demo data, print curl lines, serve on 127.0.0.1:8000
	@exec $(BIN)/token-service dev

.PHONY: benchmark
benchmark: install ## measure; figures side by side from one run (QUICK=1: under 5 minutes)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

# --- check -------------------------------------------------------------------------------------

.PHONY: test
test: install programs format-check lint types contracts tests ## all that CI runs

# Real browsers and clients come from the system. Who may install something has it installed; for
# everybody else the test that needs it names the package.
.PHONY: programs
programs:
	@missing=; for one in chromium:chromium nginx:nginx-light node:nodejs npm:npm; do \
	    PATH="$$PATH:/usr/sbin" command -v "$${one%%:*}" >/dev/null || missing="$$missing $${one##*:}"; \
	done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "== programs:$$missing"; apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
	fi

.PHONY: format
format: install ## rewrite the code in the one format, and fix what ruff can fix
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

.PHONY: format-check
format-check: install
	@echo "== format"; $(BIN)/ruff format --quiet --check . || { echo "to put it right: make format"; exit 1; }

.PHONY: lint
lint: install ## ruff
	@echo "== lint"; $(BIN)/ruff check --quiet .

.PHONY: types
types: install ## mypy, strict
	@echo "== types"; $(BIN)/mypy

.PHONY: contracts
contracts: install ## who may import whom (import-linter)
	@echo "== contracts"; $(BIN)/lint-imports --no-logo

.PHONY: tests
tests: install ## pytest, on SQLite and PostgreSQL: make tests ARGS="-k refresh"
	@echo "== tests"; $(BIN)/pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: coverage
coverage: install ## the tests once more, with the lines and branches they miss
	@$(BIN)/pytest -n $(TEST_PROCESSES) --cov --cov-report=term-missing:skip-covered $(ARGS)
