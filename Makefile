# Everything a newcomer types. Each target sets up the environment first; nothing is installed outside .venv/, but for
# the programs that tests run (system-packages).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.tacita-setup
MEMBERS := protocol policies sdk node broker
INPUTS := requirements.lock pyproject.toml $(MEMBERS:%=%/pyproject.toml)
BENCH  ?= all
TEST_WORKERS ?= 4
SEED   ?= 1
KILLS  ?= 500

.PHONY: setup system-packages demo test check docs bench bench-peers bench-plots bench-lock soak readme fuzz lock format clean

setup: $(STAMP)

# uv (pinned and hashed in the lock like everything else) installs in seconds; where it cannot reach the index that pip
# is configured for, pip does the same work. Members are editable and bring no dependencies of their own.
$(STAMP): $(INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Tacita needs Python 3.11 or newer: make PYTHON=python3.11 ..." >&2; exit 1; }
	@echo "Setting up $(VENV)/ ..." >&2
	@$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --offline $(MEMBERS:%=-e ./%) \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(MEMBERS:%=-e ./%)
	@$(BIN)/python -m compileall -q $(MEMBERS:%=%/src)
	@touch $@

# PostgreSQL's server, nginx and systemd-analyze, which some tests run. See the file for what is done unasked.
system-packages:
	@sh tests/system-packages.sh

demo: setup
	@$(BIN)/python -m deploy.demo.run $(if $(KEEP),--keep)

test: setup
	@sh tests/system-packages.sh --unasked
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.support.promises_table --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# The documentation as a site: open .site/index.html. Any warning ends it, in `make check` too.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

bench: setup
	@$(BIN)/python -m bench $(BENCH)

# The rows that are measured beside others' libraries, which get an environment of their own at first use.
bench-peers: setup
	@$(BIN)/python -m bench peers

# What `make bench` has measured so far, as pictures in .bench/plots/.
bench-plots: setup
	@$(BIN)/python -m bench.plot

# The peers' own lock, hashed and without an index address like the project's.
bench-lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url bench/peers/requirements.in --output-file bench/peers/requirements.lock > /dev/null

# The promises' full numbers: more than an hour. What takes part reads tests/support/scale.py; the report is
# .soak/report.json. With RESUME=1 an interrupted soak goes on: files of tests that passed whole are not run again.
soak: setup
	@$(if $(RESUME),cp .soak/report.json .soak/before.json,rm -f .soak/before.json)
	TACITA_SOAK=1 TACITA_SEED=$(SEED) TACITA_KILLS=$(KILLS) $(BIN)/python -m pytest -p tests.support.soak_report \
	  -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder -o timeout=14400 tests/promises $(ARGS)

# README's table of promises; with REPORT=.soak/report.json from that soak, which is kept as docs/soak-report.json.
readme: setup
	@$(BIN)/python -m tests.support.promises_table $(if $(REPORT),--report $(REPORT))

# Coverage-guided fuzzing of every parser, five minutes each; make fuzz TARGET=note SECONDS=30 for less.
fuzz: setup
	@$(BIN)/python -m tests.fuzz $(TARGET) --seconds $(or $(SECONDS),300)

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Resolves anew and writes hashes without an index address.
lock: setup
	$(BIN)/uv lock --quiet
	$(BIN)/uv export --quiet --all-packages --all-extras --all-groups --no-emit-workspace --no-header \
	  --format requirements-txt --output-file requirements.lock > /dev/null

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .fuzz .site .soak .bench
