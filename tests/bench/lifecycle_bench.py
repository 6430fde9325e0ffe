"""Whether a node grows with its cycles: resident memory over configure, activate, ..., cleanup.

    python tests/bench/lifecycle_bench.py [CYCLES]

Each cycle loads the default model, opens two cameras, serves three frames of each, and frees it
all. Prints the resident memory after every tenth; the first ones fill caches.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / 'integration' / 'support'))

os.environ.setdefault('ROS_LOG_DIR', tempfile.mkdtemp(prefix='lifecycle-bench-'))
os.environ.setdefault('AMENT_PREFIX_PATH', sys.prefix)
os.environ.setdefault('RCUTILS_LOGGING_SEVERITY', 'WARN')

import pictures
import rclpy
from domains import own_domain
from rclpy.logging import LoggingSeverity, set_logger_level
from rclpy.parameter import Parameter

from anonymizer_node.ros.node import AnonymizerNode


def resident_mib() -> float:
    """Resident memory of this process."""
    pages = int(Path('/proc/self/statm').read_text(encoding='ascii').split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


def cycle(node: AnonymizerNode) -> None:
    node.trigger_configure()
    node.trigger_activate()
    for _ in range(3):
        for camera, message in zip(
            node._cameras,
            (pictures.raw(pictures.picture()), pictures.compressed(pictures.picture())),
            strict=True,
        ):
            camera._receive(message)
            while camera.intake.tally().pending:
                time.sleep(0.001)
    node.trigger_deactivate()
    node.trigger_cleanup()


def main(cycles: int) -> int:
    with own_domain() as domain_id:
        rclpy.init(domain_id=domain_id)
        topics = ['/front/image_raw', '/rear/image_raw/compressed']
        node = AnonymizerNode(parameter_overrides=[Parameter('input_topics', value=topics)])
        set_logger_level('anonymizer_node', LoggingSeverity.WARN)
        print(f'before: {resident_mib():.1f} MiB')
        for number in range(1, cycles + 1):
            cycle(node)
            if number % 10 == 0:
                print(f'{number} cycles: {resident_mib():.1f} MiB')
        node.destroy_node()
        rclpy.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
