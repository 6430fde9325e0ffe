"""Writes what the embedded detector takes for people in a bag's images: look.py BAG JSON

One line a frame: every candidate before NMS, which of two nearly equal ones may keep either.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from anonymizer_node.core.config import Settings
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.formats.bags import BagReader
from anonymizer_node.formats.image_codecs import CODECS

BELOW_THRESHOLD = 0.05
"""Candidates that score this much less than the threshold are written too: what is just above it
on one machine may be just below it on the other."""


def main() -> None:
    settings = Settings(thoroughness='fast')
    (detector,) = load_detectors(settings)
    least = settings.score_threshold - BELOW_THRESHOLD
    with BagReader(Path(sys.argv[1])) as bag, open(sys.argv[2], 'w', encoding='utf-8') as out:
        for item in bag.messages():
            codec = CODECS.get(item.topic.msgtype)
            if codec is None:
                continue
            message = bag.decode(item.topic.msgtype, bytearray(item.data))
            frame = codec.decode(message, item.topic.name, detector.input_size)
            seen = detector.candidates(frame, least)
            line = {
                'topic': item.topic.name,
                'time_ns': item.time_ns,
                'boxes': seen.xyxy.tolist(),
                'scores': seen.scores.tolist(),
            }
            out.write(json.dumps(line) + '\n')


if __name__ == '__main__':
    main()
