import argparse

import yaml

from anonymizer_node.cli import model_list


def test_each_model_is_shown_and_whether_its_file_is_there(tmp_path, monkeypatch, capsys):
    entries = [
        {
            'name': name,
            'file': f'{name}.onnx',
            'sha256': '',
            'family': 'nanodet',
            'classes': ['person', 'dog'],
            'source': 'here',
            'licence': 'MIT',
        }
        for name in ('a', 'b')
    ]
    path = tmp_path / 'models.yaml'
    path.write_text(yaml.safe_dump({'models': entries}))
    (tmp_path / 'a.onnx').write_bytes(b'0' * 1_500_000)
    registry = model_list.load_registry(path)
    monkeypatch.setattr(model_list, 'load_registry', lambda: registry)
    assert model_list.main(argparse.Namespace()) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ['a', 'nanodet', 'person,', 'dog', '1.5', 'MB', 'MIT', 'here'],
        ['b', 'nanodet', 'person,', 'dog', 'absent', 'MIT', 'here'],
    ]
