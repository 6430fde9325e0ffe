"""What the benchmarks conclude from times; the times themselves are no matter of tests."""

from __future__ import annotations

import dataclasses
import json
import re
import sys

import bench_live
import bench_markdown
import bench_page
import bench_peers
import bench_tables
import numpy as np
import pytest
import report
from bench_pictures import street
from bench_rows import Missing, Row, above_the_limit, better, bounds, fallen, slower
from bench_turns import WARM_UP, Taken, in_turns
from browser import chromium

from anonymizer_node.core.datatypes import Region
from anonymizer_node.core.redaction import REDACTORS


def row(name, ours, other, group='peers', us='us', them='them'):
    taken = {us: Taken(np.array(ours, float)), them: Taken(np.array(other, float))}
    return Row.of(group, name, us, them, taken)


def test_cases_take_turns_and_the_first_rounds_do_not_count():
    order, now, pauses = [], iter(np.arange(1000) * 0.001), []
    cases = {name: (lambda name=name: order.append(name)) for name in 'ab'}
    taken = in_turns(cases, 4, lambda: next(now), between=lambda: pauses.append(len(order)))
    assert ''.join(order) == 'ab' * (WARM_UP + 4)
    assert pauses == list(range(1, len(order) + 1))
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
    assert slower([row('d', [1], [0.996])]) == [], 'nobody is slower by 1.00'


def test_a_limit_is_nobody_who_is_faster():
    limit = row('a bag', [4], [3], group='limit')
    assert slower([limit]) == []
    assert above_the_limit([limit]) == [limit]
    assert above_the_limit([row('a frame', [4], [3])]) == []


def test_only_what_fell_by_more_than_half_fails():
    rows = [row('a', [1], [2]), row('b', [1], [2]), row('new', [1], [2])]
    (sentence,) = fallen(rows, {rows[0].key: 3.9, rows[1].key: 4.1})
    assert rows[1].key in sentence
    assert '2.00' in sentence
    assert '4.10' in sentence


def test_a_row_may_be_absent_only_where_its_peer_is():
    reference = {'peers: a frame: us / deface': 9.0, 'peers: a frame: us / plain OpenCV': 1.0}
    (sentence,) = fallen([], reference, [Missing('deface', 'pip install deface')])
    assert 'plain OpenCV' in sentence
    assert 'not measured' in sentence
    assert len(fallen([], reference)) == 2


def test_of_two_runs_the_better_counts():
    once, again = row('a', [1], [1]), row('a', [1], [3])
    other = row('b', [1], [2])
    assert better([once, other], [again]) == [again, other]
    assert better([again], [once]) == [again]


def test_bounds_are_of_time_and_of_full_hd():
    rows = [
        row('JPEG 1920x1080', [0.7], [1], 'limit', 'empty'),
        row('JPEG 1920x1080', [1.05], [1], 'limit', 'blackout'),
        row('JPEG 640x480', [9], [1], 'limit', 'blackout'),
    ]
    assert {item.key: item.kept for item in bounds(rows)} == {
        rows[0].key: False,
        rows[1].key: True,
    }


@pytest.fixture
def reference(tmp_path, monkeypatch):
    """The project's own reference, in whose place a test may put another."""
    path = tmp_path / 'reference.json'
    path.write_text(report.REFERENCE.read_text(encoding='utf-8'), encoding='utf-8')
    monkeypatch.setattr(report, 'REFERENCE', path)
    monkeypatch.setattr(report, 'own_domain', lambda: None)
    return path


def rows_of(reference, times=1.0):
    """Rows whose ratios are those of a reference, times something."""
    found = []
    for key, ratio in json.loads(reference.read_text(encoding='utf-8')).items():
        group, what, pair = key.split(': ')
        ours, other = pair.rsplit(' / ', 1)
        found.append(row(what, [1], [ratio * times], group, ours, other))
    return found


@pytest.mark.parametrize(
    ('first', 'second', 'status'), [(1, None, 0), (0.51, None, 0), (0.49, 1, 0), (0.49, 0.49, 1)]
)
def test_the_short_form_fails_where_a_ratio_halves_twice(
    reference, monkeypatch, capsys, first, second, status
):
    runs = [rows_of(reference, times) for times in (first, second) if times is not None]
    keys = [item.key for item in runs[0]]
    assert keys == list(json.loads(reference.read_text(encoding='utf-8')))
    left = iter(runs)
    monkeypatch.setattr(report, 'measured', lambda short: iter(next(left)))
    assert report.main(['--short']) == status
    said = capsys.readouterr().out
    assert said.count('fell: ') == (len(keys) if status else 0)
    assert next(left, None) is None, 'as many runs as are needed, and no more'


def test_one_row_that_halved_is_enough(reference, monkeypatch, capsys):
    good = rows_of(reference)
    bad = dataclasses.replace(good[3], ratio=good[3].ratio * 0.4)
    rows = [*good[:3], bad, *good[4:]]
    monkeypatch.setattr(report, 'measured', lambda short: iter(rows))
    assert report.main(['--short']) == 1
    assert f'fell: {bad.key}' in capsys.readouterr().out


def test_the_reference_can_be_written_anew_and_is_kept_then(reference, monkeypatch):
    rows = [row('a', [1], [2]), Missing('deface', 'pip install deface')]
    monkeypatch.setattr(report, 'measured', lambda short: iter(rows))
    assert report.main(['--write-reference']) == 0
    assert json.loads(reference.read_text(encoding='utf-8')) == {rows[0].key: 2.0}
    assert report.main(['--short']) == 0


def test_the_reference_names_rows_of_every_comparison():
    reference = json.loads(report.REFERENCE.read_text(encoding='utf-8'))
    assert {key.partition(':')[0] for key in reference} == {
        'peers',
        'obscuring alone',
        'recordings',
        'limit',
    }
    assert any(key.endswith('/ plain OpenCV') for key in reference)
    assert any(key.endswith('/ deface') for key in reference)
    assert any(key.endswith(f'/ {bench_live.FLOOR}') for key in reference)
    assert all(ratio > 0 for ratio in reference.values())


def result(rows=None):
    """A result with something of everything."""
    names = ('whole', 'inference', 'all but inference', 'redaction', 'letterbox')
    steps = {name: [1.0, 0.9, 1234.5] for name in names}
    frames = [
        {
            'width': 640 * scale,
            'height': 480 * scale,
            'people': scale,
            'regions': 2 * scale,
            'peak_mib': 100.0,
            'ms': steps,
        }
        for scale in (1, 2)
    ]
    live = {
        'width': 640,
        'height': 480,
        'rate_hz': 10,
        'frames_per_second': 9.96,
        'age_ms_median': 9.4,
        'age_ms_p95': 17.0,
        'rss_mb_end': 200.0,
        'rss_growth': 0.001,
        'processor_cores': 0.5,
    }
    if rows is None:
        rows = [
            row('raw <frame> 1024x768', [1], [2], us='fast', them='deface'),
            row('JPEG frame 1024x768', [14], [11], us='fast', them='plain OpenCV'),
            row('1024x768, 2 people', [1], [6], 'obscuring alone', 'blur', "BMW's blur"),
            row('bag of 60 raw frames 640x480', [1], [2], 'recordings', 'bag', 'a plain loop'),
            row('JPEG 1920x1080', [1.2], [1], 'limit', 'blackout', 'bare'),
            row('raw frame 640x480 through the node', [9], [8], 'limit', 'age', bench_live.FLOOR),
        ]
    return {
        'machine': {
            'processor': '2 x none',
            'python': '3.10',
            'anonymizer_node': '0',
            'numpy': '1',
            'opencv': '4',
            'onnxruntime': '1',
            'libjpeg_turbo': True,
        },
        'day': '2026-11-26',
        'load_at_begin': 0.0,
        'seconds': 600,
        'rows': [item.as_dict() for item in rows],
        'missing': [{'other': 'deface, scaled', 'why': 'pip install deface'}],
        'growth': {
            'people': frames,
            'pixels': frames,
            'looks': [{**item, 'thoroughness': 'fast', 'input_size': 416} for item in frames],
            'cameras': [
                {**live, 'cameras': 1, 'seconds': 12},
                {**live, 'cameras': 4, 'seconds': 90},
            ],
            'frames': [{'frames': 100, 'ms_a_frame': [1, 1, 2], 'peak_mib': 150.0}],
        },
        'node': [{**live, 'cameras': 1, 'seconds': 30}],
    }


def test_the_page_needs_nothing_else_and_says_where_others_are_faster():
    page = bench_page.page(result())
    assert 'raw &lt;frame&gt; 1024x768' in page
    assert page.count('class="mark">slower') == 1
    assert page.count('class="mark">bound not kept') == 1
    assert '<b>plain OpenCV</b>: JPEG frame 1024x768, fast: 0.79' in page
    assert '0 of 1 bounds kept' in page
    assert 'pip install deface' in page
    assert page.count('<svg') == 8
    assert not re.search(r'src=|<link|@import|url\((?!#)|#0[123]0[123]0[123]', page)
    headline = re.search('<h1>(.*)</h1>', page)
    assert headline is not None
    assert 'slower than plain OpenCV' in headline[1]
    assert headline[1].startswith('Faster than deface, BMW')


def test_the_headline_says_slower_in_places_of_nobody_who_is_faster_everywhere():
    both = [row('a', [1], [2], them='other'), row('b', [1], [2], them='other, scaled')]
    assert bench_page.headline(both) == 'Faster than other'
    both[1] = row('b', [2], [1], them='other, scaled')
    assert bench_page.headline(both) == 'Slower in places than other'
    both[0] = row('a', [2], [1], them='other')
    assert bench_page.headline(both) == 'Slower than other'


def test_a_short_run_has_a_page_too():
    short = {**result([row('a frame', [1], [2])]), 'growth': {}, 'node': []}
    page = bench_page.page(short)
    assert 'Faster than them' in page
    assert '<svg' not in page


def test_every_table_has_as_many_cells_as_columns():
    made = bench_tables.tables(result())
    names = [table.name for table in made]
    assert len(set(names)) == len(names) == 12
    for table in made:
        assert all(len(line.cells) == len(table.head) for line in table.lines), table.name


def test_what_is_published_stands_beside_what_is_measured():
    (table,) = [item for item in bench_tables.tables(result()) if item.name == 'bmw']
    cells = [line.cells for line in table.lines]
    assert cells[0][-2:] == ('90', '250')
    assert cells[1][3] == '6.00 blur'
    assert cells[2][3] == '1.00 blur'
    assert cells[3][-1] == '14.0'


def test_the_documents_have_every_block_that_they_ask_for(tmp_path, monkeypatch):
    known = bench_markdown.blocks(result())
    asked = set()
    copies = []
    for path in bench_markdown.DOCUMENTS:
        text = path.read_text(encoding='utf-8')
        found = {item[2] for item in bench_markdown.BLOCK.finditer(text)}
        assert found, path
        assert text.count('<!-- bench ') == 2 * len(found), 'each begins and ends'
        asked |= found
        copies.append(tmp_path / path.name)
        copies[-1].write_text(text, encoding='utf-8')
    assert asked == set(known), 'nothing measured is left out'
    monkeypatch.setattr(bench_markdown, 'DOCUMENTS', copies)
    assert bench_markdown.write(result()) == copies
    assert bench_markdown.write(result()) == []
    assert '| 640x480 at 10 Hz, 30 s | 10.0 | 9 ms | 17 ms |' in copies[0].read_text('utf-8')


def test_a_document_is_not_left_with_figures_of_another_run():
    text = 'a\n<!-- bench node -->\nold\n<!-- bench end -->\nb\n'
    assert bench_markdown.filled(text, {'node': 'new\n'}, 'x.md') == (
        'a\n<!-- bench node -->\n\nnew\n\n<!-- bench end -->\nb\n'
    )
    with pytest.raises(ValueError, match=r"x\.md wants the block 'node'.*a short run"):
        bench_markdown.filled(text, {'peers': ''}, 'x.md')


def test_a_result_is_read_back_as_it_was(tmp_path, capsys):
    path = tmp_path / 'bench.json'
    path.write_text(json.dumps(result()), encoding='utf-8')
    page = tmp_path / 'new' / 'bench.html'
    assert report.main(['--from', str(path), '--html', str(page), '--markdown']) == 0
    said = capsys.readouterr().out
    assert 'slower than plain OpenCV: JPEG frame 1024x768, fast: 0.79' in said
    assert 'bound NOT KEPT: limit: JPEG 1920x1080' in said
    assert page.read_text(encoding='utf-8') == bench_page.page(result())
    rows = [Row.from_dict(item) for item in json.loads(path.read_text('utf-8'))['rows']]
    assert [item.as_dict() for item in rows] == result()['rows']


def test_where_the_node_cannot_run_it_is_named(monkeypatch):
    monkeypatch.setattr(bench_live, 'why_not', lambda: 'no rclpy')
    assert list(bench_live.age(640, 480, 10)) == [Missing(bench_live.FLOOR, 'no rclpy')]
    assert report.on_air(print) == []


@pytest.mark.parametrize('absent', ['deface', 'onnx', 'skimage.draw'])
def test_a_peer_that_is_not_installed_is_named(absent, monkeypatch):
    for name in [name for name in sys.modules if name.startswith('deface')]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)
    why = bench_peers.deface(1)
    assert isinstance(why, str)
    assert 'pip install deface' in why
    assert absent in why


@pytest.mark.parametrize('flag', ['--short', '--write-reference'])
def test_a_long_run_is_no_reference_for_short_ones(tmp_path, flag, capsys):
    before = report.REFERENCE.read_bytes()
    (tmp_path / 'long.json').write_text('{"rows": []}')
    with pytest.raises(SystemExit) as ended:
        report.main(['--from', str(tmp_path / 'long.json'), flag])
    assert ended.value.code == 2
    assert 'leave out --from' in capsys.readouterr().err
    assert report.REFERENCE.read_bytes() == before


def test_a_bench_that_fails_is_quoted():
    with pytest.raises(SystemExit, match=r'(?s)age\.py --no-such ended with 2.*unrecognized'):
        bench_live._told('age.py', '--no-such')


@pytest.mark.parametrize('method', REDACTORS)
def test_the_peer_obscures_the_box_and_nothing_else(method, monkeypatch):
    image = pytest.importorskip('PIL.Image')
    kept = []
    make = image.fromarray
    monkeypatch.setattr(image, 'fromarray', lambda *a: kept.append(make(*a)) or kept[-1])
    pixels, _ = street(160, 120)
    box = Region(20, 10, 80, 90)
    bench_peers.bmw(method, pixels)([box])
    (done,) = (np.asarray(item)[:, :, ::-1].astype(int) for item in kept)
    changed = (done != pixels).any(axis=2)
    assert changed[10:90, 20:80].mean() > 0.9
    changed[10:90, 20:80] = False
    assert not changed.any()


@pytest.mark.parametrize('people', [1, 7])
def test_the_person_is_inside_the_picture(people):
    pixels, person = street(320, 240, people)
    assert pixels.shape == (240, 320, 3)
    assert 0 <= person.x0 < person.x1 <= 320
    assert 0 <= person.y0 < person.y1 <= 240


def test_the_page_fits_a_phone_and_a_desk_in_either_theme(tmp_path):
    path = tmp_path / 'bench.html'
    path.write_text(bench_page.page(result()), encoding='utf-8')
    inks = set()
    with chromium(tmp_path) as browser:
        for width, scheme in ((390, 'light'), (390, 'dark'), (1280, 'light'), (1280, 'dark')):
            browser.open(path, width, prefers_color_scheme=scheme)
            assert browser.run('document.documentElement.scrollWidth') <= width
            said = [item for item in browser.events if item.get('method') == 'Log.entryAdded']
            assert said == []
            ink = browser.run("getComputedStyle(document.querySelector('svg text')).fill")
            assert ink == browser.run('getComputedStyle(document.body).color')
            inks.add(ink)
    assert len(inks) == 2
