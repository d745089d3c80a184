# `make demo` and `make test` do all the set-up themselves: a virtual environment, the packages, a livekit-server.
# PYTHON=python3.12 chooses the Python (3.11 or later); VENV=.venv the environment's folder.
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
JOBS ?= 2

.PHONY: demo test test-repeat lint check matrix template release-check bench bench-short clean help

help:
	@echo "make demo   run the example's scenarios against the sandbox: no key, no cloud"
	@echo "make test   run the tests"
	@echo "make test-repeat   some tests, many times: N=20 T=tests/agent/test_turns.py, or M=server for a marker"
	@echo "make lint   ruff, mypy, import rules"
	@echo "make matrix the tests of the agent's side on both ends of the versions; MATRIX=all on each, MATRIX=agents1.7 on some"
	@echo "make template   an agent repo made by the built wheel: the steps of its workflow"
	@echo "make release-check   wheel and sdist, each installed and tried on 3.11, 3.12 and 3.13"
	@echo "make bench  the ratios that we claim, measured"
	@echo "make clean  remove the environment"

demo: $(READY)
	@mkdir -p reports
	$(BIN)/cekura-kit run --sandbox examples/restaurant/cekura.yaml --json reports/demo.json

test: $(READY)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --max-worker-restart 0

# A failure that comes once in twenty runs has a cause. Every run counts; the end says how many failed.
N ?= 20
T ?= tests
test-repeat: $(READY)
	@failed=0; for n in $$(seq $(N)); do \
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadgroup --max-worker-restart 0 $(if $(M),-m "$(M)") $(T) > "$(VENV)/repeat.log" 2>&1 \
	|| { failed=$$((failed + 1)); echo "run $$n failed:"; grep -E "^(FAILED|ERROR)" "$(VENV)/repeat.log" || tail -5 "$(VENV)/repeat.log"; }; \
	done; echo "$$failed of $(N) runs failed"; [ "$$failed" = 0 ]

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

matrix: $(READY)
	$(BIN)/python -m tests.matrix $(MATRIX)

# As a stranger would: the wheel into an empty environment, `init`, then the steps of the new repo's own workflow, first
# without a secret.
template: $(READY)
	@rm -rf dist && $(BIN)/uv build --quiet --wheel --out-dir dist
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	$(BIN)/uv venv --quiet --python $(BIN)/python "$$folder/env" && \
	$(BIN)/uv pip install --quiet --python "$$folder/env/bin/python" dist/*.whl && \
	"$$folder/env/bin/cekura-kit" init "$$folder/my-agent" && \
	KIT="$$(ls $(CURDIR)/dist/*.whl)" PYTHON="$(CURDIR)/$(BIN)/python" $(BIN)/python -m tests.ci "$$folder/my-agent"

release-check: $(READY)
	$(BIN)/python -m tests.release

bench: $(READY)
	$(BIN)/python -m bench --json reports/bench.json

bench-short: $(READY)
	$(BIN)/python -m bench --short

clean:
	rm -rf $(VENV)

# uv installs the same packages as pip in a tenth of the time. They are compiled at once, and so is the kit, since every
# process of a worker imports them. Made again when pyproject.toml changes.
$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed. Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python"; exit 1; }
	@echo "Making a virtual environment in $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV) || { echo "The venv module is missing. Debian, Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Installing the packages (about half a minute, once)."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --group dev --editable '.[sandbox,tracing]'
	@$(BIN)/python -m compileall -q cekura_agent_kit
	@$(BIN)/python -c "from cekura_agent_kit.sandbox.server_binary import find_binary; print('livekit-server:', find_binary(print).name)"
	@touch $(READY)
