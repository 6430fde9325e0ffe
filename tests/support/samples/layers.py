"""A tiny face detector that has layers with weights: of CenterFace's family, and can be quantised.

A block of 4 x 4 pixels, at a multiple of 4, whose red is r is a face of score
sigmoid(12 r / 255 - 6), around the block's middle, 4 exp(3 g / 255) high and 4 exp(3 b / 255) wide
for its green g and blue b.
"""

from __future__ import annotations

import cv2
import numpy as np

from anonymizer_node.core.datatypes import UInt8Array
from samples.graphs import TensorProto, helper, numpy_helper, onnx

WIDTH, HEIGHT = 128, 96
CHANNELS = 8
METADATA = {'author': 'of this test'}


def tiny_face(
    opset: int = 13,
    batch: int = 10,
    kind: int = TensorProto.FLOAT,
    constants_are_inputs: bool = False,
    size: tuple[int, int] | None = None,
) -> bytes:
    """The graph.

    Args:
        opset: Of the file.
        batch: That it declares, like the published CenterFace; with it, sides of 32.
        kind: Type of input, weights and outputs.
        constants_are_inputs: As exporters of old had it.
        size: Width and height that it declares; by default those of CenterFace.
    """
    rng = np.random.default_rng(7)
    stem = rng.normal(0, 0.001, (CHANNELS, 3, 4, 4))
    stem[:3] = np.eye(3)[:, :, None, None] / 16 / 255
    score = np.zeros((1, CHANNELS, 1, 1))
    score[0, 0] = 12
    scale = rng.normal(0, 0.001, (2, CHANNELS, 1, 1))
    scale[0, 1], scale[1, 2] = 3, 3
    weights = {
        'stem': (stem, np.zeros(CHANNELS)),
        'score': (score, np.full(1, -6.0)),
        'scale': (scale, np.zeros(2)),
        'offset': (rng.normal(0, 0.001, (2, CHANNELS, 1, 1)), np.zeros(2)),
        'landmarks': (rng.normal(0, 0.1, (10, CHANNELS, 1, 1)), np.zeros(10)),
    }
    dtype = np.float16 if kind == TensorProto.FLOAT16 else np.float32
    constants, nodes = [], []
    for name, pair in weights.items():
        for part, value in zip('wb', pair, strict=True):
            constants.append(numpy_helper.from_array(value.astype(dtype), f'{name}_{part}'))
        source, strides = ('image', [4, 4]) if name == 'stem' else ('features', [1, 1])
        inputs = [source, f'{name}_w', f'{name}_b']
        nodes.append(helper.make_node('Conv', inputs, [f'{name}_out'], strides=strides))
        if name == 'stem':
            nodes.append(helper.make_node('Relu', ['stem_out'], ['features']))
    nodes.append(helper.make_node('Sigmoid', ['score_out'], ['heat']))
    width, height = size or (32, 32)
    shape = [batch, 3, height, width]
    declared = [helper.make_tensor_value_info('image', kind, shape)]
    if constants_are_inputs:
        declared += [
            helper.make_tensor_value_info(item.name, item.data_type, item.dims)
            for item in constants
        ]
    outputs = [
        helper.make_tensor_value_info(name, kind, [batch, channels, height // 4, width // 4])
        for name, channels in (('heat', 1), ('scale_out', 2), ('offset_out', 2))
    ]
    outputs.append(
        helper.make_tensor_value_info('landmarks_out', kind, [batch, 10, height // 4, width // 4])
    )
    graph = helper.make_graph(nodes, 'tiny', declared, outputs, constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', opset)], ir_version=4 if opset < 13 else 8
    )
    helper.set_model_props(model, METADATA)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def face_picture(*faces: tuple[int, int, int, int], red: int = 255) -> UInt8Array:
    """A picture of faces (column, row, width, height), in blocks and pixels; BGR."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for column, row, width, height in faces:
        green, blue = (round(np.log(side / 4) / 3 * 255) for side in (height, width))
        picture[row * 4 : row * 4 + 4, column * 4 : column * 4 + 4] = (blue, green, red)
    return picture


def face_box(column: int, row: int, width: int, height: int) -> list[float]:
    """Where that face is, xyxy."""
    x, y = column * 4 + 2, row * 4 + 2
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


FACES = ((8, 8, 24, 32), (20, 12, 40, 48), (26, 5, 12, 16))


def face_folder(folder, count: int = 4):
    """A folder of pictures of one to three faces."""
    folder.mkdir(parents=True)
    for index in range(count):
        cv2.imwrite(str(folder / f'{index}.png'), face_picture(*FACES[: 1 + index % 3]))
    return folder
