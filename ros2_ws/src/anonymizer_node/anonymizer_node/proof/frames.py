"""The checks of one image message against the one it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import FrameError
from anonymizer_node.proof.files import added_to
from anonymizer_node.proof.obscured import PIXELATE, is_solid_black, why_visible
from anonymizer_node.proof.pictures import (
    Picture,
    changed_outside,
    difference_outside,
    outside_of,
    picture_of,
)
from anonymizer_node.proof.second_pictures import other_loss, second_picture_in
from anonymizer_node.proof.verdict import Check, Failure, Tally

MOST_REENCODED_DIFFERENCE = 4.0
"""Mean levels by which a JPEG that had to be encoded anew may differ outside the regions."""

_EVERYWHERE = Region(0, 0, 1 << 16, 1 << 16)

_KEPT = {
    True: ('height', 'width', 'encoding', 'is_bigendian', 'step'),
    False: ('format',),
}


@dataclass(frozen=True)
class Where:
    """A message's place, for pointing at it: topic, position among its messages, header time."""

    topic: str
    index: int
    stamp_ns: int | None

    def failure(self, what: str) -> Failure:
        """Something wrong with this message."""
        return Failure(self.topic, what, self.index, self.stamp_ns)


class Statement(NamedTuple):
    """What is claimed of one output frame.

    Attributes:
        status: As in `core.datatypes.STATUSES`, without `dropped`.
        regions: Said to be obscured.
        method: `blackout`, another one's name, or '' if unknown.
        reencoded: Whether it is said to have been encoded anew.
        vouched: Whether it was copied, as its owner asked, since it can't be read.
    """

    status: str
    regions: tuple[Region, ...] = ()
    method: str = ''
    reencoded: bool = False
    vouched: bool = False


class Look(NamedTuple):
    """What was seen of one output frame.

    Attributes:
        share: Of the picture that is stated to be obscured, 0..1.
        sound: Whether nothing was wrong with it.
    """

    share: float
    sound: bool


class FrameChecks:
    """Looks at pairs of frames, one after the other."""

    def __init__(self) -> None:
        self._raw = Tally(
            'nothing-raw',
            1,
            'No frame in which somebody was found left as it came.',
            'frames with people',
        )
        self._black = Tally(
            'replaced-frames',
            1,
            'A frame that stands in for a failed one is black all over.',
            'replaced frames',
        )
        self._kept = Tally(
            'image-attributes',
            2,
            'Header, size, encoding, row length, byte order and format of every image are kept.',
            'frames',
        )
        self._untouched = Tally(
            'untouched-identical',
            2,
            'A frame in which nothing was obscured is the same to the last byte, or has lost a '
            'thumbnail or its like, and nothing else.',
            'frames without people',
        )
        self._outside = Tally(
            'outside-identical',
            2,
            'Outside the obscured regions every pixel has kept its value.',
            'frames with people',
        )
        self._anew = Tally(
            'encoded-anew',
            2,
            'No JPEG had to be encoded anew, which changes pixels outside the regions slightly.',
            'frames with people',
            warning=True,
        )
        self._obscured = Tally(
            'obscured',
            3,
            'Every stated region is really obscured: black, or too few values to show anyone.',
            'frames with people',
        )
        self._second = Tally(
            'no-second-picture',
            3,
            'No thumbnail or other second picture is left inside an image file, nor anything that '
            'its input does not have.',
            'compressed frames',
        )
        # Decoding takes no lock of Python's, so it goes on beside what else is looked at.
        self._decoders = ThreadPoolExecutor(2, thread_name_prefix='decoding')
        self._stripped = 0
        self._regions = 0
        self._pixels_outside = 0

    def look(
        self, where: Where, before: Any, after: Any, statement: Statement, identical: bool
    ) -> Look:
        """Check one output frame.

        Args:
            where: Its place in the target.
            before: The input message, decoded.
            after: The output message, decoded.
            statement: What is claimed of it.
            identical: Whether the two are equal to the last byte.
        """
        already = self._wrong()
        share = self._look(where, before, after, statement, identical)
        return Look(share, self._wrong() == already)

    def _look(
        self, where: Where, before: Any, after: Any, statement: Statement, identical: bool
    ) -> float:
        self._kept.seen(_first_change(where, before, after))
        pictures: list[Future[Picture]] = []
        if statement.regions and statement.status != 'untouched' and not _replaced(statement):
            pictures = [self._decoders.submit(picture_of, item) for item in (before, after)]
        if hasattr(after, 'format') and not statement.vouched:
            second = second_picture_in(bytes(after.data), bool(statement.regions))
            if not second and (statement.regions or _replaced(statement)):
                flat = _said_to_be_flat(statement)
                added = added_to(bytes(before.data), bytes(after.data), flat)
                second = f'has {added}' if added else ''
            self._second.seen(where.failure(second) if second else None)
        if statement.status == 'untouched' or not (statement.regions or _replaced(statement)):
            changed = '' if identical else _change(before, after)
            self._untouched.seen(where.failure(changed) if changed else None)
            self._stripped += not (identical or changed)
            return 0.0
        if _replaced(statement):
            self._black.seen(_not_black(where, before, after))
            return 1.0
        raw = where.failure(f'equals its input, with {len(statement.regions)} regions stated')
        self._regions += len(statement.regions)
        try:
            old, new = (picture.result() for picture in pictures)
        except FrameError as error:
            self._raw.seen(raw if identical else None)
            self._outside.seen(where.failure(str(error)))
            self._obscured.seen(where.failure(str(error)))
            return 0.0
        self._raw.seen(raw if identical and not _shows_nothing(new, statement.regions) else None)
        self._compare(where, old, new, statement)
        return 1 - float(outside_of(statement.regions, old.width, old.height).mean())

    def _compare(self, where: Where, old: Picture, new: Picture, statement: Statement) -> None:
        if (old.width, old.height, old.kind) != (new.width, new.height, new.kind):
            what = where.failure(
                f'is {new.width}x{new.height} {new.kind}, was {old.width}x{old.height} {old.kind}'
            )
            self._outside.seen(what)
            self._obscured.seen(what)
            return
        changed = changed_outside(old, new, statement.regions)
        self._outside.seen(self._outside_failure(where, old, new, statement, changed))
        free = outside_of(statement.regions, old.width, old.height)
        self._pixels_outside += int(free.sum())
        # Who says so in vain has no use of it.
        anew = statement.reencoded and bool(changed or not free.any())
        visible = why_visible(old, new, statement.regions, statement.method, anew)
        self._obscured.seen(where.failure(visible) if visible else None)

    def _outside_failure(
        self, where: Where, old: Picture, new: Picture, statement: Statement, changed: int
    ) -> Failure | None:
        anew = bool(changed) and statement.reencoded and new.kind == 'jpeg'
        self._anew.seen(where.failure('was encoded anew') if anew else None)
        if not changed:
            return None
        if not anew:
            return where.failure(f'{changed} pixels outside the regions differ')
        levels = difference_outside(old, new, statement.regions)
        if levels <= MOST_REENCODED_DIFFERENCE:
            return None
        return where.failure(f'differs by {levels:.1f} levels outside the regions')

    def _wrong(self) -> int:
        """How often anything was wrong; that a JPEG was encoded anew is no fault of its own."""
        tallies = (self._raw, self._black, self._kept, self._untouched, self._outside)
        return sum(tally.failed for tally in (*tallies, self._obscured, self._second))

    def checks(self) -> list[Check]:
        """The results. There are no more frames to look at."""
        self._decoders.shutdown()
        self._obscured.detail = f'{self._regions} regions' if self._regions else ''
        if self._stripped:
            self._untouched.detail = f'{self._stripped} without a thumbnail or the like'
        if self._pixels_outside:
            self._outside.detail = f'{self._pixels_outside / 1e6:.1f} million pixels compared'
        always = [self._raw, self._kept, self._untouched, self._outside, self._obscured]
        sometimes = [tally for tally in (self._black, self._second) if tally.checked]
        anew = [self._anew] if self._anew.failed else []
        return [tally.check() for tally in (*always, *sometimes, *anew)]


def _replaced(statement: Statement) -> bool:
    return statement.status == 'blacked_out'


def _shows_nothing(picture: Picture, regions: Sequence[Region]) -> bool:
    """Whether each region has one value: before a covered lens there is nothing to obscure."""
    patches = (
        layer.pixels[region.y0 : region.y1, region.x0 : region.x1]
        for layer in picture.layers
        for region in regions
    )
    return all(patch.size and (patch == patch[:1, :1]).all() for patch in patches)


def _said_to_be_flat(statement: Statement) -> Sequence[Region]:
    """Regions in which each block of a JPEG is one shade: tiles begin and end with blocks."""
    if _replaced(statement):
        return (_EVERYWHERE,)
    tiles = statement.method == PIXELATE and not statement.reencoded
    return statement.regions if tiles or statement.method == 'blackout' else ()


def _first_change(where: Where, before: Any, after: Any) -> Failure | None:
    pairs = [
        ('header.stamp', _stamp(before), _stamp(after)),
        ('header.frame_id', before.header.frame_id, after.header.frame_id),
    ]
    names = _KEPT[hasattr(before, 'encoding')]
    pairs += [(name, getattr(before, name), getattr(after, name, None)) for name in names]
    for name, was, now in pairs:
        if was != now:
            return where.failure(f'{name} is {now!r}, was {was!r}')
    return None


def _change(before: Any, after: Any) -> str:
    """How a message differs from its input in more than a thumbnail, or ''."""
    if not (hasattr(before, 'format') and hasattr(after, 'format')):
        return 'differs from its input'
    return other_loss(bytes(before.data), bytes(after.data))


def _stamp(message: Any) -> tuple[int, int]:
    return int(message.header.stamp.sec), int(message.header.stamp.nanosec)


def _not_black(where: Where, before: Any, after: Any) -> Failure | None:
    try:
        picture = picture_of(after)
        if not is_solid_black(picture):
            return where.failure('is not black')
        if any(picture.rest) and picture.rest != picture_of(before).rest:
            return where.failure('has something beside its rows')
    except FrameError as error:
        return where.failure(str(error))
    return None


def is_replaced(after: Any, region: Region) -> bool:
    """Whether a frame is black all over and stated to be obscured all over."""
    try:
        picture = picture_of(after)
    except FrameError:
        return False
    return region == (0, 0, picture.width, picture.height) and is_solid_black(picture)
