"""Stands in for `ros2 bag play` and `ros2 bag record`, where rosbag2 isn't installed.

It reads the words that the launch file gives, refuses others, and does what they say: it plays
messages at their recorded pace, and records with the project's own recorder.
"""

import argparse
import sys
import time

from rclpy.duration import Duration

from anonymizer_node.formats.bags import BagReader
from anonymizer_node.ros import recorder
from anonymizer_node.ros.qos import message_class, output_qos
from anonymizer_node.ros.session import heed_signals, session, spin_until


def play(bag, delay_s):
    with session('player') as (node, executor), BagReader(bag) as reader:
        publishers = {
            topic.name: node.create_publisher(
                message_class(topic.msgtype), topic.name, output_qos(10)
            )
            for topic in reader.topics
        }
        messages = list(reader.messages())
        spin_until(executor, lambda: False, delay_s)
        start = time.monotonic()
        for message in messages:
            due = start + (message.time_ns - messages[0].time_ns) / 1e9
            spin_until(executor, lambda: False, due - time.monotonic())
            publishers[message.topic.name].publish(bytes(message.data))
        for publisher in publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=10))
    return 0


def main(words):
    top = argparse.ArgumentParser(prog='ros2 bag')
    verbs = top.add_subparsers(dest='verb', required=True)
    playing = verbs.add_parser('play')
    playing.add_argument('bag')
    playing.add_argument('--delay', type=float, default=0.0)
    recording = verbs.add_parser('record')
    recording.add_argument('--output', required=True)
    recording.add_argument('--regex', required=True)
    args = top.parse_args(words)
    if args.verb == 'play':
        heed_signals()
        return play(args.bag, args.delay)
    return recorder.main([args.output, '--regex', args.regex, '--drain', '0.5'])


if __name__ == '__main__':
    assert sys.argv[1] == 'bag', sys.argv
    sys.exit(main(sys.argv[2:]))
