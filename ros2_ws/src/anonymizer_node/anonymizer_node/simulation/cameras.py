"""What a simulated camera is, and how one is written on a command line."""

from __future__ import annotations

from dataclasses import dataclass

from anonymizer_node.core.errors import InputError

TRANSPORTS = ('bgr8', 'mono8', 'jpeg')

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'


@dataclass(frozen=True)
class Camera:
    """One simulated camera.

    Attributes:
        name: Namespace of its topics.
        scene: Key of `STAGES`.
        transport: One of `TRANSPORTS`.
        rate_hz: Frames a second.
        reliable: Whether its driver publishes reliably; else best-effort, like sensor data.
        width: Pixels.
        height: Pixels.
    """

    name: str
    scene: str
    transport: str
    rate_hz: float
    reliable: bool = False
    width: int = 640
    height: int = 480

    @property
    def topic(self) -> str:
        """Where its images go."""
        suffix = '/compressed' if self.transport == 'jpeg' else ''
        return f'/{self.name}/image_raw{suffix}'

    @property
    def info_topic(self) -> str:
        """Where its calibration goes."""
        return f'/{self.name}/camera_info'

    @property
    def msgtype(self) -> str:
        """Type of its images."""
        return COMPRESSED if self.transport == 'jpeg' else IMAGE

    @classmethod
    def parse(cls, text: str) -> Camera:
        """A camera from NAME=SCENE:TRANSPORT:RATE[:reliable].

        Raises:
            InputError: If it is written otherwise.
        """
        name, _, rest = text.partition('=')
        try:
            scene, transport, rate, *more = rest.split(':')
            rate_hz = float(rate)
        except ValueError:
            scene, transport, rate_hz, more = '', '', 0.0, []
        known = transport in TRANSPORTS and more in ([], ['reliable'])
        if not (name.isidentifier() and known and 0 < rate_hz < 1000):
            raise InputError(
                f'Camera {text!r} is not NAME=SCENE:TRANSPORT:RATE[:reliable] with a transport '
                f'of {", ".join(TRANSPORTS)} and a rate in Hz.'
            )
        return cls(name, scene, transport, rate_hz, bool(more))

    def __str__(self) -> str:
        reliable = ':reliable' if self.reliable else ''
        return f'{self.name}={self.scene}:{self.transport}:{self.rate_hz:g}{reliable}'
