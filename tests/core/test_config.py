import dataclasses

import pytest
import yaml

from anonymizer_node.core.config import Settings, options
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.core.redaction import REDACTORS
from anonymizer_node.core.topic_entries import TOPIC_ACTIONS

NUMBERS = {
    name: (default, option)
    for name, (default, option) in options().items()
    if isinstance(default, (int, float))
}


def test_the_settings_are_those_of_the_design():
    assert list(options()) == [
        'input_topics',
        'output_prefix',
        'model',
        'family',
        'providers',
        'threads',
        'engine_cache',
        'input_size',
        'thoroughness',
        'detect_every',
        'score_threshold',
        'classes',
        'region',
        'padding',
        'method',
        'strength',
        'hold_seconds',
        'least_sightings',
        'max_rate_hz',
        'detection_cache',
        'on_failure',
        'topic_actions',
        'follow',
    ]


def test_the_defaults_are_the_safe_ones():
    settings = Settings()
    assert settings.method == 'blackout'
    assert settings.on_failure == 'drop'
    assert settings.classes == ('person',)
    assert settings.hold_seconds > 0
    assert settings.padding > 0
    # FACTS: at 0.40, 17 of 242 people were lost.
    assert settings.score_threshold <= 0.25


def test_every_setting_has_help_and_every_number_bounds():
    for name, (default, option) in options().items():
        assert option.help, name
        assert option.scope in ('all', 'node', 'bag')
        if isinstance(default, (int, float)):
            assert option.low is not None, name
            assert option.high is not None, name
            assert option.low <= default <= option.high, name


@pytest.mark.parametrize('name', NUMBERS)
def test_bounds_are_inclusive_and_what_is_beyond_is_refused(name):
    default, option = NUMBERS[name]
    kind = type(default)
    step = option.multiple_of or (1 if kind is int else 1e-6)
    for edge in (option.low, option.high):
        assert getattr(Settings(**{name: kind(edge)}), name) == edge
    for beyond in (kind(option.low - step), kind(option.high + step)):
        with pytest.raises(ConfigError, match=name) as raised:
            Settings(**{name: beyond})
        assert str(beyond) in str(raised.value)
        assert f'{option.low} to {option.high}' in str(raised.value)


@pytest.mark.parametrize('name', [n for n, (d, _) in NUMBERS.items() if isinstance(d, float)])
@pytest.mark.parametrize('value', [float('nan'), float('inf'), float('-inf')])
def test_a_float_that_is_no_number_is_refused(name, value):
    with pytest.raises(ConfigError, match=name):
        Settings(**{name: value})


def test_an_integer_does_for_a_float():
    value = Settings(strength=1).strength
    assert value == 1.0
    assert isinstance(value, float)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('strength', True),
        ('strength', '0.5'),
        ('strength', None),
        ('threads', 2.0),
        ('threads', True),
        ('threads', '2'),
        ('method', False),
        ('method', None),
        ('method', ['blur']),
        ('model', 3),
        ('on_failure', False),
        ('classes', 7),
        ('classes', {'person': 1}),
        ('classes', ['person', False]),
        ('classes', ['']),
        ('classes', None),
        ('input_topics', [1]),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        Settings(**{name: value})


def test_the_names_of_yaml_that_are_booleans_are_explained():
    values = yaml.safe_load('classes: [person, no]')
    with pytest.raises(ConfigError, match='quote it'):
        Settings.from_mapping(values)
    values = yaml.safe_load('on_failure: off')
    with pytest.raises(ConfigError, match='quote it'):
        Settings.from_mapping(values)


def test_no_method_shows_people():
    assert 'none' not in REDACTORS
    for name in ('none', '', 'off', 'Blackout', 'mosaic'):
        with pytest.raises(ConfigError) as raised:
            Settings(method=name)
        assert all(known in str(raised.value) for known in REDACTORS)
        assert repr(name) in str(raised.value)


@pytest.mark.parametrize('value', ['publish', 'pass', 'copy', ''])
def test_a_failure_can_not_be_let_through(value):
    with pytest.raises(ConfigError, match='drop, blackout'):
        Settings(on_failure=value)


def test_input_size_is_a_multiple_of_the_stride():
    with pytest.raises(ConfigError, match='multiple of 32'):
        Settings(input_size=500)


@pytest.mark.parametrize(
    'prefix', ['', '/', '//', 'anonymized', ' /a', '/a//b', '/a b', '/1', '~/a']
)
def test_a_prefix_that_makes_no_other_topic_is_refused(prefix):
    with pytest.raises(ConfigError, match='output_prefix'):
        Settings(output_prefix=prefix)


@pytest.mark.parametrize('prefix', ['/anonymized', '/robot_1/hidden', '/_x'])
def test_a_prefix_that_makes_another_topic_is_taken(prefix):
    assert Settings(output_prefix=prefix).output_prefix == prefix


def test_somebody_and_something_must_be_named():
    with pytest.raises(ConfigError, match='nobody'):
        Settings(classes=())
    with pytest.raises(ConfigError, match='providers'):
        Settings(providers=())
    with pytest.raises(ConfigError, match='twice'):
        Settings(classes=('person', 'person'))
    with pytest.raises(ConfigError, match='tensorrt, cuda, cpu'):
        Settings(providers=('tpu',))


def test_follow_is_parsed():
    settings = Settings(follow=['/depth=/color', '/infra=/color'])
    assert settings.twins() == {'/depth': '/color', '/infra': '/color'}
    assert Settings().twins() == {}


@pytest.mark.parametrize(
    ('entries', 'said'),
    [
        (('/depth',), 'TOPIC=COLOUR_TOPIC'),
        (('depth=/color',), 'TOPIC=COLOUR_TOPIC'),
        (('/depth=color',), 'TOPIC=COLOUR_TOPIC'),
        (('=/color',), 'TOPIC=COLOUR_TOPIC'),
        (('/depth=/a', '/depth=/b'), 'twice'),
        (('/depth=/depth',), "follows '/depth'"),
        (('/depth=/infra', '/infra=/color'), "follows '/color'"),
    ],
)
def test_follow_that_means_nothing_is_refused(entries, said):
    with pytest.raises(ConfigError, match=said):
        Settings(follow=entries)


@pytest.mark.parametrize('action', ['copy', 'drop'])
@pytest.mark.parametrize('topic', ['/depth', '/color'])
def test_who_follows_or_is_followed_is_not_left_out(topic, action):
    with pytest.raises(ConfigError, match=f'{topic}.*{action}'):
        Settings(follow=('/depth=/color',), topic_actions=(f'{topic}={action}',))


@pytest.mark.parametrize('action', TOPIC_ACTIONS)
def test_topic_actions_are_parsed(action):
    assert Settings(topic_actions=[f'/a/b={action}']).actions() == {'/a/b': action}


@pytest.mark.parametrize(
    'entry', ['/a', '/a=', '/a=keep', 'a=copy', '=copy', '/a=b=copy', '/a=Copy']
)
def test_a_topic_action_that_is_none_is_refused(entry):
    with pytest.raises(ConfigError) as raised:
        Settings(topic_actions=(entry,))
    assert repr(entry) in str(raised.value)
    assert 'anonymize, copy, drop' in str(raised.value)


def test_a_topic_has_one_action():
    with pytest.raises(ConfigError, match="'/a' twice"):
        Settings(topic_actions=('/a=copy', '/a=drop'))


def test_unknown_names_are_refused_with_the_known():
    for name in ('blur_size', True, 1):
        with pytest.raises(ConfigError) as raised:
            Settings.from_mapping({name: 1})
        assert repr(name) in str(raised.value)
        assert all(known in str(raised.value) for known in options())


def test_what_goes_out_as_yaml_comes_back_the_same():
    settings = Settings(
        input_topics=('/a',), strength=1, method='blur', topic_actions=('/n=copy',), threads=4
    )
    text = yaml.safe_dump(settings.as_dict())
    assert Settings.from_mapping(yaml.safe_load(text)) == settings


def test_settings_are_checked_when_changed_and_never_in_place():
    settings = Settings()
    assert settings.changed(strength=0.9).strength == 0.9
    assert settings.strength == 0.5
    with pytest.raises(ConfigError):
        settings.changed(strength=2.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.method = 'none'


def test_the_node_differs_only_where_a_live_default_is_declared():
    node, job = Settings.of_node(), Settings()
    differing = {name for name in options() if getattr(node, name) != getattr(job, name)}
    assert differing == {
        name for name, (_, option) in options().items() if option.live_default is not None
    }
    assert Settings.of_node(method='blur').changed(method='blackout') == node
