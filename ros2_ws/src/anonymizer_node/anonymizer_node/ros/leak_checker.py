"""The executable `leak_checker`: fails if somebody known to a simulation gets through.

It listens to output images, to the truth of whatever simulator there is, to the inputs and to what
the node states, and judges every output frame from its pixels. It subscribes to the truth of an
output last, once that is connected: a simulator that waits for a subscriber of its truth begins
only then. One output doesn't wait for another.

It ends when nothing has come for a while and nobody publishes a truth any more, or when it is told
to, with the exit status 0 if nobody got through; 1 if somebody did, or if too little came to say
so; 2 on wrong parameters.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.subscription import Subscription

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import AnonymizerError
from anonymizer_node.proof.coverage import LEAST_COVERED, LEAST_HEIGHT, LEAST_VISIBLE
from anonymizer_node.proof.leak_books import Bounds
from anonymizer_node.proof.leak_topics import LeakTopics, image_outputs, parse_outputs
from anonymizer_node.proof.leaks import LeakCheck
from anonymizer_node.ros.agreed import WATCHING
from anonymizer_node.ros.described import Described, declare
from anonymizer_node.ros.offers import connected, offered_qos
from anonymizer_node.ros.qos import message_class
from anonymizer_node.ros.session import (
    WAKE_S,
    Told,
    heed_signals,
    refused_words,
    session,
    spin_until,
)

NAME = 'leak_checker'
DEPTH = 100
LOOK_EVERY_S = 0.2
LAST_WORDS_S = 1.0
MOST_TOLD = 20
"""Leaks that are logged one by one; the summary counts them all."""

PARAMETERS: Mapping[str, Described] = {
    'topics': Described(
        ('',),
        'Output topics, as OUTPUT or OUTPUT=TRUTH; none: every image topic with the prefix. The '
        'truth of /anonymized/front is on /truth/front unless it is named.',
    ),
    'output_prefix': Described(Settings().output_prefix, 'What output topics begin with.'),
    'regions_topic': Described(
        '/anonymizer_node/regions',
        'What the node states to have obscured. Empty: nothing is stated, and what has turned '
        'black counts as obscured.',
    ),
    'compare': Described(
        True,
        'Whether to listen to the inputs too. Without them only black counts as obscured.',
    ),
    'classes': Described(
        ('',), 'Classes of a Detection2DArray that are people, names or numbers; none: all.'
    ),
    'least_height': Described(
        LEAST_HEIGHT, "Share of the image's height from which on somebody counts.", 0.0, 1.0
    ),
    'least_visible': Described(
        LEAST_VISIBLE, 'Share of somebody that must be in view to count, if known.', 0.0, 1.0
    ),
    'least_covered': Described(
        LEAST_COVERED, 'Share of the visible part that must be obscured.', 0.0, 1.0
    ),
    'least_frames': Described(
        Bounds.least_frames, 'In so many frames somebody who counts must be.', 1, 2**31
    ),
    'tolerance': Described(
        0.0, 'By how much stamps of a frame and its truth may differ, seconds.', 0.0, 1.0
    ),
    'grace': Described(
        Bounds.grace_s, 'How long a frame waits for what belongs to it, seconds.', 0.1, 60.0
    ),
    'wait_seconds': Described(
        60.0, 'How long to wait for the first output frame before giving up.', 0.0, 86400.0
    ),
    'idle_seconds': Described(
        5.0,
        'End when no output frame has come for so long and nobody publishes a truth any more; 0: '
        'only when told to.',
        0.0,
        86400.0,
    ),
    'summary': Described('', 'File to write the verdict to, as JSON.'),
}


class LeakChecker:
    """Subscribes to what plays a part and hands it to the check."""

    def __init__(self, node: Node, values: Mapping[str, Any]) -> None:
        """Args as declared.

        Raises:
            InputError: If a topic or bound can't be.
        """
        self._node = node
        self._values = values
        self._subscriptions: dict[str, Subscription[Any]] = {}
        self._told = 0
        self.check = LeakCheck(
            Bounds(
                values['least_height'],
                values['least_visible'],
                values['least_covered'],
                values['least_frames'],
                values['grace'],
                values['tolerance'],
            ),
            values['compare'],
            bool(values['regions_topic']),
        )
        self._prefix = values['output_prefix'].rstrip('/')
        self._parts = self._named(parse_outputs(values['topics'], self._prefix))
        self.last_s = 0.0
        self._told_of_pause_s = 0.0
        node.create_timer(LOOK_EVERY_S, self.look)

    def _named(self, outputs: Mapping[str, str]) -> LeakTopics:
        return LeakTopics(self.check, outputs, self._prefix, self._values['classes'])

    def look(self) -> None:
        """Subscribe to what has appeared, of each output its truth last."""
        names = self._node.get_topic_names_and_types()
        types = {name: kinds[0] for name, kinds in names}
        if not self._values['topics']:
            found = image_outputs(types, self._prefix)
            if set(found) - set(self._parts.outputs):
                both = {*found, *self._parts.outputs}
                self._parts = self._named(parse_outputs(sorted(both), self._prefix))
        parts = self._parts
        for name in parts.outputs:
            self._subscribe(name, types)
        there = {name for name in parts.outputs if self._connected(name)}
        if not there:
            return
        if self._values['regions_topic']:
            self._subscribe(self._values['regions_topic'], types)
        if self._values['compare']:
            for name, output in parts.inputs.items():
                if output in there:
                    self._subscribe(name, types)
        for name, told in parts.truths.items():
            if there.issuperset(told):
                self._subscribe(name, types)

    def _connected(self, name: str) -> bool:
        subscription = self._subscriptions.get(name)
        return subscription is not None and connected(self._node, subscription)

    def _subscribe(self, name: str, types: Mapping[str, str]) -> None:
        qos = offered_qos(self._node, name, DEPTH)
        if name in self._subscriptions or name not in types or qos is None:
            return
        msgtype = types[name]

        def hear(message: Any) -> None:
            now_s = time.monotonic()
            try:
                self._parts.hear(name, msgtype, message, now_s)
            except (KeyError, ValueError) as error:
                self._node.get_logger().error(f'{name} ({msgtype}) can not be used: {error}')
            if name in self._parts.outputs:
                self.last_s = now_s

        self._subscriptions[name] = self._node.create_subscription(
            message_class(msgtype), name, hear, qos
        )
        self._node.get_logger().info(f'Listening to {name} ({msgtype}).')

    def settle(self, rest: bool = False) -> None:
        """Judge what can be judged, and say who got through."""
        for leak in self.check.settle(time.monotonic(), rest):
            self._told += 1
            if self._told <= MOST_TOLD:
                self._node.get_logger().error(f'LEAK: {leak}')

    def ended(self, began_s: float) -> bool:
        """Whether nothing is to be waited for any more."""
        if not self.last_s:
            return time.monotonic() - began_s > float(self._values['wait_seconds'])
        idle_s = float(self._values['idle_seconds'])
        if not idle_s or time.monotonic() - self.last_s <= idle_s:
            return False
        tellers = [name for name in self._parts.truths if self._node.count_publishers(name)]
        if tellers and self._told_of_pause_s != self.last_s:
            self._told_of_pause_s = self.last_s
            self._node.get_logger().warning(
                f'No frame came for {idle_s:g} s, and {", ".join(tellers)} is still published: '
                'the check goes on until that ends, or until it is interrupted.'
            )
        return not tellers


def main(args: Sequence[str] | None = None) -> int:
    """Check until the end; the exit status."""
    heed_signals()
    if args is None and refused_words(NAME, sys.argv[1:]):
        return 2
    try:
        with session(NAME, sys.argv if args is None else args) as (node, executor):
            try:
                values = declare(node, PARAMETERS)
                checker = LeakChecker(node, values)
            except AnonymizerError as error:
                node.get_logger().fatal(str(error))
                return 2
            return _checked(node, executor, checker, values['summary'])
    except KeyboardInterrupt:
        return 1  # Told to end before it could begin, or twice: nothing is shown.


def _checked(node: Node, executor: Executor, checker: LeakChecker, file: str) -> int:
    began_s = time.monotonic()
    # Not an exception from here on: it could break off a judgement.
    stop = Told(signal.SIGINT, signal.SIGTERM)
    node.get_logger().info(f'{WATCHING}.')
    while not (stop or checker.ended(began_s)):
        executor.spin_once(timeout_sec=WAKE_S)
        checker.settle()
    if stop:
        # What belongs to the last frames is still under way.
        spin_until(executor, lambda: False, LAST_WORDS_S)
    # A signal that comes from here on would spoil the exit status, which is the verdict.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    checker.settle(rest=True)
    summary = checker.check.summary()
    if file:
        Path(file).write_text(json.dumps(summary, indent=2) + '\n', encoding='utf-8')
    else:
        print(json.dumps(summary), flush=True)
    for reason in summary['reasons']:
        node.get_logger().error(f'FAILED: {reason}.')
    if summary['passed']:
        people = sum(count['people'] for count in summary['topics'].values())
        node.get_logger().info(
            f'PASSED: in {summary["frames_judged"]} frames {people} people were looked for, all '
            f'at least {summary["bounds"]["least_covered"]:.0%} covered.'
        )
    return 0 if summary['passed'] else 1


if __name__ == '__main__':
    sys.exit(main())
