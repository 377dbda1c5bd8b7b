# Everything a clone needs, with python3 (3.10 to 3.13) and make only. `make` says what there is.

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
# How many processes share out the tests, a file of tests to each at a time. "auto": see tests/conftest.py; 0: just this one.
WORKERS ?= auto
PYTEST := $(PY) -m pytest -n $(WORKERS) --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint types format lock bench wheel clean run-venv dev-venv

help:  ## say what there is
	@echo "Try first:  make demo"
	@echo
	@grep -E '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | awk -F ':.*  ## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo
	@echo "The first one sets up $(VENV) (about 2 GB, some minutes). PYTHON=... picks another python3, VENV=... another folder."

demo: run-venv  ## train, evaluate and explain a classifier on the sample pictures
	@$(PY) -m fieldguide demo

# The marked tests run first, on JAX, so that the last line is the count of the whole suite on TensorFlow.
test: dev-venv  ## run the tests (on TensorFlow; those that need Keras on JAX too)
	KERAS_BACKEND=jax $(PYTEST) -q -m "keras and not long"
	KERAS_BACKEND=tensorflow $(PYTEST) -m "not long"

test-all: dev-venv  ## run all tests, the long ones too, on both backends
	KERAS_BACKEND=jax $(PYTEST) -m "keras"
	KERAS_BACKEND=tensorflow $(PYTEST) -m "long or not long"

lint: dev-venv  ## check style and formatting
	$(PY) -m ruff check
	$(PY) -m ruff format --check

types: dev-venv  ## check the types
	$(PY) -m mypy

format: dev-venv  ## rewrite what the linter can mend
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

lock:  ## pin the dependencies again, after a change in pyproject.toml
	scripts/lock

bench: dev-venv  ## how to run the benchmarks (they take long and need the peers they compare with)
	@cat benchmarks/README.md

wheel: dev-venv  ## build the wheel into dist/
	$(PY) -m hatchling build -t wheel

clean:  ## remove the environment and everything built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache

run-venv:
	@$(PYTHON) scripts/make_venv.py run --venv $(VENV)

dev-venv:
	@$(PYTHON) scripts/make_venv.py dev --venv $(VENV)
