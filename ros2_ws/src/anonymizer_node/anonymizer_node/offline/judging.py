"""The first pass over a bag: every image is judged, and what was detected goes to the sidecar."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType

import cv2

from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.bags import BagMessage, BagReader, Place
from anonymizer_node.offline.inside import judge_inside
from anonymizer_node.offline.joined import Kind
from anonymizer_node.offline.messages import MessageCodec
from anonymizer_node.offline.records import Part, Record, digest_of
from anonymizer_node.offline.sidecar import LineEnd, Sidecar
from anonymizer_node.offline.stages import in_order

AHEAD = 2
"""Messages that wait for each judge, so that none waits for a message."""


class Judging:
    """Judges a bag's images in threads of its own. A context manager; leaving it ends the work.

    What fails is told to the sidecar, and so to whoever reads from that.
    """

    def __init__(
        self,
        source: Path,
        wanted: Mapping[Kind, Sequence[Place]],
        pipelines: Sequence[Pipeline],
        sidecar: Sidecar,
        scratch: Path | None = None,
    ) -> None:
        """Nothing is begun yet.

        Args:
            source: The bag.
            wanted: The topics to judge, and where images are inside their messages; () if they
                are images themselves.
            pipelines: As many frames are judged at a time; each has detectors of its own.
            sidecar: Gets the records; if it has them all already there is nothing to do.
            scratch: See `BagReader`.
        """
        self._source = source
        self._wanted = wanted
        self._scratch = scratch
        self._workers = len(pipelines)
        self._free: SimpleQueue[Pipeline] = SimpleQueue()
        for pipeline in pipelines:
            self._free.put(pipeline)
        self._sidecar = sidecar
        self._stop = threading.Event()
        self._opencv_threads: int | None = None
        self._thread = threading.Thread(target=self._run, name='judging', daemon=True)

    def __enter__(self) -> Judging:
        if not self._wanted:
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
            self._thread.join()
        if self._opencv_threads is not None:
            cv2.setNumThreads(self._opencv_threads)

    def _run(self) -> None:
        try:
            with BagReader(self._source, self._scratch) as reader:

                def judged(item: tuple[BagMessage, str]) -> Record:
                    return self._judged(reader, *item)

                images = self._unjudged(reader)
                ahead = AHEAD * self._workers
                with closing(in_order(images, judged, self._workers, ahead)) as records:
                    for record in records:
                        self._sidecar.append(record)
            if not self._stop.is_set():
                self._sidecar.complete()
        except BaseException as error:  # It is raised where the records are read.
            self._sidecar.fail(error)

    def _unjudged(self, reader: BagReader) -> Iterator[tuple[BagMessage, str]]:
        """The images with their digests, without those that an earlier run has judged already."""
        earlier: Iterator[tuple[Record, LineEnd]] | None = self._sidecar.earlier()
        for message in reader.messages():
            if self._stop.is_set():
                return
            topic = message.topic
            if (topic.name, topic.msgtype) not in self._wanted:
                continue
            digest = digest_of(message.data)
            if earlier is not None:
                record, place = next(earlier, (None, None))
                if record is not None and place is not None and is_of(record, message, digest):
                    self._sidecar.confirm(place)
                    continue
                earlier = None
            yield message, digest

    def _judged(self, reader: BagReader, message: BagMessage, digest: str) -> Record:
        topic = message.topic
        places = self._wanted[topic.name, topic.msgtype]
        pipeline = self._free.get()
        try:
            if places:
                parts = judge_inside(pipeline, reader, message, places)
            else:
                codec = MessageCodec(reader, topic.msgtype)
                judgement = pipeline.judge(message.data, codec, topic.name)
                parts = (Part('', replace(judgement, stamp_ns=codec.stamp)),)
        finally:
            self._free.put(pipeline)
        return Record(topic.name, topic.msgtype, message.time_ns, digest, parts)


def is_of(record: Record, message: BagMessage, digest: str) -> bool:
    """Whether a record was made of this very message, which has this digest."""
    return (
        record.topic == message.topic.name
        and record.msgtype == message.topic.msgtype
        and record.time_ns == message.time_ns
        and record.digest == digest
    )
