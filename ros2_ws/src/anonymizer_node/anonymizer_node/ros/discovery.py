"""Cameras that patterns among `input_topics` find on the graph, now or later.

Taken is what others publish with a type that a codec reads. Left out without a word are the node's
own outputs, camera_info, and what topic_actions drops. Left out and named is whatever else matches:
that of another type, and that which would loop or collide with a camera that there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from diagnostic_msgs.msg import DiagnosticStatus

from anonymizer_node.core.config import Settings
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.topic_patterns import TopicPattern
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.ros.camera_info import TYPE as CAMERA_INFO
from anonymizer_node.ros.diagnostics import ERROR, OK, WARN, status
from anonymizer_node.ros.qos import owner
from anonymizer_node.ros.topics import UNREADABLE, CameraPlan, plan_found, type_of

MOST_NAMED = 20
"""Topics named in one line of the log."""


class Graph(Protocol):
    """What a node sees of the others."""

    def get_topic_names_and_types(self) -> Sequence[tuple[str, Sequence[str]]]:
        """Every topic with its types."""

    def get_publishers_info_by_topic(self, topic_name: str) -> Sequence[Any]:
        """The publishers of a topic."""


class Discovery:
    """Looks for cameras, and remembers what it left out."""

    def __init__(
        self,
        settings: Settings,
        patterns: Sequence[TopicPattern],
        own_name: str,
        graph: Graph,
        remap: Callable[[str], str],
        notice: Callable[[str], None],
    ) -> None:
        """Nothing is found yet.

        Args:
            settings: Of the node.
            patterns: Absolute.
            own_name: The node's full name. What a node of this name publishes is no camera.
            graph: Where to look.
            remap: Name -> the absolute name that it is remapped to.
            notice: Told once of each topic left out.
        """
        self._settings = settings
        self._patterns = tuple(patterns)
        self._own_name = own_name
        self._graph = graph
        self._remap = remap
        self._notice = notice
        self._prefix = settings.output_prefix.rstrip('/')
        self._actions = settings.actions()
        self._refused: dict[str, str] = {}
        self._unread: dict[str, str] = {}
        self._said: set[str] = set()

    def look(self, plans: Sequence[CameraPlan]) -> list[CameraPlan]:
        """Plans for the cameras that are new.

        Args:
            plans: Of the cameras that there are.
        """
        self._refused, self._unread = {}, {}
        if not self._patterns:
            return []
        found: list[CameraPlan] = []
        # By name, so that it doesn't depend on who was seen first which camera passes on an info.
        for name, types in sorted(self._graph.get_topic_names_and_types()):
            if not any(pattern.matches(name) for pattern in self._patterns):
                continue
            if self._is_own(name, [*plans, *found]) or self._actions.get(name) == 'drop':
                continue
            self._judge(name, types, [*plans, *found], found)
        self._say()
        return found

    def refuse(self, plan: CameraPlan, reason: str) -> None:
        """A plan could not be carried out; say so."""
        self._refused[plan.input_name] = reason
        self._say()

    def statuses(self, node: str, plans: Sequence[CameraPlan]) -> list[DiagnosticStatus]:
        """What there is to say in the diagnostics: nothing, if there are no patterns.

        Args:
            node: The node's full name.
            plans: Of the cameras that there are.
        """
        if not self._patterns:
            return []
        level, message = self._judged(plans)
        values: dict[str, Any] = {
            'patterns': [pattern.text for pattern in self._patterns],
            'cameras': [plan.input_name for plan in plans],
            'left out, no image type that can be read': _listed(self._unread),
            'left out': ' '.join(f'{name}: {told}' for name, told in self._refused.items()),
        }
        return [status(f'{node}: input_topics', node, level, message, values)]

    def _judge(
        self,
        name: str,
        types: Sequence[str],
        plans: Sequence[CameraPlan],
        found: list[CameraPlan],
    ) -> None:
        """Take a topic that matches, or note why not."""
        if not _readable(name, types):
            others = sorted(set(types) - {CAMERA_INFO})
            if others:
                self._unread[name] = ', '.join(others)
            return
        offered = [
            info.topic_type
            for info in self._graph.get_publishers_info_by_topic(name)
            if owner(info) != self._own_name
        ]
        if not _readable(name, offered):
            return  # Somebody listens there, and nobody publishes.
        try:
            type_name = type_of(name, offered)
            found.append(plan_found(self._settings, plans, name, type_name, self._remap))
        except ConfigError as error:
            self._refused[name] = str(error)

    def _is_own(self, name: str, plans: Sequence[CameraPlan]) -> bool:
        """Whether a topic is taken already, or an output.

        Two nodes with prefixes of their own would take each other's outputs without end. So nothing
        is taken that has the prefix anywhere in its name: it has been here before.
        """
        return f'{self._prefix}/' in name or any(
            name in (plan.input_name, plan.output_name, plan.info_output_name) for plan in plans
        )

    def _judged(self, plans: Sequence[CameraPlan]) -> tuple[bytes, str]:
        for name, reason in self._refused.items():
            return ERROR, f'{name} is left out: {reason}'
        idle = [
            pattern.text
            for pattern in self._patterns
            if not any(pattern.matches(plan.input_name) for plan in plans)
        ]
        if idle:
            return WARN, f'No camera matches {", ".join(idle)} so far.'
        return OK, f'{len(plans)} cameras.'

    def _say(self) -> None:
        unread = {name: kind for name, kind in self._unread.items() if name not in self._said}
        if unread:
            self._notice(
                'Left out, though input_topics matches: '
                f'{_listed(unread, MOST_NAMED)}. Read are {", ".join(CODECS)}.'
            )
        for name, reason in self._refused.items():
            if name not in self._said:
                self._notice(f'{name} is left out, though input_topics matches: {reason}')
        self._said.update(self._unread, self._refused)


def _readable(name: str, types: Iterable[str]) -> bool:
    return name.rsplit('/', 1)[-1] not in UNREADABLE and any(kind in CODECS for kind in types)


def _listed(unread: dict[str, str], most: int | None = None) -> str:
    """Topics with their types, those first whose names tell of images."""
    names = sorted(unread, key=lambda name: (name.rsplit('/', 1)[-1] not in UNREADABLE, name))
    told = ', '.join(f'{name} ({unread[name]})' for name in names[:most])
    more = 0 if most is None else len(names) - most
    return f'{told} and {more} more' if more > 0 else told
