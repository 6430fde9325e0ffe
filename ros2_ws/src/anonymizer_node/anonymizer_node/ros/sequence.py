"""Frames that were lost on the way in, told from the numbers that their publisher gave them.

The middleware tells of what the transport lost, but not of what came and fell out of the
subscription's queue because newer frames came before the executor was there. Both leave a gap in
the numbers. They are handed out from ROS 2 Jazzy on, by middlewares that have them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable


class Gaps:
    """The numbers of one subscription. Belongs to the executor's thread."""

    def __init__(self, publishers: Callable[[], Iterable[bytes]]) -> None:
        """No message so far.

        Args:
            publishers: The identities of those that publish on the topic now. Every publisher has
                numbers of its own, and a message doesn't say whose it is: gaps are told as long
                as there is one publisher, and always the same.
        """
        self._publishers = publishers
        self._only: bytes | None = None
        self._last: int | None = None
        self._mixed: set[int] = set()

    @property
    def tells(self) -> bool:
        """Whether a loss from now on will be told, so that nobody else needs to count it."""
        return bool(self._mixed) or (self._only is not None and self._last is not None)

    def before(self, number: int | None) -> int:
        """How many messages are missing before one that came.

        Args:
            number: That its publisher gave it; None if the middleware doesn't say.
        """
        last, self._last = self._last, number
        if number is None:
            self._only = None
            return 0
        if self._only is not None and last is not None and number == last + 1:
            return 0
        there = list(self._publishers())
        before, self._only = self._only, there[0] if len(there) == 1 else None
        if before is None or before != self._only or last is None:
            return 0
        return max(number - last - 1, 0)  # Numbers begin anew with a publisher.

    def mix(self, number: int | None) -> None:
        """Take note of a message that came while two subscriptions hear the topic, in any order.

        Args:
            number: As for `before`.
        """
        if number is None:
            self._only = None
        else:
            self._mixed.add(number)

    def unmix(self) -> int:
        """How many are missing among the messages noted, now that one subscription is left."""
        numbers, self._mixed = self._mixed, set()
        if not numbers:
            return 0
        there = list(self._publishers())
        before, self._only = self._only, there[0] if len(there) == 1 else None
        last, self._last = self._last, max(numbers)
        if self._only is None or before not in (None, self._only):
            return 0
        if before is None or last is None or last > self._last:
            last = min(numbers) - 1
        return self._last - last - sum(number > last for number in numbers)
