import json

import cv2
import numpy as np
import pytest
from samples.graphs import painted_nanodet

from anonymizer_node.cli.main import main
from anonymizer_node.modelling import bench


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv('COLUMNS', '200')


@pytest.fixture
def models(tmp_path):
    paths = [tmp_path / 'one.onnx', tmp_path / 'two.onnx']
    for path in paths:
        path.write_bytes(painted_nanodet())
    return paths


def run(*argv):
    return main(['model', 'bench', *(str(word) for word in argv), '--rounds', '2'])


SMALL = ('--providers', 'cpu', '--threads', '1', '--input-size', '128', '--frame', '64x48')


def test_a_row_for_each_combination(models, tmp_path, capsys):
    out = tmp_path / 'figures.json'
    sizes = ('--threads', '1', '2', '--input-size', '128', '160')
    looks = ('--thoroughness', 'fast', 'balanced')
    assert run(*models, *SMALL, *sizes, *looks, '--json', out) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f'1  {models[0]}', f'2  {models[1]}']
    rows = [line.split()[:5] for line in lines[4:20]]
    assert rows == [
        [model, 'cpu', threads, look, size]
        for look in ('fast', 'balanced')
        for size in ('128', '160')
        for threads in ('1', '2')
        for model in ('1', '2')
    ]
    assert any('a 64x48 frame, 2 rounds' in line for line in lines)
    figures = json.loads(out.read_text())
    assert set(figures) == {'version', 'onnxruntime', 'frame', 'rounds', 'skipped', 'timings'}
    assert figures['frame'] == {'width': 64, 'height': 48}
    assert len(figures['timings']) == 16
    assert all(
        set(timing)
        == {'model', 'provider', 'threads', 'input_size', 'thoroughness', 'times_first_model',
            'total_ms', 'letterbox_ms', 'inference_ms', 'decode_ms'}
        for timing in figures['timings']
    )  # fmt: skip
    assert [timing['times_first_model'] for timing in figures['timings'][::2]] == [1.0] * 8


def test_a_provider_that_is_absent_is_said(models, monkeypatch, capsys):
    monkeypatch.setattr(
        bench.onnxruntime, 'get_available_providers', lambda: ['CPUExecutionProvider']
    )
    assert run(models[0], *SMALL, '--providers', 'cuda', 'cpu') == 0
    assert 'cuda is not in this onnxruntime and was skipped' in capsys.readouterr().out


def test_a_picture_can_be_the_frame(models, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((30, 50, 3), 9, np.uint8))
    assert run(models[0], *SMALL, '--frame', tmp_path / 'a.png') == 0
    assert 'a 50x30 frame' in capsys.readouterr().out


@pytest.mark.parametrize('frame', ['64', '0x48', '64x9000', 'absent.png'])
def test_a_frame_that_is_none_is_2(models, frame, capsys):
    assert run(models[0], *SMALL, '--frame', frame) == 2
    assert f'{frame!r}' in capsys.readouterr().err


def test_a_model_that_is_not_there_is_2(tmp_path, capsys):
    assert run(tmp_path / 'absent.onnx', *SMALL) == 2
    assert 'absent.onnx' in capsys.readouterr().err
