from __future__ import annotations

import re

import pytest
import yaml

pytest.importorskip('rclpy', reason='needs rclpy: source ROS 2, or pip install the wheels')

from rcl_interfaces.msg import ParameterType, SetParametersResult
from rclpy.parameter import Parameter

from anonymizer_node.core.config import Settings, options
from anonymizer_node.core.errors import ConfigError
from anonymizer_node.resources import share_path

KINDS = {
    str: ParameterType.PARAMETER_STRING,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    tuple: ParameterType.PARAMETER_STRING_ARRAY,
}


def settings(node):
    return node._settings_parameters.settings()


@pytest.mark.parametrize('name', options())
def test_every_setting_is_a_parameter_with_its_type_bounds_and_help(make_node, name):
    default, option = options(live=True)[name]
    node = make_node()
    described = node.describe_parameter(name)
    assert described.description.startswith(option.help)
    assert option.unit in described.description
    assert described.read_only != option.live
    assert described.type == KINDS[type(default)]
    for choice in option.choices:
        assert choice in described.additional_constraints
    ranges = list(described.floating_point_range) + list(described.integer_range)
    if option.low is not None:
        assert (ranges[0].from_value, ranges[0].to_value) == (option.low, option.high)
    value = node.get_parameter(name).value
    assert (tuple(value) if isinstance(default, tuple) else value) == default


def test_defaults_make_the_default_settings(make_node):
    assert settings(make_node()) == Settings.of_node()


def test_values_given_at_the_start_are_taken(make_node):
    given = {
        'input_topics': ['/a', '/b'],
        'method': 'blur',
        'threads': 4,
        'padding': 0.25,
        'providers': ['cpu'],
    }
    node = make_node(**given)
    assert settings(node) == Settings.of_node(**given)
    assert list(node.get_parameter('input_topics').value) == ['/a', '/b']


def test_integer_is_taken_for_a_float(make_node):
    assert settings(make_node(padding=1)).padding == 1.0


def test_parameter_file_is_read(make_node, tmp_path):
    file = tmp_path / 'some.yaml'
    file.write_text(
        '/**:\n  ros__parameters:\n    input_topics: ["/a"]\n    hold_seconds: 2\n'
        '    topic_actions: []\n    qos_overrides:\n      /a:\n        subscription:\n'
        '          depth: 3\n    use_sim_time: true\n'
    )
    made = settings(make_node(lambda settings: None, '--params-file', str(file)))
    assert made == Settings.of_node(input_topics=('/a',), hold_seconds=2.0)


@pytest.mark.parametrize(
    ('values', 'reason'),
    [
        ({'metod': 'blur'}, "Parameter 'metod' is unknown; known are classes, "),
        ({'method': 'none'}, "method 'none' is unknown; choose from blackout, pixelate, blur"),
        ({'method': 3}, 'method is 3, a int'),
        ({'threads': 2.5}, 'threads is 2.5, a float'),
        ({'threads': 0}, 'threads 0 is out of bounds'),
        ({'input_size': 500}, 'input_size 500 is not a multiple of 32 px'),
        ({'strength': float('nan')}, 'strength nan is out of bounds'),
        ({'input_topics': 1}, 'it takes a list of strings'),
        ({'classes': []}, 'classes is empty'),
        ({'classes': [True, False]}, 'quote it'),
        ({'output_prefix': '/'}, 'would make outputs equal to their inputs'),
    ],
)
def test_bad_start_value_is_an_error_of_the_settings_and_not_of_the_constructor(
    make_node, values, reason
):
    node = make_node(**values)
    with pytest.raises(ConfigError) as caught:
        settings(node)
    assert reason in str(caught.value)


def test_bad_start_value_can_be_corrected(make_node):
    node = make_node(method='none', strength=9.0)
    assert node.set_parameters([Parameter('method', value='blur')])[0].successful
    with pytest.raises(ConfigError, match='strength'):
        settings(node)
    assert node.set_parameters([Parameter('strength', value=0.9)])[0].successful
    assert settings(node) == Settings.of_node(method='blur', strength=0.9)


@pytest.fixture
def running(make_node):
    node = make_node(input_topics=['/a'])
    assert node.trigger_configure().name == 'SUCCESS'
    return node


def set_together(node, **values):
    return node.set_parameters_atomically(
        [Parameter(name, value=value) for name, value in values.items()]
    )


def in_force(node):
    return node._pipeline.settings


def test_change_reaches_the_pipeline(running):
    assert set_together(running, method='blur', padding=1).successful
    assert (in_force(running).method, in_force(running).padding) == ('blur', 1.0)


@pytest.mark.parametrize(
    ('values', 'reason'),
    [
        ({'method': 'blur', 'strength': 2.0}, 'strength'),
        ({'method': 'blur', 'padding': 2}, 'padding 2.0 is out of bounds'),
        ({'method': 'none'}, 'choose from'),
        ({'classes': ['person', 'cat']}, "No model has a class 'cat'; there are person, dog"),
        ({'classes': []}, 'classes is empty'),
        ({'classes': 3}, 'list of strings'),
        ({'padding': 'much'}, "padding is 'much'"),
        ({'model': 'other'}, 'read-only'),
    ],
)
def test_refused_change_changes_nothing(running, values, reason):
    before = in_force(running)
    result = set_together(running, **values)
    assert not result.successful
    assert reason in result.reason
    assert in_force(running) is before
    assert settings(running) == before


@pytest.mark.parametrize('at_last', [True, False])
def test_group_that_another_callback_refuses_changes_nothing(running, at_last):
    if not hasattr(running, 'add_post_set_parameters_callback'):
        pytest.skip('Humble has no callback for what is set')

    def refuse(parameters):
        return SetParametersResult(successful=False, reason='not now')

    running.add_on_set_parameters_callback(refuse)
    if at_last:
        running._on_set_parameters_callbacks.reverse()
    before = in_force(running)
    assert set_together(running, method='blur').reason == 'not now'
    assert in_force(running) is before
    assert settings(running) == before


def test_a_parameter_can_not_be_deleted(running):
    for name in ('padding', 'classes', 'method'):
        result = running.set_parameters([Parameter(name, Parameter.Type.NOT_SET)])[0]
        assert not result.successful
        assert running.has_parameter(name)


def test_parameters_that_are_no_settings_are_left_alone(running):
    result = running.set_parameters([Parameter('use_sim_time', value=True)])[0]
    assert result.successful


def test_shipped_parameter_file_holds_only_settings_at_allowed_values():
    text = share_path('config/anonymizer.yaml').read_text()
    as_shipped = yaml.safe_load(text)['/**']['ros__parameters']
    assert list(as_shipped) == ['input_topics']
    # The examples are comments; each must work when the mark is taken away.
    examples = yaml.safe_load(re.sub(r'^    # (?! *[A-Z])', '    ', text, flags=re.MULTILINE))
    values = examples['/**']['ros__parameters']
    qos = values.pop('qos_overrides')
    assert qos == {'/front/image_raw': {'subscription': {'reliability': 'reliable'}}}
    assert len(values) >= 6
    Settings.from_mapping(values)
