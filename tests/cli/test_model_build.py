import argparse
import sys

import pytest

from anonymizer_node.cli import model, model_build
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
    monkeypatch.setattr(model_build, 'share_path', lambda _: tmp_path / 'models.yaml')
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
