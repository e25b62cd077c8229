# make run · make test · make check · make bench: each works alone on a fresh clone with Python 3.11 or newer.
PYTHON ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
AIRFLOW := .venv-airflow
PIP     := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt

.PHONY: run test lint check bench screenshots clean

run: $(VENV)/.run
	@$(BIN)/lakewarden

test: $(VENV)/.test $(AIRFLOW)/.ready
	$(BIN)/python -m pytest -n 3 --dist worksteal

lint: $(VENV)/.test
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(BIN)/python -m pytest -n 3 -q -m "not slow"

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench

screenshots: $(VENV)/.test
	$(BIN)/python -m tests.docs

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Lakewarden needs Python 3.11 or newer: $(PYTHON) is not installed"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lakewarden needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) -V`. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is missing: on Debian and Ubuntu, apt install python3-venv"; exit 1; }

$(VENV)/.run: $(BIN)/python pyproject.toml .ci/constraints.txt
	@echo "Installing Lakewarden into $(VENV) …"
	@$(PIP) -e .
	@touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml .ci/constraints.txt
	@echo "Installing Lakewarden and what its tests need into $(VENV) …"
	@$(PIP) -e '.[test]'
	@touch $@ $(VENV)/.run

$(AIRFLOW)/.ready: $(BIN)/python pyproject.toml .ci/constraints-airflow.txt
	@echo "Installing Airflow for its tests into $(AIRFLOW) (340 MB) …"
	@$(PYTHON) -m venv $(AIRFLOW)
	@$(AIRFLOW)/bin/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints-airflow.txt apache-airflow -e .
	@touch $@

clean:
	rm -rf $(VENV) $(AIRFLOW) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
