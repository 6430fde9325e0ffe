"""A camera and a recorder, with the node between them."""

from __future__ import annotations

import time
from typing import Any

import pictures
from harness import PATIENCE_S, Probe
from pictures import key
from sensor_msgs.msg import CompressedImage

WARM_UP_PERIOD_S = 0.1
RESEND_S = 4.0


class Link:
    """One image topic, from a publisher of the test through the node to a subscriber of the test.

    Attributes:
        heard: What came out, but for the frames that `__init__` sent.
        sent: How many frames went in, likewise.
        warm_up: Keys of the frames that `__init__` sent.
    """

    def __init__(
        self,
        probe: Probe,
        kind: type,
        topic: str,
        publish_reliable: bool = True,
        hear_reliable: bool = True,
    ) -> None:
        """Connect, and send frames until one came out.

        The node subscribes best-effort: what is sent before both sides know of each other is lost,
        and only a frame that came through shows that they do.
        """
        self.probe = probe
        self.topic = topic
        self.publisher = probe.publisher(kind, topic, publish_reliable)
        self.heard: list[Any] = probe.subscribe(kind, '/anonymized' + topic, hear_reliable)
        frame = pictures.picture(person=False)
        make = pictures.compressed if kind is CompressedImage else pictures.raw
        self.warm_up: set[tuple[int, int]] = set()
        for _ in range(200):
            message = make(frame)
            self.warm_up.add(key(message))
            self.publisher.publish(message)
            probe.spin_for(WARM_UP_PERIOD_S)
            if self.heard:
                break
        # What of the warm-up is still under way must not be taken for an answer later.
        self.sent = 0
        message = make(frame)
        self.warm_up.add(key(message))
        self.send(message)
        self.heard.clear()
        self.sent = 0

    def books(self) -> dict[str, int]:
        """The counts in the diagnostics, after all that has been sent so far."""
        values = self.probe.next_health(self.topic).values
        return {name: int(value) for name, value in values.items() if value.isdigit()}

    def answer(self, message: Any) -> Any:
        """What has come out for a message, or None so far."""
        return next((heard for heard in self.heard if key(heard) == key(message)), None)

    def publish(self, message: Any) -> None:
        """Send a message in."""
        self.publisher.publish(message)
        self.sent += 1

    def send(self, message: Any) -> Any:
        """Send a message in, and wait for what comes out for it.

        A busy machine may lose a best-effort message; it is then sent once more.
        """
        for patience_s in (RESEND_S, RESEND_S, PATIENCE_S):
            self.publish(message)
            deadline_s = time.monotonic() + patience_s
            while not self.answer(message) and time.monotonic() < deadline_s:
                self.probe.spin_for(0.01)
            if answer := self.answer(message):
                return answer
        return self.probe.until(lambda: self.answer(message), f'an output for {self.topic}', 0)
