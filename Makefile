# Everything starts from a Python of at least 3.11; the environment is made on first use and kept while the locks are
# unchanged. `make help` lists the targets.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?= -n 2 --dist loadscope -q

.PHONY: help run test check format bench lock clean
help:
	@echo "make run      the demo plant and the server on 127.0.0.1:8080"
	@echo "make test     all tests; starts the servers that it needs"
	@echo "make check    format, lint, types, layers, docs"
	@echo "make bench    the figures of README, measured here; QUICK=1 only shows that all of it runs"
	@echo "make format   rewrite the sources in the house format"
	@echo "make lock     new lock files from pyproject.toml"

$(VENV)/run.stamp: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Viewloom needs Python 3.11 or newer; none was found"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Viewloom into $(VENV) (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@echo "Installing what tests and checks need (once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

run: $(VENV)/run.stamp
	@$(BIN)/viewloom demo

test: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.servers.install
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/project

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp
	@$(BIN)/python -m tests.servers.install
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile -q pyproject.toml --extra all --universal --generate-hashes --python-version 3.11 \
		--no-annotate --no-header --no-emit-index-url -o requirements.lock
	$(BIN)/uv pip compile -q pyproject.toml --extra all --group dev --universal --generate-hashes --python-version 3.11 \
		--no-annotate --no-header --no-emit-index-url -o requirements-dev.lock

clean:
	rm -rf $(VENV) .viewloom .mypy_cache .ruff_cache .pytest_cache .hypothesis
