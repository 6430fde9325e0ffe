"""camera_info of a bag as the files that ROS's camera_calibration writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
_COMPRESSED = '/compressed'
_BEHIND_STAMP = 12
"""Where in a CameraInfo's bytes its header's time is behind."""


def info_beside(topic: str) -> str:
    """The camera_info topic of an image topic: in the namespace that the image is in."""
    return topic.removesuffix(_COMPRESSED).rpartition('/')[0] + '/camera_info'


class Calibration:
    """What one camera_info topic says.

    Attributes:
        changes: Messages that say something else than the first one.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._said: bytes | None = None
        self._message: Any = None

    @property
    def known(self) -> bool:
        """Whether it said anything."""
        return self._said is not None

    def add(self, data: bytes, message: Any) -> None:
        """Take a message.

        Args:
            data: In CDR.
            message: Makes the same deserialised; called for the first one only.
        """
        said = bytes(data[_BEHIND_STAMP:])
        if self._said is None:
            self._said, self._message = said, message()
        elif said != self._said:
            self.changes += 1

    def write(self, path: Path, name: str) -> None:
        """Write what the first message said. Args: path: A new file. name: The camera's."""
        info = self._message
        values = {
            'image_width': int(info.width),
            'image_height': int(info.height),
            'camera_name': name,
            'camera_matrix': _matrix(info.k, 3),
            'distortion_model': str(info.distortion_model),
            'distortion_coefficients': _matrix(info.d, 1),
            'rectification_matrix': _matrix(info.r, 3),
            'projection_matrix': _matrix(info.p, 3),
        }
        text = yaml.safe_dump(values, sort_keys=False, default_flow_style=None)
        path.write_text(text, encoding='utf-8')


def _matrix(values: Any, rows: int) -> dict[str, Any]:
    data = [float(value) for value in values]
    return {'rows': rows, 'cols': len(data) // rows, 'data': data}
