import numpy as np
import pytest

from anonymizer_node.modelling.precision import PrecisionTally, judged

NONE = np.zeros((0, 4), np.float32)
A, B, FAR = (0, 0, 10, 10), (20, 0, 30, 10), (80, 80, 90, 90)


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def ap(*pictures):
    """Of pictures given as (detections with score first, labels, crowds)."""
    tally = PrecisionTally()
    for found, true, *rest in pictures:
        crowd = rest[0] if rest else []
        scores = np.array([score for score, _ in found], np.float32)
        tally.add(boxes(*(box for _, box in found)), scores, boxes(*true), boxes(*crowd))
    return tally.average()


def test_all_found_and_nothing_else_is_1():
    assert ap(([(0.9, A), (0.2, B)], [A, B]), ([(0.5, A)], [A])) == 1.0


def test_nothing_found_is_0_and_nothing_labelled_is_no_figure():
    assert ap(([], [A])) == 0.0
    assert ap(([(0.9, A)], [])) is None


def test_a_false_one_above_costs_and_one_below_does_not():
    # Ranked: false, hit, hit. Precision at recalls 1/2 and 1: 1/2 and 2/3; the better counts.
    assert ap(([(0.9, FAR), (0.8, A), (0.7, B)], [A, B])) == pytest.approx(2 / 3)
    assert ap(([(0.8, A), (0.7, B), (0.1, FAR)], [A, B])) == 1.0
    # Ranked: hit, false, hit: 1 at recall 1/2, 2/3 at recall 1.
    assert ap(([(0.9, A), (0.8, FAR), (0.7, B)], [A, B])) == pytest.approx((1 + 2 / 3) / 2)


def test_one_of_two_found_is_half():
    assert ap(([(0.9, A)], [A, B])) == 0.5


def test_a_second_detection_of_one_box_is_false():
    # Ranked: hit, duplicate, hit.
    again = (0, 0, 10, 9)
    assert ap(([(0.9, A), (0.8, again), (0.7, B)], [A, B])) == pytest.approx((1 + 2 / 3) / 2)


def test_the_ranking_is_over_all_pictures():
    # The false one of the empty picture is surer than every hit: precision 1/2.
    assert ap(([(0.5, A)], [A]), ([(0.9, A)], [])) == 0.5


def test_what_lies_in_a_crowd_is_neither_a_hit_nor_false():
    crowd = [(70, 70, 100, 100)]
    assert ap(([(0.9, FAR), (0.8, A)], [A], crowd)) == 1.0
    half_in, less_in = (65, 80, 75, 90), (64, 80, 74, 90)
    assert ap(([(0.9, half_in), (0.8, A)], [A], crowd)) == 1.0
    assert ap(([(0.9, less_in), (0.8, A)], [A], crowd)) == 0.5


def test_a_hit_inside_a_crowd_still_is_one():
    hits, counts = judged(boxes(A), boxes(A), boxes((0, 0, 50, 50)))
    assert (hits.tolist(), counts.tolist()) == ([True], [True])


def test_an_overlap_of_exactly_a_half_is_a_hit():
    hits, _ = judged(boxes((0, 0, 10, 5), (20, 0, 30, 4.9)), boxes(A, B), NONE)
    assert hits.tolist() == [True, False]


def test_each_takes_the_free_box_that_it_overlaps_most():
    wide = boxes((0, 0, 10, 10), (0, 0, 10, 8))
    hits, _ = judged(boxes((0, 0, 10, 8), (0, 0, 10, 9)), wide, NONE)
    assert hits.tolist() == [True, True]
