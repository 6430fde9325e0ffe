"""What follows a colour twin is obscured where that was, or fails."""

import numpy as np
import pytest
from samples.detectors import FakeDetector
from samples.encoded import encoded
from samples.images import Stamp, image, noise, pixels_of

from anonymizer_node.core.config import Settings
from anonymizer_node.core.datatypes import Frame, Outcome, Region
from anonymizer_node.core.following import DRIFT, MOST_APART_S, MOST_KEPT, Seen, Twin, TwinError
from anonymizer_node.core.pipeline import Pipeline
from anonymizer_node.formats.image_codecs import ImageCodec

MS = 1_000_000
AT = 7_500_000_123
REGION = Region(20, 10, 40, 50)
CODEC = ImageCodec()


def twin_of(*frames, topic='/color'):
    twin = Twin(topic)
    for frame in frames:
        twin.add(frame)
    return twin


def seen(offset_ms=0, *regions, width=80, height=60):
    return Seen(AT + offset_ms * MS, width, height, regions or (REGION,))


def failed(offset_ms=0):
    return Seen(AT + offset_ms * MS)


def frame(width=80, height=60):
    return Frame(np.zeros((1, 1)), '16UC1', width, height, AT, '/depth')


def grown(region, offset_ms, by=1.0):
    margin = DRIFT * abs(offset_ms) / 1e3 * np.sqrt(region.area)
    return [int(np.floor((region.x0 - margin) * by)), int(np.ceil((region.x1 + margin) * by))]


# --- Which regions


def test_a_twin_of_the_same_time_gives_its_regions_as_they_are():
    twin = twin_of(seen(-33, Region(0, 0, 5, 5)), seen(0), seen(33, Region(0, 0, 9, 9)))
    assert twin.regions_of(frame()) == (REGION,)


def test_else_those_before_and_after_together_widened_by_the_time_between():
    after = Region(30, 10, 50, 50)
    twin = twin_of(seen(-60), seen(-30), seen(10, after), seen(43))
    first, second = twin.regions_of(frame())
    assert [first.x0, first.x1] == grown(REGION, 30)
    assert [second.x0, second.x1] == grown(after, 10)


@pytest.mark.parametrize('offset_ms', [-99, -5, 5, 99])
def test_one_of_the_two_will_do(offset_ms):
    (region,) = twin_of(seen(offset_ms)).regions_of(frame())
    assert [region.x0, region.x1] == grown(REGION, offset_ms)
    assert region.x0 < REGION.x0


@pytest.mark.parametrize('size', [(160, 120), (40, 30), (320, 240), (81, 60)])
def test_regions_are_scaled_outward_by_the_ratio_of_the_sizes(size):
    (region,) = twin_of(seen()).regions_of(frame(*size))
    across, down = size[0] / 80, size[1] / 60
    assert region.x0 <= 20 * across < region.x0 + 1
    assert region.y0 <= 10 * down < region.y0 + 1
    assert region.x1 - 1 < 40 * across <= region.x1
    assert region.y1 - 1 < 50 * down <= region.y1


def test_regions_end_with_the_follower_and_nobody_is_no_region():
    edge = Region(0, 0, 80, 60)
    assert twin_of(seen(-20, edge)).regions_of(frame(40, 30)) == (Region(0, 0, 40, 30),)
    empty = Seen(AT, 80, 60, ())
    assert twin_of(empty).regions_of(frame()) == ()


@pytest.mark.parametrize(
    'frames',
    [
        (),
        (seen(-101),),
        (seen(101),),
        (seen(-101), seen(500)),
    ],
)
def test_without_a_twin_near_enough_it_fails(frames):
    with pytest.raises(TwinError, match=r"'/color'.*0\.1 s"):
        twin_of(*frames).regions_of(frame())
    assert MOST_APART_S == 0.1


@pytest.mark.parametrize(
    'frames',
    [
        (failed(),),
        (seen(-10), failed(0), seen(10)),
        (failed(-10), seen(20)),
        (seen(-10), failed(20)),
    ],
)
def test_a_twin_that_failed_fails_its_follower(frames):
    with pytest.raises(TwinError, match='failed'):
        twin_of(*frames).regions_of(frame())


def test_a_failure_further_off_does_no_harm():
    assert twin_of(failed(-33), seen(0), failed(33)).regions_of(frame()) == (REGION,)
    assert len(twin_of(failed(-60), seen(-30), seen(3), failed(33)).regions_of(frame())) == 2


@pytest.mark.parametrize('size', [(80, 50), (60, 80), (1280, 720)])
def test_another_view_fails(size):
    with pytest.raises(TwinError, match='same view'):
        twin_of(seen()).regions_of(frame(*size))


def test_only_the_latest_frames_are_kept():
    twin = twin_of(*[seen(offset) for offset in range(-9000, 1, 100)])
    assert len(twin._frames) == 51
    assert twin.regions_of(frame())
    twin.forget()
    with pytest.raises(TwinError):
        twin.regions_of(frame())


def test_a_twin_whose_time_stands_still_fills_no_memory():
    twin = Twin('/color')
    for _ in range(3 * MOST_KEPT):
        twin.add(seen())
    assert len(twin._frames) == MOST_KEPT


def test_what_is_known_of_a_moment_does_not_change_any_more():
    twin = twin_of(seen(-200), seen(-33))
    known = twin.around(AT)
    twin.add(failed(0))
    assert len(known.regions_of(frame())) == 1
    with pytest.raises(TwinError):
        twin.regions_of(frame())


def test_a_twin_whose_time_begins_anew_forgets_what_was():
    twin = twin_of(seen(-500), seen(0), seen(1500), seen(-500))
    assert not twin.has_passed(AT)
    with pytest.raises(TwinError):
        twin.regions_of(frame())


def test_a_follower_whose_time_begins_anew_does_not_get_the_frames_of_before():
    """A simulation that was reset: the same stamps, another scene."""
    twin = twin_of(seen(0))
    for stamp in (AT, AT + 400 * MS, AT + 1600 * MS):
        twin.expect('/depth', stamp)
        twin.expect('/infra', stamp)
    assert twin.has_passed(AT)
    twin.expect('/depth', AT)
    assert not twin.has_passed(AT)
    with pytest.raises(TwinError):
        twin.regions_of(frame())


def test_frames_overtaken_are_no_new_beginning():
    twin = twin_of(seen(0), seen(33), seen(-33))
    twin.expect('/depth', AT + 33 * MS)
    twin.expect('/depth', AT)
    assert twin.regions_of(frame()) == (REGION,)


@pytest.mark.parametrize('step_ms', [101, 300, 500, 1000, 1199])
@pytest.mark.parametrize('first', ['depth', 'color'])
def test_a_clock_set_back_a_little_pairs_no_frame_with_the_regions_of_before(step_ms, first):
    """A person walks: where they were at the same stamp before the clock was set is no answer."""
    twin = twin_of(*[seen(offset) for offset in range(-1485, 1, 33)])
    twin.expect('/depth', AT)
    back = Frame(np.zeros((1, 1)), '16UC1', 80, 60, AT - step_ms * MS, '/depth')
    steps = [
        lambda: twin.expect('/depth', back.stamp_ns),
        lambda: twin.add(seen(-step_ms, Region(60, 10, 80, 50))),
    ]
    if first == 'color':
        steps.reverse()
    steps[0]()
    assert twin.has_passed(back.stamp_ns) == (first == 'color')
    with pytest.raises(TwinError):
        twin.regions_of(back)
    steps[1]()
    known = twin.around(back.stamp_ns)
    with pytest.raises(TwinError, match='Time ran back'):
        known.regions_of(back)
    # A frame of before the step that still waits when the twin comes to its stamp again.
    twin.add(seen(0, Region(60, 10, 80, 50)))
    with pytest.raises(TwinError, match='Time ran back'):
        twin.around(AT).regions_of(frame())
    twin.add(seen(33))
    later = Frame(np.zeros((1, 1)), '16UC1', 80, 60, AT + 33 * MS, '/depth')
    twin.expect('/depth', later.stamp_ns)
    assert twin.around(later.stamp_ns).regions_of(later) == (REGION,)


def test_a_detector_that_is_behind_a_clock_set_back_tells_nothing_of_the_time_after():
    """A frame of before the step comes from the detector when depth has stepped already."""
    twin = twin_of(seen(-333))
    twin.expect('/depth', AT)
    twin.expect('/depth', AT - 200 * MS)
    twin.add(seen(-200))
    back = Frame(np.zeros((1, 1)), '16UC1', 80, 60, AT - 200 * MS, '/depth')
    with pytest.raises(TwinError, match='Time ran back'):
        twin.around(back.stamp_ns).regions_of(back)


def test_a_clock_that_stands_still_fails_what_follows():
    """Every frame has the same stamp: which of the twin's belongs to which is unknown."""
    twin = twin_of(seen(0))
    twin.expect('/depth', AT)
    assert twin.around(AT).regions_of(frame()) == (REGION,)
    twin.expect('/depth', AT, is_new=False)
    assert twin.around(AT).regions_of(frame()) == (REGION,)
    twin.expect('/depth', AT)
    with pytest.raises(TwinError, match='very time'):
        twin.around(AT).regions_of(frame())
    with pytest.raises(TwinError, match='very time'):
        twin_of(seen(0), seen(0)).around(AT).regions_of(frame())


def test_a_follower_without_a_time_fails():
    """A driver that never sets the stamp: every frame would be of the same time."""
    untimed = Frame(np.zeros((1, 1)), '16UC1', 80, 60, 0, '/depth')
    with pytest.raises(TwinError, match=r'header\.stamp'):
        twin_of(Seen(0, 80, 60, ())).regions_of(untimed)


def test_whether_more_is_to_be_waited_for():
    twin = twin_of(seen(-10))
    assert not twin.has_passed(AT)
    twin.add(failed(0))
    assert twin.has_passed(AT)
    assert not twin.has_passed(AT + 1)


@pytest.mark.parametrize('status', ['dropped', 'blacked_out'])
def test_only_a_judged_frame_says_something(status):
    assert Seen.of(Outcome(status, width=80, height=60), AT) == Seen(AT)
    told = Seen.of(Outcome('anonymized', object(), (REGION,), width=80, height=60), AT)
    assert told == Seen(AT, 80, 60, (REGION,))
    assert Seen.of(Outcome('untouched', object(), width=80, height=60), AT).regions == ()


# --- The step in the pipeline


def pipeline(**settings):
    return Pipeline(Settings(**settings), [FakeDetector((0, 0, 80, 60))])


def depth(encoding='16UC1'):
    return encoded(encoding, 80, 60, 2, stamp=Stamp(7, 500_000_123))


@pytest.mark.parametrize('encoding', ['16UC1', '32FC1', 'mono16', 'nv12'])
def test_a_follower_is_not_judged_but_obscured_where_its_twin_was(encoding):
    message = depth(encoding)
    flow = pipeline(method='blur')
    outcome = flow.follow(message, CODEC, '/depth', twin_of(seen()))
    assert outcome.status == 'anonymized'
    assert outcome.regions == (REGION,)
    assert (outcome.width, outcome.height) == (80, 60)
    assert flow.detectors[0].frames == []
    assert outcome.detections is None
    if encoding == '16UC1':
        rows = np.frombuffer(message.data, np.uint8).reshape(60, 162)[:, :160]
        values = np.ascontiguousarray(rows).view('<u2')  # NumPy 1.21 views no slice otherwise.
        expected = np.frombuffer(depth().data, np.uint8).reshape(60, 162)[:, :160].copy()
        expected = expected.view('<u2')
        expected[10:50, 20:40] = 0
        assert np.array_equal(values, expected)
        assert 'blacked out' in outcome.note


def test_a_follower_with_nobody_in_its_twin_keeps_its_bytes():
    message = depth()
    before = bytes(message.data)
    outcome = pipeline().follow(message, CODEC, '/depth', twin_of(Seen(AT, 80, 60, ())))
    assert (outcome.status, outcome.message) == ('untouched', message)
    assert bytes(message.data) == before


@pytest.mark.parametrize('frames', [(), (failed(),), (seen(width=60),)])
def test_a_follower_fails_closed(frames):
    outcome = pipeline().follow(depth(), CODEC, '/depth', twin_of(*frames))
    assert (outcome.status, outcome.message, outcome.cause) == ('dropped', None, 'twin')
    assert '/color' in outcome.reason
    message = image(noise(60, 80))
    outcome = pipeline(on_failure='blackout').follow(message, CODEC, '/infra', twin_of(*frames))
    assert (outcome.status, outcome.cause) == ('blacked_out', 'twin')
    assert not pixels_of(outcome.message).any()


def test_a_follower_that_lies_about_its_size_is_dropped():
    message = depth()
    message.height += 1
    outcome = pipeline().follow(message, CODEC, '/depth', twin_of(seen()))
    assert (outcome.status, outcome.message, outcome.cause) == ('dropped', None, 'decode')
    message = depth()
    message.encoding = '64FC1'
    outcome = pipeline().follow(message, CODEC, '/depth', twin_of(seen()))
    assert (outcome.status, outcome.message, outcome.cause) == ('dropped', None, 'encoding')


def test_a_twin_that_breaks_lets_nothing_out():
    class Broken(Twin):
        def regions_of(self, frame):
            raise RuntimeError('broken')

    outcome = pipeline().follow(depth(), CODEC, '/depth', Broken('/color'))
    assert (outcome.status, outcome.message, outcome.cause) == ('dropped', None, 'twin')
