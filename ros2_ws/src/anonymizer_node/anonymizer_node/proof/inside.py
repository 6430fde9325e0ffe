"""Messages that hold images among other things: their images one by one, and what is beside them.

Images are found by what fields a part of a message has, whatever its type is called and whatever
the run that made the output took for an image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagMessage, BagReader
from anonymizer_node.proof.definitions import IMAGE_FIELDS
from anonymizer_node.proof.frames import FrameChecks, Look, Statement, Where
from anonymizer_node.proof.record import FrameRecord, Record
from anonymizer_node.proof.second import SecondOpinion
from anonymizer_node.proof.verdict import Tally

_WORST_FIRST = ('dropped', 'blacked_out', 'anonymized', 'untouched', 'copied')


class InsideChecks:
    """Looks at pairs of messages with images in them, one after the other."""

    def __init__(
        self,
        frames: FrameChecks,
        judged: Tally,
        beside: Tally,
        record: Record,
        second: SecondOpinion | None = None,
    ) -> None:
        """Args: where it is counted what was found: of images, their records, and the rest."""
        self._frames = frames
        self._judged = judged
        self._beside = beside
        self._record = record
        self._second = second

    def look(
        self,
        where: Where,
        before: Any,
        after: Any,
        lines: Sequence[FrameRecord],
        vouched: bool,
    ) -> Look:
        """Check one output message; the share is the largest that is stated of an image.

        Args:
            where: Its place in the target.
            before: The input message, decoded.
            after: The output message, decoded.
            lines: What is claimed of its images.
            vouched: Whether the topic's owner wants copied what can't be read.
        """
        kept = beside_the_pictures(before) == beside_the_pictures(after)
        self._beside.seen(None if kept else where.failure('differs beside its images'))
        old, new = dict(pictures_in(before)), dict(pictures_in(after))
        stated = {line.image or '': line for line in lines if line.image or old}
        if not old.keys() == new.keys() == stated.keys():
            what = f'holds the images {list(old)}; on record are {list(stated)}'
            self._judged.fail(where.failure(what))
            return Look(0.0, False)
        looks = [Look(0.0, kept)]
        for label, picture in old.items():
            line, status = stated[label], stated[label].status
            if status == 'copied':
                if not vouched:
                    self._judged.fail(where.failure(f'{label} was copied, and nobody asked for it'))
                status = 'untouched'
            statement = Statement(
                status,
                line.regions,
                self._record.method,
                self._record.reencoded(line),
                line.status == 'copied',
            )
            identical = bytes(picture.data) == bytes(new[label].data)
            looks.append(self._frames.look(where, picture, new[label], statement, identical))
            if self._second is not None and status != 'blacked_out':
                seen = (where, picture, new[label], line.regions, identical, label)
                looks.append(Look(0.0, self._second.look(*seen)))
        return Look(max(look.share for look in looks), all(look.sound for look in looks))


def pictures_in(message: Any, label: str = '') -> Iterator[tuple[str, Any]]:
    """Every image in a message that has any data, and where it is, such as 'views[2].image'."""
    if isinstance(message, (list, tuple)):
        for index, item in enumerate(message):
            yield from pictures_in(item, f'{label}[{index}]')
        return
    names = _fields(message)
    if _is_image(names):
        if len(message.data):
            yield label, _viewed(message, names)
        return
    for name in names:
        yield from pictures_in(getattr(message, name), f'{label}.{name}' if label else name)


def unjudged_in(reader: BagReader, message: BagMessage) -> str:
    """The first image in a message of which nothing is on record, in words, or ''."""
    try:
        decoded = reader.decode(message.topic.msgtype, message.data)
    except FrameError:
        return 'something that can not be read, and may be a picture'
    label = next((label for label, _ in pictures_in(decoded)), None)
    return '' if label is None else f'an image, {label or "itself"}, which may be a picture'


def beside_the_pictures(message: Any) -> Any:
    """All that a message holds but the data of its images, to be compared with another's."""
    if isinstance(message, np.ndarray):
        return str(message.dtype), message.tobytes()
    if isinstance(message, (list, tuple)):
        return tuple(beside_the_pictures(item) for item in message)
    if isinstance(message, float):
        return np.float64(message).tobytes()  # A NaN is the same NaN.
    names = _fields(message)
    if not names:
        return message
    image = _is_image(names)
    return tuple(
        (name, beside_the_pictures(getattr(message, name)))
        for name in names
        if not (image and name == 'data' and len(message.data))
    )


def by_message(frames: Sequence[FrameRecord]) -> list[FrameRecord]:
    """One statement for each message: of several about its images, the worst, with all regions."""
    merged: list[FrameRecord] = []
    for frame in frames:
        last = merged[-1] if merged else None
        if last is None or frame.image is None or last.position != frame.position:
            merged.append(frame)
            continue
        worst = min(last, frame, key=lambda item: _rank(item.status))
        merged[-1] = worst._replace(regions=last.regions + frame.regions)
    return merged


def _rank(status: str) -> int:
    return _WORST_FIRST.index(status) if status in _WORST_FIRST else 0


def _fields(message: Any) -> tuple[str, ...]:
    return tuple(getattr(message, '__dataclass_fields__', {}))


def _is_image(names: Sequence[str]) -> bool:
    return any(fields <= set(names) for fields in IMAGE_FIELDS)


def _viewed(image: Any, names: Sequence[str]) -> Any:
    """An image with what the checks ask of every one: a header, and a byte order."""
    if 'header' in names:
        return image
    values = {name: getattr(image, name) for name in names}
    stamp = values.get('timestamp', SimpleNamespace(sec=0, nanosec=0))
    header = SimpleNamespace(stamp=stamp, frame_id=values.get('frame_id', ''))
    if 'encoding' in names:
        values.setdefault('is_bigendian', 0)
    return SimpleNamespace(**{**values, 'header': header})
