"""The usual message types, to make messages with where there is no ROS."""

from __future__ import annotations

from typing import Any

from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore


class MessageTypes:
    """Those of the latest release.

    Attributes:
        types: Typestore for making messages, `types.types['std_msgs/msg/String'](...)`.
    """

    def __init__(self) -> None:
        self.types: Typestore = get_typestore(Stores.LATEST)

    def encode(self, msgtype: str, message: Any) -> bytes:
        """A message to CDR."""
        return bytes(self.types.serialize_cdr(message, msgtype))
