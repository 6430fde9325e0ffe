"""`anonymize bag` in process: exit status, messages, and what it leaves behind."""

import json

import pytest
from samples.bags import IMAGE, STRING, Entry, digest, read_bag, write_bag
from samples.detectors import BrightDetector
from samples.images import Stamp, image, noise

from anonymizer_node.cli import bag as command
from anonymizer_node.cli import common
from anonymizer_node.cli.main import main
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.formats.bags import BagWriter
from anonymizer_node.offline import bag as job
from anonymizer_node.offline import many


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
    (planned, row) = [line for line in shown.splitlines() if line.startswith('/front')]
    assert planned.split()[1:] == [IMAGE, '3', 'anonymize', 'images']
    assert row.split()[1:] == ['3', '-', '3', '-', '-', '-', '3']
    (planned, row) = [line for line in shown.splitlines() if line.startswith('/log')]
    assert planned.split()[1:] == [STRING, '1', 'copy', 'holds', 'no', 'image']
    assert row.split()[1:] == ['1', '1', '-', '-', '-', '-', '-']
    assert f'Written to {out}' in shown
    assert set(read_bag(out)) == {'/front', '/log'}


def test_what_became_of_each_topic_fits_a_terminal(source, tmp_path, detector, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    assert run(source, tmp_path / 'out') == 0
    shown = capsys.readouterr().out
    (row,) = [line for line in shown.splitlines() if line.split()[1:3] == ['3', '-']]
    assert row.split() == ['/front', '3', '-', '3', '-', '-', '-', '3']
    headings = ['topic', 'in', 'copied', 'anonymized', 'untouched', 'black', 'dropped', 'regions']
    assert headings in [line.split() for line in shown.splitlines()]


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
    assert "/front: 1 frame, encoding: Image encoding 'yuv410' is not supported" in shown
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


# --- The plan


def test_the_plan_comes_before_any_work(source, tmp_path, capsys, monkeypatch):
    def load(settings, notice):
        shown.append(capsys.readouterr().out)
        return [[BrightDetector()]]

    shown = []
    monkeypatch.setattr(job, 'load_teams', load)
    assert run(source, tmp_path / 'out') == 0
    assert '/front' in shown[0]
    assert 'anonymize' in shown[0]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(source, tmp_path, detector, capsys):
    before = digest(tmp_path)
    assert run(source, tmp_path / 'out', '--dry-run') == 0
    shown = capsys.readouterr().out
    assert [line.split()[:4] for line in shown.splitlines() if line.startswith('/')] == [
        ['/front', IMAGE, '3', 'anonymize'],
        ['/log', STRING, '1', 'copy'],
    ]
    assert detector == []
    assert digest(tmp_path) == before
    assert [item.name for item in tmp_path.iterdir()] == ['in']


def test_a_dry_run_is_1_where_something_would_be_left_out_unasked(tmp_path, detector, capsys):
    with BagWriter(tmp_path / 'in') as writer:
        topic = writer.add_topic('/video', 'vendor_msgs/msg/Packet', definition='uint8[] data')
        writer.add_topic('/idle', 'vendor_msgs/msg/Packet', definition='uint8[] data')
        writer.write(topic, 1, b'\0\1\0\0\1\0\0\0x')
    assert run(tmp_path / 'in', tmp_path / 'out', '--dry-run') == 1
    assert '"/video=copy"' in capsys.readouterr().out
    plan = tmp_path / 'plan.json'
    flags = ('--dry-run', '--topic-actions', '/video=copy', '--json', plan)
    assert run(tmp_path / 'in', tmp_path / 'out', *flags) == 0
    (told,) = json.loads(plan.read_text())['bags']
    assert told['clean'] is True
    assert {item['topic']: item['action'] for item in told['topics']} == {
        '/video': 'copy',
        '/idle': 'drop',
    }
    assert told['topics'][0]['count'] == 1
    assert told['topics'][0]['asked'] is True


# --- Many bags


@pytest.fixture
def loaded(monkeypatch):
    """How often the model was loaded for many bags."""
    calls = []

    def load(settings, notice):
        calls.append(settings)
        return [[BrightDetector()]]

    monkeypatch.setattr(command, 'load_teams', load)
    return calls


def log(path, text='hello', storage='mcap'):
    return write_bag(path, [Entry('/log', STRING, text, 5)], storage)


def test_of_a_folder_every_bag_is_anonymised_at_its_place(tmp_path, loaded):
    log(tmp_path / 'in' / 'monday' / 'one', 'one')
    log(tmp_path / 'in' / 'monday' / 'two', 'two', 'sqlite3')
    (log(tmp_path / 'x', 'three') / 'x.mcap').rename(tmp_path / 'in' / 'three.mcap')
    (tmp_path / 'in' / 'notes.txt').write_text('no bag')
    before = digest(tmp_path / 'in')
    assert run(tmp_path / 'in', tmp_path / 'out') == 0
    assert digest(tmp_path / 'in') == before
    out = tmp_path / 'out'
    found = sorted(str(path.relative_to(out)) for path in out.rglob('metadata.yaml'))
    assert found == [f'{name}/metadata.yaml' for name in ('monday/one', 'monday/two', 'three')]
    for name in ('one', 'two'):
        source = read_bag(tmp_path / 'in' / 'monday' / name)
        assert read_bag(out / 'monday' / name) == source
    assert len(loaded) == 1, 'the model is loaded once'


def test_several_bags_are_anonymised_each_by_its_name(tmp_path, loaded):
    first, second = log(tmp_path / 'a' / 'one'), log(tmp_path / 'b' / 'two')
    assert run(first, second, tmp_path / 'out') == 0
    assert sorted(item.name for item in (tmp_path / 'out').iterdir()) == ['one', 'two']


def test_a_bag_that_fails_does_not_stop_the_others(tmp_path, loaded, capsys):
    log(tmp_path / 'in' / 'a')
    (tmp_path / 'in' / 'b.mcap').write_bytes(b'no bag')
    log(tmp_path / 'in' / 'c')
    told = tmp_path / 'told.json'
    assert run(tmp_path / 'in', tmp_path / 'out', '--json', told) == 2
    assert sorted(item.name for item in (tmp_path / 'out').iterdir()) == ['a', 'c']
    said = capsys.readouterr()
    assert 'b.mcap' in said.err
    assert '3 bags: 0 not clean, 1 failed.' in said.out
    entries = json.loads(told.read_text())['bags']
    assert [entry['clean'] for entry in entries] == [False, True, True], 'files come first'
    assert 'no MCAP file' in entries[0]['error']


def test_the_exit_status_of_many_is_the_worst(tmp_path, loaded):
    log(tmp_path / 'in' / 'a')
    message = image(noise(24, 32))
    message.encoding = 'yuv422_of_ours'
    write_bag(tmp_path / 'in' / 'b', [Entry('/front', IMAGE, message, 1)])
    log(tmp_path / 'in' / 'c')
    assert run(tmp_path / 'in', tmp_path / 'out') == 1


def test_an_interrupt_of_many_says_what_was_done(tmp_path, loaded, capsys, monkeypatch):
    for name in 'abc':
        log(tmp_path / 'in' / name)

    def interrupt(source, *args, **how):
        if source.name == 'b':
            raise KeyboardInterrupt
        return job.anonymize_bag(source, *args, **how)

    monkeypatch.setattr(many, 'anonymize_bag', interrupt)
    assert run(tmp_path / 'in', tmp_path / 'out') == 130
    assert 'of 3 bags 1 were done' in capsys.readouterr().err
    assert [item.name for item in (tmp_path / 'out').iterdir()] == ['a']


def test_two_bags_of_one_name_are_2_before_any_work(tmp_path, loaded, capsys):
    first, second = log(tmp_path / 'a' / 'one'), log(tmp_path / 'b' / 'one')
    assert run(first, second, tmp_path / 'out') == 2
    assert 'would both become' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()
    assert loaded == []


@pytest.mark.parametrize('place', ['in/out', 'in'])
def test_a_target_in_the_folder_of_bags_is_2(tmp_path, loaded, capsys, place):
    log(tmp_path / 'in' / 'a')
    assert run(tmp_path / 'in', tmp_path / place) == 2
    assert 'lies in it' in capsys.readouterr().err
    assert [item.name for item in (tmp_path / 'in').iterdir()] == ['a']


def test_a_dry_run_of_many_plans_each(tmp_path, loaded):
    for name in 'ab':
        log(tmp_path / 'in' / name)
    plan = tmp_path / 'plan.json'
    assert run(tmp_path / 'in', tmp_path / 'out', '--dry-run', '--json', plan) == 0
    targets = [entry['target'] for entry in json.loads(plan.read_text())['bags']]
    assert targets == [str(tmp_path / 'out' / name) for name in 'ab']
    assert loaded == []
    assert not (tmp_path / 'out').exists()


# --- How the output is packed


def test_the_output_is_packed_as_asked(source, tmp_path, detector):
    out = tmp_path / 'out'
    assert run(source, out, '--storage', 'sqlite3', '--compression', 'file') == 0
    assert {item.suffix for item in out.iterdir()} == {'.zstd', '.yaml', '.json', '.jsonl'}
    assert read_bag(out)['/log'] == read_bag(source)['/log']


def test_a_compression_that_the_storage_has_not_is_2(source, tmp_path, detector, capsys):
    assert run(source, tmp_path / 'out', '--storage', 'sqlite3', '--compression', 'lz4') == 2
    assert "'lz4'" in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('size', ['0', '-1', 'nan', 'many'])
def test_a_file_size_that_is_none_is_2(source, tmp_path, detector, size):
    with pytest.raises(SystemExit) as raised:
        run(source, tmp_path / 'out', f'--split-size={size}')
    assert raised.value.code == 2
    assert not (tmp_path / 'out').exists()


# --- What is asked for and would do harm


@pytest.mark.parametrize('dry', [(), ('--dry-run',)], ids=['run', 'dry'])
@pytest.mark.parametrize('place', ['in/metadata.yaml', 'in/more.json', 'link.json', 'out'])
def test_the_json_file_is_not_written_over_a_source(source, tmp_path, detector, capsys, place, dry):
    (tmp_path / 'link.json').symlink_to(source / 'metadata.yaml')
    before = digest(source)
    assert run(source, tmp_path / 'out', '--json', tmp_path / place, *dry) == 2
    assert 'JSON file' in capsys.readouterr().err
    assert digest(source) == before
    assert not (tmp_path / 'out').exists()


def test_the_json_file_of_many_is_not_written_over_a_source(tmp_path, loaded, capsys):
    first, second = log(tmp_path / 'a'), log(tmp_path / 'b')
    before = digest(second)
    told = second / 'metadata.yaml'
    assert run(first, second, tmp_path / 'out', '--json', told) == 2
    assert digest(second) == before


def test_a_bag_written_into_another_source_is_2(tmp_path, loaded, capsys):
    first, second = log(tmp_path / 'a'), log(tmp_path / 'b')
    before = digest(second)
    assert run(first, second, second / 'x') == 2
    assert digest(second) == before
    assert loaded == []


@pytest.mark.parametrize('dry', [(), ('--dry-run',)], ids=['run', 'dry'])
def test_the_root_as_a_target_is_2(source, detector, capsys, dry):
    said = run(source, '/', *dry)
    assert said == (0 if dry else 2)
    if not dry:
        assert 'exists already' in capsys.readouterr().err


@pytest.mark.parametrize('place', ['out/cache', 'out'])
def test_detections_are_not_kept_in_a_target_that_is_to_appear_whole(
    source, tmp_path, detector, capsys, place
):
    assert run(source, tmp_path / 'out', '--detection-cache', tmp_path / place) == 2
    assert 'detection_cache' in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('surprise', [MemoryError, ZeroDivisionError])
def test_a_surprise_in_one_bag_does_not_stop_the_others(
    tmp_path, loaded, capsys, monkeypatch, surprise
):
    for name in 'abc':
        log(tmp_path / 'in' / name)

    whole = command.anonymize_task

    def surprised(task, *args, **how):
        if task.source.name == 'b':
            raise surprise
        return whole(task, *args, **how)

    monkeypatch.setattr(command, 'anonymize_task', surprised)
    told = tmp_path / 'told.json'
    assert run(tmp_path / 'in', tmp_path / 'out', '--json', told) == 2
    assert sorted(item.name for item in (tmp_path / 'out').iterdir()) == ['a', 'c']
    assert json.loads(told.read_text())['bags'][1]['error'] == surprise.__name__
    assert 'Traceback' in capsys.readouterr().err


def test_a_json_file_that_can_not_be_written_at_the_end_is_1(
    source, tmp_path, detector, capsys, monkeypatch
):
    def full(path, figures):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(common, 'write_json', full)
    assert run(source, tmp_path / 'out', '--json', tmp_path / 'told.json') == 1
    assert 'No space left' in capsys.readouterr().err
    assert (tmp_path / 'out').exists()
