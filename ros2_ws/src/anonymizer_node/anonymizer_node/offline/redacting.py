"""The second pass over a bag: what is to be covered in each image, by the whole recording, is."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from anonymizer_node.core.datatypes import Cover, Outcome
from anonymizer_node.core.errors import FrameError
from anonymizer_node.core.following import Seen, Twin
from anonymizer_node.core.joining import Joiner
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.bags import BagMessage, BagReader
from anonymizer_node.formats.image_codecs import stamp_ns
from anonymizer_node.offline.in_step import InStep, Step
from anonymizer_node.offline.inside import Processed, line_of, lines_of, redact_inside
from anonymizer_node.offline.joined import Kind, joined
from anonymizer_node.offline.judging import is_of
from anonymizer_node.offline.messages import MessageCodec
from anonymizer_node.offline.plan import TopicPlan, readable
from anonymizer_node.offline.records import Record, digest_of
from anonymizer_node.offline.relay import Digested
from anonymizer_node.offline.sidecar import Sidecar, StaleError
from anonymizer_node.offline.stages import in_order
from anonymizer_node.offline.unread import refusal_of

WORKERS = 2
"""Threads that redact."""

AHEAD = 4
"""Messages that are in work or wait to be written."""


RAW = 'sensor_msgs/msg/Image'
"""Is edited in its own bytes."""


class Work(NamedTuple):
    """One message of the second pass.

    Attributes:
        message: As read.
        record: Of an image: what was detected in it.
        covers: What is to be covered in each of its images; None where one wasn't judged.
        twin: Of an image that follows a colour topic: what is known of that.
        done: Of an image that is followed: what became of it, for its followers need to know.
        digest: Of the message's data, see `digest_of`; '' where nobody has taken it yet.
    """

    message: BagMessage
    record: Record | None = None
    covers: Sequence[Cover | None] = ()
    twin: Twin | None = None
    done: Done | None = None
    digest: str = ''


class Done(NamedTuple):
    """What became of a message.

    Attributes:
        message: As read.
        data: As it is to be written, or None.
        outcome: In one word, and more.
        lines: What is to be said of each image in it.
    """

    message: BagMessage
    data: bytes | bytearray | None
    outcome: Outcome
    lines: Sequence[Mapping[str, Any]] = ()


class Redacting:
    """What becomes of every message of a bag, in its order."""

    def __init__(
        self,
        source: Path,
        reader: BagReader,
        plans: Mapping[int, TopicPlan],
        counts: Mapping[Kind, int],
        pipeline: Pipeline,
    ) -> None:
        """Nothing is read yet.

        Args:
            source: The bag, for messages.
            reader: Of it.
            plans: By `Topic.key`.
            counts: Messages of each topic that is judged.
            pipeline: That redacts.
        """
        self._source = source
        self._reader = reader
        self._plans = plans
        self._counts = counts
        self._pipeline = pipeline
        self._judged = {key for key, item in plans.items() if is_judged(item)}

    def done(self, messages: Iterable[Digested], sidecar: Sidecar) -> Generator[Done, None, None]:
        """Every message as it is to be written; waits for the first pass where that is behind.

        Args:
            messages: All of the bag.
            sidecar: With what was detected in them.

        Raises:
            StaleError: If the records in the sidecar aren't of these messages.
        """
        works = self._in_step(self._to_do(messages, sidecar))
        return in_order(works, self._passed, WORKERS, AHEAD, self._is_small)

    def _is_small(self, work: Work) -> bool:
        """Whether there is less to do than to hand it to a thread and take it back.

        A message that is copied or dropped; and a raw image that is blacked out, which is done
        under Python's lock, unless its digest is still to be taken.
        """
        planned = self._plans[work.message.topic.key]
        if planned.topic.key not in self._judged:
            return not planned.twin
        if not work.digest or self._pipeline.settings.method != 'blackout':
            return False
        return planned.topic.msgtype == RAW

    def _in_step(self, works: Iterator[Work]) -> Iterator[Work]:
        """The same, with what is known of its twin in each follower, which waits for that."""
        followed = {item.twin for item in self._plans.values() if item.twin}
        if not followed:
            yield from works
            return
        counts = dict.fromkeys(followed, 0)
        for item in self._plans.values():
            if item.topic.name in followed:
                counts[item.topic.name] += item.topic.count
        # In this thread, one by one: whether they failed, and how far the codec widened their
        # regions, must be known before what follows them is begun.
        ready = (
            work._replace(done=self._passed(work)) if work.message.topic.name in followed else work
            for work in works
        )
        for work, twin in InStep(self._step, counts).released(ready):
            yield work._replace(twin=twin)

    def _step(self, work: Work) -> Step:
        message = work.message
        planned = self._plans[message.topic.key]
        stamp_ns = self._stamp_ns(message) if planned.twin else None
        return Step(
            message.time_ns,
            len(message.data) + (len(work.done.data or b'') if work.done else 0),
            message.topic.name,
            self._seen(work),
            planned.twin,
            stamp_ns,
        )

    def _seen(self, work: Work) -> Seen | None:
        """What a judged frame says to its followers."""
        if work.done is None or work.record is None or len(work.record.parts) != 1:
            return None
        ((_, judgement),) = work.record.parts
        if judgement.stamp_ns is None:
            return None
        return Seen.of(work.done.outcome, judgement.stamp_ns)

    def _stamp_ns(self, message: BagMessage) -> int | None:
        try:
            return stamp_ns(self._reader.decode(message.topic.msgtype, message.data))
        except (FrameError, AttributeError):
            return None

    def _to_do(self, messages: Iterable[Digested], sidecar: Sidecar) -> Iterator[Work]:
        """Every message, with what is known of it.

        Raises:
            StaleError: If the records aren't of these messages.
        """
        settings = self._pipeline.settings
        records = joined(
            sidecar.records(),
            self._counts,
            self._pipeline.to_cover,
            lambda: Joiner(settings.hold_seconds, settings.least_sightings),
        )
        for message, digest in messages:
            if message.topic.key not in self._judged:
                yield Work(message)
                continue
            # One without a record is refused below.
            record, covers = next(records, (None, ()))
            yield Work(message, record, covers, digest=digest)
        # It waits for the first pass to end, too, and raises what that one did.
        if next(records, None) is not None:
            raise _stale(self._source)

    def _passed(self, work: Work) -> Done:
        """What to write for a message. Runs in several threads."""
        if work.done is not None:
            return work.done
        message, planned = work.message, self._plans[work.message.topic.key]
        if planned.action == 'drop':
            return Done(message, None, Outcome('dropped'))
        if planned.twin:
            return self._followed(message, work.twin or Twin(planned.twin))
        if message.topic.key not in self._judged:
            refusal = None if planned.asked else refusal_of(self._reader, message, planned.told)
            if refusal is not None:
                outcome = Outcome('dropped', cause=refusal.cause, reason=refusal.reason)
                return Done(message, None, outcome)
            return Done(message, message.data, Outcome('copied'))
        digest, inside = work.digest or digest_of(message.data), bool(planned.places)
        if work.record is None or not is_of(work.record, message, digest, inside):
            raise _stale(self._source)
        if planned.places:
            return self._redacted_inside(message, planned, work.record, work.covers)
        return self._redacted(message, planned, work.record, work.covers)

    def _redacted(
        self,
        message: BagMessage,
        planned: TopicPlan,
        record: Record,
        covers: Sequence[Cover | None],
    ) -> Done:
        """An image."""
        ((_, judgement),), (cover,) = record.parts, covers
        codec = MessageCodec(self._reader, message.topic.msgtype)
        topic = message.topic.name
        outcome = self._pipeline.redact(message.data, codec, topic, judgement, cover)
        data = _written(outcome, codec, message)
        if planned.action == 'copy' and outcome.cause == 'encoding':
            # Its owner vouches for what can't be read; what can be is anonymised all the same.
            outcome, data = Outcome('copied'), message.data
        return Done(message, data, outcome, [line_of(outcome, judgement.stamp_ns)])

    def _redacted_inside(
        self,
        message: BagMessage,
        planned: TopicPlan,
        record: Record,
        covers: Sequence[Cover | None],
    ) -> Done:
        """A message of another type with images in it."""
        processed = redact_inside(
            self._pipeline,
            self._reader,
            message,
            planned.places,
            {
                label: (judgement, cover)
                for (label, judgement), cover in zip(record.parts, covers, strict=True)
            },
            vouched=planned.action == 'copy',
        )
        if processed.data is not None and planned.action != 'copy':
            refusal = refusal_of(self._reader, message, planned.told)
            if refusal is not None:
                outcome = Outcome('dropped', cause=refusal.cause, reason=refusal.reason)
                processed = Processed(outcome, (), processed.stamp_ns, None)
        return Done(message, processed.data, processed.outcome, lines_of(processed))

    def _followed(self, message: BagMessage, twin: Twin) -> Done:
        """An image that follows a colour topic."""
        codec = MessageCodec(self._reader, message.topic.msgtype)
        outcome = self._pipeline.follow(bytearray(message.data), codec, message.topic.name, twin)
        data = _written(outcome, codec, message)
        return Done(message, data, outcome, [line_of(outcome, codec.stamp)])


def is_judged(planned: TopicPlan) -> bool:
    """Whether a topic's images are judged: also where only those are copied that can't be read."""
    can_be_read = readable(planned.topic) or bool(planned.places)
    return planned.action != 'drop' and can_be_read and not planned.twin


def _written(
    outcome: Outcome, codec: MessageCodec, message: BagMessage
) -> bytes | bytearray | None:
    """The bytes to write of an image."""
    if outcome.message is None:
        return None
    if outcome.status == 'untouched' and not outcome.removed:
        return message.data
    return codec.serialised(outcome.message, message.data)


def _stale(source: Path) -> StaleError:
    return StaleError(
        f'{str(source)!r} is not as it was when its images were judged; it changes while it is '
        'read. Let nothing write to it.'
    )
