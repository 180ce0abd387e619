# Every verb of the house. `make` alone prints them: a line "verb: ## what it does" is all it takes to be listed.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export VESTIBULE_DATA ?= ./var
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Compiling the sources takes as long as all the rest of a start: what was compiled is kept, whatever the machine says.
unexport PYTHONDONTWRITEBYTECODE

help: ## print the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(BIN)/.run ## start Vestibule on 127.0.0.1:8000 and the pocket Okta on 127.0.0.1:8100
	@exec $(BIN)/vestibule demo

# The type checker keeps one core busy for a minute: the fast tests run beside it, and pytest compiles the tests for `slow`.
test: $(BIN)/.test ## the whole suite, as CI runs it
	@$(MAKE) --no-print-directory -j 2 --output-sync=target check fast collected
	@$(MAKE) --no-print-directory slow

check: $(BIN)/.test ## lint, format, types and the import contract
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fast: $(BIN)/.test ## the tests that need no server, no browser: seconds
	@$(BIN)/pytest -q -n 2 tests/unit tests/docs tests/saml

SLOW := tests --ignore tests/unit --ignore tests/docs --ignore tests/saml
slow: $(BIN)/.test browser ## everything else: both engines, the pocket Okta, Chromium, kill -9
	@$(BIN)/pytest -q -n 3 $(SLOW)

# Compiled once, or each worker would compile all tests again: a quarter of a minute of CPU each.
collected: $(BIN)/.test
	@$(BIN)/pytest -q --collect-only $(SLOW) >/dev/null

format: $(BIN)/.test ## put the code in shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(BIN)/.test ## speed beside its peers in one run (not part of the suite; needs npm)
	@$(BIN)/python -m bench.lifecycle

bench-hostile: $(BIN)/.test ## what hostile clients do to everybody else (not part of the suite; minutes)
	@$(BIN)/python -m bench.hostile

mutants: $(BIN)/.test ## what the tests of SAML would not notice (not part of the suite; minutes)
	@$(BIN)/python -m bench.mutants

lock: ## write requirements/*.lock anew from pyproject.toml
	@$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install -q uv
	@flags="--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q --upgrade"; \
	$(VENV)/lock/bin/uv pip compile $$flags pyproject.toml pocket-okta/pyproject.toml --extra build -o requirements/run.lock; \
	$(VENV)/lock/bin/uv pip compile $$flags pyproject.toml pocket-okta/pyproject.toml --extra build --extra test -c requirements/run.lock -o requirements/test.lock

clean: ## remove the virtual environment and caches; ./var, the data, stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src pocket-okta tests bench -name __pycache__ -prune -exec rm -rf {} +

# A stamp file says which lock file the environment was made from, so that a second run installs nothing.
$(BIN)/.run: requirements/run.lock pyproject.toml pocket-okta/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Vestibule needs Python 3.11 or newer, this is %s. Name another with: make PYTHON=python3.12" % sys.version.split()[0])'
	@test -x $(BIN)/python || { echo "Making a virtual environment in $(VENV) ..."; $(PYTHON) -m venv $(VENV); }
	@echo "Installing from requirements/run.lock ..."
	@$(BIN)/pip install -q --require-hashes --no-deps -r requirements/run.lock
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e . -e ./pocket-okta
	@$(BIN)/python -m compileall -q src pocket-okta/src
	@touch $@

$(BIN)/.test: $(BIN)/.run requirements/test.lock
	@echo "Installing from requirements/test.lock ..."
	@$(BIN)/pip install -q --require-hashes --no-deps -r requirements/test.lock
	@touch $@

# The browser tests drive Debian's Chromium, best the one without windows, which needs half the time. Elsewhere: install a
# Chromium and name it in CHROMIUM. Nothing is removed for it, and a Chromium that is there will do.
browser:
	@test -n "$${CHROMIUM:-}" || command -v chromium-headless-shell >/dev/null || { echo "Installing Chromium ..."; \
	  sudo=$$(command -v sudo || true); export DEBIAN_FRONTEND=noninteractive; \
	  $$sudo apt-get -qq update && $$sudo apt-get -qq install -y --no-remove chromium-headless-shell fonts-dejavu-core; } \
	  >/dev/null 2>&1 || command -v chromium >/dev/null || { echo "No Chromium: install one and name it in CHROMIUM."; exit 1; }

faults: $(BIN)/.test ## kill -9 under load, ten times as often as the suite does (minutes)
	@KILLS_TIMES=10 $(BIN)/pytest -q -n 2 tests/crash/test_kill.py tests/crash/test_kill_sign_in.py

pictures: $(BIN)/.test browser ## pictures of every page, in tests/.artefacts
	@PICTURES=1 $(BIN)/pytest -q tests/browser

.PHONY: help run test check fast slow collected format bench bench-hostile mutants lock clean browser pictures faults
