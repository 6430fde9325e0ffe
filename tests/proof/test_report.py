"""The page: says the verdict, needs nothing from outside, shows nobody unless told to."""

from __future__ import annotations

import base64
import hashlib
import re
import tracemalloc
from dataclasses import replace
from datetime import datetime, timezone
from html.parser import HTMLParser
from itertools import pairwise

import cv2
import numpy as np
import pytest

from anonymizer_node.formats.bags import BagReader
from anonymizer_node.proof.contact_sheet import MOST_PICTURES, contact_sheets
from anonymizer_node.proof.figures import Figure
from anonymizer_node.proof.moments import doubtful_moments
from anonymizer_node.proof.report import Section, clock, headline, write_page
from anonymizer_node.proof.timeline import MOST_BINS
from anonymizer_node.proof.verdict import Check, Failure, Moment, TopicFigures

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
        if not {'style', 'script'} & set(self.open):
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


def test_nothing_is_fetched_and_only_its_own_lines_run(verdict, made, tmp_path):
    sheets = contact_sheets(verdict, show_before=True)
    page = made(Section('Recorded bag', verdict, sheets=sheets), show_before=True)
    assert page.all('img')
    for tag, attributes in page.elements:
        assert tag not in ('link', 'iframe', 'object', 'embed', 'form', 'base')
        for name, value in attributes.items():
            assert not name.startswith('on'), (tag, name)
            if name == 'src':
                assert value.startswith('data:image/jpeg;base64,')
            elif name == 'href':
                assert value.startswith('#')
            else:
                assert 'http' not in (value or '')
    assert '://' not in page.text
    assert page.all('script') == [{}]
    policy = next(item['content'] for item in page.all('meta') if 'http-equiv' in item)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    text = (tmp_path / 'page.html').read_text(encoding='utf-8')
    for tag in ('style', 'script'):
        (inside,) = re.findall(f'<{tag}>(.*?)</{tag}>', text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


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
    assert page.all('script') == [{}]
    assert [tag for tag, _ in page.elements if tag in ('b', 'i', 'u')] == []
    assert page.all('svg')[0]['aria-label'].startswith(HOSTILE)


@pytest.mark.parametrize(('taken', 'shown'), [(True, False), (False, True), (False, False)])
def test_input_is_not_shown_unless_asked_for_twice(verdict, made, taken, shown):
    sheets = contact_sheets(verdict, show_before=taken)
    page = made(Section('One', verdict, sheets=sheets), show_before=shown)
    alts = [attributes['alt'] for attributes in page.all('img')]
    assert alts
    assert all(alt.startswith('Output frame') for alt in alts)
    assert len(alts) == sum(len(sheet.tiles) + len(sheet.doubtful) for sheet in sheets)


def test_input_is_shown_when_asked_for(verdict, made):
    sheets = contact_sheets(verdict, show_before=True)
    page = made(Section('One', verdict, sheets=sheets), show_before=True)
    alts = [attributes['alt'] for attributes in page.all('img')]
    assert sum(alt.startswith('Input frame') for alt in alts) == len(alts) / 2


def test_figures_and_settings(verdict, made):
    section = Section('One', verdict, figures=(Figure('Covered least', '73%', 'of the box'),))
    page = made(section, now=datetime(2026, 11, 2, 9, 5, tzinfo=timezone.utc))
    sha256 = verdict.record['models'][0]['sha256']
    for text in ('Covered least', '73%', sha256, 'score_threshold', '0.25'):
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


def pictures_of(page):
    """The pictures on a page, decoded."""
    for attributes in page.all('img'):
        data = base64.b64decode(attributes['src'].partition(',')[2])
        yield cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def shows_somebody(picture):
    """Whether the place where the twins' person stands has any light in it."""
    return picture[12:52, 24:36].max() > 60


def put_back(twins, topic, number):
    index = twins.find(topic, number)
    twins.after[index] = twins.before[index]


@pytest.mark.parametrize('spoilt', [False, True], ids=['as made', 'a raw frame put back'])
def test_no_pixel_of_a_person_is_on_the_page_unless_asked_for(twins, made, monkeypatch, spoilt):
    if spoilt:
        put_back(twins, '/front/image_raw', 1)
        put_back(twins, '/rear/image/compressed', 2)
    verdict = twins.verdict()
    assert verdict.passed != spoilt
    opened = []
    init = BagReader.__init__

    def noted(self, path, *arguments):
        opened.append(str(path))
        init(self, path, *arguments)

    monkeypatch.setattr(BagReader, '__init__', noted)
    sheets = contact_sheets(verdict)
    assert opened == [str(twins.target)], 'the input is not even opened'
    page = made(Section('One', verdict, sheets=sheets))
    people = {moment.time_ns for topic in verdict.topics.values() for moment in topic.moments
              if moment.regions}  # fmt: skip
    shown = list(pictures_of(page))
    assert len(people) == 6
    empty = sum(
        not tile.moment.regions for sheet in sheets for tile in (*sheet.tiles, *sheet.doubtful)
    )
    assert sum(shows_somebody(picture) for picture in shown) == empty
    withheld = [
        tile for sheet in sheets for tile in (*sheet.tiles, *sheet.doubtful) if tile.after is None
    ]
    assert len(withheld) == (2 if spoilt else 0)
    assert page.text.count('Not shown: something is wrong with this frame') == len(withheld)


def test_sheets_taken_with_people_show_nobody_on_a_page_that_may_not(twins, made):
    put_back(twins, '/front/image_raw', 1)
    verdict = twins.verdict()
    sheets = contact_sheets(verdict, show_before=True)
    page = made(Section('One', verdict, sheets=sheets))
    empty = sum(
        not tile.moment.regions for sheet in sheets for tile in (*sheet.tiles, *sheet.doubtful)
    )
    assert sum(map(shows_somebody, pictures_of(page))) == empty
    page = made(Section('One', verdict, sheets=sheets), show_before=True)
    assert sum(map(shows_somebody, pictures_of(page))) > empty


def long_topic(name, frames, twin):
    """A topic with somebody in every other hundred frames, of which the output is a twin's."""
    figures = TopicFigures(name, twin.output, twin.msgtype, 'anonymized')
    for index in range(frames):
        people = index // 100 % 2
        status = 'anonymized' if people else 'untouched'
        score = 0.2 + index % 7 / 10 if people else None
        figures.add(
            Moment(
                index * 33_000_000, index, status, people, 0.1 * people, index % 3, people, score
            )
        )
    return figures


def test_page_of_a_long_recording_of_many_cameras_stays_small(verdict, made, tmp_path):
    twin = verdict.topics['/front/image_raw']
    topics = {f'/camera_{n}': long_topic(f'/camera_{n}', 100_000 // 40, twin) for n in range(40)}
    topics |= {'/long': long_topic('/long', 100_000, twin)}
    long = replace(verdict, topics=topics)
    tracemalloc.start()
    sheets = contact_sheets(long)
    page = made(Section('One', long, sheets=sheets))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1 <= len(page.all('img')) <= MOST_PICTURES
    assert len(sheets) == 41
    size = (tmp_path / 'page.html').stat().st_size
    assert size < 700_000
    assert peak < 150_000_000
    longest = max(len(item.get('d', '')) for item in page.all('path'))
    assert longest < 20 * MOST_BINS


def test_least_sure_frames_are_shown_first_and_apart(verdict, made):
    twin = verdict.topics['/front/image_raw']
    figures = long_topic('/long', 3000, twin)
    doubts = doubtful_moments(figures)
    assert [doubt.why for doubt in doubts[:4]] == ['found with score 0.20'] * 4
    assert all('nobody found, 0.03 s from' in doubt.why for doubt in doubts[4:])
    times = sorted(doubt.moment.time_ns for doubt in doubts)
    assert len(times) == 6
    assert min(np.diff(times)) >= 1_000_000_000


def test_without_scores_those_beside_people_are_shown():
    figures = TopicFigures('/a', '/a', 'sensor_msgs/msg/Image', 'anonymized')
    for index, people in enumerate([0, 0, 1, 1, 0, 0, 0, 1]):
        status = 'anonymized' if people else 'untouched'
        figures.add(Moment(index * 2_000_000_000, index, status, people, 0.0))
    times = [doubt.moment.time_ns // 2_000_000_000 for doubt in doubtful_moments(figures)]
    assert times == [1, 4, 6]
