import hashlib

import pytest
import yaml
from onnx import TensorProto, helper

from anonymizer_node.core.errors import InputError, ModelError
from anonymizer_node.detectors.registry import load_registry, resolve
from anonymizer_node.modelling.catalogue import check_free, store

ENTRY = {'family': 'nanodet', 'classes': ['person'], 'source': 'this test', 'licence': 'MIT'}


def model(label='one'):
    node = helper.make_node('Identity', ['x'], ['y'])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in 'xy')
    return helper.make_model(helper.make_graph([node], label, [x], [y]))


def test_what_is_stored_is_what_the_registry_finds(tmp_path):
    sha256 = store(tmp_path / 'new', 'tiny', model(), ENTRY)
    path = tmp_path / 'new/tiny.onnx'
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    found = resolve('tiny', load_registry(tmp_path / 'new/models.yaml'))
    assert (found.path, found.family, found.classes) == (path, 'nanodet', ('person',))


def test_other_entries_stay(tmp_path):
    store(tmp_path, 'b', model(), ENTRY)
    store(tmp_path, 'a', model(), ENTRY)
    store(tmp_path, 'b', model('two'), ENTRY)
    assert list(load_registry(tmp_path / 'models.yaml')) == ['a', 'b']


def test_measurements_last_as_long_as_the_bytes_that_were_measured(tmp_path):
    catalogue = tmp_path / 'models.yaml'
    store(tmp_path, 'tiny', model(), ENTRY)
    content = yaml.safe_load(catalogue.read_text())
    content['models'][0]['measured'] = {'ap50': 0.6}
    catalogue.write_text(yaml.safe_dump(content))
    store(tmp_path, 'tiny', model(), ENTRY)
    assert load_registry(catalogue)['tiny'].about['measured'] == {'ap50': 0.6}
    store(tmp_path, 'tiny', model('two'), ENTRY)
    assert 'measured' not in load_registry(catalogue)['tiny'].about


def test_a_catalogue_that_is_none_is_left_alone(tmp_path):
    (tmp_path / 'models.yaml').write_text('hello')
    with pytest.raises(ModelError, match='is no list of models'):
        store(tmp_path, 'tiny', model(), ENTRY)
    assert [path.name for path in tmp_path.iterdir()] == ['models.yaml']


def test_files_in_the_way_are_named(tmp_path):
    check_free(tmp_path / 'nowhere', ['tiny'], force=False)
    (tmp_path / 'tiny.onnx').touch()
    check_free(tmp_path, ['other'], force=False)
    check_free(tmp_path, ['tiny'], force=True)
    with pytest.raises(InputError, match=r"tiny\.onnx' exists; give --force"):
        check_free(tmp_path, ['tiny'], force=False)
    with pytest.raises(InputError, match='is a file'):
        check_free(tmp_path / 'tiny.onnx', ['tiny'], force=False)


def test_comments_at_the_top_stay(tmp_path):
    store(tmp_path, 'a', model(), ENTRY)
    catalogue = tmp_path / 'models.yaml'
    assert catalogue.read_text().startswith('# Detectors.')
    text = catalogue.read_text()
    catalogue.write_text('# Mine.\n# All mine.\n' + text[text.index('models:') :])
    store(tmp_path, 'b', model(), ENTRY)
    assert catalogue.read_text().startswith('# Mine.\n# All mine.\nmodels:\n')
    assert list(load_registry(catalogue)) == ['a', 'b']


def test_what_can_not_be_written_whole_leaves_all_as_it_was(tmp_path, monkeypatch):
    store(tmp_path, 'tiny', model(), ENTRY)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    written = []

    def full(descriptor):
        written.append(descriptor)
        if len(written) == 2:
            raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(OSError, match='No space'):
        store(tmp_path, 'tiny', model('two'), ENTRY)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_files_are_readable_for_whom_they_were_or_usually_are(tmp_path):
    store(tmp_path, 'tiny', model(), ENTRY)
    usual = tmp_path / 'usual'
    usual.touch()
    path = tmp_path / 'tiny.onnx'
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o640)
    store(tmp_path, 'tiny', model('two'), ENTRY)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize('text', ['hello', 'models: [3]', 'models: [{file: a}]', 'models:'])
def test_a_catalogue_that_is_none_is_seen_before_the_work(tmp_path, text):
    (tmp_path / 'models.yaml').write_text(text)
    with pytest.raises(ModelError, match='is no list of models'):
        check_free(tmp_path, ['tiny'], force=True)
