"""From settings to detectors that are ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from anonymizer_node.core.config import Settings
from anonymizer_node.core.terms import Terms
from anonymizer_node.detectors.looking import ThoroughDetector
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.detectors.registry import resolve
from anonymizer_node.detectors.views import plan_views

Notice = Callable[[str], None]


Loaded = OnnxDetector | ThoroughDetector


def load_detectors(settings: Settings, notice: Notice | None = None) -> tuple[Loaded, ...]:
    """The detectors that the settings name, verified, loaded and tried once, in their order.

    Args:
        settings: Of the run.
        notice: Gets sentences for the user, such as that what follows takes minutes.

    Raises:
        ModelError: If a file is absent, altered, no detector, or can't be run.
    """
    return tuple(_loaded(settings, terms, notice) for terms in settings.terms())


def again(detectors: Sequence[Loaded]) -> tuple[Loaded, ...]:
    """The same detectors for another thread, see `OnnxDetector.again`."""
    return tuple(detector.again() for detector in detectors)


def _loaded(settings: Settings, terms: Terms, notice: Notice | None) -> Loaded:
    planned = plan_views(settings.thoroughness, terms.input_size)
    detector = OnnxDetector(
        resolve(terms.model),
        settings.providers,
        settings.threads,
        terms.input_size,
        largest_size=max(view.size for view in planned),
        family=terms.family,
        engine_cache=settings.engine_cache,
        notice=notice,
    )
    if settings.thoroughness == 'fast':
        return detector
    return ThoroughDetector(detector, settings.thoroughness)
