# make demo: the main job on real pictures.  make test: all tests.  Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGE := ros2_ws/src/anonymizer_node
OUTER_PREFIXES := $(if $(AMENT_PREFIX_PATH),:$(AMENT_PREFIX_PATH))
export AMENT_PREFIX_PATH := $(CURDIR)/$(VENV)$(OUTER_PREFIXES)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

ARM_ROOT ?= build/arm64
OLDEST_TESTS ?= $(addprefix tests/,core detectors formats offline ros integration/test_images.py)
JAZZY_TESTS ?= tests/ros tests/integration

.PHONY: demo test test-arm test-oldest test-jazzy lint types colcon setup bench clean

demo: setup
	$(BIN)/anonymize demo demo

test: setup
	$(BIN)/python -m pytest

# As root: Debian for arm64 under qemu, its kernel interface registered. Minutes, and 1 GB.
test-arm: setup
	mkdir -p build
	tests/arm/root $(ARM_ROOT)
	tests/arm/run $(ARM_ROOT)

# Python 3.10 with NumPy 1.21 and OpenCV 4.5: make test-oldest OLDEST_TESTS=tests for all of them.
test-oldest: AMENT_PREFIX_PATH := $(CURDIR)/.venv-oldest$(OUTER_PREFIXES)
test-oldest: .venv-oldest/.done
	.venv-oldest/bin/python -m pytest $(OLDEST_TESTS)

test-jazzy: AMENT_PREFIX_PATH := $(CURDIR)/.venv-jazzy$(OUTER_PREFIXES)
test-jazzy: .venv-jazzy/.done
	.venv-jazzy/bin/python -m pytest $(JAZZY_TESTS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	# It takes every is_integer for that of int; ours are asked of floats.
	$(BIN)/vermin --quiet --no-tips --violations --target=3.10- --exclude int.is_integer $(PACKAGE)/anonymizer_node launch .ci

types: setup
	$(BIN)/mypy

colcon: setup
	.ci/colcon $(BIN)

bench: setup
	$(BIN)/python tests/bench/live.py
	$(BIN)/python tests/bench/live.py --width 1280 --height 720 --rate 15

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

clean:
	rm -rf $(VENV) .venv-oldest .venv-jazzy demo ros2_ws/build ros2_ws/install ros2_ws/log
