"""From settings to a detector that is ready."""

from __future__ import annotations

from collections.abc import Callable

from anonymizer_node.core.config import Settings
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.detectors.registry import resolve


def load_detector(settings: Settings, notice: Callable[[str], None] | None = None) -> OnnxDetector:
    """The detector that the settings name, verified, loaded and tried once.

    Args:
        settings: Of the run.
        notice: Gets sentences for the user, such as that what follows takes minutes.

    Raises:
        ModelError: If the file is absent, altered, no detector, or can't be run.
    """
    return OnnxDetector(
        resolve(settings.model),
        settings.providers,
        settings.threads,
        settings.input_size,
        family=settings.family,
        engine_cache=settings.engine_cache,
        notice=notice,
    )
