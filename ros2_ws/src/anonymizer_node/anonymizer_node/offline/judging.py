"""The first pass over a recording: every image is judged, what was detected goes to the sidecar."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

import cv2

from anonymizer_node.core.errors import DetectorError, InputError
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.bags import BagMessage, BagReader, Place
from anonymizer_node.offline import stages
from anonymizer_node.offline.inside import judge_inside
from anonymizer_node.offline.joined import Kind
from anonymizer_node.offline.messages import MessageCodec
from anonymizer_node.offline.records import Part, Record, digest_of
from anonymizer_node.offline.relay import Relay
from anonymizer_node.offline.sidecar import LineEnd, Sidecar, StaleError
from anonymizer_node.offline.stages import in_order

Item = TypeVar('Item')
Result = TypeVar('Result')

AHEAD = 2
"""Messages that wait for each judge, so that none waits for a message."""


class Images(Protocol[Item]):
    """The images of a recording, as both passes see them. A context manager."""

    def __enter__(self) -> Images[Item]:
        """Open it."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""

    def items(self) -> Iterator[tuple[Item, str]]:
        """What is to be judged, in order, each with its digest."""

    def judged(self, pipeline: Pipeline, item: Item, digest: str) -> Record:
        """The first pass over one of them. Called in several threads."""

    def is_of(self, record: Record, item: Item, digest: str) -> bool:
        """Whether a record was made of this very one."""


class BagImages:
    """The images in a bag's messages."""

    def __init__(
        self,
        reader: BagReader,
        wanted: Mapping[Kind, Sequence[Place]],
        relay: Relay,
    ) -> None:
        """Nothing is read yet.

        Args:
            reader: Of the bag, open; nobody else reads messages from it meanwhile.
            wanted: The topics to judge, and where images are inside their messages; () if they
                are images themselves.
            relay: Gets every message of the bag.
        """
        self._reader = reader
        self._wanted = wanted
        self._relay = relay
        self._read_whole = False

    def __enter__(self) -> BagImages:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc is None and not self._read_whole:
            exc = InputError(f'{str(self._reader.path)!r} was not read to its end.')
        self._relay.end(exc)

    def items(self) -> Iterator[tuple[BagMessage, str]]:
        """See `Images`."""
        for message in self._reader.messages():
            wanted = (message.topic.name, message.topic.msgtype) in self._wanted
            digest = digest_of(message.data) if wanted else ''
            self._relay.put(message, digest)
            if wanted:
                yield message, digest
        self._read_whole = True

    def judged(self, pipeline: Pipeline, item: BagMessage, digest: str) -> Record:
        """See `Images`."""
        topic = item.topic
        places = self._wanted[topic.name, topic.msgtype]
        if places:
            parts = judge_inside(pipeline, self._reader, item, places)
        else:
            codec = MessageCodec(self._reader, topic.msgtype)
            judgement = pipeline.judge(item.data, codec, topic.name)
            parts = (Part('', replace(judgement, stamp_ns=codec.stamp)),)
        return Record(topic.name, topic.msgtype, item.time_ns, digest, parts)

    def is_of(self, record: Record, item: BagMessage, digest: str) -> bool:
        """See `Images`."""
        inside = bool(self._wanted[item.topic.name, item.topic.msgtype])
        return is_of(record, item, digest, inside)


class Judging(Generic[Item]):
    """Judges a recording's images in threads of its own. A context manager; leaving it ends that.

    What fails is told to the sidecar, and so to whoever reads from that. A detector that doesn't
    answer when the second pass has failed isn't waited for longer than `stages.ENDING_SECONDS`.
    """

    def __init__(
        self,
        images: Callable[[], Images[Item]] | None,
        pipelines: Sequence[Pipeline],
        sidecar: Sidecar,
    ) -> None:
        """Nothing is begun yet.

        Args:
            images: Makes what is to be judged; called in the thread that reads it. None: nothing.
            pipelines: As many frames are judged at a time; each has detectors of its own.
            sidecar: Gets the records; if it has them all already there is nothing to do.
        """
        self._images = images
        self._workers = len(pipelines)
        self._free: SimpleQueue[Pipeline] = SimpleQueue()
        for pipeline in pipelines:
            self._free.put(pipeline)
        self._sidecar = sidecar
        self._stop = threading.Event()
        self._opencv_threads: int | None = None
        self._thread = threading.Thread(target=self._run, name='judging', daemon=True)

    def __enter__(self) -> Judging[Item]:
        if self._images is None:
            self._sidecar.complete()
        elif not self._sidecar.was_complete:
            if self._workers > 1:
                # OpenCV's own threads would take the cores from the judges.
                self._opencv_threads = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(stages.ENDING_SECONDS)
        if self._opencv_threads is not None:
            cv2.setNumThreads(self._opencv_threads)
        # Whatever it comes to, the sidecar is closed by then, and nothing is made of it.
        if self._thread.is_alive() and (exc is None or isinstance(exc, Exception)):
            raise DetectorError(
                f'{exc or "All is written"}; and a detector has not answered for '
                f'{stages.ENDING_SECONDS:g} s, so its frame was given up. If the model runs on '
                'a GPU, see that its driver answers, or set providers to cpu.'
            ) from exc

    def _run(self) -> None:
        assert self._images is not None
        try:
            with self._images() as images:

                def judged(item: tuple[Item, str]) -> Record:
                    pipeline = self._free.get()
                    try:
                        return images.judged(pipeline, *item)
                    finally:
                        self._free.put(pipeline)

                unjudged = self._unjudged(images)
                ahead = AHEAD * self._workers
                with closing(in_order(unjudged, judged, self._workers, ahead)) as records:
                    for record in records:
                        self._sidecar.append(record)
            if not self._stop.is_set():
                self._sidecar.complete()
        except BaseException as error:  # It is raised where the records are read.
            self._sidecar.fail(error)

    def _unjudged(self, images: Images[Item]) -> Iterator[tuple[Item, str]]:
        """The images with their digests, without those that an earlier run has judged already."""
        earlier: Iterator[tuple[Record, LineEnd]] | None = self._sidecar.earlier()
        for item, digest in images.items():
            if self._stop.is_set():
                return
            if earlier is not None:
                record, place = next(earlier, (None, None))
                if record is not None and place is not None and images.is_of(record, item, digest):
                    self._sidecar.confirm(place)
                    continue
                earlier = None
            yield item, digest


def is_of(record: Record, message: BagMessage, digest: str, inside: bool) -> bool:
    """Whether a record was made of this very message.

    Args:
        record: That may be.
        message: As read.
        digest: Of its data.
        inside: Whether its images lie inside it; otherwise it is one itself.
    """
    return (
        (inside or [part.label for part in record.parts] == [''])
        and record.topic == message.topic.name
        and record.msgtype == message.topic.msgtype
        and record.time_ns == message.time_ns
        and record.digest == digest
    )


def on_record(
    folder: Path | None, identity: Mapping[str, Any], work: Callable[[Sidecar], Result]
) -> Result:
    """Both passes; once more from the start if an earlier run's detections are of no use.

    Args:
        folder: See `Sidecar`.
        identity: See `Sidecar`.
        work: The passes.
    """
    while True:
        with Sidecar(folder, identity) as sidecar:
            try:
                return work(sidecar)
            except StaleError:
                if not sidecar.was_complete:
                    raise
                sidecar.discard()
