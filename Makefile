# make app: install, index the articles, serve the page. make test: install, lint, types, the whole suite.
# make torture: the campaigns of accidents, whole; they take half an hour and end with a table of figures.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARTICLES ?= articles

.PHONY: app test torture index lint clean

app: index
	$(BIN)/python app.py

index: $(VENV)/.app
	$(BIN)/rag build $(ARTICLES)

test: lint
	$(BIN)/pytest

torture: $(VENV)/.dev
	$(BIN)/pytest -m torture

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
