PYTHON ?= python3
LISTEN ?= 127.0.0.1:10310
FUZZ_SECONDS ?= 60

# The tests start hundreds of processes; without its cache each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

# The tests that `make test` runs. `make check` runs all of them.
TESTS ?= tests/unit tests/system -m 'not long'
# Options for pytest, in both: PYTEST="-x -k listing"
PYTEST ?=
# A process that has no tests left takes half of those that another one still has.
RUN_TESTS = $(BIN)/pytest -n auto --dist=worksteal

# The development environment, and one with the exporter's own dependencies alone. Each is made again when its lock changes.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN_VENV := .venv-demo
RUN_READY := $(RUN_VENV)/.ready

PIP_OPTIONS := --quiet --disable-pip-version-check --require-hashes

# First line of the recipes that make an environment: stops an old Python before anything is downloaded.
NEEDS_PYTHON = $(if $(shell $(PYTHON) --version 2>&1 | grep -E '^Python 3\.(1[1-9]|[2-9][0-9])'),,$(error \
	Python 3.11 or newer is needed, and $(PYTHON) is "$(shell $(PYTHON) --version 2>&1 | head -n 1)"; \
	name another one: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12))

.PHONY: help demo test check search lint format docs faults dashboards bench soak fuzz audit sbom lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-12s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(RUN_READY)  ## run the exporter on a simulated ModelArts; LISTEN=host:port
	@exec $(RUN_VENV)/bin/python -m exporter demo --web.listen-address=$(LISTEN)

test: $(READY)  ## what to run before every commit; TESTS=tests/unit/api for a part, PYTEST=... for pytest's options
	$(RUN_TESTS) $(PYTEST) $(TESTS)

check: lint  ## what CI runs: linters, types, layers, every test
	$(RUN_TESTS) $(PYTEST) tests

search: $(READY)  ## every test in a new random order, with new generated inputs (nightly)
	$(RUN_TESTS) --hypothesis-profile=search --randomly-seed=default $(PYTEST) tests

lint: $(READY)  ## linters, types, layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)  ## put the code in shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY)  ## write what docs/ has from code: metrics, settings, alerts
	$(BIN)/python -m exporter.metrics.docs > docs/metrics.md
	$(BIN)/python -m exporter.settings.docs docs/configuration.md
	PYTHONPATH=tests $(BIN)/python -m tools.alerts_page > docs/alerts.md

faults: $(READY)  ## run the daemon through every fault, and write docs/faults.md from what was measured
	PYTHONPATH=tests $(BIN)/python -m tools.faults docs/faults.md

dashboards: $(READY)  ## write grafana/dashboards/ from their code
	$(BIN)/python -m grafana

bench: $(READY)  ## measure the exporter beside its alternatives; BENCH=--quick for less, BENCH=--help for a part
	@PYTHONPATH=tests $(BIN)/python -m tools.bench $(BENCH)

soak: $(READY)  ## weeks of churn and trouble in an hour; SOAK=--quick for two minutes, SOAK=--help for more
	@PYTHONPATH=tests $(BIN)/python -m tools.soak $(SOAK)

# Atheris has wheels for Linux on x86-64 and CPython 3.11 to 3.13 only. Elsewhere only hypothesis searches.
fuzz: $(READY)  ## look for inputs that break a reader; FUZZ_SECONDS=60 for each target, FUZZ=listing for one
	@$(BIN)/pip install $(PIP_OPTIONS) --only-binary :all: -r requirements/fuzz.txt || true
	@PYTHONPATH=tests $(BIN)/python -m tools.fuzz --seconds=$(FUZZ_SECONDS) $(FUZZ)

# Mirrors of PyPI often have no advisories. pip-audit passes such packages with a warning, so it runs with --strict, and
# only after PyPI has answered. If it has not, the audit is skipped; in CI, where nobody reads a green log, it fails.
# AUDIT has options for pip-audit, such as another service or --ignore-vuln; PyPI is not asked first then.
ADVISORIES := import requests; requests.get("https://pypi.org/pypi/pip/24.0/json", timeout=10).raise_for_status()
audit: $(READY)  ## ask PyPI for advisories on every locked package; skipped where PyPI cannot be reached
	@if problem=$$($(if $(AUDIT),true,$(BIN)/python -c '$(ADVISORIES)') 2>&1); then \
		$(BIN)/pip-audit --strict --progress-spinner=off --disable-pip --require-hashes \
			$(patsubst %,-r %,$(wildcard requirements/*.txt)) $(AUDIT); \
	else \
		echo "audit skipped, PyPI's advisories cannot be reached: $${problem##*Error: }"; test -z "$$CI"; \
	fi

SBOM ?= -o sbom.cdx.json
sbom: $(READY) $(RUN_READY)  ## write sbom.cdx.json: the image's packages, licences, dependencies (CycloneDX)
	@$(BIN)/cyclonedx-py environment --sv 1.7 --output-reproducible --pyproject pyproject.toml $(SBOM) $(RUN_VENV)

LOCK := uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-header
lock:  ## choose the newest versions that pyproject.toml allows (needs uv)
	$(LOCK) --group dev pyproject.toml -o requirements/dev.txt
	$(LOCK) -c requirements/dev.txt pyproject.toml -o requirements/run.txt

clean:  ## remove the environments and everything that tools left behind
	rm -rf $(VENV) $(RUN_VENV) sbom.cdx.json .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

$(READY): requirements/dev.txt pyproject.toml
	$(NEEDS_PYTHON)
	@echo "setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install $(PIP_OPTIONS) -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

# An environment without pip is made in half the time and takes half the space. The pip of $(PYTHON) fills it from
# outside. Where that is missing (on Debian it is a package of its own) or too old, pip is put in and removed at the end.
$(RUN_READY): requirements/run.txt
	$(NEEDS_PYTHON)
	@echo "setting up $(RUN_VENV) (once)"
	@install="install $(PIP_OPTIONS) --no-compile --no-deps --only-binary :all: -r $<"; \
	$(PYTHON) -m venv --clear --without-pip $(RUN_VENV) && \
	if $(PYTHON) -m pip --python $(RUN_VENV) --version >/dev/null 2>&1; then \
		$(PYTHON) -m pip --python $(RUN_VENV) $$install; \
	else \
		$(PYTHON) -m venv --clear $(RUN_VENV) && \
		$(RUN_VENV)/bin/python -m pip $$install && \
		$(RUN_VENV)/bin/python -m pip uninstall --quiet --yes setuptools pip; \
	fi
	@touch $@
