"""How much memory `anonymize bag` takes for a bag of any size.

    python tests/bench/long_bag.py --gigabytes 2 [--storage sqlite3] [--compression file]

Makes a bag of repeating frames, runs `anonymize bag` on it in a process of its own with a small
input size, and prints the most memory that the process had (VmHWM), and how fast it was.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from anonymizer_node.formats.bags import COMPRESSIONS, STORAGES, BagWriter, Packing

IMAGE = 'sensor_msgs/msg/Image'
HEIGHT, WIDTH = 720, 1280
RATE_HZ = 30
LARGEST_MB = 700

_CHILD = """
import re, sys
from anonymizer_node.cli.main import main
status = main(sys.argv[1:])
peak = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read()).group(1)
print('peak_kb', peak, 'status', status, file=sys.stderr)
"""


def frames(types: object, count: int = 30) -> list[bytes]:
    """A second of images without anybody, in CDR."""
    noise = np.random.default_rng(0)
    made = types.types  # type: ignore[attr-defined]
    coarse = noise.integers(60, 120, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    calm = coarse.repeat(8, axis=0).repeat(8, axis=1)
    found = []
    for index in range(count):
        pixels = np.roll(calm, 8 * index, axis=1)
        stamp = made['builtin_interfaces/msg/Time'](0, 0)
        header = made['std_msgs/msg/Header'](stamp, 'front')
        message = made[IMAGE](header, HEIGHT, WIDTH, 'bgr8', 0, WIDTH * 3, pixels.reshape(-1))
        found.append(bytes(types.serialize_cdr(message, IMAGE)))  # type: ignore[attr-defined]
    return found


def make_bag(path: Path, gigabytes: float, packing: Packing) -> int:
    """Write it; the number of its images."""
    with BagWriter(path, packing=packing) as writer:
        camera = writer.add_topic('/front', IMAGE)
        log = writer.add_topic('/log', 'std_msgs/msg/String')
        text = writer.encode(
            'std_msgs/msg/String', writer.types.types['std_msgs/msg/String']('all is well')
        )
        pictures = frames(writer.types)
        count = round(gigabytes * 1e9 / len(pictures[0]))
        for index in range(count):
            time_ns = index * 1_000_000_000 // RATE_HZ
            data = bytearray(pictures[index % len(pictures)])
            # Its own time: sec and nanosec stand behind the four bytes of the encapsulation.
            data[4:8] = (time_ns // 10**9).to_bytes(4, 'little')
            data[8:12] = (time_ns % 10**9).to_bytes(4, 'little')
            writer.write(camera, time_ns, data)
            writer.write(log, time_ns, text)
    return count


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--gigabytes', type=float, default=2.0)
    parser.add_argument('--storage', choices=STORAGES, default='mcap')
    parser.add_argument('--compression', choices=COMPRESSIONS, default='none')
    parser.add_argument('--split-gigabytes', type=float, default=1.0)
    parser.add_argument('--place', type=Path, default=None, help='Folder to work in.')
    args, rest = parser.parse_known_args()
    packing = Packing(
        args.storage,
        args.compression,
        split_bytes=round(args.split_gigabytes * 1e9),
        numbered=True,
    )
    with tempfile.TemporaryDirectory(dir=args.place) as place:
        source, target = Path(place, 'in'), Path(place, 'out')
        count = make_bag(source, args.gigabytes, packing)
        flags = rest or ['--input-size', '128', '--thoroughness', 'fast']
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, '-c', _CHILD, 'bag', str(source), str(target), *flags],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            check=False,
            env={**os.environ, 'COLUMNS': '100'},
        )
        took_s = time.monotonic() - started
        words = done.stderr.split()
        if 'peak_kb' not in words:
            print(done.stderr)
            return 1
        peak_mb = int(words[words.index('peak_kb') + 1]) / 1000
        status = int(words[words.index('status') + 1])
        size = sum(path.stat().st_size for path in target.rglob('*') if path.is_file())
    print(
        f'{args.gigabytes:g} GB, {args.storage}, {args.compression}: {count} images of '
        f'{WIDTH}x{HEIGHT}; {size / 1e9:.2f} GB written in {took_s:.0f} s; '
        f'peak memory {peak_mb:.0f} MB; exit status {status}'
    )
    return 0 if status == 0 and peak_mb < LARGEST_MB else 1


if __name__ == '__main__':
    sys.exit(main())
