"""Frees the shapes that an ONNX file declares, where the graph behind them doesn't need them.

A few files declare the shape that they were traced with, batch included, though no layer depends
on it (CenterFace: 10 pictures of 32 x 32), and onnxruntime holds them to it. `onnx` itself is no
dependency of a robot, so the declarations are rewritten in the file's own encoding: protocol
buffers, with the field numbers of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anonymizer_node.core.errors import ModelError

_GRAPH = 7  # ModelProto
_INPUT, _OUTPUT, _VALUE_INFO = 11, 12, 13  # GraphProto
_NAME, _TYPE = 1, 2  # ValueInfoProto
_TENSOR = 1  # TypeProto
_SHAPE = 2  # TypeProto.Tensor
_DIM = 1  # TensorShapeProto
_DIM_VALUE = 1  # TensorShapeProto.Dimension
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5


def with_shape(content: bytes, name: str, shape: Sequence[int | None]) -> bytes:
    """An ONNX file with another shape of one input and free shapes of all outputs.

    Args:
        content: Of the file.
        name: Of the input.
        shape: Its sizes; None: free.

    Raises:
        ModelError: If the file isn't encoded as ONNX files are.
    """
    try:
        parts = []
        for number, whole, value in _fields(memoryview(content)):
            parts.append(_field(_GRAPH, _graph(value, name, shape)) if number == _GRAPH else whole)
        return b''.join(parts)
    except (IndexError, ValueError) as error:
        raise ModelError(f'The declared shapes can not be freed: {error}.') from error


def _graph(data: memoryview, name: str, shape: Sequence[int | None]) -> bytes:
    parts: list[bytes | memoryview] = []
    for number, whole, value in _fields(data):
        if number == _INPUT and _name(value) == name:
            parts.append(_field(_INPUT, _reshaped(value, shape)))
        elif number == _OUTPUT:
            parts.append(_field(_OUTPUT, _reshaped(value, None)))
        elif number != _VALUE_INFO:  # Shapes in between follow from these; the old ones are wrong.
            parts.append(whole)
    return b''.join(parts)


def _name(value_info: memoryview) -> str:
    for number, _, value in _fields(value_info):
        if number == _NAME:
            return bytes(value).decode()
    return ''


def _reshaped(value_info: memoryview, shape: Sequence[int | None] | None) -> bytes:
    """A ValueInfoProto with a shape, None: as many free sizes as it had."""

    def replaced(data: memoryview, path: Sequence[int]) -> bytes:
        parts: list[bytes | memoryview] = []
        for number, whole, value in _fields(data):
            if number != path[0]:
                parts.append(whole)
            elif len(path) > 1:
                parts.append(_field(number, replaced(value, path[1:])))
            else:
                sizes = [None for _ in _fields(value)] if shape is None else shape
                dims = b''.join(_field(_DIM, _dim(size)) for size in sizes)
                parts.append(_field(number, dims))
        return b''.join(parts)

    return replaced(value_info, (_TYPE, _TENSOR, _SHAPE))


def _dim(size: int | None) -> bytes:
    return b'' if size is None else _varint(_DIM_VALUE << 3 | _VARINT) + _varint(size)


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """The fields of a message: number, the whole field, and the value of those that have bytes."""
    position = 0
    while position < len(data):
        start = position
        tag, position = _read_varint(data, position)
        kind = tag & 7
        value = position
        if kind == _VARINT:
            _, position = _read_varint(data, position)
        elif kind == _BYTES:
            length, value = _read_varint(data, position)
            position = value + length
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            position += 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f'a field has the unknown wire type {kind}')
        if position > len(data):
            raise ValueError('a field is longer than its message')
        yield tag >> 3, data[start:position], data[value:position]


def _read_varint(data: memoryview, position: int) -> tuple[int, int]:
    number, shift = 0, 0
    while True:
        byte = data[position]
        number |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return number, position
        shift += 7


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
