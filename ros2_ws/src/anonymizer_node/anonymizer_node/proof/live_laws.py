"""The laws on a live recording: the inputs of a node and what it published.

Transport may lose frames and recorders note their own times, so frames are matched by the time in
their header. The regions are those that the node published beside them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagMessage, BagReader
from anonymizer_node.proof.frames import FrameChecks, Statement, Where, is_replaced
from anonymizer_node.proof.pairs import Input, InputWindow
from anonymizer_node.proof.pictures import IMAGE_TYPES
from anonymizer_node.proof.record import Markers, stamp_ns
from anonymizer_node.proof.verdict import Check, Failure, Moment, Tally, TopicFigures


class LiveLaws:
    """Checks the topics under a prefix against those without it.

    Attributes:
        topics: What was found about each topic of the source that has an output, or is an image.
    """

    def __init__(
        self, source: BagReader, target: BagReader, prefix: str, markers: Markers, method: str
    ) -> None:
        """Both readers are open; they may read the same bag."""
        self._source = source
        self._target = target
        self._prefix = prefix.rstrip('/')
        self._markers = markers
        self._method = method
        self._frames = FrameChecks()
        self._judged = Tally(
            'on-record',
            1,
            'For every image that was published the node said what it obscured.',
            'published frames',
        )
        self._known = Tally(
            'has-input',
            1,
            'Every image that was published has an input with the same time in its header.',
            'published frames',
        )
        self._topics = Tally('topics-kept', 2, 'Every output has the type of its input.', 'topics')
        self._others = Tally(
            'other-messages',
            2,
            'What is passed on beside the images (camera_info) is equal to its input.',
            'messages',
        )
        self._order = Tally(
            'order-kept', 2, 'Frames were published once each and in order.', 'published frames'
        )
        self._accounted = Tally(
            'accounted', 4, 'Every image topic of the input has its output.', 'image topics'
        )
        self._last_out: dict[str, int] = {}
        self.topics: dict[str, TopicFigures] = {}

    def run(self) -> list[Check]:
        """Read the recordings and say what holds."""
        self._compare_topics()
        outputs = {figures.name for figures in self.topics.values() if figures.output}
        inputs = InputWindow(self._source, outputs, self._unpublished)
        for message in self._target.messages():
            if message.topic.name.startswith(f'{self._prefix}/'):
                self._output(message, inputs)
        inputs.finish()
        self._account()
        tallies = (
            self._judged,
            self._known,
            self._topics,
            self._others,
            self._order,
            self._accounted,
        )
        checks = [*self._frames.checks(), *(tally.check() for tally in tallies)]
        return sorted(checks, key=lambda check: check.law)

    def _compare_topics(self) -> None:
        outs = {topic.name: topic for topic in self._target.topics}
        for topic in self._source.topics:
            if topic.name.startswith(f'{self._prefix}/'):
                continue
            output = outs.get(self._prefix + topic.name)
            image = topic.msgtype in IMAGE_TYPES
            if output is None and not image:
                continue
            role = 'not recorded' if output is None else 'anonymized' if image else 'copied'
            figures = self.topics.setdefault(
                topic.name,
                TopicFigures(topic.name, output.name if output else '', topic.msgtype, role),
            )
            figures.count_in += topic.count
            if output is not None:
                same = output.msgtype == topic.msgtype
                what = f'is a {output.msgtype}, its input a {topic.msgtype}'
                self._topics.seen(None if same else Failure(output.name, what))
            if image:
                what = f'has no output {self._prefix}{topic.name} in the recording'
                self._accounted.seen(Failure(topic.name, what) if output is None else None)
        for name in outs:
            plain = name[len(self._prefix) :]
            if name.startswith(f'{self._prefix}/') and plain not in self.topics:
                self._topics.seen(Failure(name, f'its input {plain} is not in the recording'))
        if not self.topics:
            self._topics.fail(Failure('', f'there is no output under {self._prefix!r}'))

    def _unpublished(self, lost: Input) -> None:
        self.topics[lost.name].add(Moment(lost.time_ns, lost.stamp_ns, 'unpublished', 0, 0.0))

    def _output(self, message: BagMessage, inputs: InputWindow) -> None:
        name = message.topic.name
        figures = self.topics.get(name[len(self._prefix) :])
        if figures is None:
            return
        position = figures.count_out
        figures.count_out += 1
        where = Where(name, position, None)
        try:
            after = self._target.decode(message.topic.msgtype, message.data)
            where = Where(name, position, stamp_ns(after))
        except (FrameError, AttributeError) as error:
            self._known.seen(where.failure(str(error)))
            return
        before = inputs.find(figures.name, stamp_ns(after))
        image = figures.role == 'anonymized'
        if before is None:
            what = 'has no input with its header time in the recording'
            (self._known if image else self._others).seen(where.failure(what))
            return
        identical = message.data == before.data or same(before.message, after)
        if not image:
            self._others.seen(None if identical else where.failure('differs from its input'))
            figures.add(Moment(before.time_ns, stamp_ns(after), 'copied', 0, 0.0))
            return
        self._known.seen()
        late = stamp_ns(after) <= self._last_out.get(name, -1)
        self._order.seen(where.failure('comes again, or after a later one') if late else None)
        self._last_out[name] = stamp_ns(after)
        self._image(where, before, after, figures, identical)

    def _image(
        self, where: Where, before: Input, after: Any, figures: TopicFigures, identical: bool
    ) -> None:
        stamp = stamp_ns(after)
        regions = self._markers.get(where.topic, {}).get(stamp)
        if regions is None:  # Or it was said of some topic, not told which, that nothing is.
            regions = self._markers.get('', {}).get(stamp)
        if regions is None:
            self._judged.seen(where.failure('nothing was said of what is obscured in it'))
            return
        self._judged.seen()
        status = 'anonymized' if regions else 'untouched'
        if len(regions) == 1 and is_replaced(after, regions[0]):
            status = 'blacked_out'
        statement = Statement(status, tuple(regions), self._method)
        look = self._frames.look(where, before.message, after, statement, identical)
        moment = Moment(before.time_ns, stamp, status, len(regions), look.share)
        figures.add(moment._replace(position=where.index, sound=look.sound))

    def _account(self) -> None:
        lost = []
        for figures in self.topics.values():
            figures.moments.sort(key=lambda moment: moment.time_ns)
            unpublished = figures.statuses.get('unpublished', 0)
            if unpublished and figures.role == 'anonymized':
                lost.append(f'{figures.name} {unpublished} of {figures.count_in}')
        if lost:
            self._accounted.detail = 'Recorded and not published: ' + ', '.join(lost)


def same(one: Any, other: Any) -> bool:
    """Whether two decoded messages are equal in every field."""
    if dataclasses.is_dataclass(one):
        if type(one).__name__ != type(other).__name__:
            return False
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == 'f'))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
