"""Codecs that note what is asked of them, and fail where they are told to."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from anonymizer_node.core.datatypes import Redacted
from anonymizer_node.core.errors import FrameError


class NotingCodec:
    """What is alike in codecs that only note their calls; decoding and redacting is theirs.

    Attributes:
        calls: Names of the methods that were called, in order.
        fails: Names of those that raise `error`.
        error: Raised there.
    """

    def __init__(self, fails: Collection[str] = (), error: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.fails = fails
        self.error = error or FrameError('told to fail')

    def called(self, name: str) -> None:
        """Note a call, and fail where told to."""
        self.calls.append(name)
        if name in self.fails:
            raise self.error

    def stripped(self, message: Any) -> Redacted:
        self.called('stripped')
        return Redacted(message)

    def blacked_out(self, message: Any) -> Any:
        self.called('blacked_out')
        return {'black': True}
