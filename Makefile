# What CI checks, on the active environment: pip install -e '.[test,lint,docs]' first.
# `bash .ci/run` does all of it in a fresh one.
PYTHON ?= python

.PHONY: check lint types layers doctests tests docs notebooks

check: lint types layers doctests tests docs

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types:
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy --strict tests/user_of_every_call.py

layers:
	lint-imports

doctests:
	$(PYTHON) -m pytest -q --doctest-modules derivkit

tests:
	$(PYTHON) -m pytest

docs: notebooks
	$(PYTHON) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(PYTHON) docs/check_links.py docs/_build/html

notebooks:
	$(PYTHON) notebooks/execute.py
