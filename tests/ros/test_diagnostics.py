from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip('diagnostic_msgs.msg', reason='needs diagnostic_msgs')

from anonymizer_node.core.config import PROVIDERS, Settings
from anonymizer_node.ros.books import CAUSES, Failure, Tally
from anonymizer_node.ros.diagnostics import (
    ABOUT,
    ERROR,
    FAILURE_S,
    OK,
    OVERRUN_SHARE,
    STALE_S,
    WARN,
    CameraReport,
    DetectorReport,
    camera_status,
    detector_status,
    judge_camera,
    judge_detector,
)
from anonymizer_node.ros.intake import HUNG_S

REPOSITORY = Path(__file__).resolve().parents[2]
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
    'somebody not heard': (replace(report(), trouble='Not heard.'), ERROR, 'Not heard.'),
    'not heard, not active': (
        replace(report(active_since_s=None), trouble='Not heard.'), OK, 'Not active'
    ),
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
    'hung': (replace(report(), hung='It hangs.'), ERROR, 'Nothing is published: It hangs.'),
    'hung, no frame came': (
        replace(report(Tally(), Tally()), hung='It hangs.'), ERROR, 'It hangs.'
    ),
    'hung while inactive': (
        replace(report(active_since_s=None), hung='It hangs.'), OK, 'Not active'
    ),
    'frame given up': (failed(1.0, 'hung'), ERROR, 'Frames fail, hung'),
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
        stripped=7,
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
    assert values['stripped'] == '7'
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


def runs_on(provider, asked=PROVIDERS, passed_over=()):
    about = ({'provider': provider},)
    settings = {'providers': asked}
    return DetectorReport('active', detectors=about, settings=settings, passed_over=passed_over)


DETECTOR_RULES = {
    'active': (DetectorReport('active', busy_s=0.1), OK, 'active'),
    'what failed once is told as a value': (DetectorReport('active', mishap='X'), OK, 'active'),
    'nothing keeps failing': (DetectorReport('active', troubles=('', '')), OK, 'active'),
    'the graph keeps failing': (
        DetectorReport('active', troubles=('', 'The graph fails.')), WARN, 'The graph fails.'
    ),
    'unconfigured': (DetectorReport('unconfigured'), OK, 'unconfigured'),
    'refused': (
        DetectorReport('unconfigured', 'No such model.'), ERROR, 'unconfigured: No such model.'
    ),
    'hung': (DetectorReport('active', hung='It hangs.'), ERROR, 'active: It hangs.'),
    'hung on another provider': (
        replace(runs_on('cpu', ('cuda', 'cpu')), hung='It hangs.'), ERROR, 'It hangs.'
    ),
    'best of the default list that is there': (runs_on('cpu'), OK, 'active'),
    'provider asked for': (runs_on('cuda', ('cuda', 'cpu')), OK, 'active'),
    'provider asked for is absent': (
        runs_on('cpu', ('cuda', 'cpu')), WARN, 'cuda was asked for, and cpu runs the detector'
    ),
    'provider that is there did not start': (
        runs_on('cpu', PROVIDERS, ('cuda',)), WARN, 'cuda did not start, and cpu runs'
    ),
    'detects on some frames': (
        DetectorReport('active', settings={'detect_every': 3}), OK, 'detect_every is 3: frames in'
    ),
    'detects on every frame': (
        DetectorReport('active', settings={'detect_every': 1}), OK, 'active'
    ),
}  # fmt: skip


@pytest.mark.parametrize('rule', DETECTOR_RULES)
def test_detector_rule(rule):
    made, level, message = DETECTOR_RULES[rule]
    assert judge_detector(made)[0] == level
    assert message in judge_detector(made)[1]


def test_detector_status_tells_model_settings_and_latency():
    about = {'name': 'm', 'sha256': 'abc', 'provider': 'cpu', 'family': 'yolox'}
    settings = {'classes': ['person', 'dog'], 'family': '', 'providers': ['cpu']}
    made = DetectorReport(
        'active',
        busy_s=0.25,
        latencies_ms=(4.0, 6.0, 5.0),
        detectors=(about, {'name': 'n'}),
        settings=settings,
        mishap='OSError: once',
    )
    status = detector_status(made, '/n')
    values = values_of(status)
    assert values['sha256'] == 'abc'
    assert values['classes'] == 'person, dog'
    assert values['family'] == 'yolox'
    assert (values['name'], values['name 2'], values['detectors']) == ('m', 'n', '2')
    assert values['latency median [ms]'] == '5.0'
    assert values['frame in work [s]'] == '0.2'
    assert values['last error'] == 'OSError: once'
    assert status.name == '/n: detector'


def values_of(status):
    return {entry.key: entry.value for entry in status.values}


def test_keys_are_there_whether_or_not_they_have_a_value():
    full = report(
        Tally(
            dropped={'decode': 1}, failure=Failure(NOW_S, 'decode', 'Cut.'), note='n',
            ages_ms=(1.0,), work_ms=(1.0,), encoding='bgr8', size=(4, 3),
        )
    )  # fmt: skip
    assert list(values_of(camera_status(full, '/n'))) == CAMERA_KEYS
    assert list(values_of(camera_status(report(Tally(), Tally()), '/n'))) == CAMERA_KEYS
    assert values_of(camera_status(full, '/n'))['size [px]'] == '4x3'
    configured = DetectorReport(
        'active', detectors=({'name': 'm'},), settings=Settings().as_dict(), latencies_ms=(1.0,)
    )
    keys = list(values_of(detector_status(configured, '/n')))
    assert keys == DETECTOR_KEYS
    assert list(values_of(detector_status(DetectorReport('unconfigured'), '/n'))) == keys


CAMERA_KEYS = list(values_of(camera_status(report(), '/n')))
DETECTOR_KEYS = list(values_of(detector_status(DetectorReport('active'), '/n')))


def documented(heading):
    """The first column of the table under a heading of docs/diagnostics.md."""
    document = (REPOSITORY / 'docs' / 'diagnostics.md').read_text(encoding='utf-8')
    section = document.split(f'\n## {heading}\n')[1].split('\n## ')[0]
    return [
        name
        for line in section.splitlines()
        if line.startswith('| `')
        for name in re.findall(r'`([^`]+)`', line.split(' | ')[0])
    ]


def test_document_has_every_key_and_no_other():
    assert documented('Keys of a camera') == CAMERA_KEYS
    settings = set(Settings().as_dict()) - set(ABOUT)
    assert documented('Keys of the detector') == [
        key for key in DETECTOR_KEYS if key not in settings
    ]


def test_document_has_every_cause_and_the_limits_in_force():
    assert documented('Why frames are dropped') == list(CAUSES)
    document = (REPOSITORY / 'docs' / 'diagnostics.md').read_text(encoding='utf-8')
    for name, value in [('HUNG_S', HUNG_S), ('STALE_S', STALE_S), ('FAILURE_S', FAILURE_S)]:
        assert f'`{name}`, {value:.0f} s' in document
    assert f'`OVERRUN_SHARE`, {OVERRUN_SHARE:.0%}'.replace('%', ' %') in document
