"""What a simulated camera is, and how one is written on a command line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from anonymizer_node.core.errors import InputError

TRANSPORTS = ('bgr8', 'mono8', 'jpeg')
SIZE = (640, 480)
FORM = 'NAME=SCENE:TRANSPORT:RATE[:WIDTHxHEIGHT][:reliable]'

IMAGE = 'sensor_msgs/msg/Image'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'

_WRITTEN = re.compile(
    rf'(?P<name>[A-Za-z_]\w*)=(?P<scene>\w+):(?P<transport>{"|".join(TRANSPORTS)})'
    r':(?P<rate>\d+(\.\d+)?)(:(?P<width>\d{1,5})x(?P<height>\d{1,5}))?(?P<reliable>:reliable)?',
    re.ASCII,
)


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
    width: int = SIZE[0]
    height: int = SIZE[1]

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
        """A camera from NAME=SCENE:TRANSPORT:RATE[:WIDTHxHEIGHT][:reliable].

        Raises:
            InputError: If it is written otherwise.
        """
        written = _WRITTEN.fullmatch(text)
        rate_hz = float(written['rate']) if written else 0.0
        if written is None or not 0 < rate_hz < 1000:
            raise InputError(
                f'Camera {text!r} is not {FORM} with a transport of {", ".join(TRANSPORTS)} and a '
                'rate in Hz.'
            )
        size = (int(written['width']), int(written['height'])) if written['width'] else SIZE
        reliable = bool(written['reliable'])
        return cls(
            written['name'], written['scene'], written['transport'], rate_hz, reliable, *size
        )

    def __str__(self) -> str:
        size = f':{self.width}x{self.height}' if (self.width, self.height) != SIZE else ''
        reliable = ':reliable' if self.reliable else ''
        return f'{self.name}={self.scene}:{self.transport}:{self.rate_hz:g}{size}{reliable}'
