"""Finds what the package ships beside its code: models, launch files, configuration."""

from __future__ import annotations

from pathlib import Path

from anonymizer_node.core.errors import InputError

_SHARE = Path('share', 'anonymizer_node')


def share_path(relative: str) -> Path:
    """The path of a shipped file or folder.

    Looked for in every folder above this file, nearest first: as `<prefix>/share/anonymizer_node`
    (a wheel in any environment, a colcon install) and as the top of a checkout (an editable
    install, colcon with --symlink-install). `config` lies in the package's own folder there.

    Args:
        relative: Such as 'models/models.yaml', 'launch' or 'config/fastdds.xml'.

    Raises:
        InputError: If it is nowhere.
    """
    for folder in Path(__file__).resolve().parents:
        for candidate in (folder / _SHARE / relative, folder / relative):
            # A site-packages of its own may have a `models` of another package: only with our
            # name in the path, or beside our sources, is it ours.
            ours = candidate.is_relative_to(folder / _SHARE) or _is_ours(folder)
            if ours and candidate.exists():
                return candidate
    raise InputError(
        f'{relative!r} of anonymizer_node is not installed beside the code in '
        f'{Path(__file__).parent}; install the package with pip or colcon from a whole checkout.'
    )


def _is_ours(folder: Path) -> bool:
    return (folder / 'package.xml').is_file() or (folder / 'models' / 'models.yaml').is_file()
