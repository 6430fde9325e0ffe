"""The executable `anonymizer_node`.

With the parameter `autostart` (default true) the node configures and activates itself, as plain
`ros2 run` wants it. If that is refused, the reason is logged and the process ends with exit
status 1: a launch file or systemd sees at once that nothing is going to be anonymised, where a
process that lingers unconfigured would look healthy. With `autostart` false the node waits for
its transitions, as a lifecycle manager wants it, and survives those that are refused.

SIGINT and SIGTERM end the process in order, with exit status 0; within `ending.END_S` even if it
hangs. While its modules are still being loaded they end it as they end any Python. An error that
nobody expected, such as a want of memory while rclpy takes a message, ends it with exit status 1
and the reason: rclpy can't go on after it, and nothing has got out. Let whatever starts the node
start it again (`respawn` in a launch file, `Restart=on-failure` in systemd).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence

import rclpy
import rclpy.utilities
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.logging import get_logger
from rclpy.signals import uninstall_signal_handlers

from anonymizer_node.ros.ending import bounded_end
from anonymizer_node.ros.fast_dds import remove_abandoned_segments
from anonymizer_node.ros.node import NAME, AnonymizerNode, DetectorFactory
from anonymizer_node.ros.session import Told, refused_words
from anonymizer_node.ros.systemd import Systemd


def main(args: Sequence[str] | None = None, detector_factory: DetectorFactory | None = None) -> int:
    """Run the node until it is told to end.

    Args:
        args: Command line; None: that of the process.
        detector_factory: Makes the detector, in tests; None: the one that the settings name.

    Returns:
        Exit status: 0 ended as told to, 1 refused to start, 2 the command line has words that mean
        nothing.
    """
    # Python's own handler raises KeyboardInterrupt wherever it happens to be, inside rclpy too.
    # rclpy's handler, which calls this one, ends the context, as it does for SIGTERM.
    told = Told(signal.SIGINT)
    try:
        rclpy.init(args=None if args is None else list(args))
    except RuntimeError as error:  # The root of rclpy's RCLError.
        return _refused(error)
    try:
        if told:  # Before rclpy heeded it.
            return 0
        if args is None and refused_words(NAME, sys.argv[1:]):
            return 2
        with bounded_end(rclpy.utilities.get_default_context()) as began:
            return _run(detector_factory, began)
    except ExternalShutdownException:
        return 0
    except ParameterException as error:
        return _refused(error)
    except RuntimeError as error:
        # A signal ends the context at once, under the hands of whatever is being done with it.
        if not rclpy.ok():
            return 0
        return _broken(error)
    except Exception as error:  # The edge: whatever it was, say so and end.
        return _broken(error)
    finally:
        rclpy.try_shutdown()
        _ignore_signals()  # Which it has just put back to kill the process.


def _refused(error: Exception) -> int:
    get_logger(NAME).fatal(f'Ending: {error}')
    return 1


def _broken(error: Exception) -> int:
    """End for an error that nobody expected, with all that is known of it."""
    traceback.print_exception(type(error), error, error.__traceback__)
    get_logger(NAME).fatal(f'Ending: {type(error).__name__}: {error}')
    return 1


def _run(detector_factory: DetectorFactory | None, ending: threading.Event) -> int:
    if freed := remove_abandoned_segments():
        get_logger(NAME).info(
            f'Removed {freed / 1e6:.0f} MB of shared memory that killed processes had left.'
        )
    node = AnonymizerNode(detector_factory)
    manager = Systemd(node, lambda: node.state, lambda: node.hung)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    status = 1
    try:
        if not node.autostart or _started(node):
            manager.ready()
            executor.spin()
        elif rclpy.ok():
            node.get_logger().fatal('Ending: as it is set up, the node can not anonymise.')
            return 1
        status = 0
        return 0
    except ExternalShutdownException:
        status = 0
        raise
    finally:
        ending.set()
        manager.stopping()
        # A thread of rclpy's may still be shutting the context down for the signal; what is
        # destroyed under its hands crashes. This waits for it, and puts the old handlers back.
        _ignore_signals()
        uninstall_signal_handlers()
        _ignore_signals()
        executor.shutdown()
        if not node.silence() or node.hangs:
            # A thread that is stuck in the detector crashes the process when it comes back while
            # that ends: leave it all as it is. Nothing is published any more.
            status = status if rclpy.ok() else 0
            rclpy.try_shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
        node.destroy_node()


def _ignore_signals() -> None:
    """Let a second signal do no harm: a terminal and a launch file both send one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _started(node: AnonymizerNode) -> bool:
    """Configure and activate; whether both were done."""
    success = TransitionCallbackReturn.SUCCESS
    return bool(node.trigger_configure() == success and node.trigger_activate() == success)


if __name__ == '__main__':
    sys.exit(main())
