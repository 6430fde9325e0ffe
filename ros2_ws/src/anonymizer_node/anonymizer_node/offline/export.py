"""Training data from an anonymised bag: pictures, and what was obscured in them as labels.

Who was obscured is labelled; who was missed can be seen, and be labelled by people. It never is
somebody's raw picture by accident: a frame is exported if the bag's own record says that it was
anonymised.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2

from anonymizer_node.core.encodings import resized_bgr
from anonymizer_node.core.errors import (
    ConfigError,
    FrameError,
    InputError,
    UnsupportedEncodingError,
)
from anonymizer_node.formats.bags import BagMessage, BagReader, Topic
from anonymizer_node.formats.image_codecs import CODECS
from anonymizer_node.formats.photos import as_stored, kind_of
from anonymizer_node.formats.rosbag.staging import sweep
from anonymizer_node.offline.bag import check_apart
from anonymizer_node.offline.calibration_files import CAMERA_INFO, Calibration, info_beside
from anonymizer_node.offline.export_report import Choice, Export, TopicExport
from anonymizer_node.offline.joined import Kind
from anonymizer_node.offline.label_files import IMAGES, LABEL_FILES, LabelFile, Picture
from anonymizer_node.offline.output import appear, check_free, scratch_beside, staged
from anonymizer_node.offline.report import REPORT_NAME
from anonymizer_node.offline.statements import Statement, Statements

EXPORT_NAME = 'export.json'
CALIBRATION = 'camera_info'
SEVERAL = 'obscured'
"""What regions are labelled as where more than one class was obscured."""

_ENDINGS = {'jpeg': '.jpg', 'png': '.png'}
_SHOWN = ('anonymized', 'untouched')
_NO_LIMIT = 1 << 30


def export_bag(
    source: Path,
    target: Path,
    choice: Choice | None = None,
    vouched: bool = False,
    progress: Callable[[int, int], None] | None = None,
    label: str = '',
) -> Export:
    """Write pictures and labels of an anonymised bag.

    Args:
        source: A bag that `anonymize bag` wrote; only read.
        target: A folder that doesn't exist yet. It appears when all of it is written.
        choice: Which frames, by default all.
        vouched: The user says that the bag may be exported although nothing in it says that it
            was anonymised. Its pictures get no labels.
        progress: Called after every message.
        label: What the regions are called, by default the class that was obscured.

    Returns:
        What was exported; also in the target as `EXPORT_NAME`.

    Raises:
        InputError: If the bag isn't anonymised, or its record is not of this bag; if it can't be
            read, or the target exists; no target is left then.
        ConfigError: If a topic that is asked for has no anonymised images.
    """
    choice = choice or Choice()
    check_apart(source, target)
    check_free(target)
    record = {} if vouched else _record_of(source)
    beside = scratch_beside(target)
    sweep(beside)
    with BagReader(source, beside) as reader:
        export = Export(source.name, not vouched, label.strip() or _category(record), choice)
        wanted = _wanted(reader, record, choice, vouched, export)
        staging = staged(target)
        try:
            made = staging.folder / 'made'
            _Job(source, made, reader, wanted, export, vouched).run(progress)
            text = json.dumps(export.as_dict(), indent=2)
            (made / EXPORT_NAME).write_text(text + '\n', encoding='utf-8')
            appear(made, target)
        finally:
            staging.close()
    return export


def _record_of(source: Path) -> dict[str, Any]:
    """What `anonymize bag` said of a bag.

    Raises:
        InputError: If it said nothing.
    """
    path = source / REPORT_NAME
    if not source.exists():
        raise InputError(f'{str(source)!r} does not exist; give what "anonymize bag" wrote.')
    try:
        record = json.loads(path.read_text(encoding='utf-8'))
        if record['tool'] != 'anonymizer_node' or not isinstance(record['topics'], dict):
            raise KeyError('topics')
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{str(source)!r} is not known to be anonymised: it has no {REPORT_NAME} of "anonymize '
            'bag". Export what that writes, or vouch with --not-anonymized that nobody in the bag '
            'can be recognised.'
        ) from error
    return dict(record)


def _category(record: Mapping[str, Any]) -> str:
    """What the regions show."""
    classes = record.get('settings', {}).get('classes', ())
    return str(classes[0]) if len(classes) == 1 else SEVERAL


def _wanted(
    reader: BagReader,
    record: Mapping[str, Any],
    choice: Choice,
    vouched: bool,
    export: Export,
) -> dict[Kind, TopicExport]:
    """The topics to export, as they are entered into the report, too.

    Raises:
        ConfigError: If one that is asked for can't be.
    """
    told = record.get('topics', {})
    wanted: dict[Kind, TopicExport] = {}
    for topic in reader.topics:
        why = _why_not(topic, told, vouched)
        if topic.msgtype not in CODECS and topic.name not in choice.topics:
            if why and _named(told, topic).get('action') == 'anonymize':
                export.left_out[topic.name] = why
            continue
        if choice.topics and topic.name not in choice.topics:
            continue
        if why and topic.name in choice.topics:
            raise ConfigError(f'{topic.name} can not be exported: {why}')
        if why:
            export.left_out[topic.name] = why
            continue
        taken = topic.name in export.topics
        name = f'{topic.name} ({topic.msgtype})' if taken else topic.name
        entry = export.topics.setdefault(name, TopicExport(topic.msgtype, topic.count))
        wanted[topic.name, topic.msgtype] = entry
    unknown = set(choice.topics) - {topic.name for topic in reader.topics}
    if unknown:
        have = ', '.join(sorted(topic.name for topic in reader.topics))
        raise ConfigError(f'{sorted(unknown)[0]!r} is not in the bag; it has {have}.')
    if not wanted:
        raise InputError(f'{str(reader.path)!r} holds no anonymised images to export.')
    return wanted


def _named(told: Mapping[str, Any], topic: Topic) -> Mapping[str, Any]:
    """What the record says of a topic."""
    both = told.get(f'{topic.name} ({topic.msgtype})') or told.get(topic.name) or {}
    return both if both.get('type') == topic.msgtype else {}


def _why_not(topic: Topic, told: Mapping[str, Any], vouched: bool) -> str:
    """Why a topic is not exported, or ''."""
    if topic.msgtype not in CODECS:
        return f'{topic.msgtype} is no image; what is inside messages is not exported.'
    action = _named(told, topic).get('action')
    if not vouched and action != 'anonymize':
        return f'It was {"copied as it is" if action == "copy" else "not anonymised"}.'
    return ''


class _Job:
    """One bag's run."""

    def __init__(
        self,
        source: Path,
        made: Path,
        reader: BagReader,
        wanted: Mapping[Kind, TopicExport],
        export: Export,
        vouched: bool,
    ) -> None:
        self._reader = reader
        self._wanted = wanted
        self._export = export
        self._statements = None if vouched else Statements(source, wanted)
        self._made = made
        self._infos = {info_beside(name): Calibration() for name, _ in wanted}
        self._seen: Counter[Kind] = Counter()
        self._last_ns: dict[Kind, int] = {}

    def run(self, progress: Callable[[int, int], None] | None) -> None:
        """Write everything but the report."""
        (self._made / IMAGES).mkdir(parents=True)
        forms: list[LabelFile] = [
            form(self._made, self._export.category) for form in LABEL_FILES.values()
        ]
        for count, message in enumerate(self._reader.messages(), 1):
            picture = self._picture(message)
            for form in forms if picture is not None else ():
                form.add(picture)  # type: ignore[arg-type]
            if progress is not None:
                progress(count, self._reader.count)
        for form in forms:
            form.finish()
        for name in self._export.left_out:
            if name in self._export.topics and not self._export.topics[name].exported:
                del self._export.topics[name]
        self._calibrate()

    def _picture(self, message: BagMessage) -> Picture | None:
        """Write a message's picture if it is wanted."""
        topic = message.topic
        if topic.msgtype == CAMERA_INFO and topic.name in self._infos:
            self._infos[topic.name].add(
                message.data, lambda: self._reader.decode(topic.msgtype, message.data)
            )
        kind = topic.name, topic.msgtype
        entry = self._wanted.get(kind)
        if entry is None:
            return None
        # Of every message, wanted or not: they are said one after the other.
        statement = Statement(message.time_ns, None, _SHOWN[1], ())
        if self._statements is not None:
            statement = self._statements.of(message)
        number = self._seen[kind]
        self._seen[kind] += 1
        if not self._chosen(kind, number, message.time_ns):
            return None
        if statement.status not in _SHOWN:
            entry.black += 1
            return None
        try:
            picture = self._written(message, number, statement)
        except FrameError as error:
            asked = topic.name in self._export.choice.topics
            if isinstance(error, UnsupportedEncodingError) and not (asked or entry.exported):
                # Depth, which follows its colour twin, is no picture for a detector of people.
                self._export.left_out[topic.name] = str(error)
                return None
            entry.failed[str(error)] += 1
            return None
        entry.exported += 1
        entry.regions += len(picture.regions)
        return picture

    def _chosen(self, kind: Kind, number: int, time_ns: int) -> bool:
        choice = self._export.choice
        if not choice.interval_s:
            return number % choice.every == 0
        last = self._last_ns.get(kind)
        if last is not None and 0 <= time_ns - last < choice.interval_s * 1e9:
            return False
        self._last_ns[kind] = time_ns
        return True

    def _written(self, message: BagMessage, number: int, statement: Statement) -> Picture:
        """Write one picture.

        Raises:
            FrameError: If it can't be read.
        """
        topic = message.topic
        decoded = self._reader.decode(topic.msgtype, message.data)
        compressed = topic.msgtype.endswith('CompressedImage')
        least_size = 1 if compressed else _NO_LIMIT
        frame = CODECS[topic.msgtype].decode(decoded, topic.name, least_size)
        kind = kind_of(bytes(decoded.data[:32])) if compressed else ''
        if kind in _ENDINGS:
            data = as_stored(bytes(decoded.data))
        else:
            pixels = frame.pixels
            if frame.encoding not in ('mono8', '8UC1'):
                pixels = resized_bgr(pixels, frame.encoding, frame.width, frame.height)
            done, encoded = cv2.imencode('.png', pixels)
            if not done:
                raise FrameError(f'A picture of {pixels.shape} can not be written as PNG.')
            data = encoded.tobytes()
        several = f'{topic.name} ({topic.msgtype})' in self._export.topics
        stem = slug(topic.name) + (f'-{topic.msgtype.rpartition("/")[2]}' if several else '')
        name = f'{stem}-{number:06d}{_ENDINGS.get(kind, ".png")}'
        (self._made / IMAGES / name).write_bytes(data)
        size = frame.width, frame.height
        # Two people who stand in one another's place are obscured twice, and labelled once.
        regions = tuple(dict.fromkeys(statement.regions))
        return Picture(name, *size, regions, topic.name, frame.stamp_ns, message.time_ns)

    def _calibrate(self) -> None:
        """Write the cameras' calibrations."""
        for (name, _), entry in self._wanted.items():
            info = info_beside(name)
            said = self._infos[info]
            if not said.known:
                continue
            path = self._made / CALIBRATION / f'{slug(info)}.yaml'
            path.parent.mkdir(exist_ok=True)
            said.write(path, slug(info.rpartition('/')[0]))
            entry.calibration = f'{CALIBRATION}/{path.name}'
            if said.changes:
                entry.notes.append(
                    f'{info} changes, in {said.changes} messages; the first one is written.'
                )


def slug(topic: str) -> str:
    """A topic's name as that of a file. No two are alike: a topic's name has no hyphens."""
    return topic.strip('/').replace('/', '-') or 'topic'
