# make demo: set up and estimate a New Keynesian model on US data.   make test: lint and tests.   make test-all: the long ones too.
VENV   := .venv
PYTHON := $(VENV)/bin/python
READY  := $(VENV)/.ready

.PHONY: demo test test-all lint docs clean

demo: $(READY)
	$(VENV)/bin/estim run experiments/new_keynesian_us.py --out runs/new_keynesian_us

test: lint
	$(PYTHON) -m pytest -n 2 --dist worksteal -m "not long"

test-all: lint
	$(PYTHON) -m pytest -n 2 --dist worksteal

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

docs: $(READY)
	$(PYTHON) -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(VENV)/bin/mkdocs build --strict --quiet

$(READY): pyproject.toml constraints.txt
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 12) and "estim needs Python 3.12 or newer; python3 is " + sys.version.split()[0])'
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	$(PYTHON) -m compileall -qq -j 0 -x /tests/ $(VENV)/lib || true  # what pip would do on one core
	touch $@

clean:
	rm -rf $(VENV) build dist site *.egg-info
