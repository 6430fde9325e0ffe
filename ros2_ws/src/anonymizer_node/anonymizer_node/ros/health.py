"""Whether the node is well, as an exit status of `python3 -m anonymizer_node.ros.health`.

For a container's health check, or a script. It listens to /diagnostics until the node has reported
once. Exit status: 0 the node is active and nothing of it is ERROR, 1 it isn't or says nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from anonymizer_node.ros.session import session, spin_until

NODE = '/anonymizer_node'
"""The node's full name, unless it has a namespace. Not from `ros.node`, which loads OpenCV."""

ENCLAVE = '/anonymizer_health'
"""Whose keys it shows where SROS 2 is enforced. It may read /diagnostics, and nothing else."""

TIMEOUT_S = 12.0
"""How long it listens: discovery takes a second or two, and there is a report every second."""


def verdict(statuses: Iterable[Any], node: str) -> tuple[bool, str] | None:
    """What a report says of a node.

    Args:
        statuses: `DiagnosticStatus` messages, of whatever nodes.
        node: Full name.

    Returns:
        Whether it is well, and a sentence; None if it isn't the node's report.
    """
    ours = [status for status in statuses if status.hardware_id == node]
    detector = next((status for status in ours if status.name == f'{node}: detector'), None)
    if detector is None:
        return None
    wrong = [status for status in ours if status.level >= DiagnosticStatus.ERROR]
    if wrong:
        return False, '; '.join(f'{status.name}: {status.message}' for status in wrong)
    state = next((item.value for item in detector.values if item.key == 'state'), '')
    if state != 'active':
        return False, f'{node} is {state or "in no known state"}: nothing is published.'
    return True, f'{node} is active.'


def main(arguments: Sequence[str] | None = None) -> int:
    """Listen, print a sentence, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--node', default=NODE, help='full name of the node')
    parser.add_argument('--timeout', type=float, default=TIMEOUT_S, help='longest wait, seconds')
    parser.add_argument('--enclave', default=ENCLAVE, help='its own, where SROS 2 is enforced')
    given = parser.parse_args(arguments)
    # It would win over the argument, and in a container it is the node's, which may not read here.
    os.environ.pop('ROS_SECURITY_ENCLAVE_OVERRIDE', None)
    ros = ['--ros-args', '--enclave', given.enclave]
    told: list[tuple[bool, str]] = []

    def hear(report: DiagnosticArray) -> None:
        found = verdict(report.status, given.node)
        if found is not None:
            told.append(found)

    # No more of a node than it takes to listen: the policy grants nothing beyond.
    bare: dict[str, Any] = {'enable_rosout': False, 'start_parameter_services': False}
    with session('anonymizer_health', ros, **bare) as (node, executor):
        node.create_subscription(DiagnosticArray, '/diagnostics', hear, 10)
        heard = spin_until(executor, lambda: bool(told), given.timeout)
    well, sentence = (
        told[0] if heard else (False, f'{given.node} said nothing within {given.timeout:.0f} s.')
    )
    print(sentence)
    return 0 if well else 1


if __name__ == '__main__':
    sys.exit(main())
