"""The marked node with an executor that is late: it sleeps at the first frame of each burst."""

import sys
import time

from marked_node import MarkDetector

from anonymizer_node.ros import camera, reporter
from anonymizer_node.ros.main import main

LATE_S = 0.3


def late(offer):
    last_s = 0.0

    def offered(self, message, max_rate_hz):
        nonlocal last_s
        if time.monotonic() - last_s > LATE_S:
            time.sleep(LATE_S)
        last_s = time.monotonic()
        return offer(self, message, max_rate_hz)

    return offered


if __name__ == '__main__':
    reporter.PERIOD_S = 0.2
    camera.Intake.offer = late(camera.Intake.offer)
    sys.exit(main(detector_factory=lambda settings: [MarkDetector()]))
