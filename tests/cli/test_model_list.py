import pytest
import yaml

from anonymizer_node.cli import main, model_list


def write(folder, **changes):
    folder.mkdir(exist_ok=True)
    entries = [
        {
            'name': name,
            'file': f'{name}.onnx',
            'sha256': '',
            'family': 'nanodet',
            'classes': ['person', 'dog'],
            'source': 'here',
            'licence': 'MIT',
            **changes,
        }
        for name in ('a', 'b')
    ]
    path = folder / 'models.yaml'
    path.write_text(yaml.safe_dump({'models': entries}, sort_keys=False))
    (folder / 'a.onnx').write_bytes(b'0' * 1_500_000)
    return path


def lines(capsys):
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_each_model_is_shown_and_whether_its_file_is_there(tmp_path, capsys):
    for given in (tmp_path, write(tmp_path)):
        assert main.main(['model', 'list', str(given)]) == 0
        assert lines(capsys) == [
            ['name', 'family', 'classes', 'size', 'licence'],
            ['a', 'nanodet', 'person,', 'dog', '1.5', 'MB', 'MIT'],
            ['b', 'nanodet', 'person,', 'dog', 'absent', 'MIT'],
            [],
            ['a'],
            ['from', 'here'],
            [],
            ['b'],
            ['from', 'here'],
        ]


def test_without_a_folder_the_projects_own_are_shown(capsys):
    assert main.main(['model', 'list']) == 0
    assert ['person_nanodet_int8', 'nanodet', 'person'] in [line[:3] for line in lines(capsys)]


def test_every_figure_is_shown_where_it_belongs(tmp_path):
    path = write(
        tmp_path,
        built={'target': 'cpu', 'agreement': {'found': 9, 'box_overlap': 0.91}},
        measured={'data': 'ours', 'input_size': {416: {'ap50': 0.6}, 512: {'ap50': 0.7}}},
    )
    entry = model_list.load_registry(path)['a']
    assert list(model_list.details(entry)) == [
        'from here',
        'built: target cpu',
        'built agreement: found 9, box_overlap 0.91',
        'measured: data ours',
        'measured input_size 416: ap50 0.6',
        'measured input_size 512: ap50 0.7',
    ]


def test_a_hundred_columns_are_enough_and_nothing_is_cut_off(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '100')
    sha256 = '0123456789abcdef' * 4
    write(
        tmp_path,
        classes=[f'class {index}' for index in range(80)],
        licence='AGPL-3.0 License (https://example.com/a/long/one)',
        source=f'a_model_with_a_long_name.onnx, SHA-256 {sha256}',
        built={'note': '[1, 3] word ' * 30},
    )
    assert main.main(['model', 'list', str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in printed.splitlines()) <= 100
    assert 'class 0 and 79 more' in printed
    assert sha256 in printed
    assert printed.count('[1, 3]') + printed.count('[1,\n  3]') == 60


@pytest.mark.parametrize('name', ['', 'absent.yaml'])
def test_a_folder_without_a_list_is_refused(tmp_path, capsys, name):
    assert main.main(['model', 'list', str(tmp_path / name)]) == 2
    assert 'does not exist' in capsys.readouterr().err
