"""Runs every fault, and writes what came of it into docs/faults.md.

    python tests/integration/faults/table.py [--only WORDS] [--runs 2]

Takes some minutes. The exit status is 1 if anybody was visible in anything that came out, or an
account doesn't add up.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faults.stand import Row

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
PAGE = REPOSITORY / 'docs' / 'faults.md'
BEGIN, END = '<!-- faults -->', '<!-- end of faults -->'
HEAD = (
    '| fault | `on_failure` | ends | frames sent | published, checked | dropped by cause | leaks |',
    '| --- | --- | --- | --- | --- | --- | --- |',
)

Key = tuple[str, str]


def line(name: str, on_failure: str, row: Row) -> str:
    """A row of the table."""
    dropped = ', '.join(f'{cause} {count}' for cause, count in sorted(row.dropped.items()))
    cells = (name, on_failure, row.ends, row.sent, row.published, dropped, len(row.leaks))
    return '| ' + ' | '.join(str(cell) for cell in cells) + ' |'


def committed() -> dict[Key, tuple[str, int]]:
    """Of the page: fault and on_failure -> how it ends, and the leaks."""
    text = PAGE.read_text()
    rows = text[text.index(BEGIN) : text.index(END)].splitlines()[3:]
    cells = [[cell.strip() for cell in row.split('|')[1:-1]] for row in rows if row.strip()]
    return {(cell[0], cell[1]): (cell[2], int(cell[6])) for cell in cells}


def write(lines: list[str]) -> None:
    """Put the rows into the page."""
    text = PAGE.read_text()
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    PAGE.write_text('\n'.join([before + BEGIN, *HEAD, *lines, after]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', default='', help='Faults whose names hold this; nothing written.')
    parser.add_argument('--runs', type=int, default=2, help='How often each frame is sent.')
    args = parser.parse_args()
    sys.path[:0] = [
        str(HERE.parent),
        str(HERE.parent / 'support'),
        str(REPOSITORY / 'tests' / 'support'),
    ]
    from anonymizer_node.ros.fast_dds import profile_environment

    os.environ.update(profile_environment(os.environ))
    from faults.catalogue import FAULTS
    from faults.stand import Hall

    lines, bad = [], 0
    with (
        tempfile.TemporaryDirectory(prefix='anonymizer-faults-') as folder,
        Hall(Path(folder), args.runs) as hall,
    ):
        for name, fault in FAULTS.items():
            for on_failure in fault.on_failure if args.only in name else ():
                row = fault.account(hall, on_failure)
                lines.append(line(name, on_failure, row))
                print(lines[-1], flush=True)
                for said in (*row.leaks, *row.wrong):
                    print(f'    {said}', flush=True)
                    bad = 1
    if not args.only:
        write(lines)
    return bad


if __name__ == '__main__':
    sys.exit(main())
