"""What tells the code that judges from what it was before."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import anonymizer_node
from anonymizer_node.offline.code_digest import JUDGING, digest_of_code

PACKAGE = Path(anonymizer_node.__file__).parent
ASK = 'from anonymizer_node.offline.code_digest import digest_of_code as ask; print(ask())'


def asked(root: Path) -> str:
    """What a copy of the package says of itself."""
    code = f'import sys; sys.path.insert(0, {str(root)!r}); {ASK}'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def copy(tmp_path):
    whole = shutil.ignore_patterns('__pycache__')
    shutil.copytree(PACKAGE, tmp_path / 'here' / 'anonymizer_node', ignore=whole)
    return tmp_path / 'here'


@pytest.mark.parametrize('wing', JUDGING)
def test_detections_of_other_code_are_not_reused(copy, wing):
    before = asked(copy)
    assert len(before) == 64
    assert before == digest_of_code()
    source = max((copy / 'anonymizer_node' / wing).rglob('*.py'))
    source.write_text(source.read_text() + '\n# A line more.\n')
    assert asked(copy) != before


def test_code_in_a_zip_file_is_known_too(copy, tmp_path):
    archive = tmp_path / 'package.zip'
    with zipfile.ZipFile(archive, 'w') as target:
        for path in sorted(copy.rglob('*.py')):
            target.write(path, path.relative_to(copy))
    assert asked(archive) == digest_of_code()


def test_without_sources_the_version_alone_tells(copy):
    for wing in JUDGING:
        shutil.rmtree(copy / 'anonymizer_node' / wing)
    (copy / 'anonymizer_node' / 'core').mkdir()
    assert asked(copy) == ''
