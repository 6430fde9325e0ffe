"""The result of `report.py` as tables of words, for the page and for the documents alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bench_form import Line, Table, in_ms, short, times
from bench_growth_tables import growth, node
from bench_peers import BMW
from bench_rows import LIMIT, Row, bounds, by_peer

PUBLISHED = {'size': '1024x768', 'inference': 160, 'obscuring': 90, 'whole': 250}
"""BMW-Anonymization-API's README: object detection, OpenVINO, INT8; milliseconds."""


def tables(result: dict[str, Any]) -> list[Table]:
    """All that a result has something for, in the order to read them."""
    rows = [Row.from_dict(item) for item in result['rows']]
    made = [
        summary(rows),
        _peers(rows),
        _obscuring(rows),
        published(rows),
        _recordings(rows),
        _limit(rows),
        node(result),
        *growth(result['growth']),
    ]
    return [table for table in made if table.lines]


def summary(rows: Sequence[Row]) -> Table:
    """One line for each peer."""
    lines = []
    for other, found in by_peer(rows).items():
        lost = [row for row in found if row.behind]
        ratios = sorted(row.ratio for row in found)
        lines.append(
            Line(
                (
                    other,
                    f'{len(lost)} of {len(found)}',
                    short(ratios[0]),
                    short(ratios[-1]),
                ),
                slower=bool(lost),
            )
        )
    return Table(
        'summary',
        'Against each',
        'How many times as fast ours is, from the worst comparison to the best. Below 1 the other '
        'is faster.',
        ('against', 'slower in', 'least', 'most'),
        1,
        tuple(lines),
    )


def _peers(rows: Iterable[Row]) -> Table:
    return Table(
        'peers',
        'Whole frames',
        'From frame to frame, in the processor time of one thread. `fast` looks once at 512 px, as '
        'the plain pipeline does with the same detector; `balanced`, which recordings get by '
        'default, twice. deface looks for faces only, at the full size of the frame or scaled to '
        'a width of 640 px. The plain pipeline holds nobody over time and checks nothing.',
        ('frame', 'ours', 'other', 'ours, ms', 'other, ms', 'times as fast'),
        3,
        _compared(row for row in rows if row.group == 'peers'),
    )


def _obscuring(rows: Iterable[Row]) -> Table:
    return Table(
        'obscuring',
        'Obscuring alone',
        "The boxes are given. BMW's way is PIL: cut each box out, filter it, paste it.",
        ('picture', 'ours', 'other', 'ours, ms', 'other, ms', 'times as fast'),
        3,
        _compared(row for row in rows if row.group == 'obscuring alone'),
    )


def _recordings(rows: Iterable[Row]) -> Table:
    return Table(
        'recordings',
        'Recordings',
        '`anonymize bag` from nothing, on all cores and by the clock, against a plain loop with '
        'the same detector and looks: read, detect, obscure, write, one frame after another, in '
        'one pass.',
        ('recording', 'ours', 'other', 'ours, ms', 'other, ms', 'times as fast'),
        3,
        _compared(row for row in rows if row.group == 'recordings'),
    )


def _compared(rows: Iterable[Row]) -> tuple[Line, ...]:
    return tuple(
        Line(
            (row.what, row.ours, row.other, in_ms(row.ours_ms), in_ms(row.other_ms), times(row)),
            row.behind,
            row.ratio,
        )
        for row in rows
    )


def _limit(rows: Sequence[Row]) -> Table:
    promised = {item.key: item for item in bounds(rows)}
    lines = []
    for row in rows:
        if row.group != LIMIT:
            continue
        share, low, high = 1 / row.ratio, 1 / row.spread[1], 1 / row.spread[0]
        bound = promised.get(row.key)
        cells = (
            row.what,
            row.ours,
            row.other,
            in_ms(row.ours_ms),
            in_ms(row.other_ms),
            f'{short(share)} ({short(low)} to {short(high)})',
            '' if bound is None else f'{bound.most:g}{"" if bound.kept else ", not kept"}',
        )
        lines.append(Line(cells, bound is not None and not bound.kept))
    return Table(
        'limit',
        'Against the limit',
        'How many times as long ours takes as what it can hardly do without: a JPEG as bare '
        'decoding and encoding with OpenCV, a recording as the inference that is in it on all '
        'cores, a frame behind the node as the detector and the same message there and back '
        'through a node that only copies it. `empty` is a JPEG in which nobody is found.',
        ('what', 'ours', 'limit', 'ours, ms', 'limit, ms', 'times as long', 'at most'),
        3,
        tuple(lines),
    )


def published(rows: Sequence[Row]) -> Table:
    """What BMW published beside what is measured here; nothing where that size wasn't measured."""
    size = PUBLISHED['size']
    alone = [row for row in rows if row.what == f'{size}, 2 people' and BMW in row.other]
    # A look is in as many rows as there are peers, each time with the same figures.
    frames = {row.ours: row for row in rows if row.what == f'JPEG frame {size}'}
    lines = []
    if alone and frames:
        theirs = ', '.join(f'{in_ms(row.other_ms)} {row.ours}' for row in alone)
        ours = ', '.join(f'{in_ms(row.ours_ms)} {row.ours}' for row in alone)
        lines = [
            Line(
                (
                    'BMW, as published',
                    'Core i7-1185G7',
                    f'{PUBLISHED["inference"]} (Faster R-CNN, INT8)',
                    f'{PUBLISHED["obscuring"]}',
                    f'{PUBLISHED["whole"]}',
                )
            ),
            Line(("BMW's obscuring, rerun", 'this one', 'not rerun', theirs, '')),
            Line(('ours, obscuring alone', 'this one', '', ours, '')),
            *(
                Line(
                    (
                        f'ours, `{look}`, JPEG to JPEG',
                        'this one, a thread',
                        '',
                        '',
                        in_ms(row.ours_ms),
                    )
                )
                for look, row in frames.items()
            ),
        ]
    return Table(
        'bmw',
        f"Beside BMW's published figures, {size}, milliseconds",
        'Theirs are from the README of BMW-Anonymization-API. They are of another machine, with a '
        'larger detector that was trained for other things and is not rerun here, and behind a web '
        'service; how many boxes their pictures have is not said. So only the two lines of '
        'obscuring alone compare like with like: two boxes, the same picture, in turns.',
        ('', 'machine', 'detection', 'obscuring', 'in all'),
        2,
        tuple(lines),
    )
