"""The check that nobody got through: it passes what is covered and finds every way of leaking."""

from __future__ import annotations

import numpy as np
import pytest
from samples.images import Stamp, compressed, image

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.errors import InputError
from anonymizer_node.core.redaction import redact
from anonymizer_node.formats import jpeg
from anonymizer_node.proof.leak_books import Bounds
from anonymizer_node.proof.leaks import KEPT_S, MOST_LEAKS, LeakCheck
from anonymizer_node.proof.truth import KnownPerson

from .conftest import PERSON, SECOND_PERSON, blacked, scene

OUT = '/anonymized/front'
ALICE = KnownPerson(tuple(map(float, PERSON)), 1.0, 'alice')
BOB = KnownPerson(tuple(map(float, SECOND_PERSON)), 1.0, 'bob')
FRAMES = 12


class Play:
    """Frames with Alice and Bob, as they should be; a test spoils one of them."""

    def __init__(self, bounds: Bounds | None = None, **about: bool) -> None:
        self.check = LeakCheck(bounds or Bounds(), **about)
        self.now_s = 100.0
        self.leaks = []

    def frame(
        self, number, regions=(PERSON, SECOND_PERSON), people=(ALICE, BOB), pixels=None,
        shift_ns=0, make=image, say=None, hear_input=True,
    ):  # fmt: skip
        stamp, late = Stamp(50 + number, 7), Stamp(50 + number, 7 + shift_ns)
        stamp_ns = (50 + number) * 10**9 + 7
        before = scene(number)
        after = blacked(before, list(regions)) if pixels is None else pixels
        if people is not None:
            self.check.add_truth(OUT, stamp_ns, people, self.now_s)
        if hear_input:
            self.check.add_input(OUT, make(before, stamp=stamp), self.now_s)
        if say is not False:
            self.check.add_regions(OUT, stamp_ns, regions if say is None else say, self.now_s)
        self.check.add_output(OUT, make(after, stamp=late), self.now_s)
        self.step()

    def step(self, seconds=0.1):
        self.now_s += seconds
        self.leaks += self.check.settle(self.now_s)

    def end(self):
        self.leaks += self.check.settle(self.now_s, rest=True)
        return self.check.summary()

    @property
    def count(self):
        return self.check.summary()['topics'][OUT]


def test_who_is_covered_passes_and_is_counted():
    play = Play()
    for number in range(FRAMES):
        play.frame(number)
    play.frame(FRAMES, regions=(), people=())

    summary = play.end()

    assert summary['passed'], summary
    assert summary['reasons'] == []
    assert play.count == {
        'frames': 13, 'judged': 12, 'people': 24, 'least_covered': 1.0, 'marginal': 0, 'early': 0,
        'unmatched': 0, 'unreadable': 0, 'unpublished': 0, 'without_input': 0, 'reason': '',
    }  # fmt: skip


@pytest.mark.parametrize('with_inputs', [True, False])
@pytest.mark.parametrize('say', [None, (), False], ids=['stated', 'nothing stated', 'silent'])
def test_a_raw_frame_on_the_output_is_a_leak_of_everybody_in_it(with_inputs, say):
    play = Play(with_inputs=with_inputs, with_regions=say is not False)
    for number in range(FRAMES):
        play.frame(number, hear_input=with_inputs, say=None if say is None else False)
    play.frame(FRAMES, pixels=scene(FRAMES), say=say, hear_input=with_inputs)

    summary = play.end()

    assert not summary['passed']
    assert [(leak.person.name, leak.covered) for leak in play.leaks] == [('alice', 0), ('bob', 0)]
    assert summary['leak_count'] == 2
    assert summary['leaks'][0]['stamp_ns'] == (50 + FRAMES) * 10**9 + 7
    told = str(play.leaks[0])
    assert told == f'{OUT} at 62.000000007 s: alice at x 20 to 44, y 8 to 56 is 0% covered'


def test_one_person_of_two_left_uncovered_is_a_leak():
    play = Play()
    for number in range(FRAMES):
        play.frame(number, regions=(PERSON,) if number == 5 else (PERSON, SECOND_PERSON))

    summary = play.end()

    assert [leak.person.name for leak in play.leaks] == ['bob']
    assert play.leaks[0].covered < 0.1
    assert summary['reasons'] == ['1 times somebody is less covered than asked']


@pytest.mark.parametrize(('rows', 'passed'), [(25, True), (23, False)])
def test_half_covered_is_the_edge(rows, passed):
    play = Play(Bounds(least_frames=1))
    x0, y0, x1, _ = PERSON
    play.frame(0, regions=(Region(x0, y0, x1, y0 + rows),), people=(ALICE,))

    assert play.end()['passed'] == passed


def test_what_is_said_to_be_obscured_and_is_not_covers_nobody():
    play = Play(Bounds(least_frames=1))
    play.frame(0, pixels=blacked(scene(0), [PERSON]), say=(PERSON, SECOND_PERSON))

    play.end()

    assert [leak.person.name for leak in play.leaks] == ['bob']


def test_a_frame_made_of_another_one_covers_nobody():
    play = Play(Bounds(least_frames=1))
    play.frame(0, pixels=blacked(scene(0), [PERSON, SECOND_PERSON])[:60])

    assert not play.end()['passed']
    assert len(play.leaks) == 2


@pytest.mark.parametrize('method', ['pixelate', 'blur'])
def test_the_other_methods_count_where_the_input_is_known(method):
    results = []
    for hear_input in (True, False):
        play = Play(Bounds(least_frames=1))
        pixels = scene(0)
        redact(pixels, [PERSON, SECOND_PERSON], (0, 0, 0), method, 0.5)
        play.frame(0, pixels=pixels, hear_input=hear_input)
        results.append(play.end()['passed'])

    assert results == [True, False]
    assert play.count['without_input'] == 1


def test_jpegs_are_judged():
    def coded(pixels, stamp):
        return compressed(pixels, 'jpeg', 'bytes', stamp)

    for hidden in (True, False):
        play = Play(Bounds(least_frames=1))
        before = coded(scene(0), Stamp(50, 7))
        after = coded(scene(0), Stamp(50, 7))
        regions = [PERSON, SECOND_PERSON]
        if hidden:
            after.data, regions, _ = jpeg.redact(before.data, regions, 'blackout', 0.5)
        play.check.add_truth(OUT, 50 * 10**9 + 7, (ALICE, BOB), 1.0)
        play.check.add_input(OUT, before, 1.0)
        play.check.add_regions(OUT, 50 * 10**9 + 7, regions, 1.0)
        play.check.add_output(OUT, after, 1.0)
        assert play.end()['passed'] == hidden


def test_black_is_found_by_its_look_in_encodings_whose_black_is_not_zero():
    luma = scene(0)[:, :, :1]
    pixels = np.concatenate([luma, np.full_like(luma, 90)], axis=2)  # yuv422_yuy2: Y, U or V.
    for hidden in (True, False):
        after = pixels.copy()
        x0, y0, x1, y1 = PERSON
        if hidden:
            after[y0:y1, x0:x1] = (16, 128)
        message = image(scene(0), stamp=Stamp(50, 7))
        message.encoding, message.step, message.data = 'yuv422_yuy2', 192, bytearray(after)
        play = Play(Bounds(least_frames=1), with_inputs=False, with_regions=False)
        play.check.add_truth(OUT, 50 * 10**9 + 7, (ALICE,), 1.0)
        play.check.add_output(OUT, message, 1.0)
        assert play.end()['passed'] == hidden, play.check.reasons()


def test_dark_clothes_pass_for_black_only_where_the_input_is_unknown():
    pixels = scene(0)
    x0, y0, x1, y1 = PERSON
    pixels[y0:y1, x0:x1] = 0
    passed = []
    for hear_input in (True, False):
        play = Play(Bounds(least_frames=1))
        play.check.add_truth(OUT, 50 * 10**9 + 7, (ALICE,), 1.0)
        if hear_input:
            play.check.add_input(OUT, image(pixels, stamp=Stamp(50, 7)), 1.0)
        play.check.add_output(OUT, image(pixels, stamp=Stamp(50, 7)), 1.0)
        passed.append(play.end()['passed'])

    assert passed == [False, True]


@pytest.mark.parametrize(('shift_ns', 'tolerance_s'), [(1, 0.0), (200_000_000, 0.1)])
def test_a_wrong_stamp_fails(shift_ns, tolerance_s):
    play = Play(Bounds(least_frames=1, tolerance_s=tolerance_s))
    for number in range(FRAMES):
        play.frame(number, shift_ns=shift_ns if number == 4 else 0)

    summary = play.end()

    assert summary['reasons'] == [f'{OUT}: 1 frames bear a stamp that no truth has']
    assert play.count['unpublished'] == 1


def test_a_stamp_within_the_tolerance_is_taken_for_the_nearest_truth():
    play = Play(Bounds(least_frames=1, tolerance_s=0.1), with_regions=False, with_inputs=False)
    for number in range(FRAMES):
        regions = (PERSON,) if number == 5 else (PERSON, SECOND_PERSON)
        play.frame(number, regions=regions, shift_ns=50_000_000)

    summary = play.end()

    assert summary['frames_judged'] == FRAMES
    assert [leak.person.name for leak in play.leaks] == ['bob']


def test_no_frames_fail():
    assert LeakCheck().reasons()[0] == 'there is no topic to check'
    check = LeakCheck()
    check.expect(OUT)
    check.settle(1.0, rest=True)

    assert check.reasons() == [
        f'{OUT}: no frame came',
        'somebody was there to be covered in 0 frames only, asked for are 10',
    ]


def test_too_few_frames_with_somebody_fail():
    play = Play()
    for number in range(9):
        play.frame(number)
    for number in range(9, 40):
        play.frame(number, regions=(), people=())

    summary = play.end()

    assert summary['reasons'] == [
        'somebody was there to be covered in 9 frames only, asked for are 10'
    ]


def test_frames_without_any_truth_fail():
    play = Play(Bounds(least_frames=1))
    for number in range(3):
        play.frame(number, people=None)

    assert play.end()['reasons'][0] == f'{OUT}: no truth came, so its 3 frames mean nothing'


def test_what_was_under_way_before_the_first_truth_is_not_judged():
    play = Play()
    play.frame(0, people=None, pixels=scene(0))
    play.frame(2)
    play.frame(1, people=None)
    for number in range(3, 12):
        play.frame(number)

    summary = play.end()

    assert summary['passed'], summary
    assert play.count['early'] == 2
    # Later on there is no excuse.
    play.step(5)
    play.frame(1, people=None)
    play.end()
    assert play.count['unmatched'] == 1


def test_a_first_frame_that_overtakes_its_truth_is_judged():
    play = Play(Bounds(least_frames=1))
    play.check.add_output(OUT, image(scene(0), stamp=Stamp(50, 7)), 1.0)
    play.check.settle(1.1)
    play.check.add_truth(OUT, 50 * 10**9 + 7, (ALICE,), 1.2)

    play.end()

    assert [leak.person.name for leak in play.leaks] == ['alice']
    assert play.count['early'] == 0


def test_a_frame_that_can_not_be_read_fails():
    play = Play(Bounds(least_frames=1))
    play.frame(0)
    play.check.add_truth(OUT, 51 * 10**9 + 7, (ALICE,), play.now_s)
    broken = image(scene(1), stamp=Stamp(51, 7))
    broken.encoding = '16SC9'
    play.check.add_output(OUT, broken, play.now_s)

    reasons = play.end()['reasons']

    assert len(reasons) == 1
    assert "1 frames can not be judged: an image of encoding '16SC9'" in reasons[0]


def test_small_and_hardly_visible_people_are_counted_and_not_asked_for():
    small = KnownPerson((50.0, 10.0, 54.0, 16.0), 1.0, 'small')
    sleeve = KnownPerson((90.0, 0.0, 96.0, 40.0), 0.1, 'sleeve')
    play = Play(Bounds(least_frames=1))
    play.frame(0, regions=(PERSON,), people=(ALICE, small, sleeve))
    assert play.end()['passed']
    assert play.count['marginal'] == 2

    for bounds, name in ((Bounds(least_height=0.05), 'small'), (Bounds(least_visible=0), 'sleeve')):
        strict = Play(bounds)
        strict.frame(0, regions=(PERSON,), people=(ALICE, small, sleeve))
        strict.end()
        assert [leak.person.name for leak in strict.leaks] == [name]


def test_a_frame_waits_for_what_belongs_to_it():
    play = Play(Bounds(least_frames=1))
    after = image(blacked(scene(0), [PERSON]), stamp=Stamp(50, 7))
    stamp = 50 * 10**9 + 7
    play.check.add_truth(OUT, stamp - 10**9, (), 1.0)
    play.check.add_output(OUT, after, 1.0)
    play.check.settle(1.5)
    play.check.add_truth(OUT, stamp, (ALICE,), 1.6)
    play.check.settle(1.7)
    play.check.add_input(OUT, image(scene(0), stamp=Stamp(50, 7)), 1.8)
    play.check.settle(1.9)
    assert play.check.judged == 0
    play.check.add_regions(OUT, stamp, (PERSON,), 2.0)
    play.check.settle(2.1)

    assert play.check.judged == 1
    assert play.end()['passed']


def test_memory_is_bounded():
    play = Play(Bounds(grace_s=0.5))
    for number in range(400):
        play.frame(number, people=(ALICE,) if number % 2 else ())
        play.check.add_input(OUT, image(scene(0), stamp=Stamp(5000 + number, 0)), play.now_s)

    topic = play.check._topics[OUT]
    assert len(topic.truths) < (KEPT_S + 2) * 10
    assert len(topic.regions) < (KEPT_S + 2) * 10
    assert len(topic.inputs) < 20
    assert not topic.pending
    assert len(topic.published) <= len(topic.truths)
    for number in range(400, 500):
        play.frame(number, pixels=scene(number))
    assert len(play.check.leaks) == MOST_LEAKS
    assert play.end()['leak_count'] == 200


@pytest.mark.parametrize('wrong', [{'least_height': 1.5}, {'least_covered': -0.1}])
def test_a_bound_that_is_no_share_is_refused(wrong):
    with pytest.raises(InputError, match='it is a share'):
        Bounds(**wrong)


def test_asking_for_no_frame_is_refused():
    with pytest.raises(InputError, match='least_frames is 0'):
        Bounds(least_frames=0)


def test_the_scenes_of_these_tests_hold_nothing_black():
    assert min(np.min(scene(number)) for number in range(20)) >= 20
