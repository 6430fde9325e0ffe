"""The node with a detector that finds painted marks: people are magenta, faults are by colour.

A frame's top left pixel says what goes wrong with it, so that one process shows all faults.
"""

import os
import sys
import time

import cv2
import numpy as np

from anonymizer_node.core.datatypes import Detections
from anonymizer_node.core.encodings import resized_bgr
from anonymizer_node.ros import ending, followers, intake, reporter
from anonymizer_node.ros.main import main

PERSON = (255, 0, 255)
RAISES = (255, 0, 0)
ANSWERS_NAN = (0, 255, 0)
ANSWERS_OUTSIDE = (0, 0, 255)
HANGS = (255, 255, 0)
NO_ANSWER = (0, 255, 255)
SLOW = (255, 255, 255)
NO_MEMORY = (0, 0, 0)
STUCK_S = 120.0
SLOW_S = 0.15


def near(pixels, colour):
    """Where a picture has a colour, give or take what JPEG does to it."""
    return (np.abs(pixels.astype(np.int16) - colour) < 60).all(axis=-1)


class MarkDetector:
    """Finds magenta rectangles."""

    names = ('person',)
    input_size = 512

    def detect(self, frame, score_threshold):
        height, width = frame.pixels.shape[:2]
        picture = resized_bgr(frame.pixels, frame.encoding, width, height)
        corner = picture[:2, :2].reshape(-1, 3).mean(axis=0)
        self._misbehave(corner)
        if near(corner, ANSWERS_NAN):
            return found([[np.nan, 0, 10, 10]])
        if near(corner, ANSWERS_OUTSIDE):
            return found([[frame.width + 10, 0, frame.width + 50, 40]])
        if near(corner, NO_ANSWER):
            return None
        mask = near(picture, PERSON).astype(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        scale = np.array([frame.width / width, frame.height / height] * 2)
        boxes = [
            np.array([x, y, x + w, y + h]) * scale
            for x, y, w, h, area in stats[1:count]
            if area >= 16
        ]
        return found(boxes)

    def _misbehave(self, corner):
        if near(corner, RAISES):
            raise RuntimeError('the detector broke')
        if near(corner, NO_MEMORY):
            raise MemoryError
        if near(corner, HANGS):
            hang()
        if near(corner, SLOW):
            time.sleep(SLOW_S)


def found(boxes):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(boxes, np.ones(len(boxes), np.float32), np.zeros(len(boxes), np.int64))


def hang():
    """As code outside Python would: until a file goes away, or for good."""
    until_s = time.monotonic() + STUCK_S
    while os.path.exists(os.environ.get('HANGS_WHILE', '/')) and time.monotonic() < until_s:
        time.sleep(0.02)


if __name__ == '__main__':
    # The tests wait for many reports, and for some verdicts.
    reporter.PERIOD_S = 0.2
    intake.HUNG_S = float(os.environ.get('HUNG_S', intake.HUNG_S))
    ending.END_S = float(os.environ.get('END_S', ending.END_S))
    followers.MOST_WAIT_S = float(os.environ.get('MOST_WAIT_S', followers.MOST_WAIT_S))
    sys.exit(main(detector_factory=lambda settings: [MarkDetector()]))
