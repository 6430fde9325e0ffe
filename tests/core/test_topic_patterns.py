from __future__ import annotations

import pytest

from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.topic_patterns import TopicPattern, is_pattern

MATCHES = [
    ('/*/image_raw', '/front/image_raw', True),
    ('/*/image_raw', '/image_raw', False),
    ('/*/image_raw', '/robot/front/image_raw', False),
    ('/*/image_raw', '/front/image_raw/compressed', False),
    ('/*/image_raw', '/front/image_rawer', False),
    ('/camera_*/image', '/camera_1/image', True),
    ('/camera_*/image', '/camera_/image', True),
    ('/camera_*/image', '/camera/image', False),
    ('/camera_*/image', '/camera_1/2/image', False),
    ('/*_left_*/i', '/arm_left_2/i', True),
    ('/**', '/image', True),
    ('/**', '/a/b/c', True),
    ('/**/compressed', '/compressed', True),
    ('/**/compressed', '/a/b/compressed', True),
    ('/**/compressed', '/a/b/compressedDepth', False),
    ('/a/**/i', '/a/i', True),
    ('/a/**/i', '/a/b/c/i', True),
    ('/a/**/i', '/ab/i', False),
    ('/a/**', '/a/b/c', True),
    ('/a/**', '/a', False),
    ('/a/**', '/ab/c', False),
    ('/**/*/i', '/i', False),
    ('/*', '/a\nb', True),
]


@pytest.mark.parametrize(('text', 'name', 'expected'), MATCHES)
def test_pattern_means_whole_names(text, name, expected):
    assert TopicPattern(text).matches(name) is expected


@pytest.mark.parametrize(
    'text', ['/a**/i', '/**a', '/***', '//*', '/*/', '/*.jpg', '/a b*', '/[ab]*']
)
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(ConfigError, match='no part of one'):
        TopicPattern(text)


def test_only_an_entry_with_a_star_is_a_pattern():
    assert is_pattern('/*/image_raw')
    assert not is_pattern('/front/image_raw')
    assert not is_pattern('camera/image')
