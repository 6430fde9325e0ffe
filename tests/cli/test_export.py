"""`anonymize export` in process: exit status and what it says."""

import pytest
from samples.bags import IMAGE, Entry, write_bag
from samples.detectors import BrightDetector
from samples.images import Stamp, image, noise

from anonymizer_node.cli.main import main
from anonymizer_node.core.config import Settings
from anonymizer_node.offline.bag import anonymize_bag


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv('COLUMNS', '300')


@pytest.fixture
def bag(tmp_path):
    entries = [
        Entry('/front', IMAGE, image(noise(24, 32), stamp=Stamp(index)), index * 10**9)
        for index in range(4)
    ]
    source = write_bag(tmp_path / 'in', entries)
    anonymize_bag(source, tmp_path / 'bag', Settings(), [BrightDetector()])
    return tmp_path / 'bag'


def run(*argv):
    return main(['export', *(str(word) for word in argv)])


def test_a_clean_run_is_0_and_shows_what_was_exported(tmp_path, bag, capsys):
    assert run(bag, tmp_path / 'out', '--every', '2', '--topic', '/front') == 0
    shown = capsys.readouterr().out
    (row,) = [line.split() for line in shown.splitlines() if line.startswith('/front')]
    assert row == ['/front', '4', '2', '2', '-', '-']
    assert f'Written to {tmp_path / "out"}' in shown
    assert run(bag, tmp_path / 'second', '--interval', '2.5', '--label', 'seen') == 0
    assert (tmp_path / 'second' / 'classes.txt').read_text() == 'seen\n'
    assert len(list((tmp_path / 'second/images').iterdir())) == 2


def test_a_bag_that_is_not_anonymised_is_2_and_needs_somebody_s_word(tmp_path, bag, capsys):
    assert run(tmp_path / 'in', tmp_path / 'out') == 2
    said = capsys.readouterr().err
    assert 'not known to be anonymised' in said
    assert '--not-anonymized' in said
    assert not (tmp_path / 'out').exists()
    assert run(tmp_path / 'in', tmp_path / 'out', '--not-anonymized') == 0


@pytest.mark.parametrize('interval', ['-1', 'inf', 'nan'])
def test_an_interval_that_is_none_is_2_and_named(tmp_path, bag, capsys, interval):
    assert run(bag, tmp_path / 'out', '--interval', interval) == 2
    said = capsys.readouterr().err
    assert f'interval {interval} s is out of bounds; give' in said
    assert not (tmp_path / 'out').exists()


def test_a_number_and_an_interval_together_are_2(tmp_path, bag):
    with pytest.raises(SystemExit) as left:
        run(bag, tmp_path / 'out', '--every', '2', '--interval', '1')
    assert left.value.code == 2
