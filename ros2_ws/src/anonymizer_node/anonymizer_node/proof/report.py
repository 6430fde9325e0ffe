"""One HTML page that shows a verdict to people: self-contained, opened offline, no scripts."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import jinja2

from anonymizer_node import __version__
from anonymizer_node.proof.contact_sheet import Sheet
from anonymizer_node.proof.timeline import LOST, span_ns, strips
from anonymizer_node.proof.verdict import LAWS, Check, TopicFigures, Verdict

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


class Figure(NamedTuple):
    """One number to show: `label` says of what, `note` explains it or is ''."""

    label: str
    value: str
    note: str = ''


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
    )
    Path(path).write_text(page, encoding='utf-8')


def headline(sections: Sequence[Section]) -> str:
    """The verdict in a sentence."""
    checks = [check for section in sections for check in section.all_checks]
    failed = sum(not check.passed for check in checks)
    if not failed:
        return 'All four laws hold.'
    if failed == 1:
        return f'Not proven: one of {len(checks)} checks could not be shown.'
    return f'Not proven: {failed} of {len(checks)} checks could not be shown.'


def _view(section: Section, number: int, show_before: bool) -> dict[str, Any]:
    """What the template shows of a section."""
    verdict = section.verdict
    images = [topic for topic in verdict.topics.values() if topic.moments and _is_image(topic)]
    start, end = span_ns(images)
    models = list(section.models or verdict.record.get('models', []))
    settings = dict(section.settings or verdict.record.get('settings', {}))
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
        'figures': [*_figures(verdict, images), *section.figures],
        'topics': [_topic_row(topic) for topic in verdict.topics.values()],
        'strips': strips(images),
        'begin': clock(0),
        'length': clock(end - start),
        'recorded': _recorded(start, end),
        'sheets': [_sheet(sheet, start, show_before) for sheet in section.sheets if sheet.tiles],
        'show_before': show_before,
        'models': models,
        'settings': {name: value for name, value in settings.items() if name not in repeated},
    }


def _is_image(topic: TopicFigures) -> bool:
    return topic.role in ('anonymized', 'not recorded')


def _state(checks: Sequence[Check]) -> str:
    states = {check.state for check in checks}
    for state in ('failed', 'warning', 'passed'):
        if state in states:
            return state
    return 'empty'


def _figures(verdict: Verdict, images: Sequence[TopicFigures]) -> list[Figure]:
    moments = [moment for topic in images for moment in topic.moments]
    published = [moment for moment in moments if moment.status not in LOST]
    people = [moment for moment in published if moment.regions]
    lost = len(moments) - len(published)
    others = verdict.check('other-messages')
    hidden = sum(moment.share for moment in published) / max(1, len(published))
    regions = sum(topic.regions for topic in images)
    figures = [
        Figure('Frames in', f'{len(moments):,}', _counted(len(images), 'camera topic')),
        Figure('With people obscured', f'{len(people):,}', _counted(regions, 'region')),
        Figure('Passed on unchanged', f'{len(published) - len(people):,}', 'to the last byte'),
        Figure('Area obscured', f'{hidden:.1%}', 'of all pixels passed on'),
        Figure('Other messages', f'{others.checked:,}', 'equal to their input')
        if not others.failed
        else Figure('Other messages', f'{others.failed:,}', f'of {others.checked:,} not equal'),
    ]
    replaced = sum(topic.statuses.get('blacked_out', 0) for topic in images)
    if replaced:
        figures.append(Figure('Replaced by black', f'{replaced:,}', 'because they failed'))
        figures[2] = figures[2]._replace(value=f'{len(published) - len(people) - replaced:,}')
    if verdict.prefix:
        note = 'the node counts why on /diagnostics' if lost else 'none lost'
        figures.append(Figure('Recorded, not published', f'{lost:,}', note))
    else:
        figures.append(Figure('Dropped', f'{lost:,}', 'each with its cause' if lost else 'none'))
    return figures


def _counted(number: int, noun: str) -> str:
    return f'{number:,} {noun}{"" if number == 1 else "s"}'


def _topic_row(topic: TopicFigures) -> dict[str, Any]:
    counts = topic.statuses
    image = _is_image(topic)
    return {
        'name': topic.name,
        'output': topic.output if topic.output != topic.name else '',
        'type': topic.msgtype,
        'role': topic.role,
        'count_in': topic.count_in,
        'count_out': topic.count_out,
        'people': counts.get('anonymized', 0) if image else None,
        'empty': counts.get('untouched', 0) if image else None,
        'lost': sum(counts.get(status, 0) for status in LOST) if image else None,
        'note': '; '.join(f'{cause}: {count}' for cause, count in topic.causes.items())
        or (topic.reason if topic.role == 'left out' else ''),
    }


def _sheet(sheet: Sheet, start: int, show_before: bool) -> dict[str, Any]:
    tiles = []
    for tile in sheet.tiles:
        regions = tile.moment.regions
        time = clock(tile.moment.time_ns - start, tenths=True)
        said = _counted(regions, 'region') + ' obscured' if regions else 'nobody found'
        if tile.moment.status == 'blacked_out':
            said = 'replaced by black'
        tiles.append(
            {
                'time': time,
                'said': said,
                'after': tile.after,
                'before': tile.before if show_before else None,
                'width': tile.width,
                'height': tile.height,
                'alt_after': f'Output frame of {sheet.topic} at {time}, {said}',
                'alt_before': f'Input frame of {sheet.topic} at {time}',
            }
        )
    return {'topic': sheet.topic, 'tiles': tiles}


def clock(span_ns: int, tenths: bool = False) -> str:
    """A span of time as hours, minutes and seconds: 1:02:03 or 0:07.5."""
    total = span_ns // 100_000_000 / 10 if tenths else round(span_ns / 1e9)
    minutes, seconds = divmod(total, 60)
    hours, minutes = divmod(int(minutes), 60)
    shown = f'{seconds:04.1f}' if tenths else f'{int(seconds):02d}'
    return f'{hours}:{minutes:02d}:{shown}' if hours else f'{minutes}:{shown}'


def _recorded(start: int, end: int) -> str:
    if start < _SINCE_NS:
        return ''
    first = datetime.fromtimestamp(start // 1_000_000_000, timezone.utc)
    return f'{first:%d %B %Y, %H:%M:%S} UTC, {clock(end - start)} long'.lstrip('0')


def _data_uri(data: bytes) -> str:
    return 'data:image/jpeg;base64,' + base64.b64encode(data).decode('ascii')
