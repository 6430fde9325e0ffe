"""How far honest JPEG output is from the limits by which `anonymize verify` judges its regions.

    python tests/bench/margins.py FOLDER [--files 2000] [--anew] [--seed 0]

Pictures of the folder, as they are, noisy, glaring or of strong colours, become JPEGs of all
qualities and samplings, in which random regions are obscured. For each quality it says how much of
the limits was taken at most, and it names what failed. With `--anew` files are decoded and encoded,
as where libjpeg-turbo is missing.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from samples.jpegs import MCU, VARIANTS, jpeg_of

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.formats import jpeg
from anonymizer_node.proof import obscured
from anonymizer_node.proof.files import added_to
from anonymizer_node.proof.limits import limits_of
from anonymizer_node.proof.pictures import picture_of

QUALITIES = (10, 30, 50, 75, 90, 95, 100)


def pictures(folder: Path, random: np.random.Generator) -> Iterator[np.ndarray]:
    """Endlessly, (rows, columns, 3) uint8."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in ('.jpg', '.png'))
    while True:
        pixels = cv2.imread(str(paths[random.integers(len(paths))]))
        kind = random.integers(4)
        if kind == 1:
            pixels = pixels + random.normal(0, random.choice([8, 25]), pixels.shape)
        elif kind == 2:
            pixels = (pixels - 128.0) * 2 + 128 + random.integers(-60, 60)
        elif kind == 3:
            hsv = cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV).astype(int) * (1, 3, 1)
            pixels = cv2.cvtColor(np.minimum(hsv, 255).astype(np.uint8), cv2.COLOR_HSV2BGR)
        yield np.clip(pixels, 0, 255).astype(np.uint8)


def regions_in(pixels: np.ndarray, random: np.random.Generator) -> list[Region]:
    """One to five, overlapping at times."""
    rows, columns = pixels.shape[:2]
    found = []
    for _ in range(random.choice([1, 1, 2, 3, 5])):
        width, height = (int(random.integers(8, min(size, 400))) for size in (columns, rows))
        x, y = (int(random.integers(0, most + 1)) for most in (columns - width, rows - height))
        found.append(Region(x, y, x + width, y + height))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--files', type=int, default=2000)
    parser.add_argument('--anew', action='store_true')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    if args.anew:
        jpeg.available = lambda: False
    random = np.random.default_rng(args.seed)
    measured: list[tuple[float, float]] = []
    detail = obscured.detail

    def noted(*given: Any) -> tuple[float, float]:
        measured.append(detail(*given))
        return measured[-1]

    obscured.detail = noted
    most: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(2))
    source, failed = pictures(args.folder, random), 0
    for _ in range(args.files):
        pixels, quality = next(source), int(random.choice(QUALITIES))
        kind = str(random.choice(sorted(MCU))), str(random.choice(sorted(VARIANTS)))
        method = str(random.choice(sorted(REDACTORS)))
        data = jpeg_of(pixels, *kind, quality)
        done, regions, _ = jpeg.redact(data, regions_in(pixels, random), method, random.random())
        before, after = (picture_of(SimpleNamespace(data=item, format='')) for item in (data, done))
        measured.clear()
        why = obscured.why_visible(before, after, regions, method, args.anew)
        flat = method == 'blackout' or (method == 'pixelate' and not args.anew)
        why = why or added_to(data, done, regions if flat else ())
        limits = limits_of(after, args.anew)
        if why:
            failed += 1
            print(f'{kind} quality {quality} {method}: {why}')
        elif measured:
            taken = np.max(measured, axis=0) / limits[:2]
            most[quality] = np.maximum(most[quality], taken)
    for quality, (levels, peak) in sorted(most.items()):
        print(f'quality {quality}: contrast {levels:.0%} and peak {peak:.0%} of the limit')
    print(f'{failed} of {args.files} failed')
    return int(failed > 0)


if __name__ == '__main__':
    raise SystemExit(main())
