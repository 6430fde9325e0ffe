from __future__ import annotations

import pytest

from anonymizer_node.ros.sequence import Gaps


@pytest.fixture
def there():
    return [b'one']


@pytest.fixture
def gaps(there):
    return Gaps(lambda: list(there))


def told(gaps, *numbers):
    return [gaps.before(number) for number in numbers]


def test_gaps_in_the_numbers_of_one_publisher_are_counted(gaps):
    assert told(gaps, 5, 6, 7, 10, 11, 20) == [0, 0, 0, 2, 0, 8]


def test_what_was_before_the_first_message_is_not_known(gaps):
    assert not gaps.tells
    assert told(gaps, 1000) == [0]
    assert gaps.tells


def test_publisher_that_begins_anew_has_lost_nothing(gaps, there):
    assert told(gaps, 100) == [0]
    there[:] = [b'two']
    assert told(gaps, 1, 2, 4) == [0, 0, 1]


def test_other_publisher_with_higher_numbers_has_lost_nothing(gaps, there):
    assert told(gaps, 100) == [0]
    there[:] = [b'two']
    assert told(gaps, 500, 501, 503) == [0, 0, 1]


@pytest.mark.parametrize('others', [[b'one', b'two'], []])
def test_nothing_is_told_while_it_is_not_sure_whose_number_it_is(gaps, there, others):
    assert told(gaps, 100) == [0]
    there[:] = others
    assert told(gaps, 5, 101, 6, 102) == [0, 0, 0, 0]
    assert not gaps.tells
    there[:] = [b'one']
    assert told(gaps, 110, 113) == [0, 2]


def test_middleware_without_numbers_tells_nothing(gaps):
    assert told(gaps, None, None) == [0, 0]
    assert not gaps.tells
    assert told(gaps, 5, None, 9) == [0, 0, 0]


def test_publishers_are_asked_for_at_a_gap_only():
    asked = []

    def ask():
        asked.append(1)
        return [b'one']

    gaps = Gaps(ask)
    told(gaps, *range(1, 50))
    assert len(asked) == 1


def test_what_two_subscriptions_heard_in_any_order_is_judged_together():
    gaps = Gaps(lambda: [b'one'])
    for number in (1, 2):
        gaps.before(number)
    for number in (5, 4, 3, 7):
        gaps.mix(number)
    assert gaps.tells
    assert gaps.unmix() == 1
    assert gaps.before(8) == 0
    assert gaps.before(11) == 2
    assert gaps.unmix() == 0


def test_mixed_numbers_from_the_beginning_count_from_the_first():
    gaps = Gaps(lambda: [b'one'])
    gaps.mix(10)
    gaps.mix(13)
    assert gaps.unmix() == 2
    assert gaps.before(14) == 0


def test_mixed_numbers_of_several_publishers_tell_nothing():
    there = [b'one']
    gaps = Gaps(lambda: there)
    gaps.before(1)
    gaps.mix(5)
    there.append(b'two')
    assert gaps.unmix() == 0
    there[:] = [b'other']
    gaps.mix(50)
    gaps.mix(52)
    assert gaps.unmix() == 1  # Of the one that is there now, from its first on.
    gaps.mix(None)
    assert gaps.unmix() == 0
