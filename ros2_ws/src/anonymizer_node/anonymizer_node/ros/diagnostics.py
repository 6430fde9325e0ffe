"""What /diagnostics says, once a second: one status for the detector, one for each camera.

The keys and the rules are documented for users in `docs/diagnostics.md`, which a test holds
against this module. Keys keep their names, and each is always there; one without a value is empty.

The detector's status is
    ERROR  if the node refused to configure or to activate, or fell into an error;
    ERROR  while the worker hangs: a frame has been in work for more than `HUNG_S` seconds;
    WARN   if it runs on another provider than was asked for;
    OK     otherwise, with the lifecycle state in the message.

A camera's status is
    ERROR  if somebody else publishes on its output topic, whatever the state of the node.
While the node is active, it is
    ERROR  while the worker hangs, whichever camera's frame it is;
    ERROR  if the topic is offered with a type other than the one subscribed to;
    ERROR  if a publisher isn't heard, or a subscriber doesn't hear, since its QoS doesn't fit ours;
    ERROR  if a frame was dropped or blacked out since something failed (decode, encoding,
           detector, redaction, twin, hung, internal), in the last `FAILURE_S` seconds;
    WARN   if no frame came in the last `STALE_S` seconds;
    WARN   if frames were lost on the way in since the last report;
    WARN   if more than `OVERRUN_SHARE` of the frames since the last report were dropped because
           newer ones came before they could be processed;
    OK     otherwise. Frames dropped to keep max_rate_hz are as they should be.
While it isn't active, a camera is OK: nothing goes out, which is what was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from anonymizer_node.core.config import PROVIDERS, options
from anonymizer_node.ros.books import CAUSES, OVERRUN, TRANSPORT, Tally

STALE_S = 5.0
FAILURE_S = 5.0
OVERRUN_SHARE = 0.1

ABOUT = ('name', 'sha256', 'path', 'family', 'family_reason', 'provider')
"""What a detector says of itself: keys, and names of attributes."""

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
        hung: A sentence while the worker hangs.
        trouble: Why somebody isn't heard or doesn't hear, in a sentence; '' if all is well.
        qos_in: Of the subscription, in words; '' if closed.
        qos_out: Of the publication, likewise.
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
    hung: str = ''
    trouble: str = ''
    qos_in: str = ''
    qos_out: str = ''

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
    if report.hung:
        return ERROR, f'Nothing is published: {report.hung}'
    foreign = sorted(set(report.types_offered) - {report.type_name})
    if foreign:
        return ERROR, (
            f'{report.input_topic} is offered as {foreign[0]}, but was taken for '
            f'{report.type_name}; clean up and configure the node again.'
        )
    if report.trouble:
        return ERROR, report.trouble
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
            'set reliability in qos_overrides, or depth if they come in bursts.'
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
    failure = now.failure
    width, height = now.size
    values: dict[str, Any] = {
        'input': report.input_topic,
        'output': report.output_topic,
        'type': report.type_name,
        'qos in': report.qos_in,
        'qos out': report.qos_out,
        'encoding': now.encoding,
        'size [px]': f'{width}x{height}' if width else '',
        'rate in [Hz]': f'{report.since("received") / elapsed_s:.1f}',
        'rate out [Hz]': f'{report.since("published") / elapsed_s:.1f}',
        'received': now.received,
        'published': now.published,
        'anonymized': now.anonymized,
        'untouched': now.untouched,
        'carried': now.carried,
        'stripped': now.stripped,
        'blacked_out': now.blacked_out,
        'pending': now.pending,
        'dropped': sum(now.dropped.values()),
    }
    causes = dict.fromkeys((*CAUSES, *now.dropped))
    values.update({f'dropped: {cause}': now.dropped.get(cause, 0) for cause in causes})
    values['last failure'] = f'{failure.cause}: {failure.reason}' if failure else ''
    values['last failure age [s]'] = f'{report.at_s - failure.at_s:.0f}' if failure else ''
    values['people'] = now.people
    values['regions'] = now.regions
    values.update(_spread('age', now.ages_ms))
    values.update(_spread('processing', now.work_ms))
    values['note'] = now.note
    return status(f'{node}: {report.input_topic}', node, level, message, values)


@dataclass(frozen=True)
class DetectorReport:
    """What is known of the detector when a report is due.

    Attributes:
        state: Of the node's lifecycle.
        refusal: Why it refused a transition or fell into an error; '' if it didn't.
        hung: A sentence while the worker hangs.
        busy_s: How long the frame in work has been so.
        latencies_ms: Of the detector, since the last report.
        detectors: What each says of itself, by `ABOUT`; empty if not configured.
        settings: In force; empty if not configured.
        passed_over: Providers asked for that are there and did not start.
        mishap: What the worker stumbled over last, though nothing may reach it.
        troubles: What keeps failing beside the frames, sentences; empty ones don't count.
    """

    state: str
    refusal: str = ''
    hung: str = ''
    busy_s: float = 0.0
    latencies_ms: Sequence[float] = ()
    detectors: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    passed_over: Sequence[str] = ()
    mishap: str = ''
    troubles: Sequence[str] = ()


def judge_detector(report: DetectorReport) -> tuple[bytes, str]:
    """Level and message of the detector, by the rules above."""
    if report.refusal:
        return ERROR, f'{report.state}: {report.refusal}'
    if report.hung:
        return ERROR, f'{report.state}: {report.hung}'
    for trouble in filter(None, report.troubles):
        return WARN, f'{report.state}: {trouble}'
    fallback = _fallback(report)
    if fallback:
        return WARN, f'{report.state}: {fallback}'
    every = report.settings.get('detect_every', 1)
    if every > 1:
        return OK, (
            f'{report.state}; detect_every is {every}: frames in between are not judged, and who '
            'comes into view there is visible until the next detection.'
        )
    return OK, report.state


def detector_status(report: DetectorReport, node: str) -> DiagnosticStatus:
    """The status of the detector."""
    level, message = judge_detector(report)
    values: dict[str, Any] = {
        'state': report.state,
        'last error': report.refusal or report.hung or report.mishap,
        'frame in work [s]': f'{report.busy_s:.1f}',
        **_spread('latency', report.latencies_ms),
        'provider fallback': _fallback(report),
        'detectors': len(report.detectors),
    }
    for number, about in enumerate(report.detectors or ({},), 1):
        suffix = f' {number}' if number > 1 else ''
        values.update({f'{name}{suffix}': about.get(name, '') for name in ABOUT})
    # The family in force is told above, of each detector.
    told = {name: report.settings.get(name, '') for name in options() if name not in ABOUT}
    values.update(told)
    return status(f'{node}: detector', node, level, message, values)


def _fallback(report: DetectorReport) -> str:
    """That another provider is in force than was asked for, as a sentence; '' if it isn't so.

    The default list only says what to prefer of what is there.
    """
    asked = tuple(report.settings.get('providers', ()))
    running = {about.get('provider', '') for about in report.detectors} - {''}
    if report.passed_over:
        passed = ', '.join(report.passed_over)
        return f'{passed} did not start, and {", ".join(sorted(running))} runs the detector.'
    if asked and asked != PROVIDERS and running - {asked[0]}:
        return (
            f'{asked[0]} was asked for, and {", ".join(sorted(running))} runs the detector, since '
            'this onnxruntime does not have it.'
        )
    return ''


def _spread(name: str, values_ms: Sequence[float]) -> dict[str, str]:
    return {
        f'{name} median [ms]': f'{median(values_ms):.1f}' if values_ms else '',
        f'{name} worst [ms]': f'{max(values_ms):.1f}' if values_ms else '',
    }


def status(
    name: str, hardware: str, level: bytes, message: str, values: Mapping[str, Any]
) -> DiagnosticStatus:
    """A status with its values as text."""
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
