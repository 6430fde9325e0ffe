"""Regions for a topic that isn't judged itself: those of its colour twin around the same time.

A detector of people judges neither depth nor most infrared. What is obscured in the colour image of
the same camera is obscured there too, scaled by the ratio of the two sizes: the images must show
the same view (registered depth). Where the twin has nothing to say of a moment, the frame fails.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from anonymizer_node.core.datatypes import Frame, Outcome, Region
from anonymizer_node.core.errors import AnonymizerError
from anonymizer_node.core.geometry import to_regions
from anonymizer_node.core.motion import FIRST_SPEED, WIDENING

CAUSE = 'twin'
"""Why a frame fails of which the twin says nothing."""

MOST_APART_S = 0.1
"""A frame of the twin says something of a moment up to this far away, seconds."""

DRIFT = WIDENING * FIRST_SPEED
"""How far people may have moved since, sizes of a region (the root of its area) per second."""

MOST_UNLIKE = 0.02
"""By so much may the shapes of the two images differ, as a share: more, and they are not of the
same view."""

KEPT_S = 5.0
"""Frames of a twin are remembered up to this long before its newest one, seconds."""

MOST_KEPT = 1024
"""And no more than this, should their time stand still."""

JUMP_S = MOST_APART_S
"""Time that runs back by more than this has begun anew: a bag that loops, a simulation that was
reset, a clock that was set. What was seen before is then of another time, though its stamps may be
the same. By less it runs back where frames were overtaken."""

UNSURE_S = 1.2
"""After a step back by no more than this, frames of before the step may still wait, or be in work,
when the twin comes to their stamps for the second time: longer than the node lets one wait."""


class TwinError(AnonymizerError):
    """The twin doesn't say what is to be obscured in a frame."""


class Seen(NamedTuple):
    """What became of one frame of a twin.

    Attributes:
        stamp_ns: Time of its header, nanoseconds.
        width: Columns, 0 if it failed.
        height: Rows, 0 if it failed.
        regions: Obscured in it; None if it failed.
        of_several: Whether it may be of another camera than those around it.
    """

    stamp_ns: int
    width: int = 0
    height: int = 0
    regions: tuple[Region, ...] | None = None
    of_several: bool = False

    @classmethod
    def of(cls, outcome: Outcome, stamp_ns: int) -> Seen:
        """What an outcome says to followers."""
        if outcome.status in ('anonymized', 'untouched'):
            return cls(stamp_ns, outcome.width, outcome.height, tuple(outcome.regions))
        return cls(stamp_ns)


class Twin:
    """The latest frames of one colour topic. Not thread-safe.

    Attributes:
        topic: Its name, for messages.
        of_several: Whether frames of several cameras may come on its topic or on its follower's:
            then it says nothing, for those of the same time may be of two of them. Nor does a frame
            that came when that was so, when it is so no longer.
    """

    def __init__(self, topic: str, frames: Sequence[Seen] = (), unsure_s: float = UNSURE_S) -> None:
        """Args: topic: Its name. frames: Of it, that are done. unsure_s: See `UNSURE_S`."""
        self.topic = topic
        self.of_several = False
        self._unsure_ns = round(unsure_s * 1e9)
        self._frames: deque[Seen] = deque(maxlen=MOST_KEPT)
        self._newest_ns: int | None = None
        self._added_ns: int | None = None
        self._latest_ns: dict[str, int] = {}
        self._repeated_ns: dict[str, int] = {}
        self._twice: tuple[int, int] | None = None
        for seen in frames:
            self.add(seen)

    def add(self, seen: Seen) -> None:
        """The next frame of the twin is done."""
        self._begin_anew_if_back(seen.stamp_ns, self._added_ns)
        self._frames.append(seen)
        self._newest_ns = max(seen.stamp_ns, self._newest_ns or seen.stamp_ns)
        self._added_ns = self._newest_ns
        while self._frames[0].stamp_ns < self._newest_ns - round(KEPT_S * 1e9):
            self._frames.popleft()

    def expect(self, follower: str, stamp_ns: int, is_new: bool = True) -> None:
        """A frame of a follower has come in. Told of each, in their order.

        Args:
            follower: Its topic.
            stamp_ns: Time of its header.
            is_new: Whether it is told of for the first time.
        """
        latest_ns = self._latest_ns.get(follower)
        self._begin_anew_if_back(stamp_ns, latest_ns)
        if is_new and stamp_ns == latest_ns:
            self._repeated_ns[follower] = stamp_ns
        self._latest_ns[follower] = stamp_ns

    def _begin_anew_if_back(self, stamp_ns: int, latest_ns: int | None) -> None:
        """Forget what was seen if time runs back, and which stamps may now mean two moments."""
        if latest_ns is None or stamp_ns >= latest_ns - round(JUMP_S * 1e9):
            return
        self.forget()
        if latest_ns - stamp_ns > self._unsure_ns:
            return
        low, high = self._twice or (stamp_ns, latest_ns)
        if stamp_ns <= high and low <= latest_ns:  # The same step, as another topic shows it.
            stamp_ns, latest_ns = min(low, stamp_ns), max(high, latest_ns)
        self._twice = stamp_ns, latest_ns

    def forget(self) -> None:
        """Know of no frame any longer."""
        self._frames.clear()
        self._newest_ns = None

    def has_passed(self, stamp_ns: int) -> bool:
        """Whether a frame of this time or a later one is done: more need not be waited for."""
        return self._newest_ns is not None and self._newest_ns >= stamp_ns

    def around(self, stamp_ns: int) -> Twin:
        """What is known now of a moment, as a twin of its own that doesn't change any more."""
        reach = round(MOST_APART_S * 1e9)
        near = [seen for seen in self._frames if abs(seen.stamp_ns - stamp_ns) <= reach]
        known = Twin(self.topic, near)
        known.of_several = self.of_several
        known._twice = self._twice
        known._repeated_ns = dict(self._repeated_ns)
        return known

    def regions_of(self, frame: Frame) -> tuple[Region, ...]:
        """What is to be obscured in a follower's frame.

        That is what was in the twin's frame of the same time; or else, widened by how people move,
        what was in its nearest frames before and after. Of those there may be one only.

        Args:
            frame: As measured.

        Returns:
            Regions inside the frame.

        Raises:
            TwinError: If no frame of the twin is near, one that is has failed, or it is of
                another view; or if its time may mean several moments, or they may be of several
                cameras.
        """
        if self.of_several:
            raise self._of_several()
        if frame.stamp_ns == 0:
            raise TwinError(
                f'It has no time in its header, so which frame of {self.topic!r} is of the same '
                'time is unknown. Have the driver set header.stamp.'
            )
        boxes = []
        for seen in self._near(frame.stamp_ns):
            if seen.of_several:
                raise self._of_several()
            if seen.regions is None:
                raise TwinError(
                    f'The frame of {self.topic!r} at the same time failed, so what is to be '
                    'obscured here is unknown.'
                )
            self._check_view(seen, frame)
            apart_s = abs(seen.stamp_ns - frame.stamp_ns) / 1e9
            boxes += [_moved(region, seen, frame, apart_s) for region in seen.regions]
        xyxy = np.array(boxes).reshape(-1, 4)
        return to_regions(xyxy, frame.width, frame.height)

    def _of_several(self) -> TwinError:
        return TwinError(
            f'It or {self.topic!r}, which it follows, has several publishers, so which of their '
            'images show the same is unknown. Give each camera a topic of its own.'
        )

    def _near(self, stamp_ns: int) -> Sequence[Seen]:
        """The frame of this time; or the nearest before and after it, of which one may be absent.

        Raises:
            TwinError: If there is none, or the time may mean several moments.
        """
        reach = round(MOST_APART_S * 1e9)
        if self._twice and self._twice[0] - reach <= stamp_ns <= self._twice[1]:
            raise TwinError(
                'Time ran back, and which of two moments its stamp means is unknown. See that no '
                'clock is set while the cameras run.'
            )
        near = [seen for seen in self._frames if abs(seen.stamp_ns - stamp_ns) <= reach]
        same = [seen for seen in near if seen.stamp_ns == stamp_ns]
        if len(same) > 1 or stamp_ns in self._repeated_ns.values():
            raise TwinError(
                f'It or {self.topic!r}, which it follows, has several frames of this very time, so '
                'which belong together is unknown. Have the driver set header.stamp anew for each.'
            )
        if same:
            return same
        before = [seen for seen in near if seen.stamp_ns < stamp_ns]
        after = [seen for seen in near if seen.stamp_ns > stamp_ns]
        chosen = []
        if before:
            latest = max(seen.stamp_ns for seen in before)
            chosen += [seen for seen in before if seen.stamp_ns == latest]
        if after:
            earliest = min(seen.stamp_ns for seen in after)
            chosen += [seen for seen in after if seen.stamp_ns == earliest]
        if not chosen:
            raise TwinError(
                f'No frame of {self.topic!r}, which it follows, was anonymised within '
                f'{MOST_APART_S:g} s of this one. See that it comes at the same time with the same '
                'clock in its header.'
            )
        return chosen

    def _check_view(self, seen: Seen, frame: Frame) -> None:
        """Raises: TwinError: If the twin's image has another shape."""
        unlike = (frame.width * seen.height) / (frame.height * seen.width)
        if abs(math.log(unlike)) > MOST_UNLIKE:
            raise TwinError(
                f'It is {frame.width}x{frame.height} and {self.topic!r}, which it follows, '
                f'{seen.width}x{seen.height}: they do not show the same view. Have the driver '
                'align one to the other.'
            )


def _moved(region: Region, seen: Seen, frame: Frame, apart_s: float) -> list[float]:
    """A region of the twin in pixels of the follower, widened by how people move meanwhile."""
    margin = DRIFT * apart_s * math.sqrt(region.area)
    across, down = frame.width / seen.width, frame.height / seen.height
    return [
        (region.x0 - margin) * across,
        (region.y0 - margin) * down,
        (region.x1 + margin) * across,
        (region.y1 + margin) * down,
    ]
