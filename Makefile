# Everything a newcomer or a build machine needs. `make demo` and `make test` work from a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SPEED ?= 5
RUN ?= run
# The tests start a thousand processes; without compiled modules each needs a third longer for it.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup demo compiled test test-influx2 nightly check bench format lock vendor sbom docs \
  pictures clean

setup: $(READY)

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Dryline needs Python 3.11 or newer; name one with PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

# The simulated line, the controller and the embedded historian, started and brought to production.
demo: setup
	$(BIN)/dryline up --speed $(SPEED) --run $(RUN) --start --demo

# The simulated plant translated to C, for rehearsals that take half the time and give the same
# samples; about a minute and a half, and a C compiler is needed.
compiled: setup
	$(BIN)/python -m tests.support.compiler
	$(BIN)/python -m plc_sim.compiling

# Tests that measure times of real processes, or live through a day of the plant: they have the
# machine for themselves.
TIMELESS := $(addprefix tests/faults/test_,api_fuzz.py audit_crash.py history_crash.py \
  thinning_crash.py)
ALONE := $(filter-out $(TIMELESS),$(sort $(wildcard tests/faults/test_*.py))) \
  tests/docs/test_tutorial.py tests/bench/test_ratios.py

BESIDE := $(addprefix --ignore ,$(ALONE))

# Installs the protocol peers of the tests (npm package, Debian package) and runs everything. The
# tests meet real processes, wires and browsers, and two cores have no time left for anybody else.
# What failed is therefore run once more by itself, which tells a busy machine from a defect; it has
# failed all the same.
AGAIN := --last-failed --last-failed-no-failures none

test: setup
	$(BIN)/python -m tests.support.install
	$(BIN)/python -m pytest -n 2 --dist loadfile $(BESIDE) || \
	  { $(BIN)/python -m pytest $(AGAIN) $(BESIDE); exit 1; }
	$(BIN)/python -m pytest $(ALONE) || { $(BIN)/python -m pytest $(AGAIN) $(ALONE); exit 1; }

# The same kills as in `make test`, every step of a deployment, a run and a trial 50 times: hours.
nightly: setup
	DRYLINE_NIGHTLY=1 $(BIN)/python -m pytest -s tests/faults/test_kill_at_every_step.py

# The suite of the InfluxDB sink against a server of yours: make test-influx2 URL=... TOKEN=...
test-influx2: setup
	INFLUX2_URL="$(URL)" INFLUX2_TOKEN="$(TOKEN)" INFLUX2_ORG="$(ORG)" INFLUX2_BUCKET="$(BUCKET)" \
	  $(BIN)/python -m pytest tests/wire/test_influx2.py

# What the build machine checks besides the tests.
check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.support.generated --check
	$(BIN)/python -m hmi.dashboards --check
	$(BIN)/python -m hmi.page --check
	$(BIN)/python -m hmi.vendoring --check
	$(BIN)/dryline check

# Prints figures and writes bench-out/bench.json; asserts nothing. WHAT="push store" measures some of
# them, WHAT=--help tells what else there is.
bench: setup
	$(BIN)/python -m tests.support.install
	$(BIN)/python -m tests.bench $(WHAT)

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Reference pages that are made from the code.
docs: setup
	$(BIN)/python -m tests.support.generated
	$(BIN)/python -m hmi.dashboards

# Every screen in both languages and themes into bench-out/screens, and the pictures of the guides.
pictures: setup
	$(BIN)/python -m tests.support.install
	$(BIN)/python -m tests.support.pictures

# Pins every package with its hashes and no addresses; needs uv.
lock:
	uv pip compile pyproject.toml --all-extras --universal --generate-hashes --no-header \
	  --no-emit-index-url --no-annotate --quiet --output-file requirements.lock

# The JavaScript of others, as hmi/static/vendor/VENDOR.toml lists it; needs npm.
vendor: setup
	$(BIN)/python -m hmi.vendoring

# The bill of materials: every package that comes with Dryline, CycloneDX.
sbom: setup
	$(BIN)/python -m tests.support.sbom --output sbom.json

clean:
	rm -rf $(VENV) run bench-out sbom.json .pytest_cache .mypy_cache .ruff_cache .hypothesis
