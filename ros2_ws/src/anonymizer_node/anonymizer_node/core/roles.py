"""What the pipeline asks of a detector and of a codec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from anonymizer_node.core.datatypes import Detections, Frame, Redacted, Region


class Detector(Protocol):
    """What the pipeline asks of a detector."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by id."""

    @property
    def input_size(self) -> int:
        """To how many pixels it reduces a frame's longer side; more are of no use to it."""

    def detect(self, frame: Frame, score_threshold: float) -> Detections:
        """Boxes in pixels of the frame, after NMS, with scores at or above the threshold.

        Raises:
            DetectorError: If the frame could not be judged.
        """


class Codec(Protocol):
    """What the pipeline asks of a message type."""

    def decode(self, message: Any, source: str, least_size: int) -> Frame:
        """Read a message as far as a detector needs.

        Args:
            message: Anything with the attributes of the message type.
            source: Becomes `Frame.source`.
            least_size: The longer side may be reduced down to this, pixels.

        Raises:
            FrameError: If the message isn't a whole picture that this codec can read.
        """

    def measure(self, message: Any, source: str) -> Frame:
        """Read a message that is obscured by what another one shows, and not judged itself.

        Args:
            message: As for `decode`.
            source: Becomes `Frame.source`.

        Returns:
            Size and time count; the pixels may be in an encoding that no detector is shown.

        Raises:
            FrameError: As for `decode`.
        """

    def revisit(self, message: Any, source: str) -> Frame:
        """Read a message again that was decoded and judged before: these very bytes.

        Args:
            message: As for `decode`.
            source: Becomes `Frame.source`.

        Returns:
            Size and time count; the pixels may be none.

        Raises:
            FrameError: As for `decode`, as far as it is looked at.
        """

    def redact(
        self, message: Any, frame: Frame, regions: Sequence[Region], method: str, strength: float
    ) -> Redacted:
        """The message with regions obscured; may reuse and edit `message`.

        Raises:
            FrameError, RedactionError: If it can't be done; `message` is then unfit to publish.
        """

    def stripped(self, message: Any) -> Redacted:
        """The message without what in it no detector sees, such as a thumbnail.

        A detector may well see nobody in a frame, and somebody be known in its thumbnail. May reuse
        and edit `message`; where there is nothing to remove, it is the very same message.

        Raises:
            FrameError: If it can't be done; `message` is then unfit to publish.
        """

    def blacked_out(self, message: Any) -> Any:
        """The message with a picture of the same size and encoding that shows nothing.

        Raises:
            FrameError: If size or encoding can't be told.
        """
