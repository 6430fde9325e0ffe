import argparse
import sys

import pytest
import yaml

from anonymizer_node.cli import model
from anonymizer_node.core.errors import InputError, ModelError
from anonymizer_node.modelling import build as recipes
from anonymizer_node.modelling.build import Built, Recipe


def run(*arguments):
    parser = argparse.ArgumentParser()
    model.add_arguments(parser)
    return model.main(parser.parse_args(arguments))


def test_build_passes_on_what_was_asked_for(tmp_path, monkeypatch, capsys):
    asked = []

    def build(recipe, say):
        asked.append(recipe)
        say('converted')
        return [Built('person', tmp_path / 'person.onnx', 'abc')]

    monkeypatch.setattr(recipes, 'build', build)
    flags = {'out': 'out', 'source': 's.tgz', 'calibrate': 'pictures', 'reference': 'r.npz'}
    given = [part for key, value in flags.items() for part in (f'--{key}', str(tmp_path / value))]
    assert run('build', '--fp32', '--force', *given) == 0
    paths = {key: tmp_path / value for key, value in flags.items()}
    assert asked == [Recipe(**paths, fp32=True, force=True)]
    assert capsys.readouterr().out.split() == [
        'converted', str(tmp_path / 'person.onnx'), 'sha256', 'abc',
    ]  # fmt: skip


def test_build_writes_to_the_projects_own_models_unless_told(tmp_path, monkeypatch):
    (tmp_path / 'models.yaml').touch()
    monkeypatch.setattr(model, 'share_path', lambda _: tmp_path / 'models.yaml')
    asked = []
    monkeypatch.setattr(recipes, 'build', lambda recipe, say: asked.append(recipe) or [])
    assert run('build', '--fp32') == 0
    assert asked == [Recipe(out=tmp_path, fp32=True)]


def test_building_nothing_is_an_error(tmp_path):
    with pytest.raises(InputError, match='nothing to build'):
        run('build', '--out', str(tmp_path))


def test_without_onnx_the_remedy_is_named(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith('anonymizer_node.modelling.')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'onnx', None)
    with pytest.raises(ModelError, match=r"pip install 'anonymizer_node\[modelling\]'"):
        run('build', '--fp32', '--out', str(tmp_path))


def test_list_shows_each_model_and_whether_its_file_is_there(tmp_path, monkeypatch, capsys):
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
    registry = model.load_registry(path)
    monkeypatch.setattr(model, 'load_registry', lambda: registry)
    assert run('list') == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ['a', 'nanodet', 'person,', 'dog', '1.5', 'MB', 'MIT', 'here'],
        ['b', 'nanodet', 'person,', 'dog', 'absent', 'MIT', 'here'],
    ]


def test_a_verb_is_needed():
    with pytest.raises(SystemExit) as caught:
        run()
    assert caught.value.code == 2
