"""A second detector is asked; whom it sees again is named, and nobody else."""

from __future__ import annotations

import json
import struct
import types
import zlib

import cv2
import numpy as np
import pytest
from samples.detectors import FakeDetector, detections
from samples.jpegs import exif, jpeg_of, segment, with_segments

from anonymizer_node.core.errors import InputError
from anonymizer_node.proof.frames import Where
from anonymizer_node.proof.second import Judge, SecondOpinion, same_person
from anonymizer_node.proof.verify import verify_bag

FACE = (26.0, 12.0, 38.0, 28.0)


def judge(detector, **about):
    told = {'name': 'faces', 'sha256': 'ff' * 32, 'family': 'centerface', **about}
    return Judge(detector, ('person',), 0.5, told)


def sees_what_is_lit(frame):
    """A face at the person's place, if there is any light."""
    lit = frame.pixels[12:28, 26:38].max() > 40
    return detections(FACE) if lit else detections()


def asked(twins, detector=None, **about):
    twins.write()
    looking = detector or FakeDetector(answer=sees_what_is_lit)
    return verify_bag(twins.source, twins.target, judge=judge(looking, **about))


@pytest.mark.parametrize(
    ('box', 'same'),
    [
        ((0, 0, 10, 10), True),
        ((5, 0, 15, 10), True),
        ((6, 0, 16, 10), False),
        ((2, 2, 4, 4), True),
        ((-50, -50, 50, 50), True),
        ((10, 0, 20, 10), False),
        ((3, 3, 3, 9), False),
    ],
)
def test_the_same_person_is_who_overlaps_by_half_of_the_smaller_box(box, same):
    one = np.array([[0.0, 0, 10, 10]])
    other = np.array([box], float)
    assert same_person(one, other).tolist() == [[same]]
    assert same_person(other, one).tolist() == [[same]]
    assert same_person(one[:0], other).shape == (0, 1)


def test_who_is_hidden_is_not_seen_again(twins):
    # In the twins' frames without a region everything is lit, and nobody is there.
    empty = [entry for entry in twins.before if entry.time_ns // 10**9 == 200]
    twins.before = [entry for entry in twins.before if entry not in empty]
    twins.after = [entry for entry in twins.after if entry not in empty]
    twins.lines = [line for line in twins.lines if line['index'] > 0]
    for line in twins.lines:
        line['index'] -= 1
    for entry in twins.summary['topics'].values():
        entry.update(count=2, untouched=0, copied=2 if entry['copied'] else 0)
    verdict = asked(twins)
    assert verdict.passed, verdict.failed()
    check = verdict.check('second-detector')
    assert (check.checked, check.failed) == (6, 0)
    assert check.detail == 'faces saw 6 in the input, 0 in the output'
    assert verdict.second['seen_in_input'] == 6
    assert verdict.second['listed'] == []


def test_who_was_missed_is_seen_again_and_named_with_frame_and_box(twins):
    verdict = asked(twins)  # Three frames have no region, and a face to this detector.
    assert verdict.failed() == ['second-detector']
    assert verdict.check('second-detector').failed == 3
    text = str(verdict.check('second-detector').failures[0])
    assert text.startswith(
        '/front/image_raw #0 at 100.000 s: is seen again: x 26 to 38, y 12 to 28'
    )
    assert '0% of it in a stated region' in text
    listed = json.loads(json.dumps(verdict.as_dict()))['second_detector']['listed']
    assert len(listed) == 3
    assert listed[0]['box'] == list(FACE)
    assert listed[0]['topic'] == '/front/image_raw'
    moment = verdict.topics['/front/image_raw'].moments[0]
    assert not moment.sound, 'so that no page shows it'


def test_identical_frames_are_looked_at_once(twins):
    detector = FakeDetector(answer=sees_what_is_lit)
    asked(twins, detector)
    assert len(detector.frames) == 3 + 2 * 6


def test_somebody_at_another_place_is_nobody_seen_again(twins):
    def elsewhere(frame):
        return (
            detections(FACE)
            if frame.pixels[12:28, 26:38].max() > 40
            else detections((60, 1, 70, 9))
        )

    verdict = asked(twins, FakeDetector(answer=elsewhere))
    assert verdict.check('second-detector').failed == 3
    assert verdict.check('second-detector').detail.endswith(
        '9 in the output, 6 of these where it saw nobody in the input'
    )


def test_who_sees_nobody_at_all_proves_nothing(twins):
    verdict = asked(twins, FakeDetector())
    assert verdict.check('second-detector').state == 'empty'


def test_a_detector_that_was_the_first_has_no_second_opinion(twins):
    sha256 = twins.summary['models'][0]['sha256']
    with pytest.raises(InputError, match='no second opinion'):
        asked(twins, sha256=sha256)


def test_classes_that_do_not_count_are_passed_over(twins):
    detector = FakeDetector(answer=lambda frame: detections(FACE, names=('cat', 'dog')))
    verdict = asked(twins, detector)
    assert verdict.check('second-detector').checked == 0


def with_exif(pixels, kind, orientation, order):
    """An image file that viewers turn."""
    tiff = exif(b'', order, orientation)
    if kind == 'jpeg':
        return with_segments(jpeg_of(pixels), tiff)
    data = cv2.imencode('.png', pixels)[1].tobytes()
    body = tiff[len(segment(0xE1, b'Exif\0\0')) :]
    chunk = struct.pack('>I', len(body)) + b'eXIf' + body
    return data[:33] + chunk + struct.pack('>I', zlib.crc32(chunk[4:])) + data[33:]


@pytest.mark.parametrize('kind', ['jpeg', 'png'])
@pytest.mark.parametrize('order', ['<', '>'])
def test_a_picture_that_viewers_turn_is_looked_at_turned_too(kind, order):
    pixels = np.full((48, 64, 3), 90, np.uint8)
    pixels[10:26, 20:60] = 200

    def sees_who_stands(frame):
        """Somebody who is taller than wide, where it is bright."""
        rows, columns = np.nonzero(frame.pixels[..., 0] > 150)
        box = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        stands = box[3] - box[1] > box[2] - box[0]
        return detections(box) if stands else detections()

    message = types.SimpleNamespace(data=with_exif(pixels, kind, 6, order), format=kind)
    opinion = SecondOpinion(judge(FakeDetector(answer=sees_who_stands)))
    assert not opinion.look(Where('/front', 0, 0), message, message, (), identical=True)
    (sighting,) = opinion.as_dict()['listed']
    assert np.abs(np.subtract(sighting['box'], (20, 10, 60, 26))).max() <= 1

    upright = types.SimpleNamespace(data=with_exif(pixels, kind, 1, order), format=kind)
    assert opinion.look(Where('/front', 1, 0), upright, upright, (), identical=True)
