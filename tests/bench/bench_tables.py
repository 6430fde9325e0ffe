"""The result of `report.py` as tables of words, for the page and for the documents alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bench_peers import BMW
from bench_rows import LIMIT, Row, bounds, by_peer


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        cells: One for each column.
        slower: Somebody else is faster, or a bound isn't kept.
        times: What a bar shows; 1 is where nobody is faster. None: no bar.
    """

    cells: tuple[str, ...]
    slower: bool = False
    times: float | None = None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: In the documents.
        title: Above it.
        note: What a reader has to know, one paragraph.
        head: Names of the columns.
        words: How many columns, from the left, hold words; the others hold numbers.
        lines: What is in it.
    """

    name: str
    title: str
    note: str
    head: tuple[str, ...]
    words: int
    lines: tuple[Line, ...]


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
        *_growth(result['growth']),
    ]
    return [table for table in made if table.lines]


def times(row: Row) -> str:
    """A ratio with its spread."""
    return f'{_short(row.ratio)} ({_short(row.spread[0])} to {_short(row.spread[1])})'


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
                    _short(ratios[0]),
                    _short(ratios[-1]),
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
            (row.what, row.ours, row.other, _ms(row.ours_ms), _ms(row.other_ms), times(row)),
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
            _ms(row.ours_ms),
            _ms(row.other_ms),
            f'{_short(share)} ({_short(low)} to {_short(high)})',
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
        theirs = ', '.join(f'{_ms(row.other_ms)} {row.ours}' for row in alone)
        ours = ', '.join(f'{_ms(row.ours_ms)} {row.ours}' for row in alone)
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
                        _ms(row.ours_ms),
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


def node(result: dict[str, Any]) -> Table:
    """The node at camera rate."""
    long = [item for item in result['growth'].get('cameras', ()) if item['seconds'] > 60]
    lines = []
    for item in sorted([*result['node'], *long], key=lambda item: item['cameras']):
        count = '' if item['cameras'] == 1 else f'{item["cameras"]} of '
        cells = (
            f'{count}{item["width"]}x{item["height"]} at {item["rate_hz"]:g} Hz, '
            f'{item["seconds"]:g} s',
            f'{item["frames_per_second"]:.1f}',
            f'{item["age_ms_median"]:.0f} ms',
            f'{item["age_ms_p95"]:.0f} ms',
        )
        lines.append(Line(cells))
    return Table(
        'node',
        'The node, live',
        'Raw bgr8 over real DDS, two hops included; cameras, node and receivers share the machine.',
        ('cameras', 'frames a second out', 'age, median', 'age, 95 %'),
        1,
        tuple(lines),
    )


def _growth(growth: dict[str, list[dict[str, Any]]]) -> list[Table]:
    frame = ('a frame, ms', 'but for inference', 'peak memory')
    return [
        Table(
            'people',
            'With more people',
            'Raw frames of 1280x720 as the node looks at them, one thread. There are more regions '
            'than people: what is found twice is obscured twice, and so is what is nobody.',
            ('people', 'regions', *frame),
            1,
            tuple(
                Line(
                    (
                        _count(item['people'], 'person', 'people'),
                        str(item['regions']),
                        *_frame(item),
                    )
                )
                for item in growth.get('people', ())
            ),
        ),
        Table(
            'pixels',
            'With more pixels',
            'Raw frames with one person as the node looks at them, one thread. At 4:3 the detector '
            'is given more rows than at 16:9.',
            ('frame', *frame),
            1,
            tuple(
                Line((f'{item["width"]}x{item["height"]}', *_frame(item)))
                for item in growth.get('pixels', ())
            ),
        ),
        Table(
            'looks',
            'With harder looks',
            'Raw frames of 640x480 with one person, one thread, by `thoroughness` and '
            '`input_size`.',
            ('looks', *frame),
            1,
            tuple(
                Line((f'`{item["thoroughness"]}`, {item["input_size"]} px', *_frame(item)))
                for item in growth.get('looks', ())
            ),
        ),
        Table(
            'cameras',
            'With more cameras',
            'One node, raw bgr8 of 640x480 at 10 Hz each.',
            ('cameras', 'frames a second out', 'cores busy', 'age, median', 'age, 95 %', 'memory'),
            1,
            tuple(
                Line(
                    (
                        _count(item['cameras'], 'camera', 'cameras'),
                        f'{item["frames_per_second"]:.1f}',
                        f'{item["processor_cores"]:.2f}',
                        f'{item["age_ms_median"]:.0f} ms',
                        f'{item["age_ms_p95"]:.0f} ms',
                        f'{item["rss_mb_end"]:.0f} MiB',
                    )
                )
                for item in growth.get('cameras', ())
            ),
        ),
        Table(
            'frames',
            'With longer recordings',
            '`anonymize bag --thoroughness fast`, JPEGs of 640x480, all cores, by the clock; least '
            'and most of the runs in brackets.',
            ('frames', 'a frame, ms', 'peak memory'),
            1,
            tuple(
                Line(
                    (
                        _count(item['frames'], 'frame', 'frames'),
                        _spread(item['ms_a_frame']),
                        f'{item["peak_mib"]:.0f} MiB',
                    )
                )
                for item in growth.get('frames', ())
            ),
        ),
    ]


def _frame(item: dict[str, Any]) -> tuple[str, str, str]:
    spent = item['ms']
    return (
        _spread(spent['whole']),
        _spread(spent['all but inference']),
        f'{item["peak_mib"]:.0f} MiB',
    )


def _spread(values: Sequence[float]) -> str:
    middle, low, high = values
    return f'{_ms(middle)} ({_ms(low)} to {_ms(high)})'


def _count(number: int, one: str, more: str) -> str:
    return f'{number} {one if number == 1 else more}'


def _ms(value: float) -> str:
    """Three digits, or all before the point."""
    return f'{value:.2f}' if value < 10 else f'{value:.1f}' if value < 100 else f'{value:,.0f}'


def _short(ratio: float) -> str:
    return f'{ratio:.2f}' if ratio < 10 else f'{ratio:.1f}'
