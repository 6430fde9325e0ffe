import hashlib

import pytest
import yaml

from anonymizer_node.core.errors import ModelError
from anonymizer_node.detectors.families import FAMILIES
from anonymizer_node.detectors.registry import load_registry, resolve

CONTENT = b'not really a graph'
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def write(folder, content=CONTENT, **changes):
    entry = {
        'name': 'tiny',
        'file': 'tiny.onnx',
        'sha256': SHA256,
        'family': 'nanodet',
        'classes': ['person', 'dog'],
        'source': 'made here',
        'licence': 'Apache-2.0',
        'note': 'of this test',
        **changes,
    }
    (folder / 'tiny.onnx').write_bytes(content)
    path = folder / 'models.yaml'
    path.write_text(yaml.safe_dump({'models': [entry]}))
    return path


def test_an_entry_is_read_whole(tmp_path):
    registry = load_registry(write(tmp_path))
    entry = registry['tiny']
    assert list(registry) == ['tiny']
    assert entry.path == tmp_path / 'tiny.onnx'
    assert (entry.sha256, entry.family) == (SHA256, 'nanodet')
    assert entry.classes == ('person', 'dog')
    assert (entry.source, entry.licence) == ('made here', 'Apache-2.0')
    assert entry.about['note'] == 'of this test'


def test_a_model_by_name_is_the_bytes_that_were_hashed(tmp_path):
    model = resolve('tiny', load_registry(write(tmp_path)))
    (tmp_path / 'tiny.onnx').write_bytes(b'swapped meanwhile')
    assert model.content == CONTENT
    assert (model.name, model.sha256, model.family) == ('tiny', SHA256, 'nanodet')
    assert model.classes == ('person', 'dog')


@pytest.mark.parametrize('content', [b'', CONTENT[:-1], CONTENT + b'\0', b'Not really a graph'])
def test_an_altered_model_is_refused(tmp_path, content):
    registry = load_registry(write(tmp_path, content))
    with pytest.raises(ModelError) as raised:
        resolve('tiny', registry)
    said = str(raised.value)
    assert str(tmp_path / 'tiny.onnx') in said
    assert SHA256 in said
    assert hashlib.sha256(content).hexdigest() in said
    assert 'Restore' in said


def test_an_absent_model_is_refused(tmp_path):
    registry = load_registry(write(tmp_path))
    (tmp_path / 'tiny.onnx').unlink()
    with pytest.raises(ModelError, match='No such file') as raised:
        resolve('tiny', registry)
    assert str(tmp_path / 'tiny.onnx') in str(raised.value)


def test_an_unknown_name_is_refused_with_the_known(tmp_path):
    registry = load_registry(write(tmp_path))
    for name in ('yolo', '', 'tiny.ONNX', str(tmp_path / 'tiny')):
        with pytest.raises(ModelError) as raised:
            resolve(name, registry)
        assert repr(name) in str(raised.value)
        assert 'tiny' in str(raised.value)
        assert '.onnx' in str(raised.value)


def test_a_path_is_a_model_of_one_s_own(tmp_path, monkeypatch):
    (tmp_path / 'tiny.onnx').write_bytes(CONTENT)
    model = resolve(str(tmp_path / 'tiny.onnx'), {})
    assert model.content == CONTENT
    assert (model.name, model.sha256) == ('tiny', SHA256)
    assert (model.family, model.classes) == ('', ())
    monkeypatch.setenv('HOME', str(tmp_path))
    assert resolve('~/tiny.onnx', {}).path == tmp_path / 'tiny.onnx'


def test_the_list_beside_a_path_says_what_it_is(tmp_path, monkeypatch):
    write(tmp_path, name='mine')
    model = resolve(str(tmp_path / 'tiny.onnx'), {})
    assert (model.name, model.path, model.content) == ('mine', tmp_path / 'tiny.onnx', CONTENT)
    assert (model.family, model.classes) == ('nanodet', ('person', 'dog'))
    monkeypatch.chdir(tmp_path)
    assert resolve('tiny.onnx', {}).name == resolve('./tiny.onnx', {}).name == 'mine'


def test_a_path_whose_file_is_not_that_of_the_list_beside_it_is_refused(tmp_path):
    write(tmp_path, CONTENT + b'altered')
    with pytest.raises(ModelError, match='take its entry out') as raised:
        resolve(str(tmp_path / 'tiny.onnx'), {})
    assert SHA256 in str(raised.value)


def test_a_path_that_the_list_beside_it_does_not_name_is_one_s_own(tmp_path):
    write(tmp_path, file='other.onnx')
    model = resolve(str(tmp_path / 'tiny.onnx'), {})
    assert (model.name, model.family, model.classes) == ('tiny', '', ())


def test_a_list_beside_a_path_that_can_not_be_read_is_not_passed_over(tmp_path):
    write(tmp_path).write_text('models: 3')
    with pytest.raises(ModelError, match='is no list of models'):
        resolve(str(tmp_path / 'tiny.onnx'), {})


def test_class_names_may_lie_beside_a_model_of_one_s_own(tmp_path):
    (tmp_path / 'tiny.onnx').write_bytes(CONTENT)
    (tmp_path / 'tiny.names').write_text('person\n traffic light\r\n\n', encoding='utf-8')
    assert resolve(str(tmp_path / 'tiny.onnx'), {}).classes == ('person', 'traffic light')
    registry = load_registry(write(tmp_path))
    assert resolve('tiny', registry).classes == ('person', 'dog')


@pytest.mark.parametrize('content', [b'person\n\ndog\n', b'\xff\xfe\x00'])
def test_class_names_that_can_not_be_read_are_refused(tmp_path, content):
    (tmp_path / 'tiny.onnx').write_bytes(CONTENT)
    (tmp_path / 'tiny.names').write_bytes(content)
    with pytest.raises(ModelError) as raised:
        resolve(str(tmp_path / 'tiny.onnx'), {})
    assert 'tiny.names' in str(raised.value)


@pytest.mark.parametrize('name', ['absent.onnx', 'folder.onnx'])
def test_a_path_that_is_no_file_is_refused(tmp_path, name):
    (tmp_path / 'folder.onnx').mkdir()
    with pytest.raises(ModelError, match='can not be read') as raised:
        resolve(str(tmp_path / name), {})
    assert name in str(raised.value)


@pytest.mark.parametrize(
    'text',
    [
        '',
        'models:',
        '[]',
        'models: {}: {',
        'models: [{name: a}]',
        'models: [3]',
        'other: []',
        'models: [{name: a, file: a.onnx, sha256: 00, family: nanodet, classes: person}]',
        'models: [{name: a, file: a.onnx, sha256: 123, family: nanodet, classes: [person]}]',
        'models: [{name: a, file: a.onnx, sha256: ab, family: nanodet, classes: []}]',
        '\x00',
    ],
)
def test_a_list_of_models_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / 'models.yaml'
    path.write_text(text)
    with pytest.raises(ModelError) as raised:
        load_registry(path)
    assert str(path) in str(raised.value)
    assert 'restore' in str(raised.value)


def test_a_list_of_models_in_no_known_letters_is_refused(tmp_path):
    path = tmp_path / 'models.yaml'
    path.write_bytes(b'models: \xff\xfe')
    with pytest.raises(ModelError):
        load_registry(path)


def test_an_absent_list_is_refused(tmp_path):
    with pytest.raises(ModelError, match='restore'):
        load_registry(tmp_path / 'models.yaml')


def test_the_shipped_models_are_what_their_list_says():
    registry = load_registry()
    assert 'person_nanodet_int8' in registry
    for name, entry in registry.items():
        assert entry.family in FAMILIES, name
        assert 'person' in entry.classes, name
        assert entry.licence, name
        assert entry.source, name
        assert resolve(name).sha256 == entry.sha256


@pytest.mark.parametrize('classes', ['[yes]', '[1, a]', "['']", 'person'])
def test_class_names_that_are_none_are_refused(tmp_path, classes):
    path = tmp_path / 'models.yaml'
    path.write_text(
        f"models:\n- {{name: a, file: a.onnx, sha256: '00', family: nanodet, classes: {classes}}}\n"
    )
    with pytest.raises(ModelError, match="classes of 'a'"):
        load_registry(path)


def test_one_name_twice_is_refused(tmp_path):
    path = tmp_path / 'models.yaml'
    entry = "- {name: a, file: a.onnx, sha256: '00', family: nanodet, classes: [person]}\n"
    path.write_text('models:\n' + 2 * entry)
    with pytest.raises(ModelError, match='twice'):
        load_registry(path)


def test_an_entry_holds_for_its_file_however_it_is_named(tmp_path):
    (tmp_path / 'a.onnx').write_bytes(b'other')
    (tmp_path / 'link').symlink_to(tmp_path)
    (tmp_path / 'models.yaml').write_text(
        f"models:\n- {{name: a, file: ../{tmp_path.name}/a.onnx, sha256: '00', family: nanodet, "
        'classes: [person]}\n'
    )
    for folder in (tmp_path, tmp_path / 'link'):
        with pytest.raises(ModelError, match='SHA-256'):
            resolve(str(folder / 'a.onnx'))
