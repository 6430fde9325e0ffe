# make demo: the main job on real pictures.  make test: all tests.  Both set up what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGE := ros2_ws/src/anonymizer_node
export AMENT_PREFIX_PATH := $(CURDIR)/$(VENV)$(if $(AMENT_PREFIX_PATH),:$(AMENT_PREFIX_PATH))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

ARM_ROOT ?= build/arm64

.PHONY: demo test test-arm lint types colcon setup bench clean

demo: setup
	$(BIN)/anonymize demo demo

test: setup
	$(BIN)/python -m pytest

# As root: Debian for arm64 under qemu, its kernel interface registered. Minutes, and 1 GB.
test-arm: setup
	mkdir -p build
	tests/arm/root $(ARM_ROOT)
	tests/arm/run $(ARM_ROOT)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .

types: setup
	$(BIN)/mypy

colcon: setup
	.ci/colcon $(BIN)

bench: setup
	$(BIN)/python tests/bench/live.py
	$(BIN)/python tests/bench/live.py --width 1280 --height 720 --rate 15
	$(BIN)/python tests/bench/cameras.py --minutes 2
	$(BIN)/python tests/bench/cameras.py --minutes 1 --rate 30
	$(BIN)/python tests/bench/age.py

setup: $(VENV)/.done
	@$(BIN)/python .ci/system.py

$(VENV)/.done: $(PACKAGE)/setup.py .ci/venv constraints-py310.txt constraints-py311.txt
	PYTHON=$(PYTHON) .ci/venv $(VENV) $(PACKAGE)
	touch $@

clean:
	rm -rf $(VENV) demo ros2_ws/build ros2_ws/install ros2_ws/log
