"""A node in the process of the test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / 'integration' / 'support'))


class FakeDetector:
    """Sees nobody."""

    names = ('person', 'dog')
    input_size = 512

    def detect(self, frame: Any, score_threshold: float) -> Any:
        from anonymizer_node.core.datatypes import Detections

        return Detections.empty(self.names)


@pytest.fixture
def make_node(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Makes the node, with a detector that sees nobody, from parameters as given at the start."""
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path))
    rclpy = pytest.importorskip('rclpy', reason='needs rclpy')
    from domains import own_domain
    from rclpy.parameter import Parameter

    from anonymizer_node.ros.node import AnonymizerNode

    context = rclpy.Context()
    nodes = []

    def make(factory: Any = lambda settings: [FakeDetector()], *words: str, **values: Any) -> Any:
        node = AnonymizerNode(
            factory,
            context=context,
            cli_args=['--ros-args', *words],
            parameter_overrides=[Parameter(name, value=value) for name, value in values.items()],
        )
        nodes.append(node)
        return node

    with own_domain() as domain_id:
        rclpy.init(context=context, domain_id=domain_id)
        yield make
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown(context=context)  # A test may have done it.
