"""What goes wrong around the frames: models, signals, settings, transitions, memory, receivers."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE, REPOSITORY, SHUTDOWN_ACTIVE, Probe
from pictures import key, raw

import faults.stand as stands
from faults.shots import PLACES, Shot, jpeg_shot, painted, raw_shot, shot
from faults.stand import GOOD, KINDS, TOPICS, Hall, Row, Stand

Run = Callable[[Hall, str], Row]
TWO = PLACES[::2]
FULL_HD = (1920, 1080)


def _joined(rows: list[Row]) -> Row:
    """Several runs as one row; they must end alike."""
    total = Row(ends=', '.join(dict.fromkeys(row.ends for row in rows)))
    for row in rows:
        total.sent += row.sent
        total.published += row.published
        for cause, count in row.dropped.items():
            total.dropped[cause] = total.dropped.get(cause, 0) + count
        total.leaks += row.leaks
        total.wrong += row.wrong
    return total


def missed(hall: Hall, on_failure: str) -> Row:
    """The detector misses somebody whom it has just seen: the region must be held."""
    rows = []
    for kind in KINDS:
        with hall.own(kind, on_failure) as stand:
            for _ in range(hall.runs):
                before = stand.good()
                for after_ns in (100_000_000, 400_000_000):
                    stand.send(_later('detect:nothing', before, after_ns, kind))
                    stand.settle()
            rows.append(stand.row())
    return _joined(rows)


def _later(asks: str, before: Shot, after_ns: int, kind: str = 'raw') -> Shot:
    """A shot so much after another one by the clock of the frames: it must not count how long the
    test takes."""
    made = GOOD[kind](asks)
    stamp, first = made.message.header.stamp, before.message.header.stamp
    stamp.sec, stamp.nanosec = divmod(first.sec * 10**9 + first.nanosec + after_ns, 10**9)
    return made


def faster(hall: Hall, on_failure: str) -> Row:
    """Frames come faster than the detector answers."""
    stand = hall.stand('raw', on_failure)
    stand.send(raw_shot('detect:waits'))
    stand.held()
    for _ in range(20):
        stand.send(raw_shot())
        stand.settle(pending=2)
    stand.gate.open()
    return stand.row()


def hangs(hall: Hall, on_failure: str) -> Row:
    """The detector doesn't come back; the node says so, and is ended."""
    with hall.own('raw', on_failure, {'HUNG_S': '2'}) as stand:
        stand.good()
        stand.send(raw_shot('detect:waits'))
        stand.held()
        for _ in range(3):
            stand.send(raw_shot())
        stand.probe.until(_reported(stand), 'the hung detector to be an error')
        status = stand.node.stop(signal.SIGTERM)
        stand.gate.open()
        stand.probe.spin_for(0.3)
        return stand.row(ended=f'reported, ends with status {status}')


def comes_back(hall: Hall, on_failure: str) -> Row:
    """The detector comes back after so long that the node has said that it hangs."""
    with hall.own('raw', on_failure, {'HUNG_S': '2'}) as stand:
        stand.good()
        stand.send(raw_shot('detect:waits'))
        stand.held()
        stand.probe.until(_reported(stand), 'the hung detector to be an error')
        stand.gate.open()
        stand.settle()
        # What comes before the node has noticed may still be dropped.
        stand.probe.until(
            lambda: stand.probe.next_health('detector').level == b'\x00', 'the node to go on'
        )
        stand.good()
        return stand.row()


def _reported(stand: Stand) -> Callable[[], bool]:
    def told() -> bool:
        status = stand.probe.health('detector'), stand.probe.health(stand.topic)
        return any(each is not None and each.level == b'\x02' for each in status)

    return told


def signalled(number: int, hall: Hall, on_failure: str) -> Row:
    """A signal comes while a frame is judged, and while one is half redacted."""
    rows = []
    for kind, asks in (('raw', 'detect'), ('raw', 'second_region'), ('jpeg', 'second_region')):
        with hall.own(kind, on_failure) as stand:
            stand.good()
            make = raw_shot if kind == 'raw' else jpeg_shot
            stand.send(make(f'{asks}:waits', TWO))
            stand.held()
            stand.node.send(number)
            stand.gate.open()
            status = stand.node.wait(quiet=number == signal.SIGKILL)
            stand.probe.spin_for(0.3)
            rows.append(stand.row(ended=f'ends with status {status}'))
    return _joined(rows)


def setting(name: str, value: Any, hall: Hall, on_failure: str, asks: str = '') -> Row:
    """A setting changes while a frame is judged: that frame keeps those that it began with."""
    rows = []
    for kind in KINDS:
        stand = hall.stand(kind, on_failure)
        before = stand.probe.get_parameter(name)
        for at in ('decode:waits', 'second_region:waits'):
            if asks and at != 'decode:waits':
                continue
            stand.gate.reset()
            make = raw_shot if kind == 'raw' else jpeg_shot
            stand.send(make(','.join(filter(None, [at, asks])), TWO))
            stand.held()
            assert stand.probe.set_parameters(**{name: value}).successful
            stand.gate.open()
            stand.settle()
            if name in ('method', 'strength', 'padding'):
                stand.send(GOOD[kind](), blackout=name != 'method')
                stand.settle()
            assert stand.probe.set_parameters(**{name: before}).successful
            stand.good()
        rows.append(stand.row())
    return _joined(rows)


def hold_changes(hall: Hall, on_failure: str) -> Row:
    """Nothing is to be held any more, while a frame is judged in which somebody is missed."""
    with hall.own('raw', on_failure) as stand:
        before = stand.good()
        stand.send(_later('decode:waits,detect:nothing', before, 100_000_000))
        stand.held()
        assert stand.probe.set_parameters(hold_seconds=0.0).successful
        stand.gate.open()
        stand.settle()
        stand.good()
        return stand.row()


def on_failure_changes(hall: Hall, on_failure: str) -> Row:
    other = {'drop': 'blackout', 'blackout': 'drop'}[on_failure]
    return setting('on_failure', other, hall, on_failure, asks='detect:raises')


def left(transitions: tuple[int, ...], hall: Hall, on_failure: str) -> Row:
    """The node is deactivated while a frame is judged, and while one is half redacted."""
    rows = []
    for kind, at in (('raw', 'detect:waits'), ('jpeg', 'second_region:waits')):
        with hall.own(kind, on_failure) as stand:
            stand.good()
            make = raw_shot if kind == 'raw' else jpeg_shot
            stand.send(make(at, TWO))
            stand.held()
            answer = stand.probe.begin_change_state(transitions[0])
            output = '/anonymized' + stand.topic
            stand.probe.until(
                lambda stand=stand, output=output: not stand.probe.node.count_publishers(output),
                'the topic to be closed',
            )
            stand.gate.open()
            stand.probe.until(answer.done, 'the transition')
            assert answer.result().success
            if transitions == (DEACTIVATE,):
                rows.append(stand.row())
                continue
            for transition in transitions[1:]:
                assert stand.probe.change_state(transition)
            rows.append(stand.row(ended=f'{stand.probe.state()}, nothing is published'))
    return _joined(rows)


def left_hanging(hall: Hall, on_failure: str) -> Row:
    """Deactivated while the detector hangs, configured anew, and then it comes back."""
    with hall.own('raw', on_failure) as stand:
        stand.good()
        hung = stand.send(raw_shot('detect:waits'))
        stand.held()
        assert not stand.probe.change_state(DEACTIVATE)
        first = stand.row(ended='given up')
        assert stand.probe.change_state(CONFIGURE)
        assert stand.probe.change_state(ACTIVATE)
        again = Stand(stand.probe, stand.node, stand.gate, 'raw', on_failure)
        again.good()
        stand.gate.open()
        for _ in range(3):
            again.good()
        second = again.row()
        late = [heard for heard in stand.link.heard if key(heard) == hung.key]
        second.leaks += ['The frame that had hung got out.'] * len(late)
        joined = _joined([first, second])
        joined.ends = 'given up, works when configured anew'
        return joined


def receiver_is_slow(hall: Hall, on_failure: str) -> Row:
    """A reliable receiver takes nothing while frames go on; another one does."""
    with hall.own('raw', on_failure) as stand:
        sleeper = Probe(stand.probe.node.context.get_domain_id())
        heard = sleeper.subscribe(KINDS['raw'], '/anonymized' + stand.topic)
        for _ in range(40):
            stand.good()
        row = stand.row()
        sleeper.until(lambda: heard, 'the slow receiver to have something')
        sleeper.spin_for(1.0)
        row.leaks += stand.check(heard)
        sleeper.close()
        return row


def memory_is_short(megabytes: int, hall: Hall, on_failure: str) -> Row:
    """The process may have so much memory more, while frames of 6 MB come.

    With 40 MB it fails in Python, which is a frame dropped. With 16 MB it is rclpy or Fast DDS that
    fails, and the process dies of it. Where one ends and the other begins is up to the machine.
    """
    with hall.own('raw', on_failure) as stand:
        stand.good()
        stand.send(raw_shot(f'detect:limit_{megabytes}'))
        for _ in range(8):
            pixels = painted(TWO, *FULL_HD)
            stand.send(shot(raw(pixels), pixels, TWO))
            stand.probe.spin_for(0.3)
        if stand.node.running:
            stand.probe.spin_for(1.0)
        if stand.node.running:
            stand.node.stop()
        return stand.row(ended='covered, failed, or the process dies')


def model(change: str, moment: str, hall: Hall, on_failure: str) -> Row:
    """The file of the model changes or vanishes at some moment."""
    with hall.world() as (world, gate):
        models = gate.folder.parent / 'models'
        shutil.copytree(REPOSITORY / 'models', models)
        node = stands.start(
            world,
            gate,
            {'FAULT_MODELS': str(models)},
            on_failure=on_failure,
            autostart=False,
        )
        probe = world.probe
        if moment == 'before configure':
            _spoil(models, change)
            return _refused(probe, 0)
        assert probe.change_state(CONFIGURE)
        if moment == 'between configure and activate':
            _spoil(models, change)
        assert probe.change_state(ACTIVATE)
        stand = Stand(probe, node, gate, 'raw', on_failure)
        stand.good()
        if moment == 'while active':
            _spoil(models, change)
        stand.good()
        stand.send(raw_shot())
        row = stand.row()
        if moment == 'at the next configure':
            _spoil(models, change)
            assert probe.change_state(DEACTIVATE)
            assert probe.change_state(CLEANUP)
            refused = _refused(probe, 1)
            row = _joined([row, refused])
            row.ends = refused.ends
        return row


def _spoil(models: Path, change: str) -> None:
    for path in models.glob('*.onnx'):
        if change == 'vanishes':
            path.unlink()
        else:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)


def _refused(probe: Probe, publishers: int) -> Row:
    """What comes of frames sent to a node that must refuse to configure."""
    heard = probe.subscribe(KINDS['raw'], '/anonymized' + TOPICS['raw'], wait=False)
    publisher = probe.publisher(KINDS['raw'], TOPICS['raw'], wait=False)
    row = Row(ends='refuses to configure')
    if probe.change_state(CONFIGURE) or probe.state() != 'unconfigured':
        row.wrong.append('It configured.')
    for _ in range(3):
        publisher.publish(raw_shot().message)
        probe.spin_for(0.1)
    row.sent = 3
    row.dropped = {'not active': 3 - len(heard)}
    row.published = len(heard)
    row.leaks = [f'{len(heard)} frames got out.'] if heard else []
    probe.node.destroy_publisher(publisher)
    return row


MOMENTS = (
    'before configure',
    'between configure and activate',
    'while active',
    'at the next configure',
)

BOTH = ('drop', 'blackout')
ONE = ('drop',)

OUTSIDE: Mapping[str, tuple[Run, tuple[str, ...]]] = {
    'detector misses somebody it had found': (missed, BOTH),
    'detector hangs': (hangs, BOTH),
    'detector hangs and comes back': (comes_back, BOTH),
    'detector is slower than the camera': (faster, ONE),
    **{
        f'model {change} {moment}': (partial(model, change, moment), ONE)
        for change in ('vanishes', 'changes')
        for moment in MOMENTS
    },
    'SIGTERM in the middle of a frame': (partial(signalled, signal.SIGTERM), BOTH),
    'SIGINT in the middle of a frame': (partial(signalled, signal.SIGINT), BOTH),
    'SIGKILL in the middle of a frame': (partial(signalled, signal.SIGKILL), BOTH),
    'method changes in the middle of a frame': (partial(setting, 'method', 'pixelate'), ONE),
    'strength changes in the middle of a frame': (partial(setting, 'strength', 0.0), ONE),
    'classes change in the middle of a frame': (partial(setting, 'classes', ['helmet']), ONE),
    'score_threshold changes in the middle of a frame': (
        partial(setting, 'score_threshold', 0.9),
        ONE,
    ),
    'padding changes in the middle of a frame': (partial(setting, 'padding', 0.5), ONE),
    'hold_seconds changes in the middle of a frame': (hold_changes, ONE),
    'on_failure changes in the middle of a frame': (on_failure_changes, BOTH),
    'deactivated in the middle of a frame': (partial(left, (DEACTIVATE,)), ONE),
    'cleaned up in the middle of a frame': (partial(left, (DEACTIVATE, CLEANUP)), ONE),
    'shut down in the middle of a frame': (partial(left, (SHUTDOWN_ACTIVE,)), ONE),
    'deactivated while the detector hangs': (left_hanging, ONE),
    'receiver is slower than the camera': (receiver_is_slow, ONE),
    'the process has 40 MB left for frames of 6': (partial(memory_is_short, 40), BOTH),
    'the process has 16 MB left for frames of 6': (partial(memory_is_short, 16), BOTH),
}
