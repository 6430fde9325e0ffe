"""What /diagnostics says, once a second: one status for the detector, one for each camera.

The detector's status is
    ERROR  if the node refused to configure or to activate, or fell into an error;
    ERROR  if a frame has been in work for more than `HUNG_S` seconds;
    OK     otherwise, with the lifecycle state in the message.

A camera's status is
    ERROR  if somebody else publishes on its output topic, whatever the state of the node.
While the node is active, it is
    ERROR  if the topic is offered with a type other than the one subscribed to;
    ERROR  if a frame was dropped or blacked out since something failed (decode, encoding,
           detector, redaction, internal), in the last `FAILURE_S` seconds;
    WARN   if no frame came in the last `STALE_S` seconds;
    WARN   if the middleware lost frames since the last report;
    WARN   if more than `OVERRUN_SHARE` of the frames since the last report were dropped because
           newer ones came before they could be processed;
    OK     otherwise. Frames dropped to keep max_rate_hz are as they should be.
While it isn't active, a camera is OK: nothing goes out, which is what was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from anonymizer_node.ros.intake import OVERRUN, RATE, TRANSPORT, Tally

STALE_S = 5.0
FAILURE_S = 5.0
HUNG_S = 2.0
OVERRUN_SHARE = 0.1

OK: bytes = DiagnosticStatus.OK
WARN: bytes = DiagnosticStatus.WARN
ERROR: bytes = DiagnosticStatus.ERROR


@dataclass(frozen=True)
class CameraReport:
    """What is known of a camera when a report is due.

    Attributes:
        input_topic: Resolved name.
        output_topic: Resolved name.
        type_name: Subscribed to.
        types_offered: By the publishers there are now.
        now: The books now.
        before: The books at the last report.
        elapsed_s: Since the last report.
        at_s: Now, on the monotonic clock.
        active_since_s: When the node was activated; None if it isn't active.
        strangers: Names of other nodes that publish on the output topic.
    """

    input_topic: str
    output_topic: str
    type_name: str
    types_offered: Sequence[str]
    now: Tally
    before: Tally
    elapsed_s: float
    at_s: float
    active_since_s: float | None
    strangers: Sequence[str] = ()

    def since(self, count: str) -> int:
        """Growth of a count of the books since the last report."""
        grown: int = getattr(self.now, count) - getattr(self.before, count)
        return grown

    def dropped_since(self, cause: str) -> int:
        """Growth of the frames dropped for a cause since the last report."""
        return self.now.dropped.get(cause, 0) - self.before.dropped.get(cause, 0)


def judge_camera(report: CameraReport) -> tuple[bytes, str]:
    """Level and message of a camera, by the rules above."""
    if report.strangers:
        return ERROR, (
            f'Somebody else publishes on {report.output_topic}: {", ".join(report.strangers)}; '
            'recordings of it may hold raw images. Stop that publisher, or choose another '
            'output_prefix.'
        )
    if report.active_since_s is None:
        return OK, 'Not active: nothing is published.'
    foreign = sorted(set(report.types_offered) - {report.type_name})
    if foreign:
        return ERROR, (
            f'{report.input_topic} is offered as {foreign[0]}, but was taken for '
            f'{report.type_name}; clean up and configure the node again.'
        )
    failure = report.now.failure
    if failure is not None and report.at_s - failure.at_s <= FAILURE_S:
        return ERROR, f'Frames fail, {failure.cause}: {failure.reason}'
    heard_s = max(report.now.received_s or 0.0, report.active_since_s)
    if report.at_s - heard_s > STALE_S:
        return WARN, _silent(report)
    received, overrun = report.since('received'), report.dropped_since(OVERRUN)
    lost = report.dropped_since(TRANSPORT)
    if lost > 0:
        return WARN, (
            f'{lost} of the last {received} frames were lost on the way in; start the publisher of '
            f'{report.input_topic} with the Fast DDS profile that comes with anonymizer_node, or '
            'set reliability in qos_overrides.'
        )
    if overrun > OVERRUN_SHARE * received:
        return WARN, (
            f'{overrun} of the last {received} frames were dropped, since newer ones came before '
            'they could be processed; lower max_rate_hz or input_size.'
        )
    return OK, 'Frames are anonymised.' if report.now.published else 'Waiting for frames.'


def _silent(report: CameraReport) -> str:
    if not report.types_offered:
        return f'No frame for {STALE_S:.0f} s: nobody publishes {report.input_topic}.'
    return (
        f'No frame for {STALE_S:.0f} s, though {report.input_topic} has a publisher; if its images '
        'are large, start it with the Fast DDS profile that comes with anonymizer_node.'
    )


def camera_status(report: CameraReport, node: str) -> DiagnosticStatus:
    """The status of a camera."""
    level, message = judge_camera(report)
    now = report.now
    elapsed_s = max(report.elapsed_s, 1e-3)
    values: dict[str, Any] = {
        'input': report.input_topic,
        'output': report.output_topic,
        'type': report.type_name,
        'rate in [Hz]': f'{report.since("received") / elapsed_s:.1f}',
        'rate out [Hz]': f'{report.since("published") / elapsed_s:.1f}',
        'received': now.received,
        'published': now.published,
        'anonymized': now.anonymized,
        'untouched': now.untouched,
        'carried': now.carried,
        'blacked_out': now.blacked_out,
        'pending': now.pending,
        'dropped': sum(now.dropped.values()),
    }
    causes = {OVERRUN, RATE, TRANSPORT, *now.dropped}
    values.update({f'dropped: {cause}': now.dropped.get(cause, 0) for cause in sorted(causes)})
    if now.failure is not None:
        values['last failure'] = f'{now.failure.cause}: {now.failure.reason}'
    values['people'] = now.people
    values['regions'] = now.regions
    values.update(_spread('age', now.ages_ms))
    values.update(_spread('processing', now.work_ms))
    if now.note:
        values['note'] = now.note
    return _status(f'{node}: {report.input_topic}', node, level, message, values)


@dataclass(frozen=True)
class DetectorReport:
    """What is known of the detector when a report is due.

    Attributes:
        state: Of the node's lifecycle.
        refusal: Why it refused a transition or fell into an error; '' if it didn't.
        busy_s: How long the frame in work has been so.
        latencies_ms: Of the detector, since the last report.
        about: Model, provider and settings, to show; empty if not configured.
    """

    state: str
    refusal: str
    busy_s: float
    latencies_ms: Sequence[float]
    about: Mapping[str, Any]


def judge_detector(report: DetectorReport) -> tuple[bytes, str]:
    """Level and message of the detector, by the rules above."""
    if report.refusal:
        return ERROR, f'{report.state}: {report.refusal}'
    if report.busy_s > HUNG_S:
        return ERROR, (
            f'{report.state}: a frame has been in work for {report.busy_s:.1f} s and nothing is '
            'published meanwhile; deactivate and activate the node, or restart it.'
        )
    return OK, report.state


def detector_status(report: DetectorReport, node: str) -> DiagnosticStatus:
    """The status of the detector."""
    level, message = judge_detector(report)
    values = {'state': report.state, **report.about, **_spread('latency', report.latencies_ms)}
    return _status(f'{node}: detector', node, level, message, values)


def _spread(name: str, values_ms: Sequence[float]) -> dict[str, str]:
    if not values_ms:
        return {}
    return {
        f'{name} median [ms]': f'{median(values_ms):.1f}',
        f'{name} worst [ms]': f'{max(values_ms):.1f}',
    }


def _status(
    name: str, hardware: str, level: bytes, message: str, values: Mapping[str, Any]
) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=level,
        name=name,
        hardware_id=hardware,
        message=message,
        values=[KeyValue(key=key, value=_text(value)) for key, value in values.items()],
    )


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ', '.join(str(entry) for entry in value)
    return str(value)
