"""`anonymize media` in process: exit status, messages, and what it leaves behind."""

import json
import os

import pytest
from samples.bags import digest
from samples.detectors import BrightDetector
from samples.jpegs import jpeg_of
from samples.videos import room, streams_of, write_video

from anonymizer_node.cli import common
from anonymizer_node.cli.main import main
from anonymizer_node.offline import media as job

pytest.importorskip('av')


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv('COLUMNS', '300')


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    """The settings of each run, which gets a detector that sees what is bright."""
    found = []

    def load(settings, notice):
        found.append(settings)
        return [[BrightDetector()]]

    monkeypatch.setattr(job, 'load_teams', load)
    return found


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / 'in'
    source.mkdir()
    (source / 'a.jpg').write_bytes(jpeg_of(room(True)))
    write_video(source / 'b.mp4', [room(index == 2) for index in range(5)], sound=True)
    return source


def run(*argv):
    return main(['media', *(str(word) for word in argv)])


def test_a_clean_run_is_0_and_shows_what_became_of_each_file(tmp_path, folder, capsys):
    out = tmp_path / 'out'
    assert run(folder, out, '--json', tmp_path / 'told.json', '--hold-seconds', '0') == 0
    shown = capsys.readouterr().out
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert rows['a.jpg'] == ['1', '1', '-', '-', '-', '1']
    assert rows['b.mp4'] == ['5', '1', '4', '-', '-', '1']
    assert 'b.mp4: coded anew as h264' in shown
    assert 'b.mp4: Its stream 1 (audio, aac) is left out.' in shown
    assert f'Written to {out}' in shown
    told = json.loads((tmp_path / 'told.json').read_text())
    assert told == json.loads((out / 'anonymization.json').read_text())
    assert told['clean']


@pytest.mark.parametrize('place', ['in', 'in/told.json', 'out', 'absent/told.json'])
def test_a_json_file_that_can_not_be_is_refused_before_any_work(
    tmp_path, folder, asked, capsys, place
):
    before = digest(tmp_path)
    assert run(folder, tmp_path / 'out', '--json', tmp_path / place) == 2
    assert str(tmp_path / place) in capsys.readouterr().err
    assert digest(tmp_path) == before
    assert asked == []


def test_a_json_file_that_can_not_be_written_at_the_end_is_1(tmp_path, folder, monkeypatch, capsys):
    def full(path, figures):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(common, 'write_json', full)
    assert run(folder, tmp_path / 'out', '--json', tmp_path / 'told.json') == 1
    assert 'No space left on device' in capsys.readouterr().err
    assert (tmp_path / 'out' / 'a.jpg').exists()


def test_the_flags_reach_the_run(tmp_path, folder, asked):
    flags = ('--audio', 'copy', '--codec', 'hevc', '--quality', '0.2', '--method', 'pixelate')
    assert run(folder / 'b.mp4', tmp_path / 'out.mp4', *flags) == 0
    assert streams_of(tmp_path / 'out.mp4') == ['video', 'audio']
    assert asked[0].method == 'pixelate'


def test_a_file_that_can_not_be_read_is_1_and_named(tmp_path, folder, capsys):
    (folder / 'cut.jpg').write_bytes(jpeg_of(room(True))[:-99])
    assert run(folder, tmp_path / 'out') == 1
    assert 'cut.jpg: left out: A JPEG' in capsys.readouterr().out
    assert not (tmp_path / 'out' / 'cut.jpg').exists()


def test_other_files_are_1_unless_nobody_needs_them(tmp_path, folder, capsys):
    (folder / 'notes.txt').write_text('hello')
    assert run(folder, tmp_path / 'first') == 1
    shown = capsys.readouterr().out
    assert 'notes.txt: left out: It is neither a photo (JPEG, PNG) nor a video.' in shown
    assert run(folder, tmp_path / 'second', '--others', 'drop') == 0


def test_names_of_any_kind_are_shown_as_they_are(tmp_path, folder, capsys):
    odd = ['[red]a.jpg', '[/b].jpg', os.fsdecode(b'\xff\xe4.jpg')]
    (folder / '[').mkdir()
    for name in odd:
        (folder / name).write_bytes(jpeg_of(room(False)))
    assert run(folder, tmp_path / 'out') == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ('[red]a.jpg', '[/b].jpg', '\\xff\\xe4.jpg'))
    assert all((tmp_path / 'out' / name).exists() for name in odd)


def test_a_single_file_that_comes_to_nothing_is_2_and_leaves_nothing(tmp_path, capsys):
    (tmp_path / 'in.mp4').write_bytes(bytes(100))
    assert run(tmp_path / 'in.mp4', tmp_path / 'out.mp4') == 2
    assert 'can not be read as a video' in capsys.readouterr().err
    assert [item.name for item in tmp_path.iterdir()] == ['in.mp4']


@pytest.mark.parametrize('quality', ['-0.1', '1.1', 'good', 'nan'])
def test_a_quality_out_of_bounds_is_2(tmp_path, folder, quality, capsys):
    with pytest.raises(SystemExit) as left:
        run(folder, tmp_path / 'out', f'--quality={quality}')
    assert left.value.code == 2
    assert 'no number from 0 to 1' in capsys.readouterr().err


def test_the_help_says_that_videos_change(capsys):
    with pytest.raises(SystemExit):
        run('--help')
    assert 'every pixel changes a little' in ' '.join(capsys.readouterr().out.split())
