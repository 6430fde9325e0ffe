"""The whole demo: play, anonymise live, anonymise the recording, check both, show it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import InputError
from anonymizer_node.core.roles import Detector
from anonymizer_node.demo.books import check_books, read_books
from anonymizer_node.demo.coverage import WELL_COVERED, PeopleFound, find_people, read_truth
from anonymizer_node.demo.live import play_and_record, why_no_ros
from anonymizer_node.demo.pictures import choose_moments, pairs_at, save_before_after
from anonymizer_node.formats.bags import BagWriter
from anonymizer_node.offline.bag import anonymize_bag
from anonymizer_node.proof.contact_sheet import contact_sheets
from anonymizer_node.proof.coverage import LEAST_VISIBLE
from anonymizer_node.proof.figures import Figure
from anonymizer_node.proof.report import Section, write_page
from anonymizer_node.proof.verdict import Check, Verdict
from anonymizer_node.proof.verify import verify_bag
from anonymizer_node.simulation.cameras import Camera
from anonymizer_node.simulation.footage import Footage, Recording, stamped

CAMERAS = (
    Camera('front', 'workshop', 'bgr8', 15.0),
    Camera('rear', 'loading_bay', 'jpeg', 15.0, reliable=True),
    Camera('side', 'yard', 'mono8', 10.0),
)
"""A colour camera and a grey one as raw images, best-effort as most drivers publish; a third one
compressed, reliable."""

SECONDS = 12.0
SEED = 1

SOURCE, LIVE, BAG, LOGS = 'input', 'live', 'bag', 'logs'
TRUTH, SUMMARY, PICTURE, PAGE = 'truth.json', 'demo.json', 'before_after.png', 'index.html'

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Half:
    """One way in which the same recording was anonymised, and what the checks say.

    Attributes:
        name: `live` or `bag`.
        target: The output bag.
        prefix: Of the output topics.
        verdict: The laws, told from the two bags.
        people: The known people, told from the output's pixels.
        more: Further checks.
    """

    name: str
    target: Path
    prefix: str
    verdict: Verdict
    people: PeopleFound
    more: tuple[Check, ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        """All that was checked."""
        return (*self.verdict.checks, *self.more)

    @property
    def passed(self) -> bool:
        """Whether every law could be shown to hold."""
        return self.verdict.passed and all(check.passed for check in self.more)


@dataclass
class DemoResult:
    """What came of it.

    Attributes:
        out: Where everything lies.
        halves: The live half, if ROS could be had, and the bag half.
        no_ros: Why there is no live half, or ''.
        page: To look at.
        seconds: How long it took.
    """

    out: Path
    halves: list[Half] = field(default_factory=list)
    no_ros: str = ''
    page: Path = Path(PAGE)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every law could be shown to hold in every half."""
        return bool(self.halves) and all(half.passed for half in self.halves)


def run_demo(
    out: Path,
    seconds: float = SECONDS,
    seed: int = SEED,
    ros: bool = True,
    cameras: tuple[Camera, ...] = CAMERAS,
    settings: Settings | None = None,
    detectors: Sequence[Detector] = (),
    tell: Tell = lambda line: None,
) -> DemoResult:
    """Run it.

    Args:
        out: Folder for everything; an earlier demo in it is replaced.
        seconds: How long the cameras play.
        seed: Of the scenes.
        ros: Whether to try the live half.
        cameras: What to play.
        settings: For the bag half; the live half runs with the defaults.
        detectors: For the bag half, in place of those that the settings name.
        tell: Gets a line on what is being done.

    Raises:
        InputError: If the folder holds something else, a photograph is missing, or `seconds` can't
            be.
        ModelError: If the detector can't be used.
        StageError: If a process of the live half fails.
    """
    if not 1 <= seconds <= 600:
        raise InputError(f'The demo can not play for {seconds:g} s; give 1 to 600.')
    began = time.monotonic()
    _make_room(out)
    result = DemoResult(out, page=out / PAGE)
    result.no_ros = why_no_ros() if ros else 'it was not asked for'
    prefix = Settings().output_prefix
    if result.no_ros:
        tell(f'The live half is left out: {result.no_ros}.')
        tell(f'Recording {len(cameras)} simulated cameras, {seconds:g} s ...')
        record_footage(cameras, seconds, seed, out / SOURCE)
    else:
        tell(f'Playing {len(cameras)} cameras into the node, {seconds:g} s ...')
        play_and_record(cameras, seconds, seed, out / SOURCE, out / LIVE, out / LOGS)
        tell('Checking what the node published ...')
        result.halves.append(check_half('live', out / SOURCE, out / LIVE, prefix))
    tell('Anonymising the recorded bag ...')
    anonymize_bag(out / SOURCE, out / BAG, settings or Settings(), detectors)
    tell('Checking the bag ...')
    result.halves.append(check_half('bag', out / SOURCE, out / BAG))
    tell('Writing the page ...')
    _draw(result)
    _write_page(result, seconds)
    result.seconds = time.monotonic() - began
    _summarise(result)
    return result


def record_footage(cameras: tuple[Camera, ...], seconds: float, seed: int, source: Path) -> None:
    """Write the scenes straight into a bag, as if cameras had been recorded.

    Raises:
        InputError: If the bag exists, or a photograph is missing.
    """
    start_ns = time.time_ns()
    with BagWriter(source) as writer:
        footage = Footage(cameras, seconds, seed, writer)
        recording = Recording(footage, writer)
        for shot in footage.shots():
            stamp_ns = start_ns + shot.offset_ns
            recording.add(shot, stamped(shot.data, stamp_ns), stamp_ns)
        recording.save_truth(writer.folder / TRUTH)


def check_half(name: str, source: Path, target: Path, prefix: str = '') -> Half:
    """Verify one output, without believing the run that made it.

    Raises:
        InputError: If a bag can't be read.
    """
    verdict = verify_bag(source, target, prefix, method=Settings().method if prefix else '')
    people = find_people(read_truth(source / TRUTH), source, target, prefix)
    more = [people.check()]
    if prefix:
        more.append(check_books(read_books(target), verdict.topics))
    return Half(name, target, prefix, verdict, people, tuple(more))


def _make_room(out: Path) -> None:
    """An empty folder; an earlier demo's files are removed, and nobody else's.

    Raises:
        InputError: If there is something else in it, or it can't be made.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f'{str(out)!r} is a file; name a folder for the demo.')
    if out.is_dir() and any(out.iterdir()):
        if not (out / SUMMARY).is_file():
            raise InputError(f'{str(out)!r} is not empty and no earlier demo; name another folder.')
        for name in (SOURCE, LIVE, BAG, LOGS):
            for folder in (out / name, *out.glob(f'.{name}.part-*')):
                shutil.rmtree(folder, ignore_errors=True)
        for name in (PICTURE, PAGE):
            (out / name).unlink(missing_ok=True)
    try:
        (out / LOGS).mkdir(parents=True)
        (out / SUMMARY).write_text('{}\n', encoding='utf-8')
    except OSError as error:
        raise InputError(
            f'{str(out)!r} can not be written to: {error.strerror}. Name another folder.'
        ) from error


def _draw(result: DemoResult) -> None:
    """The strip for the README."""
    source, last = result.out / SOURCE, result.halves[-1]
    obscured = {
        (name, moment.stamp_ns): moment.share
        for name, topic in last.verdict.topics.items()
        for moment in topic.moments
        if moment.status == 'anonymized' and moment.stamp_ns is not None
    }
    moments = choose_moments(read_truth(source / TRUTH), obscured)
    pairs = pairs_at(moments, source, last.target, last.prefix)
    if pairs:
        save_before_after(pairs, result.out / PICTURE)


def _write_page(result: DemoResult, seconds: float) -> None:
    """The page. It may show the input: the photographs are public."""
    titles = {
        'live': ('The live node', 'Simulated cameras, the node and a recorder ran as processes.'),
        'bag': ('The recorded bag', 'What the cameras published was recorded and put through.'),
    }
    sections = []
    for half in result.halves:
        title, intro = titles[half.name]
        if result.no_ros:
            intro += f' The live half was left out: {result.no_ros}.'
        sections.append(
            Section(
                title,
                half.verdict,
                f'{intro} {seconds:g} s of scenes with known people, made from public photographs.',
                checks=half.more,
                figures=_figures(half.people),
                sheets=contact_sheets(half.verdict, show_before=True),
                settings=Settings.of_node().as_dict() if half.name == 'live' else {},
            )
        )
    write_page(result.page, sections, 'anonymizer_node: demo', show_before=True)


def _figures(people: PeopleFound) -> tuple[Figure, ...]:
    return (
        Figure('Known people', f'{len(people.judged):,}', 'in published frames'),
        Figure('Covered least', f'{people.least:.0%}', 'of one person in one frame'),
        Figure('Covered well', f'{people.well:.1%}', f'of them by {WELL_COVERED:.0%} or more'),
        Figure(
            'At the edge',
            f'{len(people.marginal):,}',
            f'less than {LEAST_VISIBLE:.0%} in view and not covered',
        ),
    )


def _summarise(result: DemoResult) -> None:
    summary = {
        'passed': result.passed,
        'no_ros': result.no_ros,
        'seconds': round(result.seconds, 1),
        'halves': {
            half.name: {
                'passed': half.passed,
                'checks': [check.as_dict() for check in half.checks],
                'people': half.people.as_dict(),
                'topics': {name: topic.as_dict() for name, topic in half.verdict.topics.items()},
            }
            for half in result.halves
        },
    }
    text = json.dumps(summary, indent=2) + '\n'
    (result.out / SUMMARY).write_text(text, encoding='utf-8')
