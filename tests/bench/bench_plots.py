"""How cost and memory grow, as SVG that takes its colours from the page around it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

INK, MAIN, SECOND = '#010101', '#020202', '#030303'
"""Stand for colours of the page, which are put in at the end."""

COLOURS = {INK: 'currentColor', MAIN: 'var(--people)', SECOND: 'var(--warn)'}


def plots(growth: dict[str, list[dict[str, Any]]]) -> dict[str, list[tuple[str, str]]]:
    """For each kind of growth what its plots show, and they themselves."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, label, x in (
        ('people', 'people', lambda item: item['people']),
        ('pixels', 'million pixels', lambda item: item['width'] * item['height'] / 1e6),
    ):
        items = growth.get(name, [])
        spent = {
            'whole frame': [item['ms']['whole'][0] for item in items],
            'but for inference': [item['ms']['all but inference'][0] for item in items],
        }
        memory = [item['peak_mib'] for item in items]
        found[name] = _pair(label, [x(item) for item in items], 'ms a frame', spent, memory)
    items = growth.get('cameras', [])
    found['cameras'] = _pair(
        'cameras',
        [item['cameras'] for item in items],
        'cores busy',
        {'node': [item['processor_cores'] for item in items]},
        [item['rss_mb_end'] for item in items],
    )
    items = growth.get('frames', [])
    found['frames'] = _pair(
        'frames',
        [item['frames'] for item in items],
        'ms a frame',
        {'median': [item['ms_a_frame'][0] for item in items]},
        [item['peak_mib'] for item in items],
    )
    return {name: both for name, both in found.items() if growth.get(name)}


def _pair(
    label: str, x: Sequence[float], unit: str, lines: dict[str, list[float]], memory: list[float]
) -> list[tuple[str, str]]:
    if not x:
        return []
    return [
        (f'{unit} by {label}', _lines(label, x, unit, lines)),
        (f'memory by {label}', _lines(label, x, 'memory, MiB', {'memory': memory})),
    ]


def _lines(label: str, x: Sequence[float], unit: str, lines: dict[str, list[float]]) -> str:
    """A plot, as wide as a phone."""
    import matplotlib
    from matplotlib.figure import Figure

    settings = {
        'svg.fonttype': 'none',
        'svg.hashsalt': f'{label} {unit}',
        'font.family': 'sans-serif',
        'font.size': 9,
        **dict.fromkeys(('text.color', 'axes.labelcolor', 'axes.edgecolor'), INK),
        **dict.fromkeys(('xtick.color', 'ytick.color'), INK),
        **dict.fromkeys(('axes.spines.top', 'axes.spines.right', 'legend.frameon'), False),
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(4.0, 2.5), layout='constrained')
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        for (name, y), colour, mark in zip(lines.items(), (MAIN, SECOND), 'os', strict=False):
            axes.plot(x, y, marker=mark, markersize=4, color=colour, label=name)
        axes.set_xlabel(label)
        axes.set_ylabel(unit)
        axes.set_xlim(left=0)
        axes.set_ylim(0, 1.15 * max(value for y in lines.values() for value in y))
        axes.grid(alpha=0.15, color=INK)
        if len(lines) > 1:
            axes.legend(loc='best')
        buffer = io.StringIO()
        figure.savefig(buffer, format='svg', metadata={'Date': None})
    text = buffer.getvalue()
    text = text[text.index('<svg') :]
    for stands, colour in COLOURS.items():
        text = text.replace(stands, colour)
    return text.replace('<svg ', f'<svg role="img" aria-label="{unit} by {label}" ', 1)
