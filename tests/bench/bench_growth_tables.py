"""The node at camera rate, and how the cost grows, as tables."""

from __future__ import annotations

from typing import Any

from bench_form import Line, Table, spread


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


def growth(growth: dict[str, list[dict[str, Any]]]) -> list[Table]:
    """What more of everything costs."""
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
                        spread(item['ms_a_frame']),
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
        spread(spent['whole']),
        spread(spent['all but inference']),
        f'{item["peak_mib"]:.0f} MiB',
    )


def _count(number: int, one: str, more: str) -> str:
    return f'{number} {one if number == 1 else more}'
