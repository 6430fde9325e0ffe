from __future__ import annotations

import pytest

pytest.importorskip('diagnostic_msgs.msg', reason='needs diagnostic_msgs')

from anonymizer_node.ros.diagnostics import (
    ERROR,
    OK,
    WARN,
    CameraReport,
    DetectorReport,
    camera_status,
    detector_status,
    judge_camera,
    judge_detector,
)
from anonymizer_node.ros.intake import Failure, Tally

NOW_S = 1000.0
IMAGE = 'sensor_msgs/msg/Image'


def report(now=None, before=None, types=(IMAGE,), active_since_s=900.0, strangers=()):
    now = now or Tally(received=130, untouched=130, received_s=NOW_S - 0.1)
    before = before or Tally(received=100, untouched=100)
    return CameraReport(
        '/a', '/anonymized/a', IMAGE, types, now, before, 1.0, NOW_S, active_since_s, strangers
    )


def overrun(count):
    dropped = {'overrun': 50 + count}
    now = Tally(received=180, untouched=130 - count, dropped=dropped, received_s=NOW_S)
    return report(now, Tally(received=150, untouched=100, dropped={'overrun': 50}))


def failed(age_s, cause='decode'):
    failure = Failure(NOW_S - age_s, cause, 'Cut.')
    now = Tally(received=9, dropped={cause: 9}, received_s=NOW_S, failure=failure)
    return report(now, Tally())


RULES = {
    'frames pass': (report(), OK, 'Frames are anonymised.'),
    'not active': (report(active_since_s=None), OK, 'Not active'),
    'just activated': (report(Tally(), Tally(), (), NOW_S - 4.9), OK, 'Waiting'),
    'nobody publishes': (report(Tally(), Tally(), (), NOW_S - 5.1), WARN, 'nobody publishes /a'),
    'publisher but no frame': (
        report(Tally(), Tally(), (IMAGE,), NOW_S - 5.1), WARN, 'has a publisher'
    ),
    'camera went silent': (
        report(Tally(received=9, untouched=9, received_s=NOW_S - 6)), WARN, 'No frame for 5 s'
    ),
    'few overruns': (overrun(3), OK, 'Frames are'),
    'many overruns': (overrun(4), WARN, '4 of the last 30 frames'),
    'failed just now': (failed(0.0), ERROR, 'Frames fail, decode: Cut.'),
    'failed lately': (failed(5.0), ERROR, 'Frames fail'),
    'failed long ago': (failed(5.1), OK, ''),
    'failed inside': (failed(1.0, 'internal'), ERROR, 'internal'),
    'other type': (
        report(types=(IMAGE, 'sensor_msgs/msg/CompressedImage')),
        ERROR,
        '/a is offered as sensor_msgs/msg/CompressedImage',
    ),
    'lost on the way in': (
        report(
            Tally(received=130, untouched=128, dropped={'transport': 2}, received_s=NOW_S),
            Tally(received=100, untouched=100),
        ),
        WARN,
        '2 of the last 30 frames were lost',
    ),
    'somebody else publishes': (
        report(strangers=['/driver']), ERROR, 'publishes on /anonymized/a: /driver; recordings'
    ),
    'somebody else publishes while inactive': (
        report(active_since_s=None, strangers=['/driver']), ERROR, 'may hold raw images'
    ),
    'only rate drops': (
        report(
            Tally(received=130, untouched=110, dropped={'rate': 20}, received_s=NOW_S),
            Tally(received=100, untouched=100),
        ),
        OK,
        '',
    ),
}  # fmt: skip


@pytest.mark.parametrize('rule', RULES)
def test_camera_rule(rule):
    made, level, message = RULES[rule]
    assert judge_camera(made)[0] == level
    assert message in judge_camera(made)[1]


def test_camera_status_has_counts_rates_and_times():
    now = Tally(
        received=40,
        anonymized=20,
        untouched=5,
        blacked_out=1,
        dropped={'overrun': 12, 'decode': 1},
        pending=1,
        people=2,
        regions=3,
        received_s=NOW_S,
        failure=Failure(NOW_S, 'decode', 'Cut.'),
        note='Re-encoded.',
        ages_ms=(10.0, 30.0, 20.0),
        work_ms=(5.0,),
    )
    before = Tally(received=10, anonymized=6, dropped={'overrun': 4})
    status = camera_status(report(now, before), '/anonymizer_node')
    assert status.name == '/anonymizer_node: /a'
    assert status.hardware_id == '/anonymizer_node'
    values = {entry.key: entry.value for entry in status.values}
    assert values['rate in [Hz]'] == '30.0'
    assert values['rate out [Hz]'] == '20.0'
    assert values['received'] == '40'
    assert values['published'] == '26'
    assert values['dropped'] == '13'
    assert values['dropped: overrun'] == '12'
    assert values['dropped: rate'] == '0'
    assert values['dropped: decode'] == '1'
    assert values['last failure'] == 'decode: Cut.'
    assert values['people'] == '2'
    assert values['age median [ms]'] == '20.0'
    assert values['age worst [ms]'] == '30.0'
    assert values['processing worst [ms]'] == '5.0'
    assert values['note'] == 'Re-encoded.'


DETECTOR_RULES = {
    'active': (DetectorReport('active', '', 0.1, (), {}), OK, 'active'),
    'unconfigured': (DetectorReport('unconfigured', '', 0.0, (), {}), OK, 'unconfigured'),
    'refused': (
        DetectorReport('unconfigured', 'No such model.', 0.0, (), {}),
        ERROR,
        'unconfigured: No such model.',
    ),
    'hung': (DetectorReport('active', '', 2.1, (), {}), ERROR, 'in work for 2.1 s'),
}


@pytest.mark.parametrize('rule', DETECTOR_RULES)
def test_detector_rule(rule):
    made, level, message = DETECTOR_RULES[rule]
    assert judge_detector(made)[0] == level
    assert message in judge_detector(made)[1]


def test_detector_status_tells_model_settings_and_latency():
    about = {'model': 'm', 'sha256': 'abc', 'provider': 'cpu', 'classes': ['person', 'dog']}
    status = detector_status(DetectorReport('active', '', 0.0, (4.0, 6.0, 5.0), about), '/n')
    values = {entry.key: entry.value for entry in status.values}
    assert values['sha256'] == 'abc'
    assert values['classes'] == 'person, dog'
    assert values['latency median [ms]'] == '5.0'
    assert status.name == '/n: detector'
