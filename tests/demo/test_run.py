"""The demo without ROS: its files, its figures, and that a law which is broken fails it."""

from __future__ import annotations

import argparse
import json

import cv2
import pytest
from samples.detectors import FakeDetector, detections

from anonymizer_node.cli import demo as cli
from anonymizer_node.core.errors import InputError
from anonymizer_node.demo import run
from anonymizer_node.demo.coverage import read_truth
from anonymizer_node.demo.processes import StageError
from anonymizer_node.proof.coverage import LEAST_COVERED, LEAST_VISIBLE
from anonymizer_node.simulation.cameras import Camera

pytest.importorskip('skimage', reason='pip install scikit-image matplotlib')
pytest.importorskip('matplotlib', reason='pip install scikit-image matplotlib')

CAMERAS = (
    Camera('front', 'workshop', 'bgr8', 2.0, width=160, height=120),
    Camera('rear', 'loading_bay', 'jpeg', 2.0, True, 160, 120),
)
SECONDS = 8.0


class Knowing(FakeDetector):
    """Knows the truth of the demo in a folder, but for somebody whom it doesn't see."""

    def __init__(self, out, blind_to=''):
        super().__init__(answer=self._look)
        self._file = out / run.SOURCE / run.TRUTH
        self._blind_to = blind_to
        self._known = None

    def _look(self, frame):
        if self._known is None:
            self._known = {
                (known.topic, known.stamp_ns): known.people for known in read_truth(self._file)
            }
        people = self._known[frame.source, frame.stamp_ns]
        return detections(*(one.box for one in people if one.name != self._blind_to))


def demo(out, **more):
    more.setdefault('detectors', [Knowing(out)])
    return run.run_demo(out, SECONDS, 1, ros=False, cameras=CAMERAS, **more)


@pytest.fixture(scope='module')
def result(tmp_path_factory):
    """A demo that went well."""
    return demo(tmp_path_factory.mktemp('demo') / 'out')


def test_every_law_holds_and_everybody_is_covered(result):
    (half,) = result.halves

    assert result.passed
    assert (half.name, half.verdict.failed()) == ('bag', [])
    assert half.people.least > 0.95
    assert len(half.people.judged) > 10
    assert half.people.unpublished == 0


def test_frames_without_people_are_among_them_and_left_untouched(result):
    (half,) = result.halves
    untouched = sum(topic.statuses.get('untouched', 0) for topic in half.verdict.topics.values())

    assert half.people.empty > 5
    assert untouched == half.people.empty - half.people.empty_marked


def test_it_says_why_the_live_half_is_missing(result):
    assert result.no_ros == 'it was not asked for'
    assert json.loads((result.out / run.SUMMARY).read_text())['no_ros'] == result.no_ros


def test_the_picture_is_fit_for_a_readme(result):
    path = result.out / run.PICTURE
    picture = cv2.imread(str(path))

    assert path.stat().st_size < 400_000
    assert 1000 <= picture.shape[1] <= 1200
    below = picture[picture.shape[0] // 2 + 10 :]
    assert (below.max(axis=2) < 12).mean() > 0.05  # Somebody is blacked out below ...
    above = picture[: picture.shape[0] // 2 - 10]
    assert (above.max(axis=2) < 12).mean() < 0.05  # ... who is seen above.


def test_the_figures_are_written_down(result):
    summary = json.loads((result.out / run.SUMMARY).read_text())

    assert summary['passed'] is True
    people = summary['halves']['bag']['people']
    assert people['least_covered'] >= LEAST_COVERED
    assert all(entry['visible'] < LEAST_VISIBLE for entry in people['marginal'])


def test_an_earlier_demo_is_replaced(tmp_path):
    out = tmp_path / 'out'
    demo(out)
    first = read_truth(out / run.SOURCE / run.TRUTH)[0].stamp_ns

    assert demo(out).passed
    assert read_truth(out / run.SOURCE / run.TRUTH)[0].stamp_ns > first


def test_somebody_left_visible_fails_the_demo(tmp_path):
    out = tmp_path / 'out'

    result = demo(out, detectors=[Knowing(out, blind_to='admiral')])

    (half,) = result.halves
    assert not result.passed
    assert half.verdict.passed
    check = half.people.check()
    assert check.state == 'failed'
    assert 'admiral is ' in str(check.failures[0])
    assert half.people.least < 0.1
    assert json.loads((out / run.SUMMARY).read_text())['passed'] is False


def test_a_detector_that_sees_nobody_fails_the_demo(tmp_path):
    result = demo(tmp_path / 'out', detectors=[FakeDetector()])

    assert not result.passed
    assert result.halves[0].people.least == 0


def test_a_detector_that_fails_on_every_frame_fails_the_demo(tmp_path):
    def broken(frame):
        raise RuntimeError('no answer')

    result = demo(tmp_path / 'out', detectors=[FakeDetector(answer=broken)])

    assert not result.passed
    assert not result.halves[0].people.sights
    assert not (result.out / run.PICTURE).exists()


def test_a_folder_with_other_things_is_refused_and_kept(tmp_path):
    (tmp_path / 'thesis.txt').write_text('mine')

    with pytest.raises(InputError, match='is not empty'):
        demo(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ['thesis.txt']


@pytest.mark.parametrize('seconds', [0, -1, 601, float('nan')])
def test_a_duration_that_can_not_be_is_refused(tmp_path, seconds):
    with pytest.raises(InputError, match='give 1 to 600'):
        run.run_demo(tmp_path / 'out', seconds, ros=False)

    assert not (tmp_path / 'out').exists()


def test_a_file_in_the_way_is_refused(tmp_path):
    path = tmp_path / 'out'
    path.write_text('mine')

    with pytest.raises(InputError, match='is a file'):
        demo(path)


@pytest.mark.parametrize(('blind_to', 'status'), [('', 0), ('astronaut', 1)])
def test_the_verb_ends_with_the_page_and_says_whether_the_laws_held(
    tmp_path, monkeypatch, capsys, blind_to, status
):
    out = tmp_path / 'out'

    def short(folder, seconds, seed, ros, tell):
        assert (folder, seconds, seed, ros) == (out, 3.0, 5, False)
        return demo(out, detectors=[Knowing(out, blind_to)], tell=tell)

    monkeypatch.setattr(cli, 'run_demo', short)

    assert cli.main(parsed(str(out), '--seconds', '3', '--seed', '5', '--no-ros')) == status

    printed = capsys.readouterr().out
    assert printed.rstrip().endswith(str(out / run.PAGE))
    assert 'The live half is left out' in printed
    assert ('Every law held.' in printed) == (status == 0)
    assert ('A LAW COULD NOT BE SHOWN TO HOLD' in printed) == (status == 1)
    assert ('astronaut is ' in printed) == (status == 1)


def test_the_verb_names_the_log_of_a_process_that_failed(monkeypatch, capsys, tmp_path):
    def failing(*args, **more):
        raise StageError('The node ended with status 1. Its log is out/logs/node.log')

    monkeypatch.setattr(cli, 'run_demo', failing)

    assert cli.main(parsed(str(tmp_path))) == 1
    assert 'out/logs/node.log' in capsys.readouterr().out


def parsed(*words):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return parser.parse_args(words)
