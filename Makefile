# What CI checks, on the active environment: pip install -e '.[test,lint,docs]' first.
# `bash .ci/run` does all of it in a fresh one.
PYTHON ?= python

VERSIONS ?= .ci/versions

.PHONY: check lint types layers doctests tests docs notebooks site smoke

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
	$(PYTHON) -m pytest -n 2 --dist worksteal

docs: notebooks
	$(PYTHON) -m sphinx -W --keep-going -q -b html docs docs/_build/html
	$(PYTHON) docs/check_links.py docs/_build/html

notebooks:
	$(PYTHON) notebooks/execute.py

site: docs  # in a browser, where there is one
	$(PYTHON) -m pytest -q -rs tests/test_site.py

smoke:  # on other Pythons, where they are; `bash .ci/versions` has all tests
	bash $(VERSIONS) --smoke 3.12 3.13
