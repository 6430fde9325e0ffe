"""`anonymize bag` in process: exit status, messages, and what it leaves behind."""

import json

import pytest
from samples.bags import IMAGE, STRING, Entry, digest, read_bag, write_bag
from samples.detectors import BrightDetector
from samples.images import Stamp, image, noise

from anonymizer_node.cli.main import main
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.formats.bags import BagWriter
from anonymizer_node.offline import bag as job


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv('COLUMNS', '300')


@pytest.fixture
def detector(monkeypatch):
    """In place of the model, a detector that sees what is bright."""
    asked = []

    def load(settings, notice):
        asked.append(settings)
        return [[BrightDetector()]]

    monkeypatch.setattr(job, 'load_teams', load)
    return asked


@pytest.fixture
def source(tmp_path):
    entries = [
        Entry('/front', IMAGE, image(noise(24, 32, low=index * 10), stamp=Stamp(index)), index)
        for index in range(3)
    ]
    entries.append(Entry('/log', STRING, 'hello', 5))
    return write_bag(tmp_path / 'in', entries)


def run(*argv):
    return main(['bag', *(str(word) for word in argv)])


def test_a_clean_run_is_0_and_shows_what_became_of_each_topic(source, tmp_path, detector, capsys):
    out = tmp_path / 'out'
    assert run(source, out) == 0
    shown = capsys.readouterr().out
    (row,) = [line for line in shown.splitlines() if line.startswith('/front')]
    assert row.split()[1:] == [IMAGE, '3', '-', '3', '-', '-', '-', '3']
    (row,) = [line for line in shown.splitlines() if line.startswith('/log')]
    assert row.split()[1:] == [STRING, '1', '1', '-', '-', '-', '-', '-']
    assert f'Written to {out}' in shown
    assert set(read_bag(out)) == {'/front', '/log'}


def test_the_flags_reach_the_run(source, tmp_path, detector):
    out = tmp_path / 'out'
    assert run(source, out, '--method', 'pixelate', '--strength', '0.8', '--threads', '1') == 0
    assert (detector[0].method, detector[0].strength, detector[0].threads) == ('pixelate', 0.8, 1)
    settings = json.loads((out / job.REPORT_NAME).read_text())['settings']
    assert (settings['method'], settings['strength']) == ('pixelate', 0.8)


def test_a_dropped_frame_is_1_and_said_with_its_reason(tmp_path, detector, capsys):
    message = image(noise(24, 32))
    message.encoding = 'yuv410'
    source = write_bag(
        tmp_path / 'in',
        [Entry('/front', IMAGE, message, 1), Entry('/front', IMAGE, image(noise(24, 32)), 2)],
    )
    assert run(source, tmp_path / 'out') == 1
    shown = capsys.readouterr().out
    assert "/front: 1 frames, encoding: Image encoding 'yuv410' is not supported" in shown
    assert len(read_bag(tmp_path / 'out')['/front']) == 1


def test_a_topic_left_out_is_1_and_named_and_copying_it_is_0(tmp_path, detector, capsys):
    with BagWriter(tmp_path / 'in') as writer:
        topic = writer.add_topic('/video', 'vendor_msgs/msg/Packet', definition='uint8[] data')
        writer.write(topic, 1, b'\0\1\0\0\1\0\0\0x')
    assert run(tmp_path / 'in', tmp_path / 'out') == 1
    shown = capsys.readouterr().out
    assert '/video was left out' in shown
    assert '"/video=copy"' in shown
    assert run(tmp_path / 'in', tmp_path / 'copy', '--topic-actions', '/video=copy') == 0
    assert len(read_bag(tmp_path / 'copy')['/video']) == 1
    assert run(tmp_path / 'in', tmp_path / 'drop', '--topic-actions', '/video=drop') == 0


def test_messages_that_are_missing_are_1_and_said(source, tmp_path, detector, capsys, monkeypatch):
    whole = job.BagReader.messages
    monkeypatch.setattr(job.BagReader, 'messages', lambda self: iter(list(whole(self))[:-2]))
    assert run(source, tmp_path / 'out') == 1
    shown = capsys.readouterr().out
    assert '/front: 3 messages are declared, but 2 were read' in shown
    assert 'attachments' in shown, 'and what is not carried over'


def test_names_with_brackets_are_shown_as_they_are(tmp_path, detector, capsys):
    with BagWriter(tmp_path / '[bold]in') as writer:
        writer.add_topic('/log', STRING)
    assert run(tmp_path / '[bold]in', tmp_path / '[red]out') == 0
    assert f'Written to {tmp_path / "[red]out"}' in capsys.readouterr().out


WRONG = {
    'unknown method': (['--method', 'none'], ["'none'", *REDACTORS]),
    'strength above': (['--strength', '1.5'], ['strength', '1.5', '0.0 to 1.0']),
    'strength below': (['--strength=-0.1'], ['strength', '-0.1', '0.0 to 1.0']),
    'odd input size': (['--input-size', '500'], ['500', 'multiple of 32']),
    'unknown topic': (['--input-topics', '/rear'], ["'/rear'", '/front, /log']),
    'no image topic': (['--input-topics', '/log'], ["'/log'", STRING]),
    'bad action': (['--topic-actions', '/front=keep'], ["'/front=keep'", 'copy']),
    'both': (['--input-topics', '/front', '--topic-actions', '/front=copy'], ["'/front'"]),
    'unknown failure': (['--on-failure', 'publish'], ["'publish'", 'drop, blackout']),
    'unknown provider': (['--providers', 'tpu'], ["'tpu'", 'cpu']),
    'absent settings': (['--settings', 'absent.yaml'], ['absent.yaml']),
}


@pytest.mark.parametrize('name', WRONG)
def test_wrong_settings_are_2_with_value_and_remedy_and_nothing_is_written(
    source, tmp_path, detector, capsys, name
):
    flags, said = WRONG[name]
    before = digest(tmp_path)
    assert run(source, tmp_path / 'new' / 'out', *flags) == 2
    told = capsys.readouterr().err
    assert told.startswith('anonymize bag: ')
    assert all(word in told for word in said), told
    assert digest(tmp_path) == before
    assert [item.name for item in tmp_path.iterdir()] == ['in']
    assert detector == [], 'no model is loaded for it'


def test_a_class_that_the_model_lacks_is_2(source, tmp_path, detector, capsys):
    assert run(source, tmp_path / 'out', '--classes', 'rider') == 2
    assert "'rider'; it has person" in capsys.readouterr().err
    assert [item.name for item in tmp_path.iterdir()] == ['in']


@pytest.mark.parametrize('name', ['absent', 'photo.jpg', 'folder'])
def test_what_is_no_bag_is_2(tmp_path, detector, capsys, name):
    (tmp_path / 'photo.jpg').write_bytes(b'\xff\xd8\xff')
    (tmp_path / 'folder').mkdir()
    assert run(tmp_path / name, tmp_path / 'out') == 2
    assert repr(str(tmp_path / name)) in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_a_target_that_exists_is_2_and_left_alone(source, tmp_path, detector, capsys):
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'mine').write_text('mine')
    before = digest(tmp_path)
    assert run(source, tmp_path / 'out') == 2
    told = capsys.readouterr().err
    assert repr(str(tmp_path / 'out')) in told
    assert 'not overwritten' in told
    assert digest(tmp_path) == before
    assert run(source, source) == 2
    assert digest(tmp_path) == before


@pytest.mark.parametrize(
    ('model', 'said'),
    [
        ('yolo', 'person_nanodet_int8'),
        ('absent.onnx', 'No such file'),
        ('notes.onnx', 'ONNX'),
        ('.onnx', 'No such file'),
    ],
)
def test_a_model_that_is_none_is_2(source, tmp_path, capsys, monkeypatch, model, said):
    (tmp_path / 'notes.onnx').write_text('only notes')
    monkeypatch.chdir(tmp_path)
    assert run(source, tmp_path / 'out', '--model', model) == 2
    told = capsys.readouterr().err
    assert repr(model) in told
    assert said in told
    assert not (tmp_path / 'out').exists()


def test_a_sound_onnx_that_is_no_detector_is_2(source, tmp_path, capsys):
    from samples.graphs import doubler

    (tmp_path / 'doubler.onnx').write_bytes(doubler())
    assert run(source, tmp_path / 'out', '--model', tmp_path / 'doubler.onnx') == 2
    assert 'is no detector of a known family' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_an_interrupt_leaves_nothing(source, tmp_path, monkeypatch, capsys):
    def interrupt(settings, notice):
        raise KeyboardInterrupt

    monkeypatch.setattr(job, 'load_teams', interrupt)
    assert run(source, tmp_path / 'out') == 130
    assert 'nothing was written' in capsys.readouterr().err
    assert [item.name for item in tmp_path.iterdir()] == ['in']


def test_the_shipped_model_runs(source, tmp_path, capsys):
    assert run(source, tmp_path / 'out', '--input-size', '128') == 0
    report = json.loads((tmp_path / 'out' / job.REPORT_NAME).read_text())
    assert report['models'][0]['name'] == 'person_nanodet_int8'
    assert report['models'][0]['family'] == 'nanodet'
    assert len(report['models'][0]['sha256']) == 64
