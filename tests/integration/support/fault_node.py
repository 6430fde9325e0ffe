"""The real node, in which things go wrong where a frame's frame_id asks for it.

A frame_id such as `detect:raises,blacked_out:memory` says at which places of the way through the
node something happens to this frame, and what. People are found by the magenta ring around them.
The environment may name

    FAULT_GATE     a folder: who `waits` leaves `entered` there, and goes on when there is `open`
    HUNG_S         after how long a frame in work is one that hangs
    FAULT_MODELS   a folder of models: the real detector is loaded from it too, verified and run
"""

import functools
import os
import resource
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from anonymizer_node.core.datatypes import Detections
from anonymizer_node.core.encodings import resized_bgr
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.detectors import registry
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.formats.jpeg_blocks import BLOCK_REDACTORS
from anonymizer_node.ros import intake, reporter
from anonymizer_node.ros.main import main

RING = (255, 0, 255)
LEAST_RING = 100
SCORE = 0.5
SLOW_S = 0.12
WAIT_S = 120.0
TOO_MANY = 10_000

asked: dict[str, str] = {}
"""Of the frame in work, by place: the node works at one at a time."""


def act(place):
    action = asked.get(place)
    if action in ACTIONS:
        ACTIONS[action](place)


def raises(place):
    raise RuntimeError(f'{place} broke')


def memory(place):
    raise MemoryError(place)


def exits(place):
    raise SystemExit(f'{place} gave up')


def slow(place):
    time.sleep(SLOW_S)


def waits(place):
    gate = Path(os.environ['FAULT_GATE'])
    (gate / 'entered').touch()
    deadline_s = time.monotonic() + WAIT_S
    while not (gate / 'open').exists() and time.monotonic() < deadline_s:
        time.sleep(0.005)


def limit(megabytes, place):
    """From now on only so much more memory is to be had."""
    pages = int(Path('/proc/self/statm').read_text().split()[0])
    most = pages * resource.getpagesize() + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


ACTIONS = {
    'raises': raises,
    'memory': memory,
    'exits': exits,
    'slow': slow,
    'waits': waits,
    'limit_16': functools.partial(limit, 16),
    'limit_40': functools.partial(limit, 40),
}


def nan(frame, boxes):
    return found(np.full((1, 4), np.nan))


def outside(frame, boxes):
    return found([[frame.width + 10, 0, frame.width + 50, 40]])


def inside_out(frame, boxes):
    return found(boxes[:, [2, 3, 0, 1]])


def sizeless(frame, boxes):
    return found(boxes[:, [0, 1, 0, 1]])


def nothing(frame, boxes):
    return found([])


def no_answer(frame, boxes):
    return None


def too_many(frame, boxes):
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, (frame.width - 9, frame.height - 9), (TOO_MANY, 2))
    return found(np.concatenate([boxes, np.concatenate([corners, corners + 8], axis=1)]))


def malformed(frame, boxes):
    return Detections(boxes[:, :3], np.ones(len(boxes)), np.zeros(len(boxes), np.int64))


ANSWERS = {
    'nan': nan,
    'outside': outside,
    'inside_out': inside_out,
    'sizeless': sizeless,
    'nothing': nothing,
    'no_answer': no_answer,
    'too_many': too_many,
    'malformed': malformed,
}


class RingDetector:
    """Finds people by their rings, and errs where it is asked to."""

    names = ('person', 'helmet')
    input_size = 512

    def __init__(self, real=None):
        self._real = real

    def detect(self, frame, score_threshold):
        act('detect')
        if self._real is not None:
            self._real.detect(frame, score_threshold)
        height, width = frame.pixels.shape[:2]
        picture = resized_bgr(frame.pixels, frame.encoding, width, height)
        ring = (np.abs(picture.astype(np.int16) - RING) < 80).all(axis=-1)
        count, _, stats, _ = cv2.connectedComponentsWithStats(ring.astype(np.uint8))
        scale = np.array([frame.width / width, frame.height / height] * 2)
        boxes = [
            np.array([x, y, x + w, y + h]) * scale
            for x, y, w, h, area in stats[1:count]
            if area >= LEAST_RING
        ]
        boxes = np.array(boxes).reshape(-1, 4)
        answer = ANSWERS.get(asked.get('detect'))
        if answer is not None:
            return answer(frame, boxes)
        return found(boxes if score_threshold <= SCORE else [])


def found(boxes):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    scores = np.full(len(boxes), SCORE, np.float32)
    return Detections(boxes, scores, np.zeros(len(boxes), np.int64), RingDetector.names)


class FaultyCodec:
    """A codec that errs where it is asked to."""

    def __init__(self, codec):
        self._codec = codec

    def decode(self, message, source, least_size):
        asked.clear()
        places = message.header.frame_id.split(',')
        asked.update(place.split(':') for place in places if ':' in place)
        act('decode')
        frame = self._codec.decode(message, source, least_size)
        act('decoded')
        return frame

    def redact(self, message, frame, regions, method, strength):
        act('redact')
        asked['_patches'] = 0
        done = self._codec.redact(message, frame, regions, method, strength)
        act('redacted')
        return done

    def blacked_out(self, message):
        act('blacked_out')
        return self._codec.blacked_out(message)

    def __getattr__(self, name):
        return getattr(self._codec, name)


def faulty(method):
    """A method of redaction that errs on each region, or on the second."""

    def wrapped(*args):
        act('redactor')
        asked['_patches'] = asked.get('_patches', 0) + 1
        if asked['_patches'] == 2:
            act('second_region')
        return method(*args)

    return wrapped


def detectors(settings):
    models = os.environ.get('FAULT_MODELS')
    if models is None:
        return [RingDetector()]
    registry.share_path = lambda relative: Path(models).parent / relative
    return [RingDetector(real) for real in load_detectors(settings)]


if __name__ == '__main__':
    # The tests wait for many reports.
    reporter.PERIOD_S = 0.05
    # On a busy machine a frame may wait at the gate for long, which isn't the fault it shows.
    intake.HUNG_S = float(os.environ.get('HUNG_S', '60'))
    for table, wrap in ((CODECS, FaultyCodec), (REDACTORS, faulty), (BLOCK_REDACTORS, faulty)):
        table.update({name: wrap(entry) for name, entry in table.items()})
    sys.exit(main(detector_factory=detectors))
