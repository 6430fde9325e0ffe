"""How long detectors take for a frame, side by side in one run.

A machine's speed drifts by more than two models differ. So all combinations take turns frame by
frame, in another order each round, and models are compared by the median of the ratios of each
round, not by the ratio of two medians.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame
from anonymizer_node.core.errors import ModelError
from anonymizer_node.core.terms import parse_entry
from anonymizer_node.detectors.loading import load_detectors
from anonymizer_node.detectors.looking import ThoroughDetector
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.detectors.providers import PROVIDER_NAMES, REMEDIES
from anonymizer_node.detectors.registry import resolve

STAGES = ('letterbox', 'inference', 'decode')
"""The parts of a detection: the frame into the graph's input; the graph; boxes, NMS included."""

WARM_UP = 10
"""Rounds before those that count: buffers, clocks, and engines that settle at their first frame."""

JSON_VERSION = 1

Measurable = OnnxDetector | ThoroughDetector


class Case(NamedTuple):
    """One combination.

    Attributes:
        model: Name or path.
        provider: That runs it.
        threads: On the CPU; 0: another provider, to which they are nothing.
        input_size: Longer side of the input, pixels; what is looked at in several sizes has its
            setting.
        thoroughness: One of `config.THOROUGHNESS`.
    """

    model: str
    provider: str
    threads: int
    input_size: int
    thoroughness: str = 'fast'


@dataclass(frozen=True)
class Timing:
    """The times of one combination.

    Attributes:
        case: Which.
        stages_ms: (rounds, 3), milliseconds of each of `STAGES`.
        ratio: Median over the rounds of its time by that of the first model, all else being the
            same; None if that was not measured.
    """

    case: Case
    stages_ms: NDArray[np.float64] = field(repr=False)
    ratio: float | None = None

    @property
    def total_ms(self) -> NDArray[np.float64]:
        """(rounds,) of whole detections, milliseconds."""
        return np.asarray(self.stages_ms.sum(axis=1))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        stages = dict(zip(STAGES, self.stages_ms.T, strict=True))
        return {
            'model': self.case.model,
            'provider': self.case.provider,
            'threads': self.case.threads or None,
            'input_size': self.case.input_size,
            'thoroughness': self.case.thoroughness,
            'total_ms': _spread(self.total_ms),
            **{f'{name}_ms': _spread(values) for name, values in stages.items()},
            'times_first_model': self.ratio,
        }


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    return {'median': float(np.median(values)), 'p95': float(np.percentile(values, 95))}


@dataclass(frozen=True)
class Loaded:
    """What can be measured, and what can't.

    Attributes:
        detectors: By combination, in the order to show them.
        skipped: Sentences for the user.
    """

    detectors: Mapping[Case, Measurable]
    skipped: tuple[str, ...]


def load_cases(
    settings: Settings,
    models: Sequence[str],
    providers: Sequence[str],
    threads: Sequence[int],
    sizes: Sequence[int],
    levels: Sequence[str] = ('fast',),
    notice: Callable[[str], None] | None = None,
) -> Loaded:
    """Load a detector for every combination.

    Args:
        settings: For all that isn't varied.
        models: Names or paths; the first is what the others are compared with.
        providers: Keys of `PROVIDER_NAMES`. One that is absent is skipped, never replaced.
        threads: For the CPU.
        sizes: Longer sides of inputs, pixels. A graph of fixed size is measured once, at its own.
        levels: Of thoroughness.
        notice: Gets sentences for the user, such as that what follows takes minutes.

    Raises:
        ConfigError: If a number is out of bounds.
        ModelError: If a model can't be used, or nothing is left to measure.
    """
    for model in models:
        resolve(parse_entry(model)[0])
    available = onnxruntime.get_available_providers()
    skipped = [
        f'{key} is not in this onnxruntime and was skipped; {REMEDIES[key]} to measure it.'
        for key in providers
        if PROVIDER_NAMES[key] not in available
    ]
    detectors: dict[Case, Measurable] = {}
    for key in providers:
        if PROVIDER_NAMES[key] not in available:
            continue
        counts = threads if key == 'cpu' else (settings.threads,)
        for level, size, count, model in product(levels, sizes, counts, models):
            asked = settings.changed(
                model=model,
                providers=(key,),
                threads=count,
                input_size=size,
                thoroughness=level,
            )
            try:
                (detector,) = load_detectors(asked, notice)
            except ModelError as error:
                if key == 'cpu':
                    raise
                skipped.append(f'{model} was skipped on {key}, which did not start: {error}')
                continue
            runner = detector.detector if isinstance(detector, ThoroughDetector) else detector
            taken = runner.input_size
            case = Case(model, key, count if key == 'cpu' else 0, taken, level)
            if taken != size:
                skipped.append(f'{model} takes {taken} px and nothing else; {size} px was skipped.')
            detectors.setdefault(case, detector)
    if not detectors:
        raise ModelError(f'Nothing is left to measure. {" ".join(skipped)}')
    return Loaded(detectors, tuple(dict.fromkeys(skipped)))


def measure(
    detectors: Mapping[Case, Measurable],
    frame: Frame,
    rounds: int,
    score_threshold: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Timing]:
    """Time all of them, in turns.

    Args:
        detectors: By combination.
        frame: That each judges over and over.
        rounds: That count, `WARM_UP` more come before.
        score_threshold: See `core.roles.Detector.detect`.
        progress: Gets the rounds done and their number.
        clock: Seconds.

    Returns:
        One for each combination, in the order given.

    Raises:
        DetectorError: If one fails on the frame.
    """
    order = random.Random(0)  # noqa: S311 - the same turns in every run
    turns = [(case, _Stopwatch(detector, clock)) for case, detector in detectors.items()]
    times: dict[Case, list[list[float]]] = {case: [] for case in detectors}
    for number in range(WARM_UP + rounds):
        # Who comes after whom matters: each finds the caches as the one before left them.
        order.shuffle(turns)
        for case, stopwatch in turns:
            stages = stopwatch(frame, score_threshold)
            if number >= WARM_UP:
                times[case].append(stages)
        progress(number + 1, WARM_UP + rounds)
    taken = {case: np.array(rows).reshape(-1, len(STAGES)) for case, rows in times.items()}
    return [Timing(case, rows, _ratio(case, taken)) for case, rows in taken.items()]


class _Stopwatch:
    """Measures a detector's detections, and in them the first two of `STAGES`; the rest is left."""

    def __init__(self, detector: Measurable, clock: Callable[[], float]) -> None:
        self._detector = detector
        self._clock = clock
        self._spent_s = [0.0, 0.0]
        runner = detector.detector if isinstance(detector, ThoroughDetector) else detector
        for index, name in enumerate(('prepare', 'infer')):
            setattr(runner, name, self._measured(getattr(runner, name), index))

    def _measured(self, part: Callable[..., Any], index: int) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            begun = self._clock()
            result = part(*args)
            self._spent_s[index] += self._clock() - begun
            return result

        return run

    def __call__(self, frame: Frame, score_threshold: float) -> list[float]:
        """Milliseconds of each of `STAGES`."""
        self._spent_s[:] = 0.0, 0.0
        begun = self._clock()
        self._detector.detect(frame, score_threshold)
        total_s = self._clock() - begun
        return [1000 * part for part in (*self._spent_s, total_s - sum(self._spent_s))]


def _ratio(case: Case, taken: Mapping[Case, NDArray[np.float64]]) -> float | None:
    first = taken.get(case._replace(model=next(iter(taken)).model))
    if first is None:
        return None
    return float(np.median(taken[case].sum(axis=1) / first.sum(axis=1)))


def noise(width: int, height: int) -> Frame:
    """A frame in which nobody is, the same in every run."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Frame(pixels, 'bgr8', width, height)


def as_dict(timings: Sequence[Timing], frame: Frame, rounds: int, skipped: Sequence[str]) -> Any:
    """For JSON; docs/evaluation.md says what each key is."""
    return {
        'version': JSON_VERSION,
        'onnxruntime': onnxruntime.__version__,
        'frame': {'width': frame.width, 'height': frame.height},
        'rounds': rounds,
        'skipped': list(skipped),
        'timings': [timing.as_dict() for timing in timings],
    }
