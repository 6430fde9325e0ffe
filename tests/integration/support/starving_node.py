"""The marked node in which a part has no memory, while the file STARVES_WHILE is there."""

import os
import sys

from marked_node import MarkDetector
from rclpy.executors import Executor
from rclpy.node import Node

from anonymizer_node.ros import announcer, reporter
from anonymizer_node.ros.main import main

PARTS = {
    'taking a message': (Executor, '_take_subscription'),
    'reporting': (reporter, 'detector_status'),
    'telling of regions': (
        announcer,
        'to_detections' if announcer.to_detections else 'to_marker',
    ),
    'looking at the graph': (Node, 'get_publishers_info_by_topic'),
}


def starving(function):
    def starved(*arguments, **named):
        if os.path.exists(os.environ['STARVES_WHILE']):
            raise MemoryError
        return function(*arguments, **named)

    return starved


if __name__ == '__main__':
    reporter.PERIOD_S = 0.2
    owner, name = PARTS[os.environ['STARVES']]
    setattr(owner, name, starving(getattr(owner, name)))
    sys.exit(main(detector_factory=lambda settings: [MarkDetector()]))
