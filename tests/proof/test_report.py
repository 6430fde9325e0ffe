"""The page: says the verdict, needs nothing from outside, shows nobody unless told to."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime, timezone
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from anonymizer_node.proof.contact_sheet import contact_sheets
from anonymizer_node.proof.report import Figure, Section, clock, headline, write_page
from anonymizer_node.proof.verdict import Check, Failure, TopicFigures

HOSTILE = '/front/<script>alert("1")</script>&'
VOID = {'meta', 'link', 'img', 'br', 'path', 'input', 'hr'}


class Page(HTMLParser):
    """A page as its elements; complains about ones that aren't closed."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.open = []
        self.text = ''
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if 'style' not in self.open:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def verdict(twins):
    return twins.verdict()


@pytest.fixture
def made(tmp_path):
    """Write a page and read it."""

    def make(*sections, **arguments):
        path = tmp_path / 'page.html'
        write_page(path, sections, **arguments)
        return Page(path.read_text(encoding='utf-8'))

    return make


def broken(verdict):
    """The verdict with a check that failed seven times."""
    failures = tuple(Failure(HOSTILE, 'equals its input', n, 10**18 + n) for n in range(5))
    check = replace(verdict.check('nothing-raw'), passed=False, failed=7, failures=failures)
    others = [item for item in verdict.checks if item.name != 'nothing-raw']
    return replace(verdict, checks=(check, *others))


def test_verdict_comes_first(verdict, made):
    page = made(Section('Recorded bag', verdict))
    headings = [tag for tag, _ in page.elements if re.fullmatch('h[1-6]', tag)]
    assert headings[0] == 'h1'
    assert headings.count('h1') == 1
    assert 'All four laws hold.' in page.text
    assert 'Do not pass the output on' not in page.text


def test_failed_verdict_is_plain(verdict, made):
    page = made(Section('Recorded bag', broken(verdict)))
    assert 'Not proven: one of' in page.text
    assert 'Do not pass the output on' in page.text
    assert 'and 2 more' in page.text
    assert '/front/<script>' in page.text


def test_failed_check_of_the_caller_counts(verdict, made):
    check = Check('people-covered', 1, 'Everybody known is covered.', False, 9, 'people', 3)
    section = Section('Recorded bag', verdict, checks=(check,))
    assert not section.passed
    page = made(section, Section('Another', verdict))
    assert 'Not proven' in page.text
    assert 'Everybody known is covered.' in page.text


def test_warning_is_no_proof(verdict):
    warning = replace(verdict.check('nothing-raw'), passed=False, failed=1, warning=True)
    section = Section('Recorded bag', replace(verdict, checks=(warning,)))
    assert not section.passed
    assert headline([section]) == 'Not proven: one of 1 checks could not be shown.'


def test_nothing_is_fetched_and_nothing_runs(verdict, made):
    sheets = contact_sheets(verdict, show_before=True)
    page = made(Section('Recorded bag', verdict, sheets=sheets), show_before=True)
    assert page.all('img')
    for tag, attributes in page.elements:
        assert tag not in ('script', 'link', 'iframe', 'object', 'embed', 'form', 'base')
        for name, value in attributes.items():
            assert not name.startswith('on'), (tag, name)
            if name == 'src':
                assert value.startswith('data:image/jpeg;base64,')
            elif name == 'href':
                assert value.startswith('#')
            else:
                assert 'http' not in (value or '')
    assert '://' not in page.text


def test_no_address_in_the_file_at_all(verdict, made, tmp_path):
    made(Section('Recorded bag', verdict, sheets=contact_sheets(verdict)))
    text = (tmp_path / 'page.html').read_text(encoding='utf-8')
    text = re.sub(r'data:image/jpeg;base64,[A-Za-z0-9+/=]+', '', text)
    assert not re.search(r'https?:|url\(|@import|//', text)


def test_links_lead_somewhere(verdict, made):
    page = made(Section('One', verdict), Section('Two', verdict))
    ids = [attributes['id'] for _, attributes in page.elements if 'id' in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes['href'][1:] for attributes in page.all('a')} <= set(ids)
    named = {item['aria-labelledby'] for _, item in page.elements if 'aria-labelledby' in item}
    assert named <= set(ids)


def test_headings_skip_no_level(verdict, made):
    page = made(Section('One', verdict, sheets=contact_sheets(verdict)))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch('h[1-6]', tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_tables_and_pictures_are_described(verdict, made):
    page = made(Section('One', verdict, sheets=contact_sheets(verdict)))
    assert len(page.all('table')) == len(page.all('caption')) == 2
    assert all('scope' in attributes for attributes in page.all('th'))
    assert all(attributes['alt'] for attributes in page.all('img'))
    assert all(attributes['aria-label'] for attributes in page.all('svg'))


def test_names_are_escaped(verdict, made):
    topics = {HOSTILE: replace(next(iter(verdict.topics.values())), name=HOSTILE, output='')}
    section = Section('<b>', replace(verdict, topics=topics), intro='<i>')
    page = made(section, title='<u>')
    assert HOSTILE in page.text
    assert not page.all('script')
    assert [tag for tag, _ in page.elements if tag in ('b', 'i', 'u')] == []
    assert page.all('svg')[0]['aria-label'].startswith(HOSTILE)


@pytest.mark.parametrize(('taken', 'shown'), [(True, False), (False, True), (False, False)])
def test_input_is_not_shown_unless_asked_for_twice(verdict, made, taken, shown):
    sheets = contact_sheets(verdict, show_before=taken)
    page = made(Section('One', verdict, sheets=sheets), show_before=shown)
    alts = [attributes['alt'] for attributes in page.all('img')]
    assert alts
    assert all(alt.startswith('Output frame') for alt in alts)
    assert len(alts) == sum(len(sheet.tiles) for sheet in sheets)


def test_input_is_shown_when_asked_for(verdict, made):
    sheets = contact_sheets(verdict, show_before=True)
    page = made(Section('One', verdict, sheets=sheets), show_before=True)
    alts = [attributes['alt'] for attributes in page.all('img')]
    assert sum(alt.startswith('Input frame') for alt in alts) == len(alts) / 2


def test_figures_and_settings(verdict, made):
    section = Section('One', verdict, figures=(Figure('Covered least', '73%', 'of the box'),))
    page = made(section, now=datetime(2026, 11, 2, 9, 5, tzinfo=timezone.utc))
    for text in ('Covered least', '73%', '0123456789abcdef' * 4, 'score_threshold', '0.25'):
        assert text in page.text
    assert 'Checked on 2 November 2026, 09:05 UTC' in page.text


def test_bag_without_images_makes_a_page(verdict, made):
    topics = {'/chatter': TopicFigures('/chatter', '/chatter', 'std_msgs/msg/String', 'copied')}
    page = made(Section('One', replace(verdict, topics=topics, record={})))
    assert not page.all('svg')
    assert not page.all('img')


def test_page_without_a_section_is_refused(tmp_path):
    with pytest.raises(ValueError, match='section'):
        write_page(tmp_path / 'page.html', [])


@pytest.mark.parametrize(
    ('span', 'tenths', 'shown'),
    [
        (0, False, '0:00'),
        (59_600_000_000, False, '1:00'),
        (7_250_000_000, True, '0:07.2'),
        (59_990_000_000, True, '0:59.9'),
        (3_723_000_000_000, False, '1:02:03'),
    ],
)
def test_clock(span, tenths, shown):
    assert clock(span, tenths) == shown


@pytest.mark.parametrize('width', [360, 1280])
def test_page_fits_the_window(verdict, made, tmp_path, width):
    browser = shutil.which('chromium') or shutil.which('chromium-browser')
    if browser is None:
        pytest.skip('needs chromium')
    long = '/a_very_long_name_without_any_break' * 4
    topics = {**verdict.topics, long: replace(verdict.topics['/side/png'], name=long)}
    spoiled = replace(broken(verdict), topics=topics)
    sheets = contact_sheets(verdict, show_before=True)
    made(Section('One', spoiled, sheets=sheets), Section('Two', verdict), show_before=True)
    page = tmp_path / 'page.html'
    # A window is never as narrow as a phone; a frame in it may be.
    measure = '<script>parent.postMessage(innerWidth + " " + document.body.scrollWidth + " " '
    measure += '+ document.documentElement.scrollWidth, "*")</script></body>'
    page.write_text(page.read_text(encoding='utf-8').replace('</body>', measure), encoding='utf-8')
    outer = tmp_path / 'outer.html'
    outer.write_text(
        '<script>addEventListener("message", got => document.title = got.data)</script>'
        f'<iframe src="page.html" style="border: 0; width: {width}px; height: 900px"></iframe>'
    )
    flags = ['headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run']
    flags += ['disable-background-networking', 'disable-component-update', 'disable-sync']
    flags += [f'user-data-dir={tmp_path / "profile"}', 'window-size=1400,1000']
    flags += ['virtual-time-budget=5000', 'dump-dom']
    command = [browser, *(f'--{flag}' for flag in flags), outer.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    frame, body, document = map(int, re.search(r'<title>(.*)</title>', shown)[1].split())
    assert frame == width
    assert max(body, document) <= width
