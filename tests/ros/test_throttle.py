from __future__ import annotations

from anonymizer_node.ros.throttle import Throttle


def test_first_time_at_once_then_once_an_interval_by_key():
    now_s = 0.0
    due = Throttle(10.0, lambda: now_s)
    assert due('decode')
    assert not due('decode')
    assert due('encoding')
    now_s = 9.9
    assert not due('decode')
    now_s = 10.0
    assert due('decode')
    assert not due('decode')
