"""Which bags there are, and where each goes."""

import os

import pytest
from samples.recordings import mcap_file, split_bag

from anonymizer_node.core.errors import InputError
from anonymizer_node.offline.many import Task, tasks_of


def targets(sources, target):
    return {
        str(task.source.name): str(task.target.relative_to(target))
        for task in tasks_of(sources, target)
    }


def test_one_bag_becomes_the_target_itself(tmp_path):
    bag = split_bag(tmp_path / 'run', [['a']])
    file = mcap_file(tmp_path / 'run.mcap', ['a'])
    for source in (bag, file, bag / 'run_0.mcap', tmp_path / 'absent', tmp_path / 'photo.jpg'):
        assert tasks_of([source], tmp_path / 'out') == [Task(source, tmp_path / 'out')]


def test_a_bag_that_broke_off_is_one_bag(tmp_path):
    bag = split_bag(tmp_path / 'run', [['a'], ['b']])
    (bag / 'metadata.yaml').unlink()
    assert len(tasks_of([bag], tmp_path / 'out')) == 1
    (bag / 'run_1.mcap').rename(bag / 'other.mcap')
    assert targets([bag], tmp_path / 'out') == {'run_0.mcap': 'run_0', 'other.mcap': 'other'}


def test_a_folder_is_mirrored(tmp_path):
    split_bag(tmp_path / 'in' / 'a' / 'b' / 'run', [['a']])
    split_bag(tmp_path / 'in' / 'c', [['a']], 'sqlite3', 'file')
    mcap_file(tmp_path / 'in' / 'a' / 'one.mcap', ['a'])
    mcap_file(tmp_path / 'in' / 'a' / 'two.mcap', ['a'])
    (tmp_path / 'in' / 'old.bag').write_bytes(b'#ROSBAG V2.0\n')
    hidden = tmp_path / 'in' / '.x.part-1' / 'x'
    split_bag(hidden, [['a']])
    mcap_file(tmp_path / 'in' / '.hidden.mcap', ['a'])
    (tmp_path / 'in' / 'loop').symlink_to(tmp_path / 'in')
    (tmp_path / 'in' / 'notes.txt').write_text('no bag')
    assert targets([tmp_path / 'in'], tmp_path / 'out') == {
        'run': 'a/b/run',
        'c': 'c',
        'one.mcap': 'a/one',
        'two.mcap': 'a/two',
        'old.bag': 'old',
    }


def test_of_several_each_has_its_name(tmp_path, monkeypatch):
    split_bag(tmp_path / 'in' / 'monday' / 'run', [['a']])
    file = mcap_file(tmp_path / 'three.mcap', ['a'])
    found = targets([tmp_path / 'in', file, tmp_path / 'gone.mcap'], tmp_path / 'out')
    assert found == {'run': 'in/monday/run', 'three.mcap': 'three', 'gone.mcap': 'gone'}
    monkeypatch.chdir(tmp_path / 'in' / 'monday')
    from pathlib import Path

    assert targets([Path('.'), file], tmp_path / 'out') == {
        'run': 'monday/run',
        'three.mcap': 'three',
    }


def test_a_folder_without_bags_is_refused(tmp_path):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in' / 'photo.jpg').touch()
    with pytest.raises(InputError, match='holds none'):
        tasks_of([tmp_path / 'in'], tmp_path / 'out')


def test_a_ros1_bag_that_was_not_closed_is_not_passed_over(tmp_path):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in' / 'run.bag.active').write_bytes(b'#ROSBAG V2.0\n')
    assert targets([tmp_path / 'in'], tmp_path / 'out') == {'run.bag.active': 'run'}


def test_a_folder_that_can_not_be_looked_into_is_not_passed_over(tmp_path, monkeypatch):
    split_bag(tmp_path / 'in' / 'a', [['a']])
    (tmp_path / 'in' / 'closed').mkdir()
    whole = os.scandir

    def scan(path):
        if str(path).endswith('closed'):
            raise PermissionError(13, 'Permission denied', str(path))
        return whole(path)

    monkeypatch.setattr(os, 'scandir', scan)
    with pytest.raises(PermissionError, match='closed'):
        tasks_of([tmp_path / 'in'], tmp_path / 'out')


def test_two_that_would_become_one_are_refused(tmp_path):
    mcap_file(tmp_path / 'run.mcap', ['a'])
    split_bag(tmp_path / 'run', [['a']], 'sqlite3')
    with pytest.raises(InputError, match='would both become'):
        tasks_of([tmp_path], tmp_path.parent / 'out')


def test_one_that_would_be_written_into_another_is_refused(tmp_path):
    mcap_file(tmp_path / 'in.mcap', ['a'])
    split_bag(tmp_path / 'in' / 'run', [['a']])
    with pytest.raises(InputError, match='would be written into'):
        tasks_of([tmp_path / 'in', tmp_path / 'in.mcap'], tmp_path / 'out')


def test_a_target_in_a_folder_of_bags_is_refused(tmp_path):
    split_bag(tmp_path / 'in' / 'run', [['a']])
    for target in (tmp_path / 'in', tmp_path / 'in' / 'out', tmp_path / 'in' / 'run' / 'out'):
        with pytest.raises(InputError, match='lies in it'):
            tasks_of([tmp_path / 'in'], target)
