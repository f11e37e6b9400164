# A fresh clone needs `make run` and nothing else. Every target is a plain command; read them as documentation.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help run setup quick test test-slow clean
help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/installed  ## run the demo: crawl, train, draw, report (RECIPE=..., ARGS="--set a.b=c")
	$(BIN)/dalle run --recipe $(or $(RECIPE),demo) $(ARGS)

setup: .venv/installed  ## install into .venv (PYTHON=python3.12 uses another Python)

quick: .venv/tested  ## check style and types, and run the tests that need no servers: 3 minutes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not end_to_end and not slow"

test: quick  ## the same, and the end-to-end tests: 15 minutes
	$(BIN)/python -m pytest -m end_to_end

test-slow: .venv/tested  ## whole pipelines killed and resumed, fuzzers, real clusters: 45 minutes
	$(BIN)/python -m pytest -m slow

clean:  ## remove the environment, caches and service logs; artifacts in runs/ stay
	-$(BIN)/dalle down
	rm -rf .venv .dalle *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# img2dataset installs the `dataclasses` backport for Python 3.6, which shadows Python's module in Prefect's server.
.venv/installed: .venv/created pyproject.toml constraints.txt
	$(PIP) install -q -c constraints.txt -e .
	$(PIP) uninstall -q -y dataclasses
	touch $@

.venv/tested: .venv/installed
	$(PIP) install -q -c constraints.txt -e '.[test,screening,spacy,ocr]'
	$(PIP) install -q --no-deps DALL-E==0.1  # the released dVAE; torchvision, which it names, it does not use
	$(PIP) install -q --no-deps torch-fidelity==0.3.0 pytorch-fid==0.3.0 clean-fid==0.1.35  # to equal them; likewise
	$(PIP) uninstall -q -y dataclasses
	touch $@

.venv/created:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	touch $@
