# make = help. Every target does the set-up that it needs and is quick when nothing changed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin

# Programs may lie in sbin, which an ordinary user's path on Debian leaves out.
export PATH := $(PATH):/usr/sbin:/sbin

# Story 3 belongs to the beta model. The day is fixed so that no approval expires under the demo.
DEMO := zoneguard check captures/story-0[124-9]*.pcap captures/story-1*.pcap captures/normal-day-alpha.pcapng --policy zones.yaml --today 2026-11-23

PYTEST_ARGS ?= --numprocesses auto --dist loadfile
CORPUS ?=
RESULTS ?=

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# --- set-up --------------------------------------------------------------------------------------------

# $(call packages,TEST,PACKAGES): when TEST fails, install PACKAGES as root or say exactly what to install.
define packages
	@if ! { $(1); } >/dev/null 2>&1; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing Debian packages: $(2)"; \
			apt-get update -qq; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; \
		else \
			echo "This machine lacks something. Run: sudo apt-get install $(2)" >&2; \
			echo "この計算機に足りないものがあります。次を実行してください: sudo apt-get install $(2)" >&2; \
			exit 5; \
		fi; \
	fi
endef

# Compiled as pip compiles what it installs: where PYTHONDONTWRITEBYTECODE is set, each start would do it again.
.PHONY: setup
setup: .venv/.stamp  ## Make .venv with everything that requirements-dev.lock names, hashes checked

.venv/.stamp: requirements-dev.lock pyproject.toml
	$(call packages,command -v $(PYTHON),python3 python3-venv)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "ZoneGuard needs Python 3.11 or newer: make setup PYTHON=/path/to/python3.11" >&2; \
		echo "Python 3.11 以降が必要です: make setup PYTHON=/path/to/python3.11" >&2; exit 5; }
	@$(MAKE) venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src/zoneguard
	@touch $@

# Debian keeps the module that fills a new environment with pip in a package of its own.
.PHONY: venv
venv:
	$(call packages,$(PYTHON) -c 'import ensurepip',python3-venv)
	@[ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv

# A generator of configurations that the tests compare with; apart, so that it decides nothing about our own versions.
.PHONY: aerleon
aerleon: .venv-aerleon/.stamp  ## Make .venv-aerleon with what requirements-aerleon.lock names, hashes checked

.venv-aerleon/.stamp: requirements-aerleon.lock
	$(call packages,$(PYTHON) -c 'import ensurepip',python3-venv)
	@$(PYTHON) -m venv --clear .venv-aerleon
	@.venv-aerleon/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.PHONY: test-programs
test-programs:
	$(call packages,command -v tshark && command -v bwrap && command -v tcpdump && command -v zstd,tshark bubblewrap tcpdump zstd)

.PHONY: oracle-programs
oracle-programs:
	$(call packages,command -v iptables-restore && command -v nft && command -v ip && command -v ipset,iptables nftables iproute2 ipset)

.PHONY: unit-programs
unit-programs:
	$(call packages,command -v systemd-analyze,systemd)

# The store is tested in a PostgreSQL of the tests' own, the sinks against receivers with certificates of their own.
.PHONY: store-programs
store-programs:
	$(call packages,{ command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; } && command -v openssl,postgresql openssl)

# The HTML report is opened in a real browser, and printed with Japanese fonts.
.PHONY: browser-programs
browser-programs:
	$(call packages,{ command -v chromium || command -v google-chrome; } && fc-list :lang=ja | grep -q .,chromium fontconfig fonts-noto-cjk)

# The manual pages are linted by what shows them, completion is tried in the shells that it is for.
.PHONY: docs-programs
docs-programs:
	$(call packages,command -v man && command -v zsh && command -v fish,man-db groff-base zsh fish)

.PHONY: demo-programs
demo-programs:
	$(call packages,command -v ip,iproute2)

.PHONY: bench-programs
bench-programs: test-programs
	$(call packages,command -v nfdump && command -v nfpcapd,nfdump)

# --- use -----------------------------------------------------------------------------------------------

.PHONY: demo
demo: setup  ## Judge the sample captures against zones.yaml (in Japanese or English, by LANG)
	@echo '$$ $(DEMO)'
	@code=0; PATH="$(CURDIR)/$(BIN):$$PATH" $(DEMO) || code=$$?; \
	case "$${LC_ALL:-$${LC_MESSAGES:-$${LANG:-}}}" in \
		ja*) expected="終了コード 1（不適合あり）です。見本の通信記録には違反が含まれているので、これが期待どおりの結果です。"; \
			other="終了コード $$code です。見本では 1（不適合あり）のはずです。";; \
		*) expected="Exit code 1 (findings): the sample captures contain violations, so this is what the demo expects."; \
			other="Exit code $$code, where the sample captures should give 1 (findings).";; \
	esac; \
	if [ $$code = 1 ]; then echo; echo "$$expected"; else echo "$$other" >&2; exit 1; fi

.PHONY: demo-sensor
demo-sensor: setup  ## As root: the sensor catches the stories live, on a mirror port of its own (half a minute)
	@[ "$$(id -u)" != 0 ] || $(MAKE) demo-programs
	@$(BIN)/python captures/live/demo.py

# pip takes versions by the Python that runs it, whatever --python-version says: it must be that of the target.
.PHONY: bundle
bundle:  ## Gather bundle/, to install on a machine without a network: make bundle PYTHON=python3.11, as there
	$(call packages,$(PYTHON) -c 'import ensurepip',python3-venv)
	@rm -rf bundle
	@mkdir -p bundle/wheels
	$(PYTHON) -m venv bundle/venv
	bundle/venv/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--dest bundle/wheels -r requirements.lock
	bundle/venv/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir bundle/wheels .
	@rm -rf bundle/venv
	@cp -r requirements.lock LICENSE packaging docs bundle
	@cp packaging/install.sh bundle
	@cd bundle && find . -type f ! -name SHA256SUMS -print0 | LC_ALL=C sort -z | xargs -0 sha256sum > SHA256SUMS
	@du -sh bundle

# --- checks --------------------------------------------------------------------------------------------

.PHONY: check
check: setup aerleon test-programs store-programs unit-programs browser-programs docs-programs  ## Lint, types, layers and tests: what .ci/run runs
	@[ "$$(id -u)" != 0 ] || $(MAKE) oracle-programs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest $(PYTEST_ARGS)

.PHONY: fuzz
fuzz: setup  ## Hostile captures, flows, policies and exports, for as long as FUZZ_CASES, FUZZ_LOOKS and FUZZ_EXPORTS say
	FUZZ_CASES=$(or $(FUZZ_CASES),1000000) FUZZ_LOOKS=$(or $(FUZZ_LOOKS),1000000) FUZZ_EXPORTS=$(or $(FUZZ_EXPORTS),1000000) $(BIN)/pytest tests/fuzz -v

.PHONY: oracle
oracle: setup oracle-programs  ## As root: the Linux kernel judges random rulesets and packets beside the model (half an hour)
	$(BIN)/python -m tests.oracle.run --rulesets $(or $(ORACLE_RULESETS),200) --packets $(or $(ORACLE_PACKETS),5000)

.PHONY: accept
accept: setup  ## Compare with a corpus of real captures: make accept CORPUS=/path/to/corpus [RESULTS=/path/to/ndpi/result]
	@[ -n "$(CORPUS)" ] || { echo "Say where the corpus is: make accept CORPUS=/path/to/corpus" >&2; exit 2; }
	$(BIN)/python bench/compare_flows.py "$(CORPUS)/pcap" "$(CORPUS)/flows.jsonl"
	$(BIN)/python bench/compare_looks.py "$(CORPUS)" $(RESULTS)
	@[ -z "$(RESULTS)" ] || $(BIN)/python bench/compare_classes.py "$(CORPUS)/pcap" "$(RESULTS)"

.PHONY: bench
bench: setup bench-programs  ## Captures and rulesets, side by side with peers; writes docs/performance.md (ONLY=rulesets: that part)
	$(BIN)/python bench/run.py $(if $(ONLY),--only $(ONLY))
	$(if $(ONLY),,$(BIN)/python bench/looking.py)

.PHONY: bench-quick
bench-quick: setup bench-programs  ## The same in about two minutes, smaller; writes nothing
	$(BIN)/python bench/run.py --quick

.PHONY: bench-live
bench-live: setup oracle-programs test-programs  ## As root: live capture beside tcpdump on one wire, and memory under an endless scan (half an hour)
	$(BIN)/python bench/live.py
	$(BIN)/python bench/endless.py

# --- upkeep --------------------------------------------------------------------------------------------

.PHONY: docs
docs: setup  ## Generate the pages that are made from the code (rules, formats, manual pages)
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/man_pages.py

.PHONY: quickstart
quickstart: setup  ## Put the real output of the first commands into both quickstarts
	$(BIN)/python docs/fill_quickstart.py

.PHONY: readme
readme: setup  ## Put the real output of the demo into both READMEs
	$(BIN)/python docs/fill_readme.py

.PHONY: format
format: setup  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

EXTRAS := --extra parquet --extra sensor --extra postgresql --extra pdf

.PHONY: lock
lock: setup  ## Resolve the dependencies anew: the files requirements*.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url $(EXTRAS) pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		--no-emit-index-url $(EXTRAS) --group dev pyproject.toml --output-file requirements-dev.lock
	echo aerleon | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-header --no-emit-index-url - --output-file requirements-aerleon.lock

.PHONY: clean
clean:  ## Remove what make made, .venv included
	rm -rf .venv .venv-aerleon .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist build bundle bench/data
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
