"""Processes to test and a node to test them with, over the real DDS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy

from anonymizer_node.ros.fast_dds import profile_environment

REPOSITORY = Path(__file__).resolve().parents[3]
PACKAGE = REPOSITORY / 'ros2_ws' / 'src' / 'anonymizer_node'
SUPPORT = Path(__file__).parent
NODE = '/anonymizer_node'
PATIENCE_S = 20.0

CONFIGURE = Transition.TRANSITION_CONFIGURE
ACTIVATE = Transition.TRANSITION_ACTIVATE
DEACTIVATE = Transition.TRANSITION_DEACTIVATE
CLEANUP = Transition.TRANSITION_CLEANUP
SHUTDOWN_ACTIVE = Transition.TRANSITION_ACTIVE_SHUTDOWN


def environment(domain_id: int, log_dir: Path) -> dict[str, str]:
    """For a process of a test: its own domain and logs, the sources, the Fast DDS profile."""
    env = dict(os.environ)
    env['ROS_DOMAIN_ID'] = str(domain_id)
    env['ROS_LOG_DIR'] = str(log_dir)
    env['PYTHONFAULTHANDLER'] = '1'
    env['PYTHONPATH'] = os.pathsep.join([str(PACKAGE), *filter(None, [env.get('PYTHONPATH')])])
    env.setdefault('AMENT_PREFIX_PATH', sys.prefix)
    env.update(profile_environment(env))
    return env


class NodeProcess:
    """A node in a process of its own."""

    def __init__(self, command: Sequence[str], env: dict[str, str], folder: Path) -> None:
        self._output = folder / f'output-{time.monotonic_ns()}.txt'
        with self._output.open('wb') as output:
            self._process = subprocess.Popen(
                [sys.executable, *command], env=env, stdout=output, stderr=subprocess.STDOUT
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        """All that it has printed."""
        return self._output.read_text(errors='replace')

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self, timeout_s: float = PATIENCE_S, quiet: bool = False) -> int:
        """Its exit status; one that a crash ended says where, for the report of the test."""
        status = self._process.wait(timeout_s)
        if status < 0 and not quiet:
            print(self.output)
        return status

    def stop(self, number: int = signal.SIGINT) -> int:
        """Its exit status after a signal."""
        if self.running:
            self._process.send_signal(number)
        return self.wait()

    def end(self) -> None:
        """End it, in order if it can: what is killed leaves its shared memory behind."""
        if self.running:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def arguments(parameters: dict[str, Any], *more: str) -> list[str]:
    """Command line of a node with parameters."""
    words = ['--ros-args']
    for name, value in parameters.items():
        if isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, (list, tuple)):
            value = '[' + ','.join(f"'{entry}'" for entry in value) + ']'
        words += ['-p', f'{name}:={value}']
    return [*words, *more]


def reliable(*topics: str) -> dict[str, str]:
    """Parameters with which the node loses no frame on the way in, be the machine ever so busy."""
    return {f'qos_overrides.{topic}.subscription.reliability': 'reliable' for topic in topics}


class Probe:
    """A node that tests the other one. Everything runs in the thread of the test."""

    def __init__(self, domain_id: int) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain_id)
        self.node = rclpy.create_node(f'probe_{domain_id}', context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._health: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        self._reported_ns = 0
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._hear, 10)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def until(self, condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
        """Spin until something is the case, and give what the condition gave."""
        deadline_s = time.monotonic() + timeout_s
        while not (result := condition()):
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f'{what}: not within {timeout_s} s; {self._health}'
            self._executor.spin_once(timeout_sec=min(left_s, 0.05))
        return result

    def spin_for(self, seconds: float) -> None:
        """Spin for a while: only to see that something does not happen."""
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)

    def publish_until_heard(self, publisher: Any, message: Any, heard: list, what: str) -> int:
        """Publish a message again and again until something came; how often that was.

        Nobody knows when a subscription that is just made is matched: what is sent before is lost.
        """
        published = 0

        def came() -> list:
            nonlocal published
            publisher.publish(message)
            published += 1
            self.spin_for(0.1)
            return heard

        self.until(came, what)
        return published

    def publisher(self, kind: type, topic: str, reliable: bool = True, wait: bool = True) -> Any:
        """A publisher, matched by the node."""
        publisher = self.node.create_publisher(kind, topic, qos(reliable))
        if wait:
            self.until(publisher.get_subscription_count, f'a subscription to {topic}')
        return publisher

    def subscribe(self, kind: type, topic: str, reliable: bool = True, wait: bool = True) -> list:
        """The messages of a topic, as they come; matched by a publisher."""
        heard: list[Any] = []
        self.node.create_subscription(kind, topic, heard.append, qos(reliable, 50))
        if wait:
            self.until(lambda: self.node.count_publishers(topic), f'a publisher of {topic}')
        return heard

    def call(self, kind: type, name: str, request: Any, again_s: float = 3.0) -> Any:
        """The answer of a service.

        A busy machine may lose the answer to a client that the server doesn't see yet, so it is
        asked again.
        """
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        client = self._clients[name]
        self.until(client.service_is_ready, f'the service {name}')
        futures: list[Any] = []
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            futures.append(client.call_async(request))
            retry_s = time.monotonic() + again_s
            while time.monotonic() < retry_s:
                for future in futures:
                    if future.done():
                        return future.result()
                self._executor.spin_once(timeout_sec=0.05)
        raise AssertionError(f'no answer of {name}')

    def change_state(self, transition: int) -> bool:
        """Whether a transition was made."""
        future = self.begin_change_state(transition)
        return bool(self.until(lambda: future.done() and future.result(), 'a transition').success)

    def begin_change_state(self, transition: int) -> Any:
        """The future answer to a transition. Asked for once only: a second one would fail."""
        name = f'{NODE}/change_state'
        if name not in self._clients:
            nonsense = ChangeState.Request()
            nonsense.transition.label = 'only_to_be_seen'
            assert not self.call(ChangeState, name, nonsense).success
        request = ChangeState.Request()
        request.transition.id = transition
        return self._clients[name].call_async(request)

    def state(self) -> str:
        return str(self.call(GetState, f'{NODE}/get_state', GetState.Request()).current_state.label)

    def set_parameters(self, **values: Any) -> Any:
        request = SetParametersAtomically.Request()
        request.parameters = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        name = f'{NODE}/set_parameters_atomically'
        return self.call(SetParametersAtomically, name, request).result

    def get_parameter(self, name: str) -> Any:
        request = GetParameters.Request(names=[name])
        value = self.call(GetParameters, f'{NODE}/get_parameters', request).values[0]
        return rclpy.parameter.parameter_value_to_python(value)

    def describe(self, *names: str) -> list:
        request = DescribeParameters.Request(names=list(names))
        return list(
            self.call(DescribeParameters, f'{NODE}/describe_parameters', request).descriptors
        )

    def health(self, name: str) -> Any:
        """The latest diagnostic status whose name ends so, with values as a dict; None so far."""
        for key, status in self._health.items():
            if key.endswith(name):
                return status
        return None

    def next_health(self, name: str) -> Any:
        """A diagnostic status that was made from now on."""
        now_ns = time.time_ns()
        self.until(lambda: self._reported_ns > now_ns, 'a diagnostic report')
        return self.health(name)

    def counted(self, topic: str, key: str, count: int) -> Any:
        """Wait until the diagnostics of a camera count so many."""

        def arrived() -> Any:
            status = self.health(topic)
            return status and int(status.values.get(key, 0)) >= count and status

        return self.until(arrived, f'{key} = {count} for {topic}')

    def _hear(self, array: Any) -> None:
        self._reported_ns = array.header.stamp.sec * 10**9 + array.header.stamp.nanosec
        self._health = {
            status.name: Status(
                status.level, status.message, {entry.key: entry.value for entry in status.values}
            )
            for status in array.status
        }


class Status:
    """A diagnostic status."""

    def __init__(self, level: bytes, message: str, values: dict[str, str]) -> None:
        self.level = level
        self.message = message
        self.values = values

    def __repr__(self) -> str:
        return f'{self.level!r} {self.message} {self.values}'


def qos(reliable: bool, depth: int = 10) -> QoSProfile:
    return QoSProfile(
        depth=depth,
        reliability=(
            QoSReliabilityPolicy.RELIABLE if reliable else QoSReliabilityPolicy.BEST_EFFORT
        ),
        durability=QoSDurabilityPolicy.VOLATILE,
    )
