"""Coverage-guided fuzzing of the JPEG modules with atheris (pip install atheris; no dependency).

    python tests/formats/fuzz_jpeg.py FOLDER [libFuzzer's options, such as -max_total_time=600]
    python tests/formats/fuzz_jpeg.py --pack FOLDER

FOLDER holds what was found so far and grows; empty, it begins with `jpeg_corpus.zip` and files of
every kind. `--pack` makes that archive of those files in a folder that lead somewhere no smaller
one has led; `test_jpeg_hostile.py` goes through it at every run of the tests. atheris itself keeps
some 2 KB of memory a file, hence -rss_limit_mb=0 for long runs.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ARCHIVE = HERE / 'jpeg_corpus.zip'
LONGEST = 1500
"""Bytes of a file of the corpus."""


def seeds() -> dict[str, bytes]:
    """Small files of every kind by name."""
    from samples.jpegs import SAMPLINGS, VARIANTS, exif, scene_jpeg, segment, with_segments

    found = {}
    for sampling in [*SAMPLINGS, 'grey']:
        for variant in VARIANTS:
            data = scene_jpeg(17, 9, sampling, variant, quality=30)
            found[f'{sampling}-{variant}'] = data
    extras = segment(0xE0, b'JFXX\0\x13\2\1\0\0\0\0\0\0') + segment(0xEE, b'Adobe\0\x64\0\0\0\0\0')
    profile = segment(0xE2, b'ICC_PROFILE\0\1\1' + bytes(36) + b'acsp')
    found['extras'] = with_segments(found['420-baseline'], exif(b''), profile, extras)
    return found


def pack(folder: Path) -> None:
    """Make the archive."""
    from test_jpeg_hostile import attempt_all

    seen: set[tuple[str, int, int]] = set()
    files = sorted(
        (path.read_bytes() for path in folder.iterdir()), key=lambda data: (len(data), data)
    )
    with zipfile.ZipFile(ARCHIVE, 'w', zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for data in files:
            steps = taken(attempt_all, data)
            if steps <= seen:
                continue
            seen |= steps
            name = hashlib.sha256(data).hexdigest()[:16]
            # Without dates: the same files make the same archive.
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def taken(run: Callable[[bytes], None], data: bytes) -> set[tuple[str, int, int]]:
    """Which steps from line to line a file makes in `formats`, as (module, line, next line)."""
    steps: set[tuple[str, int, int]] = set()

    def in_call(frame: Any, event: str, _: Any) -> Any:
        path = frame.f_code.co_filename
        if '/formats/' not in path or 'anonymizer_node' not in path:
            return None
        last = [frame.f_lineno]

        def in_line(frame: Any, event: str, _: Any) -> Any:
            steps.add((path, last[0], frame.f_lineno))
            last[0] = frame.f_lineno
            return in_line

        return in_line

    sys.settrace(in_call)
    try:
        run(data)
    finally:
        sys.settrace(None)
    return steps


def unpacked() -> dict[str, bytes]:
    """The files of the archive by name."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def main() -> None:
    """Fuzz, or pack."""
    sys.path[:0] = [str(HERE.parent / 'support'), str(HERE)]
    if sys.argv[1:2] == ['--pack']:
        pack(Path(sys.argv[2]))
        return
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    if not any(folder.iterdir()):
        known = unpacked() if ARCHIVE.exists() else {}
        for name, data in {**seeds(), **known}.items():
            (folder / name).write_bytes(data)

    import atheris

    with atheris.instrument_imports(include=['anonymizer_node.formats']):
        from test_jpeg_hostile import attempt_all

    atheris.Setup([sys.argv[0], f'-max_len={LONGEST}', *sys.argv[1:]], attempt_all)
    atheris.Fuzz()


if __name__ == '__main__':
    main()
