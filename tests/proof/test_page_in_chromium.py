"""The page in a real browser: sizes, themes, keys, contrast, what is read aloud."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
from browser import chromium

from anonymizer_node.proof.contact_sheet import contact_sheets
from anonymizer_node.proof.report import TEMPLATES, Section, write_page
from anonymizer_node.proof.verdict import Failure

WIDTHS = (390, 1280)
SCHEMES = ('light', 'dark')

CONTRASTS = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return null;
  };
  const found = {};
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || element.closest('script, style')) continue;
    const style = getComputedStyle(element);
    const key = JSON.stringify([rgba(style.color), behind(element)]);
    found[key] = element.tagName + '.' + element.className + ': ' + walk.currentNode.data.trim();
  }
  return found;
})()
"""


def luminance(colour):
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (sample / 255 for sample in colour[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """As WCAG 2 defines it, 1..21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def colours(scheme):
    """The custom properties of a theme."""
    text = (TEMPLATES / 'page.css').read_text(encoding='utf-8')
    found = dict(re.findall(r'--([a-z-]+): (#[0-9a-f]{6});', text.split('@media')[0]))
    if scheme == 'dark':
        dark = text.split('prefers-color-scheme: dark')[1].split('@media')[0].split('* {')[0]
        found.update(re.findall(r'--([a-z-]+): (#[0-9a-f]{6});', dark))
    return {name: [int(value[i : i + 2], 16) for i in (1, 3, 5)] for name, value in found.items()}


@pytest.mark.parametrize('scheme', SCHEMES)
def test_every_colour_of_words_stands_out_from_what_is_behind_it(scheme):
    known = colours(scheme)
    for behind in ('paper', 'raised'):
        for words in ('ink', 'soft', 'good', 'bad', 'warn', 'link'):
            assert contrast(known[words], known[behind]) >= 4.5, (words, behind)
        for shape in ('people', 'soft', 'bad', 'link'):
            assert contrast(known[shape], known[behind]) >= 3, (shape, behind)
    for words in ('ink', 'soft', 'bad'):
        assert contrast(known[words], known['bad-tint']) >= 4.5, words


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp('browser')) as running:
        yield running


@pytest.fixture
def page(twins, tmp_path):
    """A page with all that can be on one: two runs, something broken, something withheld."""
    index = twins.find('/front/image_raw', 1)
    twins.after[index] = twins.before[index]
    for line in twins.lines:
        line.update(people=len(line['regions']), least_score=0.31 if line['regions'] else None)
    spoilt = twins.verdict()
    long = '/a_very_long_name_without_any_break' * 4
    check = replace(
        spoilt.check('nothing-raw'), failures=(Failure(long, 'equals its input', 4, 10**18),) * 5
    )
    others = [item for item in spoilt.checks if item.name != check.name]
    topics = {**spoilt.topics, long: replace(spoilt.topics['/side/png'], name=long)}
    second = {'name': 'centerface', 'sha256': 'ab' * 32, 'seen_again': 1, 'seen_in_input': 9}
    spoilt = replace(spoilt, checks=(check, *others), topics=topics, second=second)
    sheets = contact_sheets(spoilt)
    path = tmp_path / 'page.html'
    write_page(path, [Section('One', spoilt, sheets=sheets), Section('Two', spoilt, sheets=sheets)])
    return path


@pytest.mark.parametrize('width', WIDTHS)
def test_page_fits_the_window_fetches_nothing_and_complains_of_nothing(browser, page, width):
    browser.open(page, width)
    assert browser.run('innerWidth') == width
    body, document = browser.run(
        '[document.body.scrollWidth, document.documentElement.scrollWidth]'
    )
    assert max(body, document) <= width
    asked = [
        item['params']['request']['url']
        for item in browser.events
        if item.get('method') == 'Network.requestWillBeSent'
    ]
    assert [url for url in asked if not url.startswith('data:')] == [page.resolve().as_uri()]
    said = [item for item in browser.events if item.get('method') == 'Log.entryAdded']
    assert said == [], 'nor does it break its own policy'


@pytest.mark.parametrize('scheme', SCHEMES)
@pytest.mark.parametrize('width', WIDTHS)
def test_all_words_can_be_read(browser, page, width, scheme):
    browser.open(page, width, prefers_color_scheme=scheme)
    found = browser.run(CONTRASTS)
    assert len(found) >= 6
    for key, where in found.items():
        words, behind = json.loads(key)
        assert contrast(words, behind) >= 4.5, (where, words, behind)


def test_themes_differ(browser, page):
    behind = 'getComputedStyle(document.body).backgroundColor'
    browser.open(page, prefers_color_scheme='light')
    light = browser.run(behind)
    browser.open(page, prefers_color_scheme='dark')
    assert browser.run(behind) != light


@pytest.mark.parametrize('motion', ['reduce', 'no-preference'])
def test_nothing_moves_by_itself(browser, page, motion):
    browser.open(page, prefers_reduced_motion=motion)
    assert browser.run('getComputedStyle(document.documentElement).scrollBehavior') == 'auto'
    focus_first(browser)
    browser.press('Enter')
    assert browser.run('document.getAnimations().length') == 0
    text = (TEMPLATES / 'page.css').read_text(encoding='utf-8')
    assert not re.search('animation|transition|smooth', text)


FOCUS = "document.activeElement.hash || ''"


def focus_first(browser):
    browser.run("document.querySelector('a.picture').focus()")
    return browser.run(FOCUS)


def all_pictures(browser):
    return browser.run("[...document.querySelectorAll('a.picture')].map((item) => item.hash)")


@pytest.mark.parametrize(('forth', 'back'), [('j', 'k'), ('ArrowRight', 'ArrowLeft')])
def test_keys_lead_from_picture_to_picture(browser, page, forth, back):
    browser.open(page)
    pictures = all_pictures(browser)
    assert len(pictures) >= 8
    assert focus_first(browser) == pictures[0]
    for expected in (*pictures[1:], pictures[-1]):
        browser.press(forth)
        assert browser.run(FOCUS) == expected
    for expected in (*pictures[-2::-1], pictures[0]):
        browser.press(back)
        assert browser.run(FOCUS) == expected
    browser.press('End')
    assert browser.run(FOCUS) == pictures[-1]
    browser.press('Home')
    assert browser.run(FOCUS) == pictures[0]


def test_keys_mean_nothing_while_no_picture_is_in_focus(browser, page):
    browser.open(page)
    browser.run("document.querySelector('a.state').focus()")
    before = browser.run(FOCUS)
    for key in ('j', 'k', 'ArrowRight'):
        browser.press(key)
        assert browser.run(FOCUS) == before


def test_rows_are_crossed_up_and_down(browser, page):
    browser.open(page)
    place = (
        '(() => { const box = document.activeElement.getBoundingClientRect();'
        ' return [Math.round(box.left), Math.round(box.top + scrollY)]; })()'
    )
    first = focus_first(browser)
    left, top = browser.run(place)
    browser.press('ArrowDown')
    lower_left, lower_top = browser.run(place)
    assert (lower_left, lower_top > top) == (left, True)
    browser.press('ArrowUp')
    assert browser.run(FOCUS) == first


def test_focus_is_seen_and_enter_enlarges(browser, page):
    browser.open(page)
    first = focus_first(browser)
    browser.press('Tab')
    browser.run("document.querySelector('a.picture').focus({ focusVisible: true })")
    outline = browser.run('getComputedStyle(document.activeElement).outlineStyle')
    assert outline == 'solid'
    width = 'document.activeElement.getBoundingClientRect().width'
    small = browser.run(width)
    browser.press('Enter')
    assert browser.run('location.hash') == first
    assert browser.run(width) > 1.5 * small
    browser.press('j')
    assert browser.run('location.hash') == browser.run(FOCUS) != first
    top, bottom = browser.run(
        '(({ top, bottom }) => [top, bottom])(document.activeElement.getBoundingClientRect())'
    )
    assert 0 <= top < bottom <= 900, 'it is in view'
    assert browser.run(width) > 1.5 * small
    browser.press('Escape')
    assert browser.run(width) == small
    second = browser.run(FOCUS)
    assert second == browser.run('location.hash')
    browser.press('Enter')
    assert browser.run(width) > 1.5 * small
    browser.press('Enter')
    assert browser.run(width) == small
    browser.press('k')
    assert (browser.run(width), browser.run(FOCUS)) == (small, first)


def test_one_picture_of_a_sheet_is_a_stop_of_tab(browser, page):
    browser.open(page)
    stops = browser.run(
        "[...document.querySelectorAll('.tiles')].map((sheet) =>"
        ' [sheet.querySelectorAll(\'a.picture[tabindex="0"]\').length,'
        " sheet.querySelectorAll('a.picture').length])"
    )
    assert all(stop == (1 if pictures else 0) for stop, pictures in stops)


def test_what_a_screen_reader_is_told(browser, page):
    browser.open(page)
    nodes = browser.read_aloud()

    def named(role):
        return [
            node.get('name', {}).get('value', '') for node in nodes if node['role']['value'] == role
        ]

    assert len(named('banner')) == len(named('main')) == 1
    assert all(named('region'))
    tables = named('table')
    assert tables
    assert all(tables)
    assert named('columnheader')
    assert named('rowheader')
    pictures = named('image') + named('img')
    assert all(pictures)
    assert any('frames, ' in name and 'with regions obscured' in name for name in pictures)
    links = [name for name in named('link') if name.startswith('Output frame of')]
    assert links
    assert all('region' in name or 'nobody' in name for name in links)
    levels = [
        int(item['value']['value'])
        for node in nodes
        if node['role']['value'] == 'heading'
        for item in node['properties']
        if item['name'] == 'level'
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
