"""One HTML page that shows a verdict to people: self-contained, opened offline.

It fetches nothing and runs nothing but its own few lines, and has the browser hold it to that.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jinja2

from anonymizer_node import __version__
from anonymizer_node.proof.contact_sheet import Sheet, Tile
from anonymizer_node.proof.figures import Figure, counted, figures_of, is_image, topic_row
from anonymizer_node.proof.timeline import clock, span_ns, strips
from anonymizer_node.proof.verdict import LAWS, Check, Verdict

TEMPLATES = Path(__file__).with_name('templates')
WORDS: Mapping[str, str] = {
    'passed': 'Holds',
    'failed': 'Broken',
    'warning': 'Not shown',
    'empty': 'Nothing to check',
}
PROMISES: Mapping[int, str] = {
    1: 'A frame leaves only after it was judged and obscured. When anything fails, it stays.',
    2: 'Outside the obscured regions, and on every other topic, each byte and each time is kept.',
    3: 'What is obscured holds too little to bring anyone back.',
    4: 'Every message that came in is accounted for.',
}
_SINCE_NS = 946_684_800_000_000_000
"""Times before the year 2000 are a simulation's or a driver's own, and not shown as dates."""


@dataclass(frozen=True)
class Section:
    """One run of which the page tells.

    Attributes:
        title: Such as 'The live node'.
        verdict: Of the run.
        intro: What was run, in a sentence or two.
        checks: More checks that the caller made.
        figures: More figures than those that are counted from the verdict.
        sheets: See `contact_sheet.contact_sheets`.
        models: name, sha256, family and provider of each; default: the record's.
        settings: In force; default: the record's.
    """

    title: str
    verdict: Verdict
    intro: str = ''
    checks: tuple[Check, ...] = ()
    figures: tuple[Figure, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    models: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def all_checks(self) -> tuple[Check, ...]:
        """The verdict's and the caller's, in the order of the laws."""
        return tuple(sorted((*self.verdict.checks, *self.checks), key=lambda check: check.law))

    @property
    def passed(self) -> bool:
        """Whether everything could be shown."""
        return all(check.passed for check in self.all_checks)


def write_page(
    path: Path | str,
    sections: Sequence[Section],
    title: str = 'Anonymisation report',
    show_before: bool = False,
    now: datetime | None = None,
) -> None:
    """Write the page.

    Args:
        path: Of the HTML file; one that exists is replaced.
        sections: What to tell, at least one.
        title: Of the page.
        show_before: Whether pictures of the input may be on the page. They show the people whom
            the page is about: only for material that everybody may see.
        now: When the check was made; default: now.

    Raises:
        ValueError: If there is no section.
    """
    if not sections:
        raise ValueError('A report without a section says nothing; give one at least.')
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (
        (TEMPLATES / name).read_text(encoding='utf-8') for name in ('page.css', 'page.js')
    )
    environment.filters['data_uri'] = _data_uri
    environment.filters['count'] = '{:,}'.format
    views = [
        _view(section, number, show_before and any(sheet.tiles for sheet in section.sheets))
        for number, section in enumerate(sections, 1)
    ]
    page = environment.get_template('page.html.j2').render(
        title=title,
        headline=headline(sections),
        passed=all(section.passed for section in sections),
        sections=views,
        laws=LAWS,
        promises=PROMISES,
        words=WORDS,
        version=__version__,
        checked=(now or datetime.now(timezone.utc)).strftime('%d %B %Y, %H:%M UTC').lstrip('0'),
        show_before=show_before,
        style=style,
        script=script,
        style_digest=_digest(style),
        script_digest=_digest(script),
        pictures=any(view['tiles'] for view in views),
    )
    Path(path).write_text(page, encoding='utf-8')


def headline(sections: Sequence[Section]) -> str:
    """The verdict in a sentence."""
    checks = [check for section in sections for check in section.all_checks]
    failed = sum(not check.passed for check in checks)
    if not failed:
        vouched = '; '.join(filter(None, (section.verdict.vouched for section in sections)))
        return 'All four laws hold.' + (
            f' Not anonymised, as their owner asked: {vouched}.' if vouched else ''
        )
    if failed == 1:
        return f'Not proven: one of {len(checks)} checks could not be shown.'
    return f'Not proven: {failed} of {len(checks)} checks could not be shown.'


def _view(section: Section, number: int, show_before: bool) -> dict[str, Any]:
    """What the template shows of a section."""
    verdict = section.verdict
    images = [topic for topic in verdict.topics.values() if topic.moments and is_image(topic)]
    start, end = span_ns(images)
    models = list(section.models) or _dicts(verdict.record.get('models'))
    settings = dict(section.settings) or dict(*_dicts([verdict.record.get('settings')]))
    sheets = _sheets(section, number, start, show_before)
    repeated = {'model'} if settings.get('model') == [one.get('name') for one in models] else set()
    by_law = {law: [check for check in section.all_checks if check.law == law] for law in LAWS}
    return {
        'id': f'run-{number}',
        'title': section.title,
        'intro': section.intro,
        'passed': section.passed,
        'source': Path(verdict.source).name,
        'target': Path(verdict.target).name,
        'prefix': verdict.prefix,
        'by_law': by_law,
        'law_states': {law: _state(checks) for law, checks in by_law.items()},
        'figures': [*figures_of(verdict, images), *section.figures],
        'topics': [topic_row(topic) for topic in verdict.topics.values()],
        'strips': strips(images),
        'begin': clock(0),
        'length': clock(end - start),
        'recorded': _recorded(start, end),
        'tiles': sum(len(sheet['tiles']) + len(sheet['doubtful']) for sheet in sheets),
        'sheets': [sheet for sheet in sheets if sheet['tiles']],
        'doubtful': [sheet for sheet in sheets if sheet['doubtful']],
        'scored': any(moment.score is not None for topic in images for moment in topic.moments),
        'show_before': show_before,
        'models': models,
        'second': verdict.second,
        'settings': {
            name: value if isinstance(value, (str, int, float, list, tuple)) else str(value)
            for name, value in settings.items()
            if name not in repeated
        },
    }


def _dicts(value: Any) -> list[dict[str, Any]]:
    """What of a record can be shown: that may be damaged."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _state(checks: Sequence[Check]) -> str:
    states = {check.state for check in checks}
    for state in ('failed', 'warning', 'passed'):
        if state in states:
            return state
    return 'empty'


def _sheets(section: Section, number: int, start: int, show_before: bool) -> list[dict[str, Any]]:
    """The sheets of a section, each tile with an id of its own."""
    sheets, count = [], 0
    for sheet in section.sheets:
        view: dict[str, Any] = {'topic': sheet.topic}
        for kind in ('doubtful', 'tiles'):
            tiles: Sequence[Tile] = getattr(sheet, kind)
            view[kind] = [
                _tile(sheet.topic, tile, f'run-{number}-picture-{count + index}', start)
                for index, tile in enumerate(tiles, 1)
            ]
            count += len(tiles)
            for shown, tile in zip(view[kind], tiles, strict=True):
                shown['before'] = tile.before if show_before else None
                # What may be as it came is withheld as the input is.
                if not tile.moment.sound and not show_before:
                    shown['after'] = None
        sheets.append(view)
    return sheets


def _tile(topic: str, tile: Tile, name: str, start: int) -> dict[str, Any]:
    moment = tile.moment
    time = clock(moment.time_ns - start, tenths=True)
    said = counted(moment.regions, 'region') + ' obscured' if moment.regions else 'nobody found'
    if moment.status == 'blacked_out':
        said = 'replaced by black'
    if tile.why:
        said = tile.why if not moment.regions else f'{said}, {tile.why}'
    if not moment.sound:
        said += ', something is wrong with it'
    place = f' in {moment.image}' if moment.image else ''
    return {
        'id': name,
        'time': time,
        'said': said,
        'after': tile.after,
        'width': tile.width,
        'height': tile.height,
        'alt_after': f'Output frame of {topic}{place} at {time}, {said}',
        'alt_before': f'Input frame of {topic}{place} at {time}',
    }


def _recorded(start: int, end: int) -> str:
    if start < _SINCE_NS:
        return ''
    first = datetime.fromtimestamp(start // 1_000_000_000, timezone.utc)
    return f'{first:%d %B %Y, %H:%M:%S} UTC, {clock(end - start)} long'.lstrip('0')


def _digest(text: str) -> str:
    """As a content security policy names an element's text."""
    return 'sha256-' + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')


def _data_uri(data: bytes) -> str:
    return 'data:image/jpeg;base64,' + base64.b64encode(data).decode('ascii')
