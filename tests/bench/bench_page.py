"""The result of `report.py` as one HTML page, without anything that would have to be fetched."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import jinja2

TEMPLATE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>anonymizer_node: how fast it is</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.slower td { background: #fff1e5; }
.bar { background: #3a7; height: .7rem; } .slower .bar { background: #d71; }
svg { max-width: 100%; height: auto; }
</style>
<h1>How fast it is</h1>
<p>{% for name, value in machine.items() %}{{ name }} {{ value }}{{ ', ' if not loop.last }}
{%- endfor %}.</p>
<p>How many times as fast as others: median of rounds in turns, with the middle half of them.
Below 1 the other is faster.</p>
{% if slower %}<h2>Where others are faster</h2><ul>
{% for key in slower %}<li>{{ key }}</li>{% endfor %}</ul>{% endif %}
{% for text in missing %}<p>Left out: {{ text }}</p>{% endfor %}
{% for group, rows in groups %}<h2>{{ group }}</h2>
<table><tr><th>what<th>ours<th>other<th class="number">ours, ms<th class="number">other, ms
<th class="number">times as fast<th>
{% for row in rows %}<tr{% if row.ratio < 1 %} class="slower"{% endif %}>
<td>{{ row.what }}<td>{{ row.ours }}<td>{{ row.other }}
<td class="number">{{ '%.2f' % row.ours_ms }}<td class="number">{{ '%.2f' % row.other_ms }}
<td class="number">{{ '%.2f' % row.ratio }}
({{ '%.2f' % row.spread[0] }} to {{ '%.2f' % row.spread[1] }})
<td style="width: 12rem"><div class="bar" style="width: {{ [row.ratio / most, 1] | min * 100 }}%">
</div>
{% endfor %}</table>{% endfor %}
{% for title, plot in plots %}<h2>{{ title }}</h2>{{ plot | safe }}{% endfor %}
</html>
"""


def page(result: dict[str, Any]) -> str:
    """The page."""
    groups = [
        (name, list(rows)) for name, rows in groupby(result['rows'], key=lambda row: row['group'])
    ]
    merged: dict[str, list[Any]] = {}
    for name, rows in groups:
        merged.setdefault(name, []).extend(rows)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(TEMPLATE).render(
        machine=result['machine'],
        slower=result['slower'],
        missing=result['missing'],
        groups=list(merged.items()),
        most=max(row['ratio'] for row in result['rows']),
        plots=_plots(result['growth']),
    )


def _plots(growth: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str]]:
    if not growth:
        return []
    people, pixels = growth['people'], growth['pixels']
    sizes = [item['width'] * item['height'] / 1e6 for item in pixels]
    return [
        (
            'A frame of 1280x720 by regions in it',
            _plot('regions', [item['regions'] for item in people], people),
        ),
        ('A frame by its pixels', _plot('million pixels', sizes, pixels)),
        (
            'Memory by pixels',
            _lines('million pixels', 'peak, MiB', sizes, {'': [i['peak_mib'] for i in pixels]}),
        ),
    ]


def _plot(label: str, x: Sequence[float], items: list[dict[str, Any]]) -> str:
    names = ('whole', 'inference', 'all but inference', 'redaction', 'letterbox')
    return _lines(
        label,
        'ms of one thread',
        x,
        {name: [item['ms'][name][0] for item in items] for name in names},
    )


def _lines(label: str, unit: str, x: Sequence[float], lines: dict[str, list[float]]) -> str:
    """A plot as SVG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.5), layout='constrained')
    axes = figure.add_subplot()
    for name, y in lines.items():
        axes.plot(x, y, marker='o', label=name)
    axes.set_xlabel(label)
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if any(lines):
        axes.legend()
    buffer = io.StringIO()
    figure.savefig(buffer, format='svg')
    text = buffer.getvalue()
    return text[text.index('<svg') :]
