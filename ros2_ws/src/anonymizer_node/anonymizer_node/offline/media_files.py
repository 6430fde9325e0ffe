"""Which files there are to anonymise, what each one is, and which ones nothing can be made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from anonymizer_node.core.errors import InputError
from anonymizer_node.formats.image_codecs import COMPRESSIONS
from anonymizer_node.formats.photos import kind_of
from anonymizer_node.formats.video_encoders import CONTAINERS
from anonymizer_node.offline.media_report import OTHER, PHOTO, VIDEO

OTHER_VIDEOS = frozenset(
    {'.mpg', '.mpeg', '.wmv', '.flv', '.3gp', '.mts', '.m2ts', '.vob', '.ogv', '.h264', '.h265'}
)
"""Endings of videos that aren't written."""

_PHOTO_ENDINGS = {'jpeg': ('.jpg', '.jpeg', '.jpe'), 'png': ('.png',)}
_LOOK_BYTES = 64


class Found(NamedTuple):
    """A file that there is.

    Attributes:
        path: Of it.
        name: Path in the source, with slashes.
        kind: `PHOTO`, `VIDEO` or `OTHER`.
        refused: Why nothing can be made of it, or ''.
    """

    path: Path
    name: str
    kind: str
    refused: str = ''


def files_in(source: Path) -> Iterator[Found]:
    """The files that a source means, in the order of their names.

    Raises:
        InputError: If there is no such file.
    """
    if not source.is_dir():
        if not source.is_file():
            raise InputError(
                f'{str(source)!r} does not exist; give a photo, a video or a folder of them.'
            )
        yield _looked_at(source, source.name)
        return
    for path in sorted(source.rglob('*')):
        name = path.relative_to(source).as_posix()
        if path.is_symlink() and path.is_dir():
            yield Found(path, name, OTHER, 'It is a link to a folder.')
        elif path.is_file():
            yield _looked_at(path, name)
        elif not path.is_dir():
            yield Found(path, name, OTHER, 'It is no file.')


def _looked_at(path: Path, name: str) -> Found:
    ending = path.suffix.lower()
    try:
        with path.open('rb') as file:
            kind = kind_of(file.read(_LOOK_BYTES))
    except OSError as error:
        return Found(path, name, OTHER, f'It can not be read: {error.strerror or error}.')
    if kind in COMPRESSIONS:
        return Found(path, name, PHOTO)
    if kind:
        return Found(path, name, PHOTO, f'It is {kind}; supported are JPEG and PNG. Convert it.')
    if ending in CONTAINERS:
        return Found(path, name, VIDEO)
    if ending in OTHER_VIDEOS:
        able = ', '.join(CONTAINERS)
        return Found(path, name, VIDEO, f'Videos are written as {able}. Convert it.')
    if any(ending in endings for endings in _PHOTO_ENDINGS.values()):
        return Found(path, name, PHOTO, f'It is called {ending}, and is neither JPEG nor PNG.')
    return Found(path, name, OTHER, 'It is neither a photo (JPEG, PNG) nor a video.')


def check_single(found: Found, target: Path) -> None:
    """Refuse what one file can't become.

    Raises:
        InputError: Of such a file or target.
    """
    if found.refused:
        raise InputError(f'{str(found.path)!r} can not be anonymised: {found.refused}')
    endings: Sequence[str] = tuple(CONTAINERS)
    if found.kind == PHOTO:
        with found.path.open('rb') as file:
            endings = _PHOTO_ENDINGS[kind_of(file.read(_LOOK_BYTES))]
    if target.suffix.lower() not in endings:
        raise InputError(
            f'{found.path.name!r} can not become {target.name!r}; the name must end in '
            f'{" or ".join(endings)}.'
        )
