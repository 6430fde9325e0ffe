import json

import cv2
import pytest
from samples.detectors import BrightDetector, FakeDetector, detections
from samples.labelled import annotation, write_coco, write_yolo

from anonymizer_node.cli import model_eval
from anonymizer_node.cli.main import main
from anonymizer_node.core.errors import DetectorError


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv('COLUMNS', '200')


@pytest.fixture
def detector(monkeypatch):
    """In place of the model, a detector that finds half of the first person, everywhere."""
    asked = []

    def load(settings, notice):
        asked.append(settings)
        return [FakeDetector((10, 10, 30, 30))]

    monkeypatch.setattr(model_eval, 'load_detectors', load)
    return asked


@pytest.fixture
def dataset(tmp_path):
    people = [annotation(1, (10, 10, 30, 50)), annotation(1, (60, 10, 64, 14))]
    return write_coco(tmp_path / 'set', ['1.png', '2.png'], people)


def run(*argv):
    return main(['model', 'eval', *(str(word) for word in argv)])


def test_the_table_and_the_figures(dataset, detector, capsys):
    assert run(dataset, '--padding', '0') == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line[:33].strip(): line[33:].split() for line in lines[1:7]}
    assert rows['a tenth of the height or more'] == [
        '1', '100.0', '%', '0.0', '%', '0.0', '%', '50.0', '%',
    ]  # fmt: skip
    assert rows['all'] == ['2', '50.0', '%', '0.0', '%', '0.0', '%', '0.0', '%']
    assert rows['large'] == ['0', '-', '-', '-', '-']
    shown = '\n'.join(lines)
    assert '2 pictures, labelled: person' in shown
    # One hit first, of two labelled.
    assert 'AP50 of person_nanodet_int8, person: 0.500' in shown
    assert "Pixels obscured: 5.0 % (people's boxes: 5.1 %)" in shown
    assert 'False regions per empty picture: 1.00 (1 pictures with nobody, 1 of them' in shown
    assert detector[0].padding == 0.0


def test_all_figures_and_the_bars_are_in_the_json(dataset, detector, tmp_path, capsys):
    out = tmp_path / 'figures.json'
    bars = ['--require', 'half=0.4', 'pixels=0.01', '--require', 'ap50=0.5']
    assert run(dataset, '--padding', 0, '--json', out, *bars) == 1
    figures = json.loads(out.read_text())
    assert set(figures) == {
        'version', 'data', 'settings', 'detectors', 'people', 'pixels', 'empty', 'failed',
        'misses', 'bars',
    }  # fmt: skip
    assert [(bar['bar'], bar['met']) for bar in figures['bars']] == [
        ('tenth:half=0.4', True),
        ('pixels=0.01', False),
        ('ap50=0.5', True),
    ]
    shown = capsys.readouterr().out
    assert 'met: tenth:half=0.4: 1, at least 0.4 is required' in shown
    assert 'NOT MET: pixels=0.01: 0.05, at most 0.01 is required' in shown


def test_bars_that_are_met_are_0(dataset, detector):
    assert run(dataset, '--require', 'half=1', 'false=1') == 0


def test_a_picture_that_fails_is_1_and_said(dataset, monkeypatch, capsys):
    def fail(frame):
        raise DetectorError('told to fail')

    monkeypatch.setattr(
        model_eval, 'load_detectors', lambda settings, notice: [FakeDetector(answer=fail)]
    )
    assert run(dataset) == 1
    shown = capsys.readouterr().out
    assert '2 pictures failed and are in no figure, detector: told to fail' in shown
    assert 'person_nanodet_int8 failed on 2 pictures' in shown


def test_the_sheet_is_named_and_announced_as_showing_people(dataset, detector, tmp_path, capsys):
    assert run(dataset, '--sheet', tmp_path / 'worst.png', '--misses', 1) == 0
    path = tmp_path / 'worst_shows_people.png'
    assert cv2.imread(str(path)).shape == (420, 664, 3)
    assert f'{path} shows people: keep it with the data set.' in capsys.readouterr().out
    assert not (tmp_path / 'worst.png').exists()


def test_without_a_miss_there_is_no_sheet(tmp_path, detector, capsys):
    folder = write_yolo(tmp_path / 'set', {'a': '0 0.2 0.25 0.2 0.25'})
    assert run(folder, '--sheet', tmp_path / 'worst.png') == 0
    assert 'No sheet was written' in capsys.readouterr().out
    assert not list(tmp_path.glob('*.png'))


def test_the_classes_that_count_can_be_named(tmp_path, detector, capsys):
    folder = write_yolo(tmp_path / 'set', {'a': '1 0.2 0.25 0.2 0.25'}, classes=('cat', 'worker'))
    assert run(folder, '--labels', 'worker', '--require', 'class worker:90=1') == 0
    assert 'labelled: worker' in capsys.readouterr().out
    assert run(folder) == 2
    assert "labels no 'person'; it labels cat, worker" in capsys.readouterr().err


def test_a_class_of_the_settings_that_is_not_labelled_is_said(dataset, monkeypatch, capsys):
    names = ('person', 'face')
    monkeypatch.setattr(
        model_eval,
        'load_detectors',
        lambda settings, notice: [
            FakeDetector(
                answer=lambda frame: detections((10, 10, 30, 50), names=names, ids=[1]), names=names
            )
        ],
    )
    assert run(dataset, '--classes', 'person', '--classes', 'face') == 0
    shown = capsys.readouterr().out
    assert 'AP50 of person_nanodet_int8, person, face as one class: 0.500' in shown
    assert 'The data set labels no face' in shown


@pytest.mark.parametrize(
    'argv',
    [
        ['absent'],
        ['set', '--require', 'best=1'],
        ['set', '--json', 'absent/figures.json'],
        ['set', '--sheet', 'worst.jpg'],
        ['set', '--sheet', 'absent/worst.png'],
        ['set', '--images', 'absent'],
        ['set', '--labels', 'face'],
    ],
)
def test_bad_input_is_2_before_anything_runs(
    dataset, detector, tmp_path, monkeypatch, capsys, argv
):
    monkeypatch.chdir(tmp_path)
    assert run(*argv) == 2
    assert capsys.readouterr().err.startswith('anonymize model: ')
    assert detector == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ['set']


@pytest.mark.parametrize('count', ['0', '-1', 'x'])
def test_a_number_of_misses_that_is_none_is_wrong_usage(dataset, count, capsys):
    with pytest.raises(SystemExit) as left:
        run(dataset, '--misses', count)
    assert left.value.code == 2
    assert 'whole number from 1 on' in capsys.readouterr().err


def test_a_detector_that_looks_is_given_the_pictures(dataset, monkeypatch, tmp_path):
    """The pictures' noise has bright pixels all over: all is found and hidden."""
    monkeypatch.setattr(model_eval, 'load_detectors', lambda settings, notice: [BrightDetector()])
    out = tmp_path / 'figures.json'
    assert run(dataset, '--json', out, '--require', 'all:least=1') == 0
    assert json.loads(out.read_text())['pixels']['obscured'] == 1.0
