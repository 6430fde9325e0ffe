"""The result of `report.py` as one HTML page, without anything that would have to be fetched."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
from bench_form import times
from bench_peers import BMW
from bench_plots import plots
from bench_rows import Row, bounds, by_peer, slower
from bench_tables import tables

from anonymizer_node.proof.report import TEMPLATES

HERE = Path(__file__).resolve().parent
MOST_TIMES = 10.0
"""How many times as fast fills a bar."""


def page(result: dict[str, Any]) -> str:
    """The page."""
    rows = [Row.from_dict(item) for item in result['rows']]
    made = tables(result)
    promised = bounds(rows)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['bar'] = lambda ratio: min(ratio / MOST_TIMES, 1) * 100
    environment.filters['words'] = _words
    environment.globals['times'] = times
    return environment.get_template('page.html.j2').render(
        style=(TEMPLATES / 'page.css').read_text(encoding='utf-8'),
        result=result,
        machine=result['machine'],
        headline=headline(rows),
        kept=all(item.kept for item in promised),
        promised=promised,
        compared=sum(map(len, by_peer(rows).values())),
        slower=slower(rows),
        summary=made[0],
        tables=made[1:],
        plots=plots(result['growth']),
        most=MOST_TIMES,
    )


def headline(rows: list[Row]) -> str:
    """The verdict in one sentence."""
    named: dict[str, list[Row]] = {}
    for other, of in by_peer(rows).items():
        named.setdefault(_short(other), []).extend(of)
    lost = {name: len(slower(of)) for name, of in named.items()}
    told = {
        'faster than': [name for name in named if not lost[name]],
        'slower than': [name for name, of in named.items() if lost[name] == len(of)],
        'slower in places than': [name for name, of in named.items() if 0 < lost[name] < len(of)],
    }
    said = [f'{how} {_listed(names)}' for how, names in told.items() if names]
    sentence = '; '.join(said) or 'nobody to compare with'
    return sentence[0].upper() + sentence[1:]


def _short(other: str) -> str:
    """Whom a headline names: not each of their ways."""
    if other.startswith(BMW):
        return f'{BMW} obscuring'
    return other.partition(',')[0]


def _listed(names: list[str]) -> str:
    return ' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))


def _words(text: str) -> markupsafe.Markup:
    """Text in which something between backticks is code."""
    escaped = str(markupsafe.escape(text))
    return markupsafe.Markup(re.sub('`(.+?)`', r'<code>\1</code>', escaped))
