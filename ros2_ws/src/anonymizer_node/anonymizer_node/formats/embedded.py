"""Images inside messages of other types. `IMAGE_FORMS` is the table, by the image's own type.

Where they are is found from the message definitions of the bag, so that a vendor's own types need
no code: a field that is an image, an array of them, at any depth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from anonymizer_node.core.roles import Codec
from anonymizer_node.formats.bags import Place
from anonymizer_node.formats.image_codecs import CODECS


class Embedded(NamedTuple):
    """One image in one message.

    Attributes:
        label: Such as 'views[2].image'; '' if the message itself is the image.
        codec: Reads and edits it.
        image: What the codec takes.
    """

    label: str
    codec: Codec
    image: Any


class Form(NamedTuple):
    """How an image type is read.

    Attributes:
        codec: Of a type that has the same fields, or nearly.
        stamped: Whether it has timestamp and frame_id in place of a header.
    """

    codec: Codec
    stamped: bool = False


IMAGE_FORMS: Mapping[str, Form] = {
    'sensor_msgs/msg/Image': Form(CODECS['sensor_msgs/msg/Image']),
    'sensor_msgs/msg/CompressedImage': Form(CODECS['sensor_msgs/msg/CompressedImage']),
    'foxglove_msgs/msg/RawImage': Form(CODECS['sensor_msgs/msg/Image'], stamped=True),
    'foxglove_msgs/msg/CompressedImage': Form(
        CODECS['sensor_msgs/msg/CompressedImage'], stamped=True
    ),
}


def images_in(message: Any, places: Sequence[Place]) -> Iterator[Embedded]:
    """Every image in a message, but for those without any data, which show nothing."""
    for place in places:
        form = IMAGE_FORMS[place.msgtype]
        for label, image in _reached(message, place.path, ''):
            if len(image.data):
                yield Embedded(label, form.codec, _Stamped(image) if form.stamped else image)


def _reached(message: Any, path: Sequence[str], label: str) -> Iterator[tuple[str, Any]]:
    if not path:
        yield label, message
        return
    label = f'{label}.{path[0]}' if label else path[0]
    value = getattr(message, path[0])
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _reached(item, path[1:], f'{label}[{index}]')
    else:
        yield from _reached(value, path[1:], label)


class _Stamped:
    """An image with timestamp and frame_id, as if it had a header; the rest is its own."""

    def __init__(self, image: Any) -> None:
        object.__setattr__(self, '_image', image)
        header = SimpleNamespace(stamp=image.timestamp, frame_id=image.frame_id)
        object.__setattr__(self, 'header', header)

    def __getattr__(self, name: str) -> Any:
        if name == 'is_bigendian':
            return 0
        return getattr(object.__getattribute__(self, '_image'), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, '_image'), name, value)
