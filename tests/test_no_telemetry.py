"""That the libraries which we load report to nobody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from anonymizer_node.resources import share_path

pytest.importorskip('onnxruntime')

PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
import onnxruntime
onnxruntime.InferenceSession(sys.argv[2], providers=['CPUExecutionProvider'])
"""


@pytest.mark.parametrize('module', ['anonymizer_node', 'anonymizer_node.detectors.onnx'])
def test_onnxruntime_keeps_no_identifier_to_report_with(module, tmp_path):
    # What it would send comes seconds later; the folder of what it sends comes first.
    env = {name: text for name, text in os.environ.items() if name != 'ORT_DISABLE_TELEMETRY'}
    env |= {'HOME': str(tmp_path), 'XDG_CACHE_HOME': str(tmp_path / 'cache')}
    env['PYTHONPATH'] = os.pathsep.join(path for path in sys.path if path)
    env['PYTHONDONTWRITEBYTECODE'] = '1'
    model = share_path('models/person_nanodet_int8.onnx')
    command = [sys.executable, '-c', PROGRAM, module, str(model)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert 'telemetry' not in done.stderr.lower()
    assert list(tmp_path.rglob('*')) == []


def test_whatever_we_start_is_told_too():
    assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'
