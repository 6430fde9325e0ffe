"""The laws on a bag and what `anonymize bag` made of it. Both are read once, side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from anonymizer_node.core.errors import FrameError
from anonymizer_node.formats.bags import BagMessage, BagReader
from anonymizer_node.proof.agreement import check_figures, check_run, contradiction
from anonymizer_node.proof.beside import check_beside
from anonymizer_node.proof.cdr import why_otherwise
from anonymizer_node.proof.definitions import holds_images
from anonymizer_node.proof.frames import FrameChecks, Look, Statement, Where
from anonymizer_node.proof.inside import InsideChecks, by_message, unjudged_in
from anonymizer_node.proof.lockstep import Lockstep, Placed
from anonymizer_node.proof.pictures import IMAGE_TYPES
from anonymizer_node.proof.record import COPIED, FrameRecord, Record, stamp_ns
from anonymizer_node.proof.sealed import check_models, check_seal
from anonymizer_node.proof.second import SecondOpinion
from anonymizer_node.proof.times import TimesKept
from anonymizer_node.proof.topics import (
    Kind,
    by_kind,
    change_of,
    labels,
    may_show_pictures,
    shown_in,
)
from anonymizer_node.proof.verdict import (
    Check,
    Failure,
    Moment,
    Tally,
    TopicFigures,
    vouched_for,
)


class BagLaws:
    """Checks one pair of bags.

    Attributes:
        topics: What was found about each topic of the source.
    """

    def __init__(
        self,
        source: BagReader,
        target: BagReader,
        record: Record,
        second: SecondOpinion | None = None,
        seal: str = '',
    ) -> None:
        """Both readers are open. With a second opinion that is asked; see `verify_bag`."""
        self._source = source
        self._target = target
        self._record = record
        self._second = second
        self._seal = seal
        self._output = Lockstep(target.messages())
        self._frames = FrameChecks()
        self._judged = Tally(
            'on-record',
            1,
            'Every image that left has a record of what was found in it.',
            'image messages',
        )
        self._unread = Tally(
            'no-picture-copied',
            1,
            'Nothing that was copied unread holds a picture, unless its owner said so.',
            'copied messages',
        )
        self._topics = Tally(
            'topics-kept', 2, 'Every topic kept its name, type, definition and QoS.', 'topics'
        )
        self._copied = Tally(
            'other-messages',
            2,
            'Every message of the other topics is there: same bytes, same time, same order.',
            'messages',
        )
        self._inside = InsideChecks(self._frames, self._judged, self._copied, record, second)
        self._complete = Tally(
            'images-complete',
            4,
            'Every image is in the output or on record as dropped, and none was added.',
            'image messages',
        )
        self._left_out = Tally(
            'left-out-named',
            4,
            'Every topic that was left out is named with the reason.',
            'topics left out',
        )
        self._times = TimesKept(target)
        self._dropped: Counter[str] = Counter()
        self._owner_said: set[str] = set()
        self._with_images: set[str] = set()
        self._labels: dict[Kind, str] = {}
        self._stated: dict[str, list[FrameRecord]] = {}
        self._read: Counter[str] = Counter()
        self._missing: dict[str, list[Failure]] = defaultdict(list)
        self.topics: dict[str, TopicFigures] = {}

    def run(self) -> list[Check]:
        """Read both bags and say what holds."""
        self._compare_topics()
        for problem in self._record.problems:
            self._judged.fail(Failure('', problem))
        for message in self._source.messages():
            label = self._label(message)
            figures = self.topics[label]
            index = figures.count_in
            figures.count_in += 1
            if figures.role == 'anonymized' and not self._copied_on_request(message):
                self._image(message, index)
            elif figures.role != 'left out':
                self._other(message, index)
            self._report_strays()
        self._output.finish()
        self._report_strays()
        for label, missing in self._missing.items():
            self._account_for(label, missing)
        return self._checks()

    def _checks(self) -> list[Check]:
        if self._dropped:
            causes = ', '.join(f'{cause} {count}' for cause, count in self._dropped.items())
            self._complete.detail = f'Dropped, and on record: {causes}'
        vouched = vouched_for(self.topics.values())
        if vouched:
            self._unread.detail = f'NOT anonymised, but copied as their owner asked: {vouched}'
        tallies = (
            self._judged,
            self._unread,
            self._topics,
            self._copied,
            self._complete,
            self._left_out,
        )
        checks = [*self._frames.checks(), *(tally.check() for tally in tallies)]
        checks += check_beside(self._source, self._target, self._record)
        checks += [self._times.check(), check_run(self._record, self._source.losses)]
        checks.append(check_figures(self._record, self.topics, self._stated))
        checks += [check_seal(self._record, self._seal), check_models(self._record)]
        if self._second is not None:
            checks.append(self._second.check())
        return sorted(checks, key=lambda check: check.law)

    def _compare_topics(self) -> None:
        ins, outs = by_kind(self._source), by_kind(self._target)
        self._labels = labels(ins)
        for kind, entries in ins.items():
            (_, msgtype), name = kind, self._labels[kind]
            said = self._record.topic(name)
            wanted = said.get('action') == self._record.asked_for(kind[0]) == 'copy'
            asked = wanted and said.get('asked') is True
            self._stated[name] = self._record.frames_of(*kind)
            # Of a topic that its owner wants copied, what can be read may be anonymised.
            inside = any(frame.image is not None for frame in self._stated[name])
            holds = holds_images(self._source, msgtype)
            if holds:
                self._with_images.add(name)
            image = inside or (msgtype in IMAGE_TYPES and (not asked or self._stated[name]))
            role = 'anonymized' if image else 'copied'
            if kind in outs:
                self._topics.seen(change_of(entries, outs[kind]))
                if asked or (role == 'copied' and may_show_pictures(msgtype)):
                    self._owner(name, f'is a {msgtype}', asked)
                elif holds is None:
                    what = f'is a {msgtype}, which the bag defines not at all or in two ways,'
                    self._owner(name, what, asked)
            else:
                role = 'left out'
                named = said.get('action') == 'drop' and said.get('reason')
                what = 'is not in the output, and nothing on record says why'
                self._left_out.seen(None if named else Failure(name, what))
            self.topics[name] = TopicFigures(
                name,
                kind[0] if kind in outs else '',
                msgtype,
                role,
                causes=_causes(said),
                reason=str(said.get('reason', '')),
            )
        for name, msgtype in outs.keys() - ins.keys():
            self._topics.fail(Failure(name, f'is not in the input as {msgtype}'))

    def _label(self, message: BagMessage) -> str:
        """What the record calls the message's topic; a stray's is its name if it has none."""
        kind = message.topic.name, message.topic.msgtype
        return self._labels.get(kind, message.topic.name)

    def _copied_on_request(self, message: BagMessage) -> bool:
        """Whether the record says nothing of a message whose topic's owner vouches for it."""
        label = self._label(message)
        if label not in self._owner_said:
            return False
        frames = self._stated[label][self._read[label] : self._read[label] + 1]
        if not frames or frames[0].time_ns != message.time_ns:
            return True
        copied = frames[0].status == COPIED and frames[0].image is None
        self._read[label] += copied
        return copied

    def _account_for(self, label: str, missing: list[Failure]) -> None:
        """Messages of a copied topic that didn't come: as many as are on record as dropped?"""
        said = self._record.topic(label)
        if len(missing) != said.get('dropped', 0):
            for failure in missing:
                self._copied.seen(failure)
            return
        for cause, count in self.topics[label].causes.items():
            self._dropped[cause] += count

    def _owner(self, name: str, what: str, asked: bool) -> None:
        if asked:
            self._owner_said.add(name)
        else:
            self._unread.fail(Failure(name, f'{what} and was copied without anybody asking for it'))

    def _image(self, message: BagMessage, index: int) -> None:
        name = self._label(message)
        lines = self._lines_of(name, index)
        said = by_message(lines)[0] if lines else None
        figures = self.topics[name]
        if said is not None and said.status == 'dropped':
            self._complete.seen()
            self._dropped[said.cause or 'without a cause'] += 1
            figures.add(Moment(message.time_ns, said.stamp_ns, 'dropped', 0, 0.0))
            return
        found = self._output.counterpart(message)
        if found is None:
            what = 'is missing from the output at its time, and not on record as dropped'
            self._complete.seen(Failure(name, what, index, message.time_ns))
            return
        self._complete.seen()
        self._times.seen(name, message, found)
        figures.count_out += 1
        if said is None:
            what = 'left with no record of what was found in it'
            self._judged.seen(Failure(name, what, index, message.time_ns))
            return
        for line in lines:
            least = self._record.least_sightings
            self._judged.seen(contradiction(line, message, index, least))
        figures.vouched += any(line.status == COPIED for line in lines)
        if said.image is None:
            look = self._compare_images(message, found, said)
        else:
            look = self._compare_inside(message, found, said, lines)
        if look is not None:
            figures.add(_moment(message, found, lines, look))

    def _lines_of(self, name: str, index: int) -> list[FrameRecord]:
        """The next statement on record, or all of them if they are about images in one message."""
        frames, first = self._stated[name], self._read[name]
        last = first + 1
        if first < len(frames) and frames[first].image is not None:
            while last < len(frames) and frames[last].position == index:
                last += 1
        self._read[name] = last
        return frames[first:last]

    def _compare_images(self, before: BagMessage, found: Placed, said: FrameRecord) -> Look | None:
        name, msgtype = self._label(before), before.topic.msgtype
        after = found.message
        where = Where(name, found.position, said.stamp_ns)
        try:
            old = self._source.decode(msgtype, before.data)
            new = self._target.decode(msgtype, after.data)
        except FrameError as error:
            self._judged.fail(where.failure(str(error)))
            return None
        if said.stamp_ns is not None and stamp_ns(old) != said.stamp_ns:
            self._judged.fail(where.failure(f'its header time is {stamp_ns(old)} in the input'))
        statement = Statement(
            said.status, said.regions, self._record.method, self._record.reencoded(said)
        )
        identical = bytes(before.data) == bytes(after.data)
        otherwise = why_otherwise(bytes(before.data), bytes(after.data), old, new)
        if otherwise:
            self._judged.fail(where.failure(otherwise))
        look = self._frames.look(where, old, new, statement, identical)
        if self._second is None or said.status == 'blacked_out':
            return look
        again = not self._second.look(where, old, new, said.regions, identical)
        return look._replace(sound=look.sound and not again)

    def _compare_inside(
        self, before: BagMessage, found: Placed, said: FrameRecord, lines: list[FrameRecord]
    ) -> Look | None:
        name, msgtype = self._label(before), before.topic.msgtype
        where = Where(name, found.position, said.stamp_ns)
        try:
            old = self._source.decode(msgtype, before.data)
            new = self._target.decode(msgtype, found.message.data)
        except FrameError as error:
            self._judged.fail(where.failure(str(error)))
            return None
        return self._inside.look(where, old, new, lines, vouched=name in self._owner_said)

    def _other(self, message: BagMessage, index: int) -> None:
        name = self._label(message)
        found = self._output.counterpart(message)
        if found is None:
            what = 'is missing from the output at its time'
            self._missing[name].append(Failure(name, what, index, message.time_ns))
            return
        self._times.seen(name, message, found)
        self.topics[name].count_out += 1
        self.topics[name].vouched += name in self._owner_said
        data = bytes(found.message.data)
        same = data == bytes(message.data)
        what = 'has other bytes than in the input'
        self._copied.seen(None if same else _placed(found, what))
        if name not in self._owner_said:
            shown = ''
            if name in self._with_images:
                shown = unjudged_in(self._source, message)
            shown = shown or shown_in(self._source, message)
            self._unread.seen(_placed(found, f'holds {shown}') if shown else None)

    def _report_strays(self) -> None:
        for placed in self._output.strays:
            figures: Any = self.topics.get(self._label(placed.message))
            if figures is not None:
                figures.count_out += 1
            copied = figures is not None and figures.role == 'copied'
            tally = self._copied if copied else self._complete
            tally.fail(_placed(placed, 'is not in the input at that time'))
        self._output.strays.clear()


def _moment(message: BagMessage, found: Placed, lines: list[FrameRecord], look: Look) -> Moment:
    """What the timeline shows of an image message; of several images in one, the least sure."""
    said = by_message(lines)[0]
    surest = 2.0
    least = min(lines, key=lambda line: surest if line.score is None else line.score)
    counted = [line.people for line in lines if line.people is not None]
    return Moment(
        message.time_ns,
        said.stamp_ns,
        said.status,
        len(said.regions),
        look.share,
        found.position,
        sum(counted) if counted else None,
        least.score,
        least.image or '',
        look.sound,
    )


def _causes(said: dict[str, Any]) -> dict[str, int]:
    """Why messages of a topic were dropped or blacked out, by the record."""
    causes = said.get('causes')
    found = causes.items() if isinstance(causes, dict) else ()
    return {str(cause): count for cause, count in found if isinstance(count, int)}


def _placed(placed: Placed, what: str) -> Failure:
    message = placed.message
    return Failure(message.topic.name, what, placed.position, message.time_ns)
