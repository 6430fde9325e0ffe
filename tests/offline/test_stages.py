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


def test_what_is_small_is_done_by_the_caller_and_comes_in_its_turn():
    held = threading.Event()
    threads = {}

    def work(item):
        threads[item] = threading.current_thread()
        if item == 1:
            assert held.wait(TIMEOUT)
        if item == 3:
            held.set()
        return item * 10

    here = threading.current_thread()
    results = in_order(range(6), work, 2, 3, lambda item: item != 1)
    assert list(results) == [0, 10, 20, 30, 40, 50]
    assert [item for item in range(6) if threads[item] is not here] == [1]


def test_no_more_small_items_are_taken_than_may_be_ahead():
    taken, held = [], threading.Event()

    def items():
        for item in range(100):
            taken.append(item)
            if item == 4:
                held.set()
            yield item

    def work(item):
        if item == 0:
            assert held.wait(TIMEOUT)

    results = in_order(items(), work, 2, 4, lambda item: item > 0)
    next(results)
    results.close()
    assert taken == [0, 1, 2, 3, 4]


@pytest.mark.parametrize('error', [ValueError, OSError])
@pytest.mark.parametrize('is_small', [lambda item: True, lambda item: item > 0])
def test_what_small_work_raises_is_raised_in_its_turn_and_ends_it(error, is_small):
    begun, held = [], threading.Event()

    def work(item):
        begun.append(item)
        if item == 0 and not is_small(item):
            assert held.wait(TIMEOUT)
        if item == 2:
            held.set()
            raise error
        return item

    results = in_order(iter(range(1000)), work, 2, 4, is_small)
    assert [next(results) for _ in range(2)] == [0, 1]
    with pytest.raises(error):
        next(results)
    assert len(begun) < 20


def test_an_interruption_of_small_work_does_not_wait_for_its_turn(monkeypatch):
    # The one before it hangs.
    monkeypatch.setattr(stages, 'ENDING_SECONDS', 0.01)
    held = threading.Event()

    def work(item):
        if item == 0:
            held.wait(TIMEOUT)
            return item
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            next(in_order(range(9), work, 2, 4, lambda item: item > 0))
        assert not held.is_set()
    finally:
        held.set()
