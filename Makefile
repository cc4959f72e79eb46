PYTHON ?= python3
LISTEN ?= 127.0.0.1:10310
FUZZ_SECONDS ?= 60
VENV := .venv
BIN := $(VENV)/bin
# Rebuilt when the locked packages change.
READY := $(VENV)/.ready

.PHONY: demo test bench soak fuzz check lint format docs faults dashboards lock audit sbom clean

demo: $(READY)  ## run the exporter on a simulated ModelArts
	@exec $(BIN)/modelarts-exporter demo --web.listen-address=$(LISTEN)

test: $(READY)  ## run every test
	@$(BIN)/pytest -n auto

bench: $(READY)  ## measure beside what else could be run; BENCH=--quick for less, BENCH=--help for a part
	@PYTHONPATH=tests $(BIN)/python -m tools.bench $(BENCH)

soak: $(READY)  ## weeks of churn and trouble in an hour; SOAK=--quick for two minutes, SOAK=--help for more
	@PYTHONPATH=tests $(BIN)/python -m tools.soak $(SOAK)

# Atheris is no part of $(READY): it has wheels for Linux on x86-64 and CPython 3.11 to 3.13 only. Without it only
# hypothesis looks.
fuzz: $(READY)  ## look for inputs that break a reader; FUZZ_SECONDS for each target, FUZZ=listing for one
	@$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-fuzz.lock || true
	@PYTHONPATH=tests $(BIN)/python -m tools.fuzz --seconds=$(FUZZ_SECONDS) $(FUZZ)

check: lint test  ## what CI runs

lint: $(READY)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

$(READY): requirements-dev.lock pyproject.toml
	@echo "setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

docs: $(READY)  ## write what docs/ has from code: metrics, settings, alerts
	$(BIN)/python -m exporter.metrics.docs > docs/metrics.md
	$(BIN)/python -m exporter.settings.docs docs/configuration.md
	PYTHONPATH=tests $(BIN)/python -m tools.alerts_page > docs/alerts.md

faults: $(READY)  ## let every fault loose on the daemon, and write docs/faults.md from what was measured
	PYTHONPATH=tests $(BIN)/python -m tools.faults docs/faults.md

dashboards: $(READY)  ## write grafana/dashboards/ from their code
	$(BIN)/python -m grafana

audit:  ## hold every lock against the known advisories; skips where they cannot be reached; AUDIT for pip-audit
	@$(PYTHON) -m supplychain.audit $(AUDIT)

sbom: $(READY)  ## write sbom.cdx.json: what the image installs, with hashes and licences (CycloneDX)
	@$(BIN)/python -m supplychain.sbom > sbom.cdx.json

lock:  ## choose the newest versions that pyproject.toml allows
	uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-header -c requirements-dev.lock pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-emit-index-url --no-header --group audit -o requirements-audit.lock

clean:
	rm -rf $(VENV) .venv-audit sbom.cdx.json .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
