"""The numbers of a run, for the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from anonymizer_node.proof.moments import LOST
from anonymizer_node.proof.verdict import TopicFigures, Verdict


class Figure(NamedTuple):
    """One number to show: `label` says of what, `note` explains it or is ''."""

    label: str
    value: str
    note: str = ''


def is_image(topic: TopicFigures) -> bool:
    """Whether a topic's messages are pictures that were to be anonymised."""
    return topic.role in ('anonymized', 'not recorded')


def figures_of(verdict: Verdict, images: Sequence[TopicFigures]) -> list[Figure]:
    """The figures of a run.

    Args:
        verdict: Of it.
        images: Those of its topics that have moments.
    """
    moments = [moment for topic in images for moment in topic.moments]
    published = [moment for moment in moments if moment.status not in LOST]
    people = [moment for moment in published if moment.regions]
    lost = len(moments) - len(published)
    others = verdict.check('other-messages')
    hidden = sum(moment.share for moment in published) / max(1, len(published))
    regions = sum(topic.regions for topic in images)
    figures = [
        Figure('Frames in', f'{len(moments):,}', counted(len(images), 'camera topic')),
        Figure('With people obscured', f'{len(people):,}', counted(regions, 'region')),
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
    if verdict.second:
        again, seen = verdict.second['seen_again'], verdict.second['seen_in_input']
        figures.append(Figure('Seen again', f'{again:,}', f'by a second detector, of {seen:,}'))
    if verdict.prefix:
        note = 'the node counts why on /diagnostics' if lost else 'none lost'
        figures.append(Figure('Recorded, not published', f'{lost:,}', note))
    else:
        figures.append(Figure('Dropped', f'{lost:,}', 'each with its cause' if lost else 'none'))
    return figures


def counted(number: int, noun: str) -> str:
    """A number of things in words."""
    return f'{number:,} {noun}{"" if number == 1 else "s"}'


def topic_row(topic: TopicFigures) -> dict[str, Any]:
    """A line of the table of topics."""
    counts = topic.statuses
    image = is_image(topic)
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
