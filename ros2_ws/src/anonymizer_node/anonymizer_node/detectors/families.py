"""Detector families: what goes into a graph and what its outputs mean. `FAMILIES` is the table."""

from __future__ import annotations

from collections.abc import Mapping

from anonymizer_node.detectors.centerface import CENTERFACE
from anonymizer_node.detectors.family import Family
from anonymizer_node.detectors.nanodet import NANODET, NANODET_PLUS
from anonymizer_node.detectors.rtdetr import RTDETR
from anonymizer_node.detectors.tfod import TFOD
from anonymizer_node.detectors.ultraface import ULTRAFACE
from anonymizer_node.detectors.yolo_end2end import YOLO_END2END
from anonymizer_node.detectors.yolov5 import YOLOV5
from anonymizer_node.detectors.yolov8 import YOLOV8
from anonymizer_node.detectors.yolox import YOLOX, YOLOX_DECODED
from anonymizer_node.detectors.yunet import YUNET

FAMILIES: Mapping[str, Family] = {
    'nanodet': NANODET,
    'nanodet_plus': NANODET_PLUS,
    'yolox': YOLOX,
    'yolox_decoded': YOLOX_DECODED,
    'yolov5': YOLOV5,
    'yolov8': YOLOV8,
    'yolo_end2end': YOLO_END2END,
    'rtdetr': RTDETR,
    'tfod': TFOD,
    'yunet': YUNET,
    'centerface': CENTERFACE,
    'ultraface': ULTRAFACE,
}
