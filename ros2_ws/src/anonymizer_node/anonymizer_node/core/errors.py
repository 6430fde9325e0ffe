"""What can go wrong. Every message names the value, the reason and the remedy."""


class AnonymizerError(Exception):
    """Root of all errors that this package raises on purpose."""


class ConfigError(AnonymizerError):
    """A setting is unknown, out of bounds, or contradicts another one."""


class InputError(AnonymizerError):
    """A path or a recording can't be used: absent, not what it claims to be, or in the way."""


class StorageError(AnonymizerError):
    """A store elsewhere doesn't answer, or doesn't do as it was asked. Another try may succeed."""


class ModelError(AnonymizerError):
    """A model file can't be used: absent, altered, or not the detector that it claims to be."""


class FrameError(AnonymizerError):
    """One frame can't be decoded or written. The frame is lost, the run goes on."""


class UnsupportedEncodingError(FrameError):
    """The frame's pixel encoding or compression is one that no codec reads."""


class DetectorError(AnonymizerError):
    """The detector failed on a frame, or answered with something that isn't detections."""


class RedactionError(AnonymizerError):
    """The redaction of a frame didn't finish."""
