# make app: install, index the articles, serve the page. make test: install, lint, types, the whole suite.
# make torture: the campaigns of accidents, strangers and readers, whole; they take an hour and end with a table of figures.
# make audit: known holes in the packages that constraints.txt names; asks PyPI, so it needs the network.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARTICLES ?= articles

.PHONY: app test torture audit index lint clean

app: index
	$(BIN)/python app.py

index: $(VENV)/.app
	$(BIN)/rag build $(ARTICLES)

test: lint
	$(BIN)/pytest

torture: $(VENV)/.dev
	$(BIN)/pytest -m torture

# In an environment of its own: nothing of it is needed to work here.
audit: $(VENV)/audit/bin/pip-audit
	$< --strict --disable-pip --no-deps --requirement constraints.txt

$(VENV)/audit/bin/pip-audit: | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install --quiet 'pip-audit>=2.9,<3'

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "No virtual environment could be made; on Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 2; }

$(VENV)/.app: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.app

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
