import numpy as np

from anonymizer_node.core.heads import AROUND_FACE, around, heads


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


NOBODY = boxes()


def test_of_one_standing_the_top_is_the_head():
    np.testing.assert_allclose(heads(boxes([10, 20, 50, 140]), NOBODY), [[10, 20, 50, 56]])


def test_of_one_cut_off_below_more_is_the_head():
    # 100 wide and 110 high: head and shoulders.
    np.testing.assert_allclose(heads(boxes([0, 0, 100, 110]), NOBODY), [[0, 0, 100, 75]])
    np.testing.assert_allclose(heads(boxes([0, 0, 100, 40]), NOBODY), [[0, 0, 100, 40]])


def union(first, second):
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.concatenate([low[:2], high[2:]])


def test_where_a_face_is_the_head_goes_on_around_it():
    face = boxes([10, 22, 24, 40])
    (head,) = around(face)
    assert head[0] < 10
    np.testing.assert_allclose(
        heads(boxes([10, 20, 50, 140]), face), [union(head, np.array([10, 20, 50, 56]))]
    )


def test_a_face_too_small_to_be_theirs_is_none():
    for height, wider in ((7, False), (8, True)):
        face = boxes([10, 22, 18, 22 + height])
        (head,) = heads(boxes([10, 20, 50, 140]), face)
        assert (head[0] < 10) == wider


def test_around_a_face_there_is_hair():
    left, top, right, bottom = AROUND_FACE
    expected = [[100 - 10 * left, 100 - 20 * top, 110 + 10 * right, 120 + 20 * bottom]]
    np.testing.assert_allclose(around(boxes([100, 100, 110, 120])), expected)


def test_a_face_elsewhere_is_not_theirs():
    for face in ([26, 100, 36, 112], [60, 28, 70, 40]):
        found = heads(boxes([10, 20, 50, 140]), boxes(face))
        np.testing.assert_allclose(found, [[10, 20, 50, 56]])


def test_of_two_who_overlap_one_face_counts_for_one():
    near, behind = [10, 20, 50, 140], [14, 20, 54, 140]
    face = boxes([25, 22, 35, 34])
    found = heads(boxes(near, behind), face)
    np.testing.assert_allclose(found[0], union(around(face)[0], np.array([10, 20, 50, 56])))
    np.testing.assert_allclose(found[1], [14, 20, 54, 56])


def test_each_has_the_face_that_is_nearest():
    left, right = boxes([24, 22, 34, 34]), boxes([44, 22, 54, 34])
    found = heads(boxes([30, 20, 70, 140], [10, 20, 50, 140]), np.concatenate([left, right]))
    tops = np.array([[30, 20, 70, 56], [10, 20, 50, 56]])
    expected = [union(around(right)[0], tops[0]), union(around(left)[0], tops[1])]
    np.testing.assert_allclose(found, expected)


def test_nobody_has_no_head():
    assert heads(NOBODY, boxes([0, 0, 5, 5])).shape == (0, 4)
    assert heads(NOBODY, NOBODY).shape == (0, 4)


def test_the_boxes_given_are_left_alone():
    people = boxes([10, 20, 50, 140])
    heads(people, NOBODY)
    assert people.tolist() == [[10, 20, 50, 140]]
