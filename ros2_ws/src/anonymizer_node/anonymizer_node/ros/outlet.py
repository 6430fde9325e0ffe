"""A publisher that can be silenced from any thread, and keeps what its input keeps."""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile

from anonymizer_node.ros.qos import in_words, message_class, misfit, output_qos, owner
from anonymizer_node.ros.qos_overrides import PUBLISHER, overridden, overriding, to_take_back

MOST_WAIT_S = 0.02
"""How long `keep` waits for a frame that is being published, seconds; the executor waits too."""


class Outlet:
    """One topic to be published. `publish` may be called from any thread, the rest may not.

    Attributes:
        trouble: Why a subscription that there is doesn't hear, if an override is to blame; or ''.
    """

    def __init__(
        self, node: LifecycleNode, type_name: str, topic: str, name: str, depth: int
    ) -> None:
        """Closed at first.

        Args:
            node: Owner of the publisher.
            type_name: Of the messages.
            topic: Absolute name, before remapping.
            name: What that is in the end.
            depth: Messages kept for subscriptions that are slow or, if durable, come later.
        """
        self.trouble = ''
        self._node = node
        self._kind = message_class(type_name)
        self._topic = topic
        self._name = name
        self._depth = depth
        self._overridden = overridden(node, name, PUBLISHER)
        self._durable = False
        self._qos: QoSProfile | None = None
        self._publisher: Any = None
        self._is_open = False
        self._collects = True
        self._collected: deque[Any] = deque(maxlen=depth)
        self._gate = threading.Lock()

    def open(self, durable: bool) -> None:
        """Make the publisher.

        Args:
            durable: Whether it keeps messages for subscriptions that come later.
        """
        with self._gate:
            self._make(durable)
            self._is_open = True
            self._collects = not durable

    def close(self) -> None:
        """After this returned nothing is published."""
        self.silence()
        with self._gate:
            self._destroy()
        self.trouble = ''

    def silence(self) -> None:
        """Publish nothing from now on; the publisher is left as it is."""
        with self._gate:
            self._is_open = False
            self._collected.clear()

    def keep(self, durable: bool, is_alone: bool = False) -> bool:
        """Become durable, should the input be found to be so; never less than it was.

        What was published before its publisher was found is kept then: it went out at once, and
        comes once only. Those who heard it mostly haven't found the new publisher yet when it goes
        out from there; who has gets it twice.

        Args:
            durable: Whether the input's publishers keep messages for who comes later.
            is_alone: Whether there is no publisher, as far as can be seen.

        Returns:
            Whether it did; not if a frame is being published all the time: then try again.
        """
        if not self._gate.acquire(timeout=MOST_WAIT_S):
            return False
        try:
            becomes = durable and not self._durable and not is_alone
            if self._is_open and (becomes or self._publisher is None):
                # Not both at a time: a second publisher under our name is taken for a stranger's.
                self._destroy()
                self._make(durable)
                for message in self._collected:
                    self._publisher.publish(message)
            self._collects = is_alone and not self._durable
            if not self._collects:
                self._collected.clear()
            return True
        finally:
            self._gate.release()

    def publish(self, message: Any) -> bool:
        """Publish, if it is open. Whether it did."""
        with self._gate:
            if not self._is_open:
                return False
            self._publisher.publish(message)
            if self._collects:
                self._collected.append(message)
            return True

    def look(self) -> None:
        """Take note of who can't hear."""
        self.trouble = ''
        if self._qos is None or not self._overridden:
            return
        for info in self._node.get_subscriptions_info_by_topic(self._topic):
            if reason := misfit(self._qos, info.qos_profile):
                self.trouble = (
                    f'{self._name} is not heard by {owner(info)}: {reason}; take back '
                    f'{to_take_back(self._name, PUBLISHER, self._overridden)}.'
                )

    @property
    def told(self) -> str:
        """The QoS in force, in words; '' if closed."""
        return '' if self._qos is None else in_words(self._qos)

    def _make(self, durable: bool) -> None:
        qos = output_qos(self._depth, durable)
        self._publisher = self._node.create_lifecycle_publisher(
            self._kind,
            self._topic,
            qos,  # Overrides are written into it.
            qos_overriding_options=overriding(self._overridden),
        )
        # The node enables those that there are when it is activated; one made later never would be.
        self._publisher.on_activate(None)
        self._durable = durable
        self._qos = qos

    def _destroy(self) -> None:
        publisher, self._publisher = self._publisher, None
        self._qos = None
        if publisher is not None:
            self._node.destroy_lifecycle_publisher(publisher)
