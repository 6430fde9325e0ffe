"""From settings to a detector that is ready."""

from __future__ import annotations

from anonymizer_node.core.config import Settings
from anonymizer_node.detectors.onnx import OnnxDetector
from anonymizer_node.detectors.registry import resolve


def load_detector(settings: Settings) -> OnnxDetector:
    """The detector that the settings name, verified and loaded.

    Raises:
        ModelError: If the file is absent, altered, no detector, or can't be run.
    """
    return OnnxDetector(
        resolve(settings.model), settings.providers, settings.threads, settings.input_size
    )
