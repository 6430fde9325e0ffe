"""A subscription that goes along with what publishers offer."""

from __future__ import annotations

import functools
import time
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from anonymizer_node.ros.qos import in_words, input_qos, is_durable, message_class, misfit, owner
from anonymizer_node.ros.qos_overrides import SUBSCRIPTION, overridden, overriding, to_take_back
from anonymizer_node.ros.sequence import Gaps

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble.
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

OVERLAP_S = 1.0
"""How long the old subscription is kept beside a new one, which has to find its publishers. Both
hear the same meanwhile, and what comes twice is taken once."""

_REMEMBERED = 256
"""Messages remembered, to know those that come twice."""

_LOOKED_AT = 1 << 16
"""Bytes of a picture by which it is told from another one of the same stamp, spread over it."""

TELLS_ABOUT_MESSAGES = hasattr(Subscription, 'CallbackType')
"""Whether rclpy tells when a message was sent. Humble doesn't."""


class Inlet:
    """One topic to be received. All of it belongs to the executor's thread.

    Attributes:
        durable: Whether the publishers seen last, all of them, keep messages for who comes later.
        is_alone: Whether `look` found no publisher.
        senders: How many it found; with one, all that comes is of one camera.
        trouble: Why a publisher that there is isn't heard; '' if all are.
    """

    def __init__(
        self,
        node: LifecycleNode,
        type_name: str,
        topic: str,
        name: str,
        depth: int,
        receive: Callable[[Any], Any],
        lose: Callable[[int, str], None] | None = None,
        raw: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Closed at first.

        Args:
            node: Owner of the subscription.
            type_name: Of the messages.
            topic: Absolute name, before remapping.
            name: What that is in the end.
            depth: Messages that wait for the executor at most.
            receive: Called with every message.
            lose: Called with a number of messages that were lost on the way in, and a sentence.
            raw: Whether `receive` takes bytes.
            clock: Monotonic, seconds.
        """
        self.durable = False
        self.is_alone = True
        self.senders = 0
        self.trouble = ''
        self._node = node
        self._kind = message_class(type_name)
        self._type_name = type_name
        self._topic = topic
        self._name = name
        self._depth = depth
        self._receive = receive
        self._lose = lose
        self._raw = raw
        self._clock = clock
        self._overridden = overridden(node, name, SUBSCRIPTION)
        self._publishers: list[Any] = []
        self._qos: QoSProfile | None = None
        self._subscription: Any = None
        self._former: Any = None
        self._made = 0
        self._overlap_until_s = 0.0
        self._recent: dict[_Sign, None] = {}  # In the order of their coming.
        self._gaps = Gaps(self._publishers_now)

    def look(self) -> None:
        """Take note of what is offered now."""
        infos = self._node.get_publishers_info_by_topic(self._topic)
        self._publishers = [info for info in infos if info.topic_type == self._type_name]
        self.is_alone = not self._publishers
        self.senders = len(self._publishers)
        if self._publishers:
            self.durable = is_durable(self._offered())

    def open(self) -> None:
        """Subscribe, as `look` found it best."""
        self._recent.clear()
        self._gaps = Gaps(self._publishers_now)
        self._overlap_until_s = 0.0
        self._subscribe(input_qos(self._depth, self._offered()))
        self.trouble = self._misfits()

    def close(self) -> None:
        """Receive no longer."""
        subscription, self._subscription = self._subscription, None
        self._drop_former()
        if subscription is not None:
            self._node.destroy_subscription(subscription)
        self._qos = None
        self.trouble = ''

    def adapt(self) -> bool:
        """Subscribe anew if what `look` found asks for it. Whether it did."""
        if self._former is not None and self._clock() >= self._overlap_until_s:
            self._drop_former()
        offered = self._offered()
        adapts = False
        # Without a publisher nothing is to be gained; when it comes back it is as it was, mostly.
        if self._qos is not None and self._former is None and offered:
            wanted = input_qos(self._depth, offered)
            adapts = any(
                getattr(wanted, policy) != getattr(self._qos, policy)
                for policy in ('reliability', 'durability')
                if policy not in self._overridden
            )
            if adapts:
                before = self._subscription
                self._subscribe(wanted)
                self._former = before
                self._overlap_until_s = self._clock() + OVERLAP_S
        self.trouble = self._misfits()
        return adapts

    @property
    def told(self) -> str:
        """The QoS in force, in words; '' if closed."""
        return '' if self._qos is None else in_words(self._qos)

    def _offered(self) -> list[QoSProfile]:
        return [info.qos_profile for info in self._publishers]

    def _drop_former(self) -> None:
        former, self._former = self._former, None
        if former is not None:
            self._node.destroy_subscription(former)
            self._count(self._gaps.unmix)

    def _subscribe(self, qos: QoSProfile) -> None:
        made = self._made + 1
        heed_loss = functools.partial(self._heed_loss, made)
        try:
            # In place of rclpy's warning about a QoS that doesn't fit there is `trouble`.
            events = SubscriptionEventCallbacks(
                incompatible_qos=_pass_over,
                message_lost=None if self._lose is None else heed_loss,
            )
            self._subscription = self._subscription_of(qos, events)
        except UnsupportedEventTypeError:  # This middleware doesn't tell of losses.
            self._subscription = self._subscription_of(qos, None)
        self._made = made
        self._qos = qos

    def _subscription_of(self, qos: QoSProfile, events: Any) -> Any:
        return self._node.create_subscription(
            self._kind,
            self._topic,
            self._hear_and_know if TELLS_ABOUT_MESSAGES else self._hear,
            qos,  # Overrides are written into it.
            event_callbacks=events,
            qos_overriding_options=overriding(self._overridden),
            raw=self._raw,
        )

    def _heed_loss(self, made: int, loss: Any) -> None:
        # What a former subscription loses the new one hears.
        if self._lose is not None and made == self._made and not self._gaps.tells:
            self._lose(loss.total_count_change, 'The middleware lost frames on the way in.')

    def _hear(self, message: Any) -> None:
        self._hear_and_know(message, {})

    def _hear_and_know(self, message: Any, info: Any) -> None:
        sign = _sign(message, info)
        if sign is not None:
            if sign in self._recent and (sign.sure or self._is_changing):
                return
            self._recent[sign] = None
            if len(self._recent) > _REMEMBERED:
                del self._recent[next(iter(self._recent))]
        number = info.get('publication_sequence_number')
        if self._former is None:
            self._count(functools.partial(self._gaps.before, number))
        else:
            self._gaps.mix(number)
        self._receive(message)

    @property
    def _is_changing(self) -> bool:
        """Whether messages may come twice; they take a moment to be handed over."""
        return self._clock() < self._overlap_until_s + OVERLAP_S

    def _count(self, missing_of: Callable[[], int]) -> None:
        if self._lose is None:
            return
        try:
            missing = missing_of()
        except Exception:  # The message is worth more than the count. The middleware counts again.
            self._gaps = Gaps(self._publishers_now)
            return
        if missing:
            self._lose(missing, 'Its publisher numbers frames, and some numbers never came.')

    def _publishers_now(self) -> list[bytes]:
        infos = self._node.get_publishers_info_by_topic(self._topic)
        return [bytes(info.endpoint_gid) for info in infos]

    def _misfits(self) -> str:
        if self._qos is None:
            return ''
        for info in self._publishers:
            if reason := misfit(info.qos_profile, self._qos):
                return (
                    f'{self._name} is not heard from {owner(info)}: {reason}; take back '
                    f'{to_take_back(self._name, SUBSCRIPTION, self._overridden)}.'
                )
        return ''


def _pass_over(event: Any) -> None:
    pass


class _Sign(NamedTuple):
    """What a message is known by when it comes twice.

    Attributes:
        value: The same for the same message.
        sure: And for no other one: a driver may set the same stamp again and again.
    """

    value: Any
    sure: bool


def _sign(message: Any, info: Any) -> _Sign | None:
    """The sign of a message; None if it is known by nothing."""
    if sent_ns := info.get('source_timestamp'):
        number = info.get('publication_sequence_number')
        return _Sign((sent_ns, number), number is not None)
    if isinstance(message, bytes):
        return _Sign(message, False)
    stamp = message.header.stamp
    if not (stamp.sec or stamp.nanosec):
        return None
    # A driver whose stamp stands still sends pictures that are not the same.
    data = memoryview(message.data)
    looked_at = zlib.crc32(data[:: max(1, len(data) // _LOOKED_AT)].tobytes())
    return _Sign((stamp.sec, stamp.nanosec, len(data), looked_at), False)
