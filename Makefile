# make demo: the main job on real pictures.  make test: all tests.  Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGE := ros2_ws/src/anonymizer_node
OUTER_PREFIXES := $(if $(AMENT_PREFIX_PATH),:$(AMENT_PREFIX_PATH))
export AMENT_PREFIX_PATH := $(CURDIR)/$(VENV)$(OUTER_PREFIXES)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

ARM_ROOT ?= build/arm64
SYSTEMD_ROOT ?= build/systemd
OLDEST_TESTS ?= $(addprefix tests/,core detectors formats offline ros integration/test_images.py)
JAZZY_TESTS ?= tests/ros $(addprefix tests/integration/test_,images.py lifecycle.py patterns.py)

.PHONY: demo test test-arm test-systemd test-oldest test-jazzy sbom audit lint types colcon setup bench clean

demo: setup
	$(BIN)/anonymize demo demo

test: setup
	$(BIN)/python -m pytest

# As root: Debian for arm64 under qemu, its kernel interface registered. Minutes, and 1 GB.
test-arm: setup
	mkdir -p build
	tests/arm/root $(ARM_ROOT)
	tests/arm/run $(ARM_ROOT)

# As root: Debian in a container of its own, with systemd. Minutes, and 1.5 GB.
test-systemd: setup
	mkdir -p build
	tests/systemd/root $(SYSTEMD_ROOT)
	tests/systemd/run $(SYSTEMD_ROOT)

# Python 3.10 with NumPy 1.21 and OpenCV 4.5: make test-oldest OLDEST_TESTS=tests for all of them.
test-oldest: AMENT_PREFIX_PATH := $(CURDIR)/.venv-oldest$(OUTER_PREFIXES)
test-oldest: .venv-oldest/.done
	.venv-oldest/bin/python -m pytest $(OLDEST_TESTS)

# make test-jazzy JAZZY_TESTS="tests/ros tests/integration" for all of them: many minutes more.
test-jazzy: AMENT_PREFIX_PATH := $(CURDIR)/.venv-jazzy$(OUTER_PREFIXES)
test-jazzy: .venv-jazzy/.done
	.venv-jazzy/bin/python -m pytest $(JAZZY_TESTS)

# What is in the development environment, as CycloneDX; and what is known against it, if the
# database of the advisories can be reached.
sbom: setup .venv-audit/.done
	mkdir -p build
	.venv-audit/bin/cyclonedx-py environment $(BIN)/python --output-reproducible -o build/sbom.cdx.json
	@echo build/sbom.cdx.json

audit: .venv-audit/.done
	grep -v '^ros-' constraints-py311.txt > .venv-audit/requirements.txt
	.venv-audit/bin/pip-audit --disable-pip --no-deps -r .venv-audit/requirements.txt

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	# It takes every is_integer for that of int; ours are asked of floats.
	$(BIN)/vermin --quiet --no-tips --violations --target=3.10- --exclude int.is_integer $(PACKAGE)/anonymizer_node launch .ci

types: setup
	$(BIN)/mypy

colcon: setup
	.ci/colcon $(BIN)

# Ten minutes, on a machine that does nothing else. The page is build/bench.html.
bench: setup
	$(BIN)/python tests/bench/report.py --html build/bench.html --json build/bench.json

setup: $(VENV)/.done
	@$(BIN)/python .ci/system.py

$(VENV)/.done: $(PACKAGE)/setup.py .ci/venv constraints-py310.txt constraints-py311.txt
	PYTHON=$(PYTHON) .ci/venv $(VENV) $(PACKAGE)
	touch $@

.venv-oldest/.done: $(PACKAGE)/setup.py .ci/venv constraints-oldest.txt
	PYTHON=$$(.ci/python310) .ci/venv .venv-oldest $(PACKAGE) oldest
	touch $@

.venv-jazzy/.done: $(PACKAGE)/setup.py .ci/venv constraints-jazzy.txt
	PYTHON=$(PYTHON) .ci/venv .venv-jazzy $(PACKAGE) jazzy
	touch $@

.venv-audit/.done:
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet cyclonedx-bom==7.5.0 pip-audit==2.10.1
	touch $@

clean:
	rm -rf $(VENV) .venv-oldest .venv-jazzy .venv-audit demo ros2_ws/build ros2_ws/install ros2_ws/log
