"""The detectors that judge a bag: as many sets of them as frames are judged at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from anonymizer_node import __version__
from anonymizer_node.core.config import Settings
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.core.roles import Detector
from anonymizer_node.detectors.loading import again, load_detectors
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.offline.code_digest import digest_of_code
from anonymizer_node.offline.joined import Kind
from anonymizer_node.offline.private import make_folder
from anonymizer_node.offline.report import described

MOST_TEAMS = 4
MOST_MODEL_BYTES = 1 << 27
"""Of all sets together; every one may hold its models in memory, and as much again to work with."""

Team = Sequence[Detector]


def load_teams(settings: Settings, notice: Callable[[str], None] | None = None) -> tuple[Team, ...]:
    """Sets of the detectors that the settings name.

    On a CPU two frames at a time, by one thread each, take less time than one after the other by
    two threads: a share of every graph runs in one thread only. Where the threads are as many as
    there are cores there is a set more than that, which has work for a core while the other sets
    wait for a frame or for Python's lock. Other processors are given one frame at a time.

    Sets of one thread share what is loaded; those of several have each their own threads.

    Args:
        settings: `threads` are shared out among the sets.
        notice: Gets sentences for the user while the first set is loaded.

    Raises:
        ModelError: If a model can't be used.
    """
    wanted = min(settings.threads, MOST_TEAMS)
    each = settings.changed(threads=settings.threads // wanted)
    first = load_detectors(each, notice)
    on_cpu = [detector.provider == 'cpu' for detector in first]
    size = sum(len(detector.model.content) for detector in first)
    if wanted == 1 or not any(on_cpu):
        return (first,)
    if not all(on_cpu) or size * wanted > MOST_MODEL_BYTES:
        return (load_detectors(settings),)
    spare = settings.threads >= cores() and size * (wanted + 1) <= MOST_MODEL_BYTES
    others = range(wanted - 1 + spare)
    if each.threads == 1:
        return (first, *(again(first) for _ in others))
    return (first, *(load_detectors(each) for _ in others))


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def identity_of(reader: BagReader, wanted: Sequence[Kind], pipeline: Pipeline) -> dict[str, Any]:
    """What bears on what is detected in a bag, see `Sidecar`.

    The bag is told by what its metadata says; that no image is another one the digest of each
    message shows.

    Args:
        reader: Of the bag.
        wanted: Names and types of the topics that are judged.
        pipeline: That judges.
    """
    return {
        'bag': {
            'topics': sorted(
                [topic.name, topic.msgtype, topic.count]
                for topic in reader.topics
                if (topic.name, topic.msgtype) in wanted
            ),
            'start_ns': reader.start_ns,
            'duration_ns': reader.duration_ns,
        },
        **looks_of(pipeline),
    }


def looks_of(pipeline: Pipeline) -> dict[str, Any]:
    """What of a pipeline bears on what it detects, see `Sidecar`."""
    return {
        'tool': __version__,
        'code': digest_of_code(),
        'thoroughness': pipeline.settings.thoroughness,
        'detectors': [
            {
                **described(detector),
                'input_size': detector.input_size,
                'names': list(detector.names),
                'classes': list(terms.wanted(detector.names)),
                'score_threshold': terms.score_threshold,
            }
            for detector, terms in zip(pipeline.detectors, pipeline.settings.terms(), strict=True)
        ],
    }


def cache_folder(settings: Settings, identity: dict[str, Any]) -> Path | None:
    """Where sidecars are kept; None: nowhere.

    Nowhere if there is nothing to judge, if the detectors can't be told from others, or if no
    folder is named and the user has none that can be written to.
    """
    known = all(item['sha256'] for item in identity['detectors'])
    empty = 'bag' in identity and not identity['bag']['topics']
    if not known or empty:
        return None
    if settings.detection_cache:
        return Path(settings.detection_cache).expanduser()
    root = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    try:
        folder = (Path(root) / 'anonymizer_node' / 'detections').expanduser()
        make_folder(folder)
    except (OSError, RuntimeError):  # The latter where there is no home.
        return None
    return folder if os.access(folder, os.W_OK) else None
