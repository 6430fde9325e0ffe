"""The simulation without launch: cameras, the node and the checker, with the embedded model.

Nobody whose visible part is over 10 % of the image high may be less than half covered in any frame.
"""

from __future__ import annotations

import json

import pytest

rclpy = pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')
pytest.importorskip('skimage', reason='pip install scikit-image matplotlib')
pytest.importorskip('matplotlib', reason='pip install scikit-image matplotlib')

import harness  # noqa: E402

CAMERAS = ('front=passage:bgr8:15:reliable', 'rear=passage:jpeg:10:reliable')
INPUTS = ['/front/image_raw', '/rear/image_raw/compressed']
SECONDS = 8.0
SEEDS = (3, 5, 6)
ENDED_WITHIN_S = 240.0


def start(world, folder, module, **parameters):
    process = harness.NodeProcess(
        ['-m', f'anonymizer_node.ros.{module}', *harness.arguments(parameters)],
        harness.environment(world.domain_id, folder),
        folder,
    )
    world.processes.append(process)
    return process


def simulate(world, folder, seed, seconds=SECONDS, **settings):
    """The checker's exit status and summary, and the processes."""
    summary = folder / 'summary.json'
    node = world.start(script='', input_topics=INPUTS, **harness.reliable(*INPUTS), **settings)
    checker = start(
        world, folder, 'leak_checker',
        topics=[f'/anonymized{name}' for name in INPUTS], least_frames=30, summary=str(summary),
        idle_seconds=3.0,
        wait_seconds=ENDED_WITHIN_S,
    )  # fmt: skip
    simulator = start(
        world, folder, 'camera_simulator',
        cameras=CAMERAS, seed=seed, seconds=seconds, wait_seconds=ENDED_WITHIN_S,
    )  # fmt: skip
    assert simulator.wait(ENDED_WITHIN_S) == 0, simulator.output + node.output
    status = checker.wait(ENDED_WITHIN_S)
    return status, json.loads(summary.read_text()), checker, node


@pytest.mark.parametrize('seed', SEEDS)
def test_nobody_gets_through(world, tmp_path, seed):
    status, summary, checker, node = simulate(world, tmp_path, seed)

    assert status == 0, checker.output + node.output
    assert summary['passed']
    assert summary['frames_judged'] >= 30
    assert set(summary['topics']) == {f'/anonymized{name}' for name in INPUTS}
    for count in summary['topics'].values():
        assert count['least_covered'] >= 0.5
        assert count['judged'] > 10


def test_a_node_that_finds_nobody_is_found_out(world, tmp_path):
    status, summary, checker, node = simulate(world, tmp_path, SEEDS[0], 3.0, score_threshold=0.9)

    assert status == 1, checker.output + node.output
    assert summary['leak_count'] > 10
    assert 'LEAK: /anonymized/' in checker.output


def test_a_simulator_to_which_nobody_listens_says_so(world, tmp_path):
    simulator = start(
        world, tmp_path, 'camera_simulator', cameras=CAMERAS[:1], seconds=0.5, wait_seconds=0.5
    )

    assert simulator.wait(ENDED_WITHIN_S) == 1
    assert 'Nobody subscribes to /front/image_raw' in simulator.output


@pytest.mark.parametrize(
    ('parameters', 'said'),
    [
        ({'cameras': ['front=attic:bgr8:10']}, 'choose from workshop, loading_bay, yard, passage'),
        ({'cameras': ['front']}, 'NAME=SCENE:TRANSPORT:RATE'),
        ({'seconds': 1000.0}, 'seconds'),
        ({'sede': 3}, "'sede' is unknown"),
    ],
)
def test_a_simulator_that_is_called_wrongly_says_so(world, tmp_path, parameters, said):
    simulator = start(world, tmp_path, 'camera_simulator', **parameters)

    assert simulator.wait(ENDED_WITHIN_S) == 2
    assert said in simulator.output
