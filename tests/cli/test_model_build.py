import argparse
import sys

import pytest
from samples.graphs import doubler
from samples.layers import face_folder, tiny_face

from anonymizer_node.cli import main as command
from anonymizer_node.cli import model, model_build
from anonymizer_node.core.errors import ConfigError, InputError, ModelError
from anonymizer_node.modelling import build as recipes
from anonymizer_node.modelling import own
from anonymizer_node.modelling.build import Built, Recipe
from anonymizer_node.modelling.own import OwnRecipe


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
    with pytest.raises(ModelError, match='pip install onnx sympy'):
        run('build', '--fp32', '--out', str(tmp_path))


def test_from_passes_on_what_was_asked_for(tmp_path, monkeypatch, capsys):
    asked = []

    def build_own(recipe, say):
        asked.append(recipe)
        say('quantised')
        return Built('my_int8', tmp_path / 'my_int8.onnx', 'abc')

    monkeypatch.setattr(own, 'build_own', build_own)
    source, pictures = tmp_path / 'my.onnx', tmp_path / 'pictures'
    assert run('build', '--from', str(source), '--calibrate', str(pictures)) == 0
    given = {
        '--target': 'tensorrt', '--name': 'mine', '--family': 'yolov8', '--input-size': '640',
        '--pictures': '20', '--licence': 'MIT', '--out': str(tmp_path / 'out'),
    }  # fmt: skip
    flags = [part for pair in given.items() for part in pair]
    flags += ['--force', '--classes', 'person', 'traffic light']
    assert run('build', '--from', str(source), '--calibrate', str(pictures), *flags) == 0
    assert asked == [
        OwnRecipe(source, pictures),
        OwnRecipe(
            source,
            pictures,
            out=tmp_path / 'out',
            name='mine',
            target='tensorrt',
            family='yolov8',
            classes=('person', 'traffic light'),
            input_size=640,
            pictures=20,
            licence='MIT',
            force=True,
        ),
    ]
    said = capsys.readouterr().out.split()
    assert said[:4] == ['quantised', str(tmp_path / 'my_int8.onnx'), 'sha256', 'abc']


OWN = ('--from', 'my.onnx', '--calibrate', 'pictures')


@pytest.mark.parametrize(
    ('flags', 'message'),
    [
        (('--from', 'my.onnx'), 'takes pictures'),
        ((*OWN, '--fp32'), '--fp32 is for building the embedded model'),
        ((*OWN, '--source', 'x.tgz'), '--source is for building the embedded model'),
        ((*OWN, '--reference', 'x.npz'), '--reference is for building the embedded model'),
        (('--target', 'cpu'), '--target is for a detector of your own'),
        (('--name', 'mine'), '--name is for a detector of your own'),
        (('--family', 'yolov8'), '--family is for a detector of your own'),
        (('--classes', 'person'), '--classes is for a detector of your own'),
        (('--input-size', '512'), '--input-size is for a detector of your own'),
        (('--pictures', '9'), '--pictures is for a detector of your own'),
        (('--licence', 'MIT'), '--licence is for a detector of your own'),
    ],
)
def test_flags_that_do_not_belong_together_are_refused(flags, message):
    with pytest.raises(ConfigError, match=message):
        run('build', *flags)


@pytest.mark.parametrize(
    ('content', 'calibrate', 'message'),
    [
        (None, 'pictures', 'No such file'),
        (b'not a graph', 'pictures', 'can not be loaded as an ONNX model'),
        (doubler(), 'pictures', 'is no detector'),
        (tiny_face(), 'empty', 'has no picture'),
        (tiny_face(), 'absent', 'does not exist'),
    ],
    ids=['absent', 'no ONNX', 'no detector', 'no pictures', 'no folder'],
)
def test_what_can_not_be_quantised_ends_with_2_and_writes_nothing(
    tmp_path, capsys, content, calibrate, message
):
    face_folder(tmp_path / 'pictures')
    (tmp_path / 'empty').mkdir()
    if content is not None:
        (tmp_path / 'my.onnx').write_bytes(content)
    before = sorted(tmp_path.rglob('*'))
    asked = ['--from', str(tmp_path / 'my.onnx'), '--calibrate', str(tmp_path / calibrate)]
    assert command.main(['model', 'build', *asked]) == 2
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.rglob('*')) == before


def test_a_class_that_the_model_does_not_have_ends_with_2(tmp_path, capsys):
    (tmp_path / 'my.onnx').write_bytes(tiny_face())
    asked = ['--from', str(tmp_path / 'my.onnx'), '--calibrate', str(tmp_path)]
    assert command.main(['model', 'build', *asked, '--classes', 'face', 'hand']) == 2
    assert "has no class 'hand'; it has face" in capsys.readouterr().err


def test_one_command_quantises_a_detector_of_ones_own(tmp_path, capsys):
    (tmp_path / 'my.onnx').write_bytes(tiny_face())
    pictures = face_folder(tmp_path / 'pictures')
    asked = ['--from', str(tmp_path / 'my.onnx'), '--calibrate', str(pictures)]
    assert command.main(['model', 'build', *asked, '--input-size', '128']) == 0
    assert (
        f"use it with --model '{tmp_path / 'my_int8.onnx'} classes=face'" in capsys.readouterr().out
    )
    assert command.main(['model', 'list', str(tmp_path)]) == 0
    assert 'my_int8' in capsys.readouterr().out
