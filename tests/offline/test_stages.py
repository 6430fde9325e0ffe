import threading

import pytest

from anonymizer_node.offline import stages
from anonymizer_node.offline.stages import in_order

TIMEOUT = 20


def test_results_come_in_the_order_of_the_items():
    second_done = threading.Event()

    def work(item):
        if item == 0:
            assert second_done.wait(TIMEOUT)
        if item == 1:
            second_done.set()
        return item * 10

    assert list(in_order(range(6), work, workers=2, ahead=3)) == [0, 10, 20, 30, 40, 50]


def test_no_more_items_are_taken_than_may_be_ahead():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    results = in_order(items(), lambda item: item, workers=2, ahead=4)
    for count in range(1, 20):
        next(results)
        assert len(taken) <= count + 4
    results.close()
    assert len(taken) < 25


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt, SystemExit])
def test_what_the_work_raises_is_raised_in_its_turn_and_ends_it(error):
    begun = []

    def work(item):
        begun.append(item)
        if item == 3:
            raise error
        return item

    results = in_order(iter(range(1000)), work, workers=2, ahead=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(error):
        next(results)
    assert len(begun) < 20


def test_what_the_items_raise_is_raised_and_nothing_runs_on():
    def items():
        yield 1
        raise OSError('told to fail')

    with pytest.raises(OSError, match='told to fail'):
        list(in_order(items(), lambda item: item, workers=2, ahead=4))
    assert not [item for item in threading.enumerate() if 'lambda' in item.name]


def test_nothing_comes_of_nothing():
    assert list(in_order([], lambda item: item, 1, 1)) == []


def test_work_that_hangs_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr(stages, 'ENDING_SECONDS', 0.1)
    hangs, goes_on, left = threading.Event(), threading.Event(), []

    def work(item):
        left.append(threading.current_thread())
        hangs.set()
        goes_on.wait(TIMEOUT)

    def items():
        yield 1
        assert hangs.wait(TIMEOUT)
        raise OSError('told to fail')

    with pytest.raises(OSError, match='told to fail'):
        list(in_order(items(), work, workers=2, ahead=4))
    assert left[0].is_alive()
    assert left[0].daemon  # So that it doesn't keep the process from ending.
    goes_on.set()
    left[0].join(TIMEOUT)
    assert not left[0].is_alive()
