"""The result of `report.py` in the documents: tables between marks, put there by `--write-docs`.

A block begins with `<!-- bench NAME -->` and ends with `<!-- bench end -->`; NAME is a table's name
or one of `TEXTS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench_form import Table, times
from bench_rows import LIMIT, Row, slower
from bench_tables import tables

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = (ROOT / 'README.md', ROOT / 'docs' / 'speed.md')
BLOCK = re.compile(r'(<!-- bench ([a-z]+) -->\n)(.*?)(<!-- bench end -->)', re.DOTALL)


def everything(result: dict[str, Any]) -> str:
    """All blocks, one after another."""
    return '\n'.join(f'## {name}\n\n{text}' for name, text in blocks(result).items())


def blocks(result: dict[str, Any]) -> dict[str, str]:
    """What is in each block, by its name."""
    found = {table.name: table_text(table) for table in tables(result)}
    return {**found, **{name: text(result) + '\n' for name, text in TEXTS.items()}}


def table_text(table: Table) -> str:
    """A table as Markdown; bold where somebody else is faster."""
    numbers = len(table.head) - table.words
    lines = [
        '| ' + ' | '.join(table.head) + ' |',
        '| ' + ' | '.join(['---'] * table.words + ['---:'] * numbers) + ' |',
    ]
    for line in table.lines:
        cells = [
            f'**{cell}**' if line.slower and name.startswith(('times', 'slower')) else cell
            for name, cell in zip(table.head, line.cells, strict=True)
        ]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def _machine(result: dict[str, Any]) -> str:
    about = result['machine']
    return (
        f'{about["processor"]}, Python {about["python"]}, NumPy {about["numpy"]}, OpenCV '
        f'{about["opencv"]}, onnxruntime {about["onnxruntime"]}, {result["day"]}; load of the '
        f'machine at the beginning: {result["load_at_begin"]:.1f}.'
    )


def _faster(result: dict[str, Any]) -> str:
    rows = [Row.from_dict(item) for item in result['rows']]
    lines = [f'- {row.other}: {row.what}, `{row.ours}`: {times(row)}' for row in slower(rows)]
    return '\n'.join(lines) or 'Nowhere in this run.'


def _age(result: dict[str, Any]) -> str:
    """The sentences below README's table."""
    said = []
    for item in result['rows']:
        if item['group'] == LIMIT and item['ours'] == 'age':
            size = re.search(r'\d+x\d+', item['what'])
            said.append(f'{1 / item["ratio"]:.2f} times at {size.group() if size else "?"}')
    sentences = []
    if said:
        sentences.append(
            'A frame behind the node is as old as the detector and a bare hop there and back take, '
            f'{" and ".join(said)}.'
        )
    for item in result['growth'].get('cameras', ()):
        if item['seconds'] > 60:
            sentences.append(
                f'Memory of the node with {item["cameras"]} cameras: {item["rss_mb_end"]:.0f} MiB '
                f'after {item["seconds"]:g} s, {item["rss_growth"]:+.1%} since the first minute.'
            )
    return '\n'.join(sentences)


TEXTS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    'machine': _machine,
    'faster': _faster,
    'age': _age,
}


def write(result: dict[str, Any]) -> list[Path]:
    """Put all blocks into the documents; those that were changed.

    Raises:
        ValueError: If a document asks for a block that the result doesn't have.
    """
    known = blocks(result)
    changed = []
    for path in DOCUMENTS:
        text = path.read_text(encoding='utf-8')
        after = filled(text, known, path.name)
        if after != text:
            path.write_text(after, encoding='utf-8')
            changed.append(path)
    return changed


def filled(text: str, known: Mapping[str, str], name: str) -> str:
    """A document with its blocks replaced."""

    def block(found: re.Match[str]) -> str:
        if found[2] not in known:
            raise ValueError(
                f'{name} wants the block {found[2]!r}, and this run has none: a short run, or one '
                f'without ROS? There are {", ".join(sorted(known))}.'
            )
        return f'{found[1]}\n{known[found[2]]}\n{found[4]}'

    return BLOCK.sub(block, text)
